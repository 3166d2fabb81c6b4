#ifndef MULTIHEAD_PARALLEL_SCALING_H
#define MULTIHEAD_PARALLEL_SCALING_H

#include <stddef.h>

#include "multihead/parallel/link.h"

/*
 * How long a step takes on any number of ranks, from what one rank computes and what a message costs:
 *
 *     step(P) = fixed + L leaf + B/P row + sum(P)
 *     sum(P)  = 2 [ t(4n/2) + t(4n/4) + ... + t(4n/P) ] + log2(P) t(8) + n (P-1)/P add
 *
 * with P ranks, a global batch of B rows, L = R/P replicas on each rank of R (P where there are more ranks than R), a
 * vector of n float32 elements and t(s) the time of a message of s bytes each way. The sum is a reduce-scatter by
 * recursive halving, neighbours first, and an allgather by recursive doubling back; before it, all hear of each other's
 * status and losses. With K ranks a host the first log2(K) messages of each stay inside, and those between hosts share
 * the host's link: where K is another number than when the link was measured, their bytes count as many times more.
 * (Hockney's model of a message; Thakur, Rabenseifner, Gropp, 2005, for the sum.)
 *
 * Ranks that are no power of two, each with a replica, are counted as the next larger one's messages, with their own
 * bytes. Where replicas cannot be shared out as subtrees of the sum (8 over 3 ranks), every rank writes to every other
 * one, all at once, there and back; and is counted as if it had one subtree.
 */
typedef struct {
    /* the network */
    mh_link inside, between; /* between.points 0: not known, those inside stand for it */
    size_t link_ranks;       /* ranks of a host that used its link at once when it was measured */
    size_t ranks_per_host;   /* that are planned                                       */

    /* one rank's work, in seconds */
    double fixed;       /* of each step                                          */
    double leaf;        /* of each replica that a rank hosts                     */
    double row;         /* of each row                                           */
    double add_element; /* of one vector to one of another: memory's speed       */

    /* the task */
    size_t elements; /* n: parameters                  */
    size_t replicas; /* R: P where there are more ranks */
} mh_scaling;

/* What a rank sends in one sum, without the status; it receives as much. */
typedef struct {
    double messages_inside, messages_between;
    double bytes_inside, bytes_between;
} mh_traffic;

mh_traffic mh_scaling_traffic(const mh_scaling *scaling, size_t ranks);

/** Seconds that a rank computes in a step, without the sum over ranks. */
double mh_scaling_compute_seconds(const mh_scaling *scaling, size_t ranks, double batch_rows);

/** Seconds of the sum over ranks, 0 for one. */
double mh_scaling_sum_seconds(const mh_scaling *scaling, size_t ranks);

double mh_scaling_step_seconds(const mh_scaling *scaling, size_t ranks, double batch_rows);

/** How much of `ranks` times the speed of one rank is left: with the same batch, and with `ranks` times the batch. */
double mh_scaling_strong_efficiency(const mh_scaling *scaling, size_t ranks, double batch_rows);
double mh_scaling_weak_efficiency(const mh_scaling *scaling, size_t ranks, double rank_rows);

#endif
