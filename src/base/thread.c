#include "multihead/base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"

struct mh_thread {
    pthread_t id;
    void (*work)(void *);
    void *argument;
};

static void *run(void *argument)
{
    const mh_thread *thread = argument;

    mh_phase_stand_aside();
    thread->work(thread->argument);
    return NULL;
}

/* All that others may send; its own faults reach a thread, or nobody could say what the process died of. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t sent;

    sigfillset(&sent);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&sent, faults[i]);
    pthread_sigmask(SIG_SETMASK, &sent, before);
}

mh_thread *mh_thread_start(void (*work)(void *), void *argument)
{
    mh_thread *thread = NULL;
    sigset_t before;

    if (mh_memory_new(sizeof *thread, &thread) != MH_OK)
        return NULL;
    thread->work = work;
    thread->argument = argument;
    block_signals(&before);
    int result = pthread_create(&thread->id, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        mh_memory_free(thread);
        return NULL;
    }
    return thread;
}

void mh_thread_join(mh_thread *thread)
{
    if (thread == NULL)
        return;
    pthread_join(thread->id, NULL);
    mh_memory_free(thread);
}

void mh_thread_step_back(void)
{
    const struct sched_param none = {0};

    sched_setscheduler(0, SCHED_BATCH, &none); /* it is only a wish */
}

/* ---- supplies ---- */

struct mh_supply {
    sem_t semaphore;
};

mh_status mh_supply_create(size_t count, mh_supply **out)
{
    mh_status status = mh_memory_new(sizeof **out, out);

    if (status == MH_OK)
        sem_init(&(*out)->semaphore, 0, (unsigned)count);
    return status;
}

void mh_supply_destroy(mh_supply *supply)
{
    if (supply == NULL)
        return;
    sem_destroy(&supply->semaphore);
    mh_memory_free(supply);
}

void mh_supply_add(mh_supply *supply)
{
    sem_post(&supply->semaphore);
}

void mh_supply_take(mh_supply *supply)
{
    while (sem_wait(&supply->semaphore) != 0 && errno == EINTR)
        ; /* a signal, which is looked after elsewhere */
}

bool mh_supply_try(mh_supply *supply)
{
    int result = 0;

    do
        result = sem_trywait(&supply->semaphore);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* ---- one at a time ---- */

static pthread_mutex_t library;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void make_library_lock(void)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&library, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void mh_thread_enter_library(void)
{
    pthread_once(&library_once, make_library_lock);
    pthread_mutex_lock(&library);
}

void mh_thread_leave_library(void)
{
    pthread_mutex_unlock(&library);
}
