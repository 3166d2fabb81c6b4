#ifndef MULTIHEAD_PARALLEL_NETWORK_H
#define MULTIHEAD_PARALLEL_NETWORK_H

#include "multihead/parallel/communicator.h"
#include "multihead/parallel/link.h"

/* Where the ranks of this launch are, and what messages between them cost. */
typedef struct {
    size_t ranks, hosts;
    size_t ranks_per_host;    /* the most of any host                                                  */
    size_t ranks_per_machine; /* more than that where hosts are containers that share the cores of one */
    size_t place;             /* of this rank among those of its machine, from 0                       */
    mh_link inside, between;  /* two ranks of one host, of two; .points 0 where there are no two such  */
    mh_link best_inside, best_between; /* the same undisturbed: best instead of median                 */
} mh_network;

/**
 * Measures both links as the sum over ranks uses them: pairs of ranks hand each other messages of 8 bytes to 4 MiB,
 * each way at once, all pairs at the same time, so that those of a host share its network. Medians (or the best) over
 * time, the mean over pairs. With an odd number of ranks on a host, or of hosts, the last one looks on. Takes some seconds on
 * a slow network, and leaves the larger messages out where they take longer than that. `place` apart, the same on
 * all ranks.
 *
 * Collective over comm; fails on all ranks together, where there is no memory.
 */
mh_status mh_network_measure(const mh_comm *comm, mh_network *out);

#endif
