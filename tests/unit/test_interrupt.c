#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <string.h>

#include "child.h"
#include "multihead/base/interrupt.h"

static void expect_name(int number, const char *name)
{
    cr_expect(strcmp(mh_interrupt_name(number), name) == 0, "%s", mh_interrupt_name(number));
}

Test(interrupt, a_signal_is_remembered_and_ends_nobody)
{
    const int numbers[] = {SIGUSR1, SIGTERM, SIGINT};

    for (size_t i = 0; i < 3; i++) {
        mh_interrupt_install();
        cr_expect(eq(int, mh_interrupt_signal(), 0));
        raise(numbers[i]);
        cr_expect(eq(int, mh_interrupt_signal(), numbers[i]));
        mh_interrupt_uninstall();
        cr_expect(eq(int, mh_interrupt_signal(), numbers[i]));
    }
}

Test(interrupt, the_first_of_several_is_the_one_that_counts)
{
    mh_interrupt_install();
    raise(SIGTERM);
    raise(SIGUSR1);
    raise(SIGTERM);
    cr_expect(eq(int, mh_interrupt_signal(), SIGTERM));
    mh_interrupt_uninstall();
}

Test(interrupt, signals_have_names)
{
    expect_name(SIGUSR1, "SIGUSR1");
    expect_name(SIGTERM, "SIGTERM");
    expect_name(SIGINT, "SIGINT");
    expect_name(SIGHUP, "");
    expect_name(0, "");
}

static void be_interrupted_twice(void)
{
    mh_interrupt_install();
    raise(SIGINT);
    raise(SIGINT);
}

Test(interrupt, a_second_sigint_ends_the_process_as_sigint_does)
{
    child_end end = run_child(be_interrupted_twice);

    EXPECT_END(end, 128 + SIGINT, "");
}

static void be_terminated_after_uninstall(void)
{
    mh_interrupt_install();
    mh_interrupt_uninstall();
    raise(SIGTERM);
}

Test(interrupt, after_uninstall_signals_do_what_they_did_before)
{
    child_end end = run_child(be_terminated_after_uninstall);

    EXPECT_END(end, 128 + SIGTERM, "");
}
