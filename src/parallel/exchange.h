#ifndef MULTIHEAD_SRC_PARALLEL_EXCHANGE_H
#define MULTIHEAD_SRC_PARALLEL_EXCHANGE_H

#include <stdint.h>

#include "communicator_mpi.h"
#include "sum_route.h"

/* One rank's way along a route: what it receives, adds and sends at each stage, and the same way back for the sum. */
typedef struct exchange exchange;

typedef struct {
    size_t unit;       /* floats that MPI counts as one: a power of 2 */
    MPI_Datatype type; /* of a unit                                   */
    size_t room;       /* floats of the vectors: whole units          */
} exchange_format;

/**
 *   vector   [subtrees of this rank, in the tree's order] of [format.room] floats, which hold its values when a sum begins
 *            and are written over; the sum ends in the first one. They stay the caller's, at the same place.
 */
mh_status exchange_create(const sum_tree *tree, const sum_route *route, size_t rank,
                          const exchange_format *format, float *const *vector, exchange **out);
void exchange_destroy(exchange *exchange);

/** Collective: from the values to the sum in every rank's first vector. */
void exchange_run(const mh_comm *comm, exchange *exchange);

/** What this rank has sent since create. */
void exchange_traffic(const exchange *exchange, uint64_t *messages, uint64_t *bytes);

#endif
