#ifndef MULTIHEAD_SRC_PARALLEL_COMMUNICATOR_MPI_H
#define MULTIHEAD_SRC_PARALLEL_COMMUNICATOR_MPI_H

#include <mpi.h>

#include "multihead/parallel/communicator.h"

/* What the modules of this folder know of a communicator, and no other. */
struct mh_comm {
    MPI_Comm handle;
    int rank;
    int ranks;
};

/* The most that one MPI call is given: below 2^31 with room for rounding. */
enum { MPI_PIECE = 1 << 30 };

#endif
