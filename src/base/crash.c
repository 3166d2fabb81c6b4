#include "multihead/base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "multihead/base/log.h"
#include "multihead/base/phase.h"

enum { SIGNALS = 5, STACK_BYTES = 1 << 16 };

static const int numbers[SIGNALS] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static const char *const causes[SIGNALS] = {"segmentation fault", "bus error", "arithmetic error",
                                            "illegal instruction", "aborted"};
static char stack[STACK_BYTES]; /* a stack that overflowed is no place to tell it from */
static struct sigaction before[SIGNALS];
static _Atomic bool is_armed;

/* A sanitizer's report follows on the message; MPI's would only say the same again. */
#ifdef MULTIHEAD_SANITIZE
static const bool handlers_go_on = true;
#else
static const bool handlers_go_on = false;
#endif
static _Thread_local _Atomic(const char *) read_file; /* see mh_crash_expect */

/*
 * Ranks that read the same damaged file die together, and one message is enough: the others give rank 0, whose end
 * makes the launcher end them, a second. A signal in that time is the launcher's.
 */
static void blame_file(const char *path, const char *cause)
{
    const struct timespec pause = {.tv_sec = 1};

    if (!mh_log_is_root() && nanosleep(&pause, NULL) != 0)
        _exit(1);
    mh_log_last_words(path, ": HDF5 crashed while reading it: the file is damaged (", cause, ")", NULL);
    _exit(1);
}

static void tell(int number)
{
    char phase[256];
    const char *path = atomic_load(&read_file), *cause = "";

    for (size_t i = 0; i < SIGNALS; i++)
        if (numbers[i] == number) {
            cause = causes[i];
            sigaction(number, &before[i], NULL);
        }
    if (path != NULL)
        blame_file(path, cause);
    mh_log_last_words(cause, " while ", mh_phase_describe(phase, sizeof phase), NULL);
    raise(number); /* it is blocked until this returns, and then does what it always did */
}

/* HDF5 does so when it has no memory for an object of its own. Whatever code it leaves with, the work is not done. */
static void tell_of_exit(void)
{
    char phase[256];

    if (!atomic_load(&is_armed))
        return;
    mh_log_last_words("the process leaves in the middle of ", mh_phase_describe(phase, sizeof phase), NULL);
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

void mh_crash_install(void)
{
    static bool is_registered = false;
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = tell, .sa_flags = SA_ONSTACK};

    if (atomic_load(&is_armed))
        return;
    sigaltstack(&own, NULL);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++) {
        sigaction(numbers[i], &action, &before[i]);
        if (!handlers_go_on)
            before[i] = (struct sigaction){.sa_handler = SIG_DFL};
    }
    if (!is_registered)
        atexit(tell_of_exit);
    is_registered = true;
    atomic_store(&is_armed, true);
}

void mh_crash_disarm(void)
{
    if (!atomic_exchange(&is_armed, false))
        return;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &before[i], NULL);
}

void mh_crash_expect(const char *path)
{
    atomic_store(&read_file, path);
}
