#ifndef MULTIHEAD_SRC_MODEL_SOFTMAX_H
#define MULTIHEAD_SRC_MODEL_SOFTMAX_H

#include <math.h>

#include "multihead/model/head.h"

/* What head and loss share: the functions from logits to probabilities, safe for logits of any size. */

static inline float sigmoid(float z)
{
    float e = expf(-fabsf(z));

    return (z >= 0.0f ? 1.0f : e) / (1.0f + e);
}

/* The score of a class that the softmax takes: the logit, or the tutorial's sigmoid of it. */
static inline float score(mh_head_activation activation, float logit)
{
    return activation == MH_HEAD_ACTIVATION_SIGMOID ? sigmoid(logit) : logit;
}

static inline float largest_score(mh_head_activation activation, size_t classes, const float *z)
{
    float largest = score(activation, z[0]);

    for (size_t c = 1; c < classes; c++)
        largest = fmaxf(largest, score(activation, z[c]));
    return largest;
}

/* Probabilities of one head, p may be z; returns the sum of exp(score - largest). */
static inline float softmax(mh_head_activation activation, size_t classes, const float *z, float largest,
                            float *p)
{
    float sum = 0.0f;

    for (size_t c = 0; c < classes; c++) {
        p[c] = expf(score(activation, z[c]) - largest);
        sum += p[c];
    }
    for (size_t c = 0; c < classes; c++)
        p[c] /= sum;
    return sum;
}

#endif
