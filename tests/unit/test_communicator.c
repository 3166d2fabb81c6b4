#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "expect.h"
#include "multihead/base/phase.h"
#include "multihead/parallel/communicator.h"

/* A process that MPI started alone; with several see tests/mpi. */

/* ---- launchers that do not speak to this MPI ---- */

static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                        "SLURM_NTASKS", "SLURM_STEP_NUM_NODES"};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

/* MPI started without any of them, and an environment of these values [VARIABLES] then; NULL: not there. */
static const mh_comm *start_with(const char *const *values)
{
    static const mh_comm *comm = NULL;

    for (size_t i = 0; i < VARIABLES; i++)
        unsetenv(variables[i]);
    if (comm == NULL)
        comm = mh_comm_initialize(NULL, NULL);
    for (size_t i = 0; i < VARIABLES; i++)
        if (values[i] != NULL)
            setenv(variables[i], values[i], 1);
    return comm;
}

static mh_status check_with(const char *const *values)
{
    return mh_comm_launch_check(start_with(values));
}

Test(communicator, processes_that_do_not_know_of_each_other_are_refused)
{
    EXPECT_FAILURE(check_with((const char *[]){"3", NULL, NULL, NULL, NULL}), MH_ERR_IO,
                   "3 processes were started (OMPI_COMM_WORLD_SIZE) and do not know of each other");
    EXPECT_SAYS("unset OMPI_COMM_WORLD_SIZE where each is meant to run alone");
    EXPECT_FAILURE(check_with((const char *[]){NULL, "4", NULL, NULL, NULL}), MH_ERR_IO,
                   "4 processes were started (PMI_SIZE)");
    EXPECT_SAYS("mpirun");
    EXPECT_FAILURE(check_with((const char *[]){NULL, NULL, "8", "8", NULL}), MH_ERR_IO,
                   "8 processes were started (SLURM_STEP_NUM_TASKS)");
    EXPECT_SAYS("srun --mpi=pmix (srun --mpi=list shows what there is)");
    cr_expect(eq(int, mh_status_exit_code(MH_ERR_IO), 1));
}

Test(communicator, a_process_that_was_meant_to_be_alone_may)
{
    MUST(check_with((const char *[]){NULL, NULL, NULL, NULL, NULL}));
    MUST(check_with(
        (const char *[]){NULL, NULL, NULL, "8", NULL})); /* a job script may start one process of 8 */
    MUST(check_with((const char *[]){NULL, NULL, "1", "8", NULL}));
    MUST(check_with((const char *[]){NULL, "1", NULL, NULL, NULL}));
    MUST(check_with((const char *[]){"1", NULL, "8", "8", NULL})); /* mpirun -n 1 in a step of 8 */
    MUST(check_with((const char *[]){"1", "8", NULL, NULL, NULL}));
}

/* ---- Slurm's number of tasks ---- */

static bool differs_with(const char *const *values, char text[256])
{
    return mh_comm_launch_differs(start_with(values), text, 256);
}

Test(communicator, another_number_of_ranks_than_slurms_tasks_is_noticed)
{
    char text[256];

    cr_expect(differs_with((const char *[]){NULL, NULL, NULL, "4", NULL}, text));
    cr_expect(strncmp(text, "SLURM_NTASKS is 4, but the number of ranks is 1: ", 49) == 0, "%s", text);
    cr_expect(differs_with((const char *[]){"1", NULL, NULL, "4", NULL}, text)); /* mpirun -n 1 in a script */
    cr_expect(differs_with((const char *[]){NULL, NULL, "2", "1", "1"}, text));
    cr_expect(strncmp(text, "SLURM_STEP_NUM_TASKS is 2, ", 27) == 0, "%s", text);
}

Test(communicator, as_many_ranks_as_slurms_tasks_are_as_they_should_be)
{
    char text[256];

    cr_expect(differs_with((const char *[]){NULL, NULL, NULL, NULL, NULL}, text) == false);
    cr_expect(differs_with((const char *[]){NULL, NULL, NULL, "1", NULL}, text) == false);
    cr_expect(differs_with((const char *[]){NULL, NULL, "1", "4", "1"}, text) ==
              false); /* srun -n 1 in a job of 4 */
    cr_expect(differs_with((const char *[]){NULL, NULL, NULL, "many", NULL}, text) == false);
    cr_expect(text[0] == '\0');
}

/* Rank 0 under a daemon of mpirun's, which srun has started on each of two hosts. */
Test(communicator, a_step_of_mpiruns_daemons_is_none_of_ranks)
{
    char text[256];

    cr_expect(differs_with((const char *[]){"1", NULL, "2", "2", "2"}, text) == false);
    cr_expect(differs_with((const char *[]){NULL, NULL, "2", "2", "2"}, text));
    cr_expect(differs_with((const char *[]){"1", NULL, "8", "8", "2"}, text));
}

/* ---- MPI's own errors ---- */

static void receive_from_nobody(void)
{
    const mh_comm *comm = mh_comm_initialize(NULL, NULL);
    char byte = 0;

    mh_phase_enter("handing rows round");
    mh_comm_hand_to_root(comm, 5, &byte, 1);
}

Test(communicator, an_error_of_mpi_ends_the_job_and_says_where)
{
    child_end end = run_child(receive_from_nobody);

    cr_expect(eq(int, end.exit_code, 1));
    cr_expect(strstr(end.err, "multihead: MPI failed while waiting for the other ranks: MPI_ERR_RANK") !=
                  NULL,
              "%s", end.err);
}
