#ifndef MULTIHEAD_TENSOR_STANDARDIZER_H
#define MULTIHEAD_TENSOR_STANDARDIZER_H

#include <stddef.h>

#include "multihead/base/status.h"

/* What is done to features before the model sees them: (x - mean) / deviation of each column, cut at +-limit. */
typedef struct {
    size_t inputs;    /* 0: features go in as they are            */
    float *mean;      /* [inputs]                                 */
    float *deviation; /* [inputs] above 0                         */
    float limit;      /* of columns that are standardized, see mh_standardizer_create; 0: none */
} mh_standardizer;

/** mean 0, deviation 1: changes nothing yet. Free with mh_standardizer_clear. */
mh_status mh_standardizer_create(size_t inputs, mh_standardizer *out);
mh_status mh_standardizer_copy(const mh_standardizer *standardizer, mh_standardizer *out);
void mh_standardizer_clear(mh_standardizer *standardizer);

/** features [rows x inputs], in place. */
void mh_standardizer_apply(const mh_standardizer *standardizer, size_t rows, float *features);

#endif
