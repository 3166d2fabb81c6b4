#ifndef MULTIHEAD_TRAINING_KEPT_WEIGHTS_H
#define MULTIHEAD_TRAINING_KEPT_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/*
 * Weights beside those that are being trained: their running mean, and those of the best epoch so far. What training
 * gives in the end is one of them where there are some.
 */
typedef struct {
    size_t count;
    double decay;   /* of the mean: the share of the old one that a step keeps          */
    float *average; /* [count] running mean of the parameters; NULL where none is kept  */
    float *best;    /* [count] parameters of the best epoch; NULL where none is kept    */
} mh_kept_weights;

/** A mean unless `decay` is 0. Free with mh_kept_weights_clear. */
mh_status mh_kept_weights_create(size_t count, bool keeps_best, double decay, mh_kept_weights *out);
void mh_kept_weights_clear(mh_kept_weights *kept);

/**
 * Takes the parameters [count] after a step into the mean; `steps` have been done with it. The mean follows faster at
 * first, so that it soon forgets where it began. Method: Polyak, Juditsky, SIAM J. Control Optim. 30, 1992.
 */
void mh_kept_weights_add(mh_kept_weights *kept, uint64_t steps, const float *parameters);

/** These are the best so far. */
void mh_kept_weights_remember(mh_kept_weights *kept, const float *parameters);

/** The best, where some were remembered, or else the mean, or else `parameters` as they are. */
void mh_kept_weights_result(const mh_kept_weights *kept, bool has_best, float *parameters);

#endif
