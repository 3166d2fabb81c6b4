#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.h"

/* What the start-up block says of where the ranks are, and the warnings about that. */

#define SMALL "--generate --samples 200 --hidden 4 --epochs 1 --progress no --resume none"

static void enter_without_slurm(void)
{
    static const char *const variables[] = {"SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_NODES"};

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    enter_folder();
}

TestSuite(placement, .init = enter_without_slurm, .fini = leave_folder, .timeout = 120);

static const char *on_this_host(const char *format)
{
    static char text[256];
    char host[65] = "";

    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, format, host);
    return text;
}

static size_t cores(void)
{
    cpu_set_t own;

    return sched_getaffinity(0, sizeof own, &own) == 0 ? (size_t)CPU_COUNT(&own) : 1;
}

/* This process and what it starts, on the first core that it has. */
static void stay_on_one_core(void)
{
    cpu_set_t own, one;
    size_t first = 0;

    cr_assert(sched_getaffinity(0, sizeof own, &own) == 0);
    while (!CPU_ISSET(first, &own))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    cr_assert(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void expect_warnings(const outcome *o, const char *words, size_t count)
{
    EXPECT_EXIT(*o, 0);
    cr_expect(count_lines(o->err, words) == count, "not %zu times '%s':\n%s", count, words, o->err);
}

/* ---- cores ---- */

Test(placement, ranks_that_are_not_bound_are_said_to_be)
{
    if (cores() != (size_t)sysconf(_SC_NPROCESSORS_ONLN))
        SKIP_TEST("these tests are bound themselves");
    outcome o = run_program(1, "train " SMALL);
    EXPECT_WORDS(o.err, on_this_host("  ranks    1 rank on 1 host (%s: 1), not bound, 1 thread\n"));
    expect_warnings(&o, "warning: ", 5); /* of labels that were not learned */
    o = run_program(2, "train " SMALL);
    EXPECT_WORDS(o.err,
                 on_this_host("  ranks    2 ranks on 1 host (%s: 2), not bound, 1 thread each\n"));
}

Test(placement, ranks_on_cores_of_their_own_are_fine)
{
    if (cores() < 2)
        SKIP_TEST("there is one core");
    set_mpirun_placement("--host localhost:2 --map-by core --bind-to core");
    outcome o = run_program(2, "train " SMALL);
    EXPECT_WORDS(o.err, on_this_host("2 ranks on 1 host (%s: 2), each bound to 1 core, 1 thread each"));
    EXPECT_NO_WORDS(o.err, " share ");
    EXPECT_EXIT(o, 0);
}

Test(placement, ranks_that_share_a_core_are_warned_once)
{
    if (cores() < 2)
        SKIP_TEST("there is one core, to which nothing is bound");
    stay_on_one_core();
    outcome o = run_program(2, "train " SMALL);
    EXPECT_WORDS(o.err, on_this_host("2 ranks on 1 host (%s: 2), each bound to 1 core, 1 thread each"));
    expect_warnings(&o, on_this_host("warning: %s: 2 ranks with 1 thread each share 1 core: "), 1);
    EXPECT_WORDS(o.err, "mpirun --bind-to");
}

Test(placement, more_threads_than_a_rank_has_cores_are_warned_once)
{
    stay_on_one_core();
    outcome o = run_program(1, "train " SMALL " --threads 2");
    expect_warnings(&o, on_this_host("warning: %s: 1 rank with 2 threads has 1 core: "), 1);
    cr_expect(strstr(strstr(o.err, "threads has") + 1, "threads has") == NULL, "twice:\n%s", o.err);
}

Test(placement, more_ranks_than_cores_are_warned_once)
{
    char words[64];

    if (cores() > 7)
        SKIP_TEST("there are cores for all");
    outcome o = run_program(8, "train " SMALL);
    snprintf(words, sizeof words, "warning: %%s: 8 ranks with 1 thread each share ");
    expect_warnings(&o, on_this_host(words), 1);
}

/* ---- Slurm's number of tasks ---- */

Test(placement, another_number_of_ranks_than_slurms_tasks_is_warned_of_once)
{
    setenv("SLURM_NTASKS", "4", 1);
    for (int ranks = 1; ranks <= 3; ranks++) {
        outcome o = run_program(ranks, "train " SMALL);
        char words[80];

        snprintf(words, sizeof words, "warning: SLURM_NTASKS is 4, but the number of ranks is %d: ", ranks);
        expect_warnings(&o, words, 1);
    }
    outcome o = run_program(4, "train " SMALL);
    expect_warnings(&o, "warning: SLURM_NTASKS", 0);
}

/* srun -n 2 in a job of 4 tasks. */
Test(placement, of_slurms_tasks_those_of_the_step_count)
{
    setenv("SLURM_NTASKS", "4", 1);
    setenv("SLURM_STEP_NUM_TASKS", "2", 1);
    outcome o = run_program(2, "train " SMALL);
    expect_warnings(&o, "warning: SLURM_", 0);
    o = run_program(3, "train " SMALL);
    expect_warnings(&o, "warning: SLURM_STEP_NUM_TASKS is 2, but the number of ranks is 3: ", 1);
}
