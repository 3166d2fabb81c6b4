#ifndef MULTIHEAD_TRAINING_SCHEDULE_H
#define MULTIHEAD_TRAINING_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* The learning rate over a run. */
typedef enum {
    MH_SCHEDULE_CONSTANT,
    MH_SCHEDULE_COSINE, /* rate * (1 + cos(pi * share of the epochs)) / 2; Loshchilov, Hutter, arXiv:1608.03983 */
    MH_SCHEDULE_STEP /* times `factor` after every `every` epochs                                            */
} mh_schedule_kind;

typedef struct {
    mh_schedule_kind kind;
    double rate;
    size_t epochs; /* cosine: those of the whole run                                                   */
    size_t every;  /* step                                                                             */
    double factor; /* step                                                                             */
    size_t
        warmup_steps; /* the rate rises in equal parts up to step number `warmup_steps`; 0: at once       */
} mh_schedule;

/*
 * How a rate grows with the batch it is used for.
 * Methods: linear, Goyal et al. 2017, arXiv:1706.02677; with the square root, by which the noise of a batch's gradient
 * falls, Krizhevsky 2014, arXiv:1404.5997, and Hoffer et al. 2017, arXiv:1705.08741.
 */
typedef enum { MH_RATE_SCALE_NONE, MH_RATE_SCALE_LINEAR, MH_RATE_SCALE_SQRT } mh_rate_scale;

/** What a rate that is meant for batches of `reference_rows` is multiplied with for batches of `batch_rows`. */
double mh_rate_scale_factor(mh_rate_scale scale, size_t batch_rows, size_t reference_rows);

/** The rate of a step: `epochs_done` with the fraction of the epoch under way, `steps_done` before it. */
double mh_schedule_rate(const mh_schedule *schedule, double epochs_done, uint64_t steps_done);

#endif
