#include "multihead/training/trained.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "trained_model.h"

size_t mh_trained_rates(const mh_trained *trained)
{
    size_t rates = 0;

    for (size_t head = 0; head < trained->schema.heads; head++)
        rates += trained->schema.classes[head];
    return rates;
}

mh_status mh_trained_create_model(const mh_heads *heads, const mh_trained_config *config, mh_trained *trained)
{
    mh_status status = MH_OK;
    mh_model_config model = {.inputs = trained->schema.inputs,
                             .hidden = config->hidden,
                             .hidden_layers = config->hidden_layers,
                             .heads = heads,
                             .has_linear_path = config->has_linear_path,
                             .dropout = config->dropout,
                             .input_dropout = config->input_dropout,
                             .loss = config->loss};

    MH_TRY(mh_model_create(&model, &trained->model));
    MH_TRY(mh_memory_array(mh_trained_rates(trained), sizeof *trained->base_rates, &trained->base_rates));
cleanup:
    return status;
}

mh_status mh_trained_create(const mh_schema *schema, const mh_trained_config *config, mh_trained *out)
{
    mh_status status = MH_OK;
    mh_heads heads = {0};

    *out = (mh_trained){0};
    MH_TRY(mh_schema_copy(schema, &out->schema));
    MH_TRY(mh_heads_create(schema, config->heads, config->activation, &heads));
    MH_TRY(mh_trained_create_model(&heads, config, out));
cleanup:
    mh_heads_clear(&heads);
    if (status != MH_OK)
        mh_trained_clear(out);
    return status;
}

void mh_trained_clear(mh_trained *trained)
{
    mh_model_destroy(trained->model);
    mh_schema_clear(&trained->schema);
    mh_memory_free(trained->base_rates);
    mh_memory_free(trained->thresholds);
    mh_standardizer_clear(&trained->standardizer);
    *trained = (mh_trained){0};
}

/* Half a label more of each class, so that what never occurs has a finite logarithm. */
static double smoothed(double rate, int64_t known)
{
    return rate * (double)known + 0.5;
}

void mh_trained_start_at_base_rates(mh_trained *trained, const int64_t *known)
{
    const mh_heads *heads = mh_model_heads(trained->model);
    float *bias = mh_model_head_biases(trained->model);
    const double *rates = trained->base_rates;

    for (size_t h = 0; h < heads->count; h++) {
        const mh_head *head = &heads->head[h];

        if (head->is_binary)
            bias[head->columns.first] =
                (float)log(smoothed(rates[1], known[h]) / smoothed(rates[0], known[h]));
        for (size_t c = 0; !head->is_binary && c < head->classes; c++)
            bias[head->columns.first + c] =
                (float)log(smoothed(rates[c], known[h]) / ((double)known[h] + 0.5 * (double)head->classes));
        rates += head->classes;
    }
}

mh_status mh_trained_set_threshold(mh_trained *trained, float threshold)
{
    mh_status status = MH_OK;
    size_t heads = trained->schema.heads;

    if (trained->thresholds == NULL)
        MH_TRY(mh_memory_array(heads, sizeof *trained->thresholds, &trained->thresholds));
    for (size_t h = 0; h < heads; h++)
        trained->thresholds[h] = threshold;
cleanup:
    return status;
}
