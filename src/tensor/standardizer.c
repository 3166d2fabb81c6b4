#include "multihead/tensor/standardizer.h"

#include <stdbool.h>
#include <string.h>

#include "multihead/base/memory.h"

mh_status mh_standardizer_create(size_t inputs, mh_standardizer *out)
{
    mh_status status = MH_OK;

    *out = (mh_standardizer){.inputs = inputs};
    MH_TRY(mh_memory_array(inputs, sizeof *out->mean, &out->mean));
    MH_TRY(mh_memory_array(inputs, sizeof *out->deviation, &out->deviation));
    for (size_t i = 0; i < inputs; i++)
        out->deviation[i] = 1.0f;
cleanup:
    if (status != MH_OK)
        mh_standardizer_clear(out);
    return status;
}

mh_status mh_standardizer_copy(const mh_standardizer *standardizer, mh_standardizer *out)
{
    mh_status status = MH_OK;
    size_t bytes = standardizer->inputs * sizeof *standardizer->mean;

    *out = (mh_standardizer){0};
    if (standardizer->inputs == 0)
        return MH_OK;
    MH_TRY(mh_standardizer_create(standardizer->inputs, out));
    out->limit = standardizer->limit;
    memcpy(out->mean, standardizer->mean, bytes);
    memcpy(out->deviation, standardizer->deviation, bytes);
cleanup:
    return status;
}

void mh_standardizer_clear(mh_standardizer *standardizer)
{
    mh_memory_free(standardizer->mean);
    mh_memory_free(standardizer->deviation);
    *standardizer = (mh_standardizer){0};
}

/* A column with mean 0 and deviation 1 was left as it is. */
static void cut(const mh_standardizer *standardizer, float *row)
{
    float limit = standardizer->limit;

    for (size_t i = 0; i < standardizer->inputs; i++) {
        bool is_left = standardizer->mean[i] == 0.0f && standardizer->deviation[i] == 1.0f;

        if (!is_left && row[i] > limit)
            row[i] = limit;
        if (!is_left && row[i] < -limit)
            row[i] = -limit;
    }
}

void mh_standardizer_apply(const mh_standardizer *standardizer, size_t rows, float *features)
{
    size_t inputs = standardizer->inputs;

    for (size_t row = 0; row < rows; row++) {
        float *x = features + row * inputs;

        for (size_t i = 0; i < inputs; i++)
            x[i] = (x[i] - standardizer->mean[i]) / standardizer->deviation[i];
        if (standardizer->limit > 0)
            cut(standardizer, x);
    }
}
