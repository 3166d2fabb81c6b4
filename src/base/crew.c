#include "multihead/base/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "multihead/base/memory.h"
#include "multihead/base/thread.h"

struct mh_crew {
    void (*work)(void *task);
    mh_thread **thread; /* [threads] */
    size_t threads;

    pthread_mutex_t mutex; /* of all that follows */
    pthread_cond_t is_given, is_done;
    void **waiting; /* [most] a ring: `first` is the one that was given first */
    void **done;    /* [most] */
    size_t most, first, waiting_count, working_count, done_count;
    bool is_over;
};

/* With the mutex held, which is free while the work is done. */
static void do_first(mh_crew *crew)
{
    void *task = crew->waiting[crew->first];

    crew->first = (crew->first + 1) % crew->most;
    crew->waiting_count--;
    crew->working_count++;
    pthread_mutex_unlock(&crew->mutex);
    crew->work(task);
    pthread_mutex_lock(&crew->mutex);
    crew->working_count--;
    crew->done[crew->done_count++] = task;
}

static void work(void *argument)
{
    mh_crew *crew = argument;

    pthread_mutex_lock(&crew->mutex);
    while (!crew->is_over) {
        if (crew->waiting_count == 0) {
            pthread_cond_wait(&crew->is_given, &crew->mutex);
            continue;
        }
        do_first(crew);
        pthread_cond_signal(&crew->is_done);
    }
    pthread_mutex_unlock(&crew->mutex);
}

mh_status mh_crew_create(size_t threads, size_t most, void (*function)(void *task), mh_crew **out)
{
    mh_status status = MH_OK;
    mh_crew *crew = NULL;

    MH_TRY(mh_memory_new(sizeof *crew, &crew));
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->is_given, NULL);
    pthread_cond_init(&crew->is_done, NULL);
    crew->work = function;
    crew->most = most;
    MH_TRY(mh_memory_array(most, sizeof *crew->waiting, &crew->waiting));
    MH_TRY(mh_memory_array(most, sizeof *crew->done, &crew->done));
    MH_TRY(mh_memory_array(threads, sizeof(mh_thread *), &crew->thread));
    while (crew->threads < threads) {
        mh_thread *thread = mh_thread_start(work, crew);

        if (thread == NULL)
            break;
        crew->thread[crew->threads++] = thread;
    }
cleanup:
    if (status != MH_OK) {
        mh_crew_destroy(crew);
        crew = NULL;
    }
    *out = crew;
    return status;
}

void mh_crew_destroy(mh_crew *crew)
{
    if (crew == NULL)
        return;
    pthread_mutex_lock(&crew->mutex);
    crew->is_over = true;
    pthread_cond_broadcast(&crew->is_given);
    pthread_mutex_unlock(&crew->mutex);
    for (size_t i = 0; i < crew->threads; i++)
        mh_thread_join(crew->thread[i]);
    pthread_cond_destroy(&crew->is_given);
    pthread_cond_destroy(&crew->is_done);
    pthread_mutex_destroy(&crew->mutex);
    mh_memory_free(crew->thread);
    mh_memory_free(crew->waiting);
    mh_memory_free(crew->done);
    mh_memory_free(crew);
}

void mh_crew_give(mh_crew *crew, void *task)
{
    pthread_mutex_lock(&crew->mutex);
    assert(crew->waiting_count + crew->working_count + crew->done_count < crew->most);
    crew->waiting[(crew->first + crew->waiting_count++) % crew->most] = task;
    pthread_cond_signal(&crew->is_given);
    pthread_mutex_unlock(&crew->mutex);
}

void *mh_crew_take(mh_crew *crew)
{
    void *task = NULL;

    pthread_mutex_lock(&crew->mutex);
    while (crew->done_count == 0 && crew->waiting_count + crew->working_count > 0) {
        if (crew->waiting_count > 0)
            do_first(crew);
        else
            pthread_cond_wait(&crew->is_done, &crew->mutex);
    }
    if (crew->done_count > 0)
        task = crew->done[--crew->done_count];
    pthread_mutex_unlock(&crew->mutex);
    return task;
}
