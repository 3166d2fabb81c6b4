#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

/* One process of several dies, or several do not find together: what the user is told, and that nobody is left. */

TestSuite(failure, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define ENDLESS "--generate --samples 997 --hidden 16 --batch-size 128 --epochs 1000000 --run a"

/* ---- a crash ---- */

/* MPI would print a page about it too. */
static void expect_one_message(const outcome *o)
{
    char begins[128] = "multihead: rank 0 on ";

    gethostname(begins + strlen(begins), sizeof begins - strlen(begins) - 1);
    cr_expect(count_lines(o->err, "multihead: ") == 1 && count_lines(o->err, begins) == 1, "stderr:\n%s",
              o->err);
    EXPECT_NO_WORDS(o->err, "Process received signal");
}

static outcome crash_a_rank(int number)
{
#ifdef MULTIHEAD_SANITIZE
    SKIP_TEST("a sanitizer has its own report of a crash, and its own exit code");
#endif
    program program = start_program(2, "train " ENDLESS);

    await_file("outputs/a/history.csv");
    signal_rank(&program, number);
    return finish_program(&program);
}

Test(failure, a_rank_that_crashes_ends_all_and_says_who_where_and_at_what)
{
    outcome o = crash_a_rank(SIGSEGV);

    expect_one_message(&o);
    EXPECT_WORDS(o.err, ": segmentation fault while ");
    EXPECT_EXIT(o, 128 + SIGSEGV);
}

Test(failure, a_rank_that_aborts_ends_all_and_says_who_where_and_at_what)
{
    outcome o = crash_a_rank(SIGABRT);

    expect_one_message(&o);
    EXPECT_WORDS(o.err, ": aborted while ");
    EXPECT_EXIT(o, 128 + SIGABRT);
}

/* ---- launchers of another MPI ---- */

/* As srun without PMI starts them; the first one speaks. */
Test(failure, processes_that_do_not_find_together_stop_with_one_message)
{
    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    for (int process = 0; process < 4; process += 3) {
        setenv("SLURM_PROCID", process == 0 ? "0" : "3", 1);
        outcome o = run_program(1, "train --generate --samples 100 --epochs 1 --run a");

        EXPECT_EXIT(o, 1);
        cr_expect(count_lines(o.err, "multihead: 4 processes were started") == (process == 0), "stderr:\n%s",
                  o.err);
        cr_expect(count_lines(o.err, "") == (process == 0), "stderr:\n%s", o.err);
    }
    EXPECT_NAMES(".", "");
}

/* In a script that Slurm gave four tasks, a single process may run; so may mpirun's. */
Test(failure, one_process_of_a_larger_job_is_none)
{
    setenv("SLURM_NTASKS", "4", 1);
    outcome o = run_program(1, "train --generate --samples 100 --epochs 1 --run a");

    EXPECT_EXIT(o, 0);
    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    o = run_program(2, "train --generate --samples 100 --epochs 1 --run b");
    EXPECT_EXIT(o, 0);
}

/* Open MPI would have them share a folder that the first one to end removes. */
Test(failure, commands_side_by_side_do_not_meet)
{
    enum { COMMANDS = 40 };
    program commands[COMMANDS];
    outcome o = run_program(1, "generate --output d.h5 --samples 50");

    MUST_EXIT(o, 0);
    for (size_t i = 0; i < COMMANDS; i++)
        commands[i] = start_program(1, "inspect d.h5");
    for (size_t i = 0; i < COMMANDS; i++) {
        o = finish_program(&commands[i]);
        EXPECT_EXIT(o, 0);
    }
}
