#ifndef MULTIHEAD_PARALLEL_PLACEMENT_H
#define MULTIHEAD_PARALLEL_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/cpu.h"
#include "multihead/base/status.h"
#include "multihead/parallel/communicator.h"

/* Where the ranks of a job are, and whether each of their threads has a core. */

/* Where one rank may run. */
typedef struct {
    mh_cpu_set cores;
    bool is_bound; /* not on every core of its host */
} mh_placement_rank;

typedef struct {
    char name[65];
    size_t ranks;
    size_t bound;                   /* ranks that are                                 */
    size_t least_cores, most_cores; /* that a bound one may run on; 0 without any     */
    /* The ranks that are most short of cores, and the cores that these share; 0 where each thread has one. */
    size_t crowd_ranks, crowd_cores;
} mh_placement_host;

typedef struct {
    size_t ranks, threads; /* of a rank */
    size_t hosts;
    mh_placement_host *host; /* [hosts] by their lowest ranks, on rank 0; else NULL */
} mh_placement;

/**
 * Gathers on rank 0 where all ranks are.
 *
 *   threads   that compute in each rank
 *
 * Collective over comm; fails on all ranks together, with MH_ERR_MEMORY. Free with mh_placement_clear, also after a
 * failure.
 */
mh_status mh_placement_gather(const mh_comm *comm, size_t threads, mh_placement *out);
void mh_placement_clear(mh_placement *placement);

/**
 * What there is to say of a host but its name, from its ranks [ranks], which may be as large as hosts get: quadratic in
 * them. Ranks are short of cores where those that cannot leave a set of cores have more threads than it has cores
 * (Hall 1935; each rank's own set is looked at, which is enough where sets lie in each other or apart, as those of
 * cores, sockets and hosts do).
 */
mh_placement_host mh_placement_look(const mh_placement_rank *rank, size_t ranks, size_t threads);

/**
 * Cores that this rank may use, those that ranks share counted in parts: 1 at least. Two ranks that may run on all four
 * cores of their host have two each. Collective over comm.
 */
size_t mh_placement_share(const mh_comm *comm);

/** "2 ranks on 1 host (vm: 2), each bound to 1 core"; of many hosts the first ones. Of what rank 0 has. */
void mh_placement_describe(const mh_placement *placement, char *text, size_t bytes);

/** Whether threads are short of cores somewhere; says so: "vm: 2 ranks with 1 thread each share 1 core". */
bool mh_placement_is_crowded(const mh_placement *placement, char *text, size_t bytes);

#endif
