#ifndef MULTIHEAD_SRC_APP_BENCH_NETWORK_H
#define MULTIHEAD_SRC_APP_BENCH_NETWORK_H

#include "multihead/parallel/communicator.h"
#include "options.h"

/**
 * bench --network: what messages between these ranks and steps on them cost, and from that how long a step takes on 2
 * to 4096 ranks (parallel/scaling), beside the step as it is here. On one rank there are no messages: it tells what
 * computing costs, and how to start more. Collective.
 */
mh_status bench_network(const mh_comm *comm, const options *options);

#endif
