#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "multihead/base/log.h"
#include "multihead/base/phase.h"
#include "multihead/base/watchdog.h"

static void fall_silent(void)
{
    mh_phase_enter("waiting for the other ranks");
    mh_phase_set_step(17);
    if (mh_watchdog_start(0.2) == MH_OK)
        sleep_for(100);
}

static void fall_silent_on_rank_2(void)
{
    mh_log_setup(2, 4);
    fall_silent();
}

/* Another second is for the other ranks. */
Test(watchdog, a_silent_process_says_what_it_was_at_and_ends)
{
    child_end end = run_child(fall_silent);

    EXPECT_END(end, 1,
               "multihead: nothing has happened for 0.2 s (--stall-timeout): waiting for the other ranks, "
               "step 17; the job ends\n");
    cr_expect(end.seconds > 1.2 && end.seconds < 4, "after %g s", end.seconds);
}

Test(watchdog, a_rank_among_several_says_who_and_where_it_is)
{
    char host[65] = "", expected[512];
    child_end end = run_child(fall_silent_on_rank_2);

    gethostname(host, sizeof host - 1);
    snprintf(
        expected, sizeof expected,
        "multihead: rank 2 on %s: nothing has happened for 0.2 s (--stall-timeout): waiting for the other "
        "ranks, step 17; the job ends\n",
        host);
    EXPECT_END(end, 1, expected);
}

static void get_on(void)
{
    if (mh_watchdog_start(0.4) != MH_OK)
        _exit(3);
    for (int i = 0; i < 60; i++) {
        mh_phase_beat();
        sleep_for(0.02);
    }
    mh_watchdog_stop();
    sleep_for(0.6); /* nobody watches any more */
}

Test(watchdog, leaves_a_process_alone_that_gets_on)
{
    child_end end = run_child(get_on);

    EXPECT_END(end, 0, "");
}

/* Time in which the process did not run at all is nobody's silence. */
Test(watchdog, leaves_a_process_alone_that_was_stopped_and_goes_on)
{
    child child = start_child(get_on);

    sleep_for(0.3);
    kill(child.process, SIGSTOP);
    sleep_for(1.0);
    kill(child.process, SIGCONT);
    child_end end = finish_child(&child);
    EXPECT_END(end, 0, "");
    cr_expect(end.seconds > 2.0, "it was not stopped: %g s", end.seconds);
}

static void be_silent_unwatched(void)
{
    if (mh_watchdog_start(0) != MH_OK)
        _exit(3);
    sleep_for(0.5);
    mh_watchdog_stop();
    mh_watchdog_stop();
}

Test(watchdog, no_seconds_are_no_watchdog)
{
    child_end end = run_child(be_silent_unwatched);

    EXPECT_END(end, 0, "");
}

/* A signal that the thread took would end the process: only this one blocks it. */
static void keep_a_signal_waiting(void)
{
    sigset_t usr1, waiting;

    if (mh_watchdog_start(5) != MH_OK)
        _exit(3);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    kill(getpid(), SIGUSR1);
    sleep_for(0.2);
    sigpending(&waiting);
    _exit(sigismember(&waiting, SIGUSR1) ? 0 : 3);
}

Test(watchdog, takes_no_signal_that_is_for_others)
{
    child_end end = run_child(keep_a_signal_waiting);

    EXPECT_END(end, 0, "");
}
