#ifndef MULTIHEAD_SRC_PARALLEL_SUM_ROUTE_H
#define MULTIHEAD_SRC_PARALLEL_SUM_ROUTE_H

#include "multihead/tensor/span.h"
#include "sum_tree.h"

/*
 * Where the values of a tree of sums meet: a plan that is the same on all ranks, and knows nothing of MPI.
 *
 * A value is the sum of a subtree; first those that a rank hosts wholly, which it holds alone. At a stage two or more
 * values become one, which all their holders hold together, each an equal part of it. So each of them needs its part of
 * all the values, and gives away the rest of its own.
 *
 * Where every rank has one subtree, each node of the tree between ranks is a stage: in the first stages neighbours
 * exchange halves of the vector, in later ones ranks further apart exchange ever smaller pieces. That is recursive
 * halving, with 2 log2(P) messages there and back; and where the ranks of a host follow each other, the large pieces
 * stay inside it and what goes between hosts is only n over the ranks of a host. Otherwise (3 ranks with 8 replicas) all
 * values meet in a single stage, in which every rank writes to every other one: the tree would send some of it twice.
 */

typedef struct {
    size_t holders;
    size_t *holder; /* [holders] ranks in the order of their parts */
} sum_holding;

typedef struct {
    size_t values;
    size_t *value; /* [values] that meet, in the order of their leaves                              */
    size_t meetings;
    const sum_meeting
        *meeting;  /* [meetings] in the tree's order, by places in `value`; all end at the first one */
    size_t result; /* the value that they become                                           */
} sum_stage;

typedef struct {
    size_t values;
    sum_holding *holding; /* [values] the subtrees of the tree come first */
    size_t stages;
    sum_stage *stage; /* [stages] in the order in which they come     */
} sum_route;

/** The route keeps pointers into the tree. */
mh_status sum_route_create(const sum_tree *tree, sum_route *out);
void sum_route_clear(sum_route *route);

/** The place of a rank among the holders of a value; holders where it is none of them. */
size_t sum_route_place(const sum_holding *holding, size_t rank);

/** The part of 0..total-1 that is held in a place. Parts of twice as many holders are halves of these, exactly. */
mh_span sum_route_part(const sum_holding *holding, size_t place, size_t total);

#endif
