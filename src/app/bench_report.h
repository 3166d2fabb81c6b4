#ifndef MULTIHEAD_SRC_APP_BENCH_REPORT_H
#define MULTIHEAD_SRC_APP_BENCH_REPORT_H

#include <stdint.h>

#include "bench_compute.h"
#include "multihead/parallel/network.h"
#include "multihead/parallel/scaling.h"
#include "options.h"

/* All that bench --network has measured, and what follows from it. */
typedef struct {
    const options *options;
    mh_network network;
    bench_compute compute;
    size_t cores;             /* of a machine                                                    */
    double share;             /* ranks for each core here: computing takes so many times as long */
    uint64_t messages, bytes; /* that a rank sent in a step here, the most of any: counted       */
    mh_scaling planned;       /* with the ranks a host that are planned                          */
    mh_scaling here;          /* with those of this launch, sharing cores as they do             */
    mh_scaling best;          /* the same from what was the best each time, not the median       */
} bench_study;

/** For people, to stdout, in 80 columns. */
void bench_report_print(const bench_study *study);

/** The same as one JSON object, to where --json says. */
mh_status bench_report_write_json(const bench_study *study);

#endif
