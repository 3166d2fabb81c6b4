#include "multihead/base/watchdog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "multihead/base/log.h"
#include "multihead/base/phase.h"
#include "multihead/base/thread.h"

static const double LOOK_EVERY_SECONDS = 0.25;
static const double LAST_WORDS_SECONDS = 1.0; /* for the other ranks to say theirs */

static struct {
    mh_thread *thread; /* NULL: nobody watches */
    pthread_mutex_t mutex;
    pthread_cond_t ends;
    bool has_ended;
    double seconds;
} watch;

/* Sleeps, but not beyond the end of the watch; whether that has come. Holds the mutex. */
static bool sleep_or_end(double seconds)
{
    struct timespec until;
    int result = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    while (!watch.has_ended && result == 0)
        result = pthread_cond_timedwait(&watch.ends, &watch.mutex, &until);
    return watch.has_ended;
}

static void end_process(void)
{
    char phase[256], seconds[64];
    const struct timespec pause = {.tv_sec = (time_t)LAST_WORDS_SECONDS};

    snprintf(seconds, sizeof seconds, "nothing has happened for %g s (--stall-timeout): ", watch.seconds);
    mh_log_last_words(seconds, mh_phase_describe(phase, sizeof phase), "; the job ends", NULL);
    nanosleep(&pause, NULL);
    _exit(1);
}

/*
 * Counts its own looks, not the clock: when the whole process was stopped, however long, that is one look. What is
 * between two looks can go unseen, so there are some in the time that is allowed.
 */
static void keep_watch(void *nothing)
{
    double interval = watch.seconds / 8 < LOOK_EVERY_SECONDS ? watch.seconds / 8 : LOOK_EVERY_SECONDS;
    double silent = 0;
    uint64_t beats = mh_phase_beats();

    (void)nothing;
    pthread_mutex_lock(&watch.mutex);
    while (!sleep_or_end(interval)) {
        uint64_t now = mh_phase_beats();

        silent = now == beats ? silent + interval : 0;
        beats = now;
        if (silent >= watch.seconds)
            end_process();
    }
    pthread_mutex_unlock(&watch.mutex);
}

mh_status mh_watchdog_start(double seconds)
{
    pthread_condattr_t attributes;

    mh_watchdog_stop();
    if (!(seconds > 0))
        return MH_OK;
    watch.seconds = seconds;
    watch.has_ended = false;
    pthread_mutex_init(&watch.mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* nobody sets it back or forth */
    pthread_cond_init(&watch.ends, &attributes);
    pthread_condattr_destroy(&attributes);
    watch.thread = mh_thread_start(keep_watch, NULL);
    if (watch.thread == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "the system gives no thread for the watchdog (--stall-timeout)");
    return MH_OK;
}

void mh_watchdog_stop(void)
{
    if (watch.thread == NULL)
        return;
    pthread_mutex_lock(&watch.mutex);
    watch.has_ended = true;
    pthread_cond_signal(&watch.ends);
    pthread_mutex_unlock(&watch.mutex);
    mh_thread_join(watch.thread);
    pthread_cond_destroy(&watch.ends);
    pthread_mutex_destroy(&watch.mutex);
    watch.thread = NULL;
}
