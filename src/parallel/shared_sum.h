#ifndef MULTIHEAD_SRC_PARALLEL_SHARED_SUM_H
#define MULTIHEAD_SRC_PARALLEL_SHARED_SUM_H

#include "multihead/parallel/communicator.h"
#include "sum_tree.h"

/*
 * The sum over the ranks of one host, in memory that all of them see: vectors are written there, each rank adds its part
 * of all of them where they are, and all read the sum where it is. Beside it are vectors for what is made of the sum.
 */
typedef struct shared_sum shared_sum;

/**
 *   count    elements of a vector
 *   height   vectors of this rank, of which the first ones are those of its subtrees, in the tree's order
 *   header   doubles that a rank tells all others with each sum
 *   common   vectors beside the sum
 *
 * The tree must stay. *out is NULL where ranks have no such memory, which is no failure. Collective, and fails on all
 * ranks together; destroy is not collective.
 */
mh_status shared_sum_create(const mh_comm *comm, const sum_tree *tree, size_t count, size_t height,
                            size_t header, size_t common, shared_sum **out);
void shared_sum_destroy(shared_sum *shared);

/** A vector of a rank's [count], zeros at first. It may be written again when all have made the sum. */
float *shared_sum_vector(const shared_sum *shared, size_t rank, size_t i);

/** The headers of all ranks [ranks x header]; this rank's own is to be written before they meet. */
double *shared_sum_headers(const shared_sum *shared);

/** Waits for all ranks: what they have written is there. Collective. */
void shared_sum_meet(shared_sum *shared);

/**
 * Makes the sum, when all vectors and headers are there; other vectors than the first one of the tree are written over.
 * False where some of it is not finite. Collective.
 */
bool shared_sum_make(shared_sum *shared);

/** The sum [count], which stays until all ranks have met again. */
const float *shared_sum_result(const shared_sum *shared);

/** One of the common vectors [count], zeros at first. */
float *shared_sum_common(const shared_sum *shared, size_t i);

/** The elements of every vector that this rank adds: whole cache lines, and near to it. */
mh_span shared_sum_part(const shared_sum *shared);

#endif
