#ifndef MULTIHEAD_SRC_PARALLEL_EXCHANGE_H
#define MULTIHEAD_SRC_PARALLEL_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "multihead/parallel/communicator.h"
#include "sum_route.h"

/*
 * One rank's way along a route, for a span of the vectors: what it receives, adds and sends at each stage, and the same
 * way back for the sum. It goes on while the rank does something else, as far as it is looked after now and then.
 */
typedef struct exchange exchange;

/** Floats that vectors of `count` need: MPI counts them in whole units, which are larger than one float where an int
    could not count floats. */
size_t exchange_room(size_t count);

/** The first place at or behind `first` where a span may begin. */
size_t exchange_align(size_t count, size_t first);

/**
 *   count    floats of a vector
 *   span     of them: from a place that may begin one to the next one that does, or to exchange_room
 *   tag      exchanges that are under way at the same time have different ones, 0, 1, ...
 *   vector   [subtrees of this rank, in the tree's order] of exchange_room(count) floats, which hold its values when a sum
 *            begins and are written over; the sum ends in the first one. They stay the caller's, at the same place.
 *
 * The route is not needed afterwards.
 */
mh_status exchange_create(const sum_tree *tree, const sum_route *route, size_t rank, size_t count,
                          mh_span span, size_t tag, float *const *vector, exchange **out);
void exchange_destroy(exchange *exchange);

mh_span exchange_span(const exchange *exchange);

/* All ranks have to begin and to end it, each when it likes. */

/** The values are there, and must be left alone until it is done. */
void exchange_begin(const mh_comm *comm, exchange *exchange);

/** Goes on as far as it does without waiting. True: the sum is there. Fine after the end. */
bool exchange_go_on(const mh_comm *comm, exchange *exchange);

/** Waits for the sum. */
void exchange_end(const mh_comm *comm, exchange *exchange);

/** What this rank has sent since create. */
void exchange_traffic(const exchange *exchange, uint64_t *messages, uint64_t *bytes);

#endif
