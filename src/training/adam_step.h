#ifndef MULTIHEAD_SRC_TRAINING_ADAM_STEP_H
#define MULTIHEAD_SRC_TRAINING_ADAM_STEP_H

#include <stdbool.h>

#include "multihead/tensor/span.h"

/* The numbers of a step that are the same for every parameter; computed in double as PyTorch does. */
typedef struct {
    float scale; /* the gradient is scale * sum */
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float correction; /* of the second moment's root, which began at 0 */
    float epsilon;
} adam_numbers;

/* How a part of the parameters takes a step of LAMB. */
typedef struct {
    mh_span span;
    double rate;
    bool is_adapted;        /* by the trust ratio; else that is 1      */
    float first_correction; /* of the first moment, which began at 0   */
    float decay;            /* share of the parameters in the update   */
} lamb_part;

/*
 * LAMB's step of one part. `sum`, both moments and the parameters are the whole vectors, of which it takes the part's
 * span.
 */
void lamb_update(adam_numbers numbers, const lamb_part *part, const float *sum, float *first_moment,
                 float *second_moment, float *parameters);

#endif
