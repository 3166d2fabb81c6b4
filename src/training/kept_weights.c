#include "multihead/training/kept_weights.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"

mh_status mh_kept_weights_create(size_t count, bool keeps_best, double decay, mh_kept_weights *out)
{
    mh_status status = MH_OK;

    *out = (mh_kept_weights){.count = count, .decay = decay};
    if (keeps_best)
        MH_TRY(mh_memory_array(count, sizeof *out->best, &out->best));
    if (decay > 0)
        MH_TRY(mh_memory_array(count, sizeof *out->average, &out->average));
cleanup:
    if (status != MH_OK)
        mh_kept_weights_clear(out);
    return status;
}

void mh_kept_weights_clear(mh_kept_weights *kept)
{
    mh_memory_free(kept->average);
    mh_memory_free(kept->best);
    *kept = (mh_kept_weights){0};
}

void mh_kept_weights_add(mh_kept_weights *kept, uint64_t steps, const float *parameters)
{
    double done = (double)steps;
    double decay = steps == 1 ? 0.0 : fmin(kept->decay, (1.0 + done) / (10.0 + done));
    float old = (float)decay, new = (float)(1.0 - decay);

    if (kept->average == NULL)
        return;
    for (size_t i = 0; i < kept->count; i++)
        kept->average[i] = old * kept->average[i] + new *parameters[i];
}

void mh_kept_weights_remember(mh_kept_weights *kept, const float *parameters)
{
    if (kept->best != NULL)
        memcpy(kept->best, parameters, kept->count * sizeof *kept->best);
}

void mh_kept_weights_result(const mh_kept_weights *kept, bool has_best, float *parameters)
{
    const float *result = kept->best != NULL && has_best ? kept->best : kept->average;

    if (result != NULL)
        memcpy(parameters, result, kept->count * sizeof *result);
}
