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

/** The rate of a step: `epochs_done` with the fraction of the epoch under way, `steps_done` before it. */
double mh_schedule_rate(const mh_schedule *schedule, double epochs_done, uint64_t steps_done);

#endif
