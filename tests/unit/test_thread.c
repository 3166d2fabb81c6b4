#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "multihead/base/phase.h"
#include "multihead/base/thread.h"

enum { ROUNDS = 200 };

/* ---- supplies ---- */

typedef struct {
    mh_supply *room, *goods;
    int shelf; /* one thing fits */
} shop;

static void fill(void *argument)
{
    shop *s = argument;

    for (int i = 0; i < ROUNDS; i++) {
        mh_supply_take(s->room);
        s->shelf = i;
        mh_supply_add(s->goods);
    }
}

Test(thread, hands_one_thing_after_another_to_who_waits_for_it)
{
    shop s = {.shelf = -1};

    MUST(mh_supply_create(1, &s.room));
    MUST(mh_supply_create(0, &s.goods));
    cr_expect(mh_supply_try(s.goods) == false);
    mh_thread *thread = mh_thread_start(fill, &s);
    cr_assert(thread != NULL);
    for (int i = 0; i < ROUNDS; i++) {
        mh_supply_take(s.goods);
        cr_expect(s.shelf == i, "%d instead of %d", s.shelf, i);
        mh_supply_add(s.room);
    }
    mh_thread_join(thread);
    cr_expect(mh_supply_try(s.room));
    cr_expect(mh_supply_try(s.goods) == false);
    mh_supply_destroy(s.room);
    mh_supply_destroy(s.goods);
}

/* ---- one at a time ---- */

static atomic_int inside, most_inside;

static void visit(void *nothing)
{
    (void)nothing;
    for (int i = 0; i < ROUNDS; i++) {
        mh_thread_enter_library();
        mh_thread_enter_library(); /* once more, as a function of it that calls another one */
        int now = atomic_fetch_add(&inside, 1) + 1;
        if (now > atomic_load(&most_inside))
            atomic_store(&most_inside, now);
        usleep(10);
        atomic_fetch_sub(&inside, 1);
        mh_thread_leave_library();
        mh_thread_leave_library();
    }
}

Test(thread, a_library_has_one_thread_at_a_time)
{
    mh_thread *thread = mh_thread_start(visit, NULL);

    cr_assert(thread != NULL);
    visit(NULL);
    mh_thread_join(thread);
    cr_expect(atomic_load(&most_inside) == 1);
}

/* ---- beside the one that does the work ---- */

static void read_rows(void *beats)
{
    uint64_t before = mh_phase_beats();

    mh_phase_enter("reading rows");
    *(bool *)beats = mh_phase_beats() != before;
}

Test(thread, is_not_what_the_process_is_at_but_a_sign_of_life)
{
    bool beats = false;

    mh_phase_enter("computing the gradient");
    mh_thread_join(mh_thread_start(read_rows, &beats));
    cr_expect(strcmp(mh_phase_name(), "computing the gradient") == 0, "%s", mh_phase_name());
    cr_expect(beats);
}

static void stop(int number)
{
    (void)number;
    _exit(3);
}

static void idle(void *nothing)
{
    (void)nothing;
    sleep_for(0.1);
}

/* The one that does the work holds it back: then the system gives it to any other thread that would take it. */
static void send_a_signal(void)
{
    sigset_t term;

    signal(SIGTERM, stop);
    mh_thread *thread = mh_thread_start(idle, NULL);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    kill(getpid(), SIGTERM);
    mh_thread_join(thread);
    sigpending(&term);
    _exit(thread != NULL && sigismember(&term, SIGTERM) == 1 ? 0 : 4);
}

Test(thread, takes_no_signal_that_is_sent_to_the_process)
{
    child_end end = run_child(send_a_signal); /* Criterion has threads of its own, a child has not */

    EXPECT_END(end, 0, "");
}
