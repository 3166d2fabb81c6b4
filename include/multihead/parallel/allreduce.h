#ifndef MULTIHEAD_PARALLEL_ALLREDUCE_H
#define MULTIHEAD_PARALLEL_ALLREDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/parallel/communicator.h"
#include "multihead/tensor/span.h"

/*
 * The sum of one vector of each replica, in an order that does not depend on who holds the replicas.
 *
 * The replicas are the leaves of one binary tree: a node of n leaves has the first half of them (rounded up)
 * on its left and the rest on its right, and its value is left + right. A rank hosts consecutive replicas. It
 * adds what it can of the tree by itself, so that it is left with one vector for each largest subtree that is
 * all its own. Where that is one for every rank (as many replicas as ranks, or powers of two), the ranks follow the
 * tree: by recursive halving the sum ends in pieces, which go the same way back. A rank moves 2 n (P - 1) / P elements
 * of n each way, the least that is possible, in 2 log2(P) messages; and where the ranks of a host follow each other,
 * n over the ranks of a host is all that it moves between hosts. Otherwise every rank receives its piece of all
 * subtrees, adds them in the tree's order, and gives the piece to all.
 * (Recursive halving and doubling: Thakur, Rabenseifner, Gropp, 2005.)
 */
typedef struct mh_allreduce mh_allreduce;

/** The replicas that a rank hosts: as equal as it goes, the first ranks have one more. */
mh_span mh_allreduce_hosted(size_t replicas, size_t rank, size_t ranks);

/**
 *   count      elements of the float32 vector, any number
 *   replicas   leaves of the tree, at least as many as ranks
 *   together   how many leaves of a subtree the rank makes at once, at most, from 1
 *
 * Allocates everything; needs no other rank. Fails with MH_ERR_USAGE where there are more ranks than replicas.
 */
mh_status mh_allreduce_create(size_t count, size_t replicas, size_t together, size_t rank, size_t ranks,
                              mh_allreduce **out);
void mh_allreduce_destroy(mh_allreduce *allreduce);

/**
 * From now on the vector is summed in segments, each of which begins at a cut (rounded up to a cache line), so that those
 * behind can be on their way while those in front are still being computed: see mh_allreduce_advance.
 *
 *   cut   [cuts] elements, ascending; the same on all ranks
 *
 * Not while a sum is open. Not collective. MH_ERR_MEMORY leaves it good for nothing but destroy.
 */
mh_status mh_allreduce_cut(mh_allreduce *allreduce, const size_t *cut, size_t cuts);

/**
 * From now on, where all ranks are on one host, they sum in memory that they share: each adds its part of all ranks'
 * vectors where they are, and all read the sum where it is, without a message. The bits are the same. Where the host does
 * not give such memory everything stays as it was, which is no failure.
 *
 *   common   how many vectors there are beside the sum that all ranks see, see mh_allreduce_common
 *
 * Before the first sum, and not together with cuts. Collective, and fails on all ranks together.
 */
mh_status mh_allreduce_share(const mh_comm *comm, mh_allreduce *allreduce, size_t common);

/** Opens a sum. Not collective. */
void mh_allreduce_start(mh_allreduce *allreduce);

/**
 * Where the next sum has to be written [count]: of a subtree of `leaves` hosted replicas, added in the tree's order
 * (mh_leaves_merges), one after another. Its old contents mean nothing. Valid until the next call. Not collective.
 */
float *mh_allreduce_next(mh_allreduce *allreduce, size_t *leaves);

/**
 * Where ranks share memory they can write into each other's sums: under this number the others find what next gave out last
 * in mh_allreduce_vector, which is NULL where they do not. Not collective.
 */
size_t mh_allreduce_last(const mh_allreduce *allreduce);
float *mh_allreduce_vector(const mh_allreduce *allreduce, size_t rank, size_t i);

/**
 * The elements from `first` on of the sum given out last are final. Where it is the last one, begins to sum the segments
 * behind there, and looks after those that are under way; never waits. To be called with ever smaller elements, or not
 * at all: finish does what is left.
 */
void mh_allreduce_advance(const mh_comm *comm, mh_allreduce *allreduce, size_t first);

/**
 * Finishes the sum that start opened: every sum was given out and written, unless `mine` is a failure.
 *
 *   mine      how this rank fared since start
 *   request   in: what this rank asks all of them for, 0: nothing; out: the largest of all ranks, on all ranks, also
 *             after a failure. It costs no message of its own. NULL: this rank asks for nothing and does not listen
 *   loss      in: [hosted] a number of each hosted replica; out: loss[0] is their sum in the tree's order
 *
 * Collective. Returns the same status on every rank: MH_OK, or the worst `mine` together with the message of
 * the rank that reported it.
 */
mh_status mh_allreduce_finish(const mh_comm *comm, mh_allreduce *allreduce, mh_status mine, int *request,
                              double *loss);

/** Messages and bytes of vectors that this rank has sent since create, headers not counted. Not collective. */
void mh_allreduce_traffic(const mh_allreduce *allreduce, uint64_t *messages, uint64_t *bytes);

/** The sum [count]; belongs to `allreduce`, valid until the next start. */
const float *mh_allreduce_sum(const mh_allreduce *allreduce);

/** Whether every element of the sum is finite. The same on all ranks, as the sum is; not collective. */
bool mh_allreduce_is_finite(const mh_allreduce *allreduce);

/**
 * What the ranks of a host make of the sum they can make together, each a part: one of the vectors [count] that all of them
 * see, zeros at first; NULL where nothing is shared. Nobody writes into the others' parts; and what others wrote may be
 * read when all have met.
 */
float *mh_allreduce_common(const mh_allreduce *allreduce, size_t i);

/** The elements that are this rank's; all of them where nothing is shared. */
mh_span mh_allreduce_part(const mh_allreduce *allreduce);

/** Waits for all ranks where they share, and for nobody where they do not. Collective. */
void mh_allreduce_meet(mh_allreduce *allreduce);

/**
 * The same sum for a few doubles: values [hosted x count] in, the sum in values[0..count-1] out, on every rank.
 * Allocates; for once an epoch, not for every step. Collective, and fails on all ranks together.
 */
mh_status mh_allreduce_doubles(const mh_comm *comm, size_t replicas, size_t count, double *values);

#endif
