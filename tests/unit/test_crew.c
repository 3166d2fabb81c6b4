#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <unistd.h>

#include "expect.h"
#include "multihead/base/crew.h"

TestSuite(crew, .timeout = 60);

enum { MOST = 7, TASKS = 20000 };

typedef struct {
    size_t number, square;
} task;

static void square(void *argument)
{
    task *t = argument;

    t->square = t->number * t->number;
}

/* Hands `count` numbers out, `MOST` at a time, and adds up what comes back. */
static size_t sum_of_squares(mh_crew *crew, size_t count)
{
    task room[MOST], *idle[MOST];
    size_t idle_count = MOST, sum = 0;

    for (size_t i = 0; i < MOST; i++)
        idle[i] = &room[i];
    for (size_t number = 0; number < count; number++) {
        if (idle_count == 0) {
            task *done = mh_crew_take(crew);

            sum += done->square;
            idle[idle_count++] = done;
        }
        *idle[--idle_count] = (task){number, 0};
        mh_crew_give(crew, idle[idle_count]);
    }
    for (task *done = mh_crew_take(crew); done != NULL; done = mh_crew_take(crew))
        sum += done->square;
    return sum;
}

Test(crew, does_each_task_once_with_any_number_of_threads)
{
    size_t expected = 0;

    for (size_t i = 0; i < TASKS; i++)
        expected += i * i;
    for (size_t threads = 0; threads < 5; threads++) {
        mh_crew *crew = NULL;

        MUST(mh_crew_create(threads, MOST, square, &crew));
        cr_expect(eq(sz, sum_of_squares(crew, TASKS), expected));
        cr_expect(eq(sz, sum_of_squares(crew, 3), 5)); /* and again, fewer than threads */
        cr_expect(zero(sz, sum_of_squares(crew, 0)));
        mh_crew_destroy(crew);
    }
}

static volatile sig_atomic_t taken_by = 0;

static void note_thread(int number)
{
    (void)number;
    taken_by = gettid() == getpid() ? 1 : 2;
}

Test(crew, signals_reach_the_main_thread_only)
{
    mh_crew *crew = NULL;

    signal(SIGUSR1, note_thread);
    MUST(mh_crew_create(3, MOST, square, &crew));
    for (size_t i = 0; i < 100; i++) {
        taken_by = 0;
        kill(getpid(), SIGUSR1);
        cr_expect(taken_by == 1);
    }
    mh_crew_destroy(crew);
}

Test(crew, none_is_fine_to_destroy)
{
    mh_crew_destroy(NULL);
}
