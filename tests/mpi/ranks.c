#include "ranks.h"

/* Only the folder that makes communicators can make one of a single rank, and no program has a use for it. */
#include "communicator_mpi.h"
#include "scratch.h"

const mh_comm *world, *alone;

void start_mpi(void)
{
    static struct mh_comm self = {.rank = 0, .ranks = 1};

    world = mh_comm_initialize(NULL, NULL);
    self.handle = MPI_COMM_SELF;
    alone = &self;
}

void stop_mpi(void)
{
    mh_comm_finalize(world);
}

void start_mpi_with_scratch(void)
{
    start_mpi();
    scratch_make();
}

void stop_mpi_with_scratch(void)
{
    scratch_remove();
    stop_mpi();
}
