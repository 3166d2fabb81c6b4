#include "multihead/base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>

#include "multihead/base/memory.h"

struct mh_thread {
    pthread_t id;
    void (*work)(void *);
    void *argument;
};

static void *run(void *argument)
{
    const mh_thread *thread = argument;

    thread->work(thread->argument);
    return NULL;
}

mh_thread *mh_thread_start(void (*work)(void *), void *argument)
{
    mh_thread *thread = NULL;
    sigset_t all, before;

    if (mh_memory_new(sizeof *thread, &thread) != MH_OK)
        return NULL;
    thread->work = work;
    thread->argument = argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
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
