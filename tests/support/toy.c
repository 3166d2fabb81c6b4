#include "toy.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "expect.h"

double toy_number(uint64_t i)
{
    /* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    return (double)(z >> 11) * 0x1p-52 - 1.0;
}

void toy_fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)toy_number((seed << 32) + i);
}

mh_schema toy_schema(size_t inputs, size_t heads, const size_t *classes)
{
    mh_schema schema;

    MUST(mh_schema_create(inputs, heads, &schema));
    memcpy(schema.classes, classes, heads * sizeof *classes);
    return schema;
}

mh_batch toy_batch(const mh_schema *schema, size_t rows)
{
    float *features = malloc((rows * schema->inputs + 1) * sizeof *features);
    mh_label *labels = malloc((rows * schema->heads + 1) * sizeof *labels);

    cr_assert(features != NULL && labels != NULL);
    toy_fill(features, rows * schema->inputs, 7);
    for (size_t i = 0; i < rows * schema->heads; i++) {
        double u = 0.5 + 0.5 * toy_number(((uint64_t)9 << 32) + i);

        labels[i] = (mh_label)(u * (double)schema->classes[i % schema->heads]);
    }
    return (mh_batch){.rows = rows,
                      .inputs = schema->inputs,
                      .heads = schema->heads,
                      .features = features,
                      .labels = labels};
}

void toy_batch_free(mh_batch *batch)
{
    free((float *)batch->features);
    free((mh_label *)batch->labels);
    *batch = (mh_batch){0};
}

void toy_batch_lose_labels(mh_batch *batch, size_t missing_every)
{
    mh_label *labels = (mh_label *)batch->labels;

    for (size_t i = 0; i < batch->rows * batch->heads; i += missing_every)
        labels[i] = MH_LABEL_MISSING;
}

mh_model *toy_model(const mh_schema *schema, mh_head_kind kind, mh_head_activation activation,
                    const size_t *hidden, size_t layers)
{
    mh_heads heads;
    mh_model *model = NULL;

    MUST(mh_heads_create(schema, kind, activation, &heads));

    mh_model_config config = {
        .inputs = schema->inputs, .hidden = hidden, .hidden_layers = layers, .heads = &heads};

    MUST(mh_model_create(&config, &model));
    mh_heads_clear(&heads);
    mh_model_initialize(model, MH_INITIAL_PYTORCH, 1);
    return model;
}

mh_tally toy_tally(size_t heads)
{
    mh_tally tally = {calloc(heads, sizeof *tally.loss), calloc(heads, sizeof *tally.known)};

    cr_assert(tally.loss != NULL && tally.known != NULL);
    return tally;
}

void toy_tally_free(mh_tally *tally)
{
    free(tally->loss);
    free(tally->known);
}

double toy_distance(const float *a, const float *b, size_t count)
{
    double largest = 0.0;

    for (size_t i = 0; i < count; i++) {
        double distance = fabs((double)a[i] - (double)b[i]);

        if (isnan(distance))
            return distance;
        largest = fmax(largest, distance);
    }
    return largest;
}
