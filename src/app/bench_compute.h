#ifndef MULTIHEAD_SRC_APP_BENCH_COMPUTE_H
#define MULTIHEAD_SRC_APP_BENCH_COMPUTE_H

#include "bench_timing.h"
#include "multihead/parallel/communicator.h"
#include "options.h"

/* What a step costs a rank that trains by itself, in seconds. */
typedef struct {
    double fixed;       /* what depends on neither rows nor replicas               */
    double leaf;        /* for each replica                                        */
    double row;         /* for each row                                            */
    double add_element; /* to add an element of a vector to one of another         */
} bench_cost;

typedef struct {
    bench_timing alone;    /* a step with the whole batch on one rank */
    bench_timing together; /* the same batch on all ranks             */
    bench_cost median, best;
    size_t elements; /* parameters of the model    */
    size_t replicas; /* of the step on one rank    */
} bench_compute;

/**
 * Takes turns, so that all see the same machine. While ranks train by themselves no more of them do so than `cores`
 * (of their machine, of which `place` is this rank's number) and the others sleep: ranks that share a core would
 * measure each other. The slowest rank counts, since the others wait for it.
 *
 * Collective; fails on all ranks together. The same on all ranks.
 */
mh_status bench_compute_measure(const mh_comm *comm, const options *options, size_t place, size_t cores,
                                bench_compute *out);

#endif
