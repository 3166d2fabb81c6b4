#ifndef MULTIHEAD_SRC_PARALLEL_COMMUNICATOR_MPI_H
#define MULTIHEAD_SRC_PARALLEL_COMMUNICATOR_MPI_H

#include <mpi.h>

#include "multihead/base/phase.h"
#include "multihead/parallel/communicator.h"

/* What the modules of this folder know of a communicator, and no other. */
struct mh_comm {
    MPI_Comm handle;
    int rank;
    int ranks;
};

/* The most units that one MPI call is given: see mh_comm_limit_piece. */
size_t mpi_piece(void);

/*
 * Around every call that waits for other ranks, so that a rank in which nothing else happens can say so:
 *
 *     const char *before = wait_begin();
 *     MPI_Barrier(comm->handle);
 *     wait_end(before);
 *
 * A few stores: no step of training gets longer by it.
 */
static inline const char *wait_begin(void)
{
    const char *before = mh_phase_name();

    mh_phase_enter("waiting for the other ranks");
    return before;
}

static inline void wait_end(const char *before)
{
    mh_phase_enter(before);
}

#endif
