#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"
#include "fixture_file.h"
#include "multihead/training/adam.h"
#include "toy.h"

/*
 * The tutorial's models as PyTorch 1.13 trains them, three steps of Adam from the same weights on the same
 * batches. Tolerances are absolute: PyTorch in float32 is itself up to 9e-8 (loss), 3e-8 (gradient) and 6e-7
 * (weights) away from PyTorch in float64.
 */
enum { INPUTS = 12, HEADS = 5, ROWS = 1024, STEPS = 3 };

static const double LOSS = 1e-6, GRADIENT = 1e-6, LOGITS = 2e-6, WEIGHTS = 1e-5;

static const size_t classes[HEADS] = {2, 2, 2, 2, 2};
static const size_t hidden[] = {32, 64, 128, 256};

/* Puts <group>/<name> of every tensor where the model has it. */
static void read_vector(const char *file, const char *group, const mh_layout *layout, float *vector)
{
    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];
        char name[64];
        fixture_shape shape;

        snprintf(name, sizeof name, "%s/%s", group, tensor->name);

        float *values = fixture_read_float(file, name, &shape);

        cr_assert(eq(sz, shape.extent[0], tensor->rows));
        cr_assert(eq(sz, shape.count, tensor->span.count));
        memcpy(vector + tensor->span.first, values, shape.count * sizeof *values);
        free(values);
    }
}

static void expect_vector(const char *file, const char *group, const mh_layout *layout, const float *vector,
                          double scale, double tolerance)
{
    float *expected = malloc(layout->count * sizeof *expected),
          *scaled = malloc(layout->count * sizeof *scaled);

    cr_assert(expected != NULL && scaled != NULL);
    read_vector(file, group, layout, expected);
    for (size_t i = 0; i < layout->count; i++)
        scaled[i] = (float)(scale * (double)vector[i]);
    cr_expect(le(dbl, toy_distance(scaled, expected, layout->count), tolerance), "%s", group);
    free(expected);
    free(scaled);
}

/* The batches, as the fixture has them. */
static mh_batch read_batches(const char *file)
{
    fixture_shape x_shape, y_shape;
    float *x = fixture_read_float(file, "batch/x", &x_shape);
    uint8_t *y = fixture_read_uint8(file, "batch/y", &y_shape);
    mh_label *labels = malloc(y_shape.count * sizeof *labels);

    cr_assert(eq(sz, x_shape.count, STEPS * ROWS * INPUTS));
    cr_assert(eq(sz, y_shape.count, STEPS * ROWS * HEADS));
    cr_assert(labels != NULL);
    for (size_t i = 0; i < y_shape.count; i++)
        labels[i] = y[i];
    free(y);
    return (mh_batch){
        .rows = STEPS * ROWS, .inputs = INPUTS, .heads = HEADS, .features = x, .labels = labels};
}

static void expect_logits(const char *file, const mh_model *model, const mh_batch *batch)
{
    mh_workspace *workspace = NULL;
    fixture_shape shape;
    float *expected = fixture_read_float(file, "logits1", &shape);

    MUST(mh_workspace_create(model, ROWS, &workspace));
    mh_workspace_prepare(workspace, model);
    cr_assert(eq(sz, shape.count, ROWS * mh_model_heads(model)->columns));
    cr_expect(le(dbl, toy_distance(mh_model_logits(model, batch, workspace), expected, shape.count), LOGITS));
    free(expected);
    mh_workspace_destroy(workspace);
}

static void expect_loss(const char *file, size_t step, const mh_tally *tally)
{
    fixture_shape shape;
    double *loss = fixture_read_double(file, "loss", &shape);
    double *per_head = fixture_read_double(file, "loss_per_head", &shape);
    double mean = 0.0;

    for (size_t h = 0; h < HEADS; h++) {
        double own = tally->loss[h] / ROWS;

        cr_expect(epsilon_eq(dbl, own, per_head[step * HEADS + h], LOSS));
        mean += own / HEADS;
    }
    cr_expect(epsilon_eq(dbl, mean, loss[step], LOSS));
    free(loss);
    free(per_head);
}

static void expect_three_steps_of(const char *file, mh_head_kind kind, mh_head_activation activation)
{
    const double scale = 1.0 / (ROWS * HEADS); /* the fixture's loss is a mean over rows and heads */
    const mh_adam_config config = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_model *model = toy_model(&schema, kind, activation, hidden, 4);
    const mh_layout *layout = mh_model_layout(model);
    mh_batch batches = read_batches(file);
    float *gradient = malloc(layout->count * sizeof *gradient);
    mh_workspace *workspace = NULL;
    mh_adam *adam = NULL;

    cr_assert(gradient != NULL);
    MUST(mh_workspace_create(model, mh_model_chunk_rows(model), &workspace));
    MUST(mh_adam_create(&config, layout->count, &adam));
    read_vector(file, "init", layout, mh_model_parameters(model));
    for (size_t step = 0; step < STEPS; step++) {
        mh_batch batch = mh_batch_slice(&batches, step * ROWS, ROWS);
        mh_tally tally = toy_tally(HEADS);
        char group[8];

        if (step == 0)
            expect_logits(file, model, &batch);
        mh_workspace_prepare(workspace, model);
        mh_model_gradient(model, &batch, 1, workspace, gradient, &tally, NULL);
        expect_loss(file, step, &tally);
        if (step == 0)
            expect_vector(file, "grad1", layout, gradient, scale, GRADIENT);
        mh_adam_step(adam, 1e-3, scale, gradient, mh_model_parameters(model));
        snprintf(group, sizeof group, "adam%zu", step + 1);
        expect_vector(file, group, layout, mh_model_parameters(model), 1.0, WEIGHTS);
        toy_tally_free(&tally);
    }
    mh_adam_destroy(adam);
    mh_workspace_destroy(workspace);
    free(gradient);
    toy_batch_free(&batches);
    mh_model_destroy(model);
    mh_schema_clear(&schema);
}

Test(torch, binary_heads_take_pytorchs_steps)
{
    expect_three_steps_of("torch_binary_logits.h5", MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE);
}

Test(torch, softmax_heads_take_pytorchs_steps)
{
    expect_three_steps_of("torch_multi_logits.h5", MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_NONE);
}

Test(torch, softmax_heads_behind_a_sigmoid_take_pytorchs_steps)
{
    expect_three_steps_of("torch_multi_sigmoid_ce.h5", MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_SIGMOID);
}
