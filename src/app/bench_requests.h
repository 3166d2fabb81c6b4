#ifndef MULTIHEAD_SRC_APP_BENCH_REQUESTS_H
#define MULTIHEAD_SRC_APP_BENCH_REQUESTS_H

#include "multihead/parallel/communicator.h"
#include "options.h"

/**
 * bench --requests: stays warm and measures what it is asked for, so that programs can take turns on one machine.
 * Rank 0 reads lines from stdin until it ends, and answers each with a line of JSON on stdout:
 *
 *   (at the start)  {"ready": the kernel, "ranks": P, "parameters": N}
 *   step N          {"seconds": [N], "loss": of the last one}
 *   products N      {"pieces": [N], "whole": [N]}, seconds of the matrix products of a step, in chunks of rows and
 *                   all rows at once
 *   peak            {"gflops": of a core, while all ranks measure theirs}
 *
 * Between requests all ranks sleep. Collective; MH_ERR_USAGE for another line.
 */
mh_status bench_requests(const mh_comm *comm, const options *options);

#endif
