#ifndef MULTIHEAD_SRC_PARALLEL_SUM_TREE_H
#define MULTIHEAD_SRC_PARALLEL_SUM_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"
#include "multihead/tensor/span.h"

/* The tree of sums over replicas, as described in allreduce.h. A node's value is kept at its first leaf. */

/* The leaves first..end-1: the value at `first` becomes value[first] + value[middle]. */
typedef struct {
    size_t first, middle, end;
} sum_node;

/* A largest subtree that one rank hosts wholly. */
typedef struct {
    size_t first_leaf;
    size_t owner;
    size_t index; /* among the owner's, in order */
} sum_subtree;

/* A node whose leaves several ranks host, by the numbers of its subtrees: value[into] += value[from]. */
typedef struct {
    size_t into, from;
} sum_meeting;

typedef struct {
    size_t replicas, ranks;
    size_t nodes;
    sum_node *node; /* [nodes] children before parents, left before right */
    size_t subtrees;
    sum_subtree *subtree; /* [subtrees] in the order of leaves      */
    size_t most_subtrees; /* of one rank                            */
    size_t meetings;
    sum_meeting *meeting; /* [meetings] in the order of nodes       */
} sum_tree;

mh_span sum_tree_hosted(size_t replicas, size_t rank, size_t ranks);
mh_status sum_tree_create(size_t replicas, size_t ranks, sum_tree *out);
void sum_tree_clear(sum_tree *tree);

/** Whether one rank hosts all leaves of the node, so that it adds them by itself. */
bool sum_tree_is_local(const sum_tree *tree, const sum_node *node);

#endif
