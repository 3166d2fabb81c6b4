#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "child.h"
#include "expect.h"
#include "multihead/base/phase.h"
#include "multihead/parallel/communicator.h"

/* A process that MPI started alone; with several see tests/mpi. */

/* ---- launchers that do not speak to this MPI ---- */

static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                        "SLURM_NTASKS"};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

/* The check in an environment of these values, NULL: not there. MPI itself starts without. */
static mh_status check_with(const char *const *values)
{
    static const mh_comm *comm = NULL;

    for (size_t i = 0; i < VARIABLES; i++)
        unsetenv(variables[i]);
    if (comm == NULL)
        comm = mh_comm_initialize(NULL, NULL);
    for (size_t i = 0; i < VARIABLES; i++)
        if (values[i] != NULL)
            setenv(variables[i], values[i], 1);
    return mh_comm_launch_check(comm);
}

Test(communicator, processes_that_do_not_know_of_each_other_are_refused)
{
    EXPECT_FAILURE(check_with((const char *[]){"3", NULL, NULL, NULL}), MH_ERR_IO,
                   "3 processes were started (OMPI_COMM_WORLD_SIZE) and do not know of each other");
    EXPECT_SAYS("unset OMPI_COMM_WORLD_SIZE where each is meant to run alone");
    EXPECT_FAILURE(check_with((const char *[]){NULL, "4", NULL, NULL}), MH_ERR_IO,
                   "4 processes were started (PMI_SIZE)");
    EXPECT_SAYS("mpirun");
    EXPECT_FAILURE(check_with((const char *[]){NULL, NULL, "8", "8"}), MH_ERR_IO,
                   "8 processes were started (SLURM_STEP_NUM_TASKS)");
    EXPECT_SAYS("srun --mpi=pmix (srun --mpi=list shows what there is)");
    cr_expect(eq(int, mh_status_exit_code(MH_ERR_IO), 1));
}

Test(communicator, a_process_that_was_meant_to_be_alone_may)
{
    MUST(check_with((const char *[]){NULL, NULL, NULL, NULL}));
    MUST(check_with((const char *[]){NULL, NULL, NULL, "8"})); /* a job script may start one process of 8 */
    MUST(check_with((const char *[]){NULL, NULL, "1", "8"}));
    MUST(check_with((const char *[]){NULL, "1", NULL, NULL}));
    MUST(check_with((const char *[]){"1", NULL, "8", "8"})); /* mpirun -n 1 in a step of 8 */
    MUST(check_with((const char *[]){"1", "8", NULL, NULL}));
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
