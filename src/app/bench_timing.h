#ifndef MULTIHEAD_SRC_APP_BENCH_TIMING_H
#define MULTIHEAD_SRC_APP_BENCH_TIMING_H

#include <jansson.h>
#include <stddef.h>

/* Seconds that something took, of several times. */
typedef struct {
    double best, median, p90;
} bench_timing;

/** Sorts `seconds` [count]; at least one. */
bench_timing bench_timing_of(double *seconds, size_t count);

/** An object of the three, in milliseconds. */
json_t *bench_timing_json(bench_timing timing);

#endif
