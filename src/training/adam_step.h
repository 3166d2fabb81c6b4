#ifndef MULTIHEAD_SRC_TRAINING_ADAM_STEP_H
#define MULTIHEAD_SRC_TRAINING_ADAM_STEP_H

#include <stdbool.h>

#include "multihead/kernel/update.h"
#include "multihead/tensor/span.h"

/* How a part of the parameters takes a step of LAMB. */
typedef struct {
    mh_span span;
    double rate;
    bool is_adapted; /* by the trust ratio; else that is 1 */
} lamb_part;

/*
 * LAMB's step of one part: numbers.step_size is the correction of the first moment, and numbers.decay the share of the
 * parameters in the update. `sum`, both moments and the parameters are the whole vectors, of which it takes the part's
 * span.
 */
void lamb_update(const mh_adam_numbers *numbers, const lamb_part *part, const float *sum, float *first_moment,
                 float *second_moment, float *parameters);

#endif
