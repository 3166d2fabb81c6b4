#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/kernel/kernel.h"
#include "multihead/model/dropout.h"
#include "multihead/model/model.h"
#include "toy.h"

enum { INPUTS = 6, HEADS = 3, ROWS = 23 };

static const size_t yes_no[HEADS] = {2, 2, 2};
static const size_t mixed[HEADS] = {2, 4, 2};
static const size_t hidden[] = {8, 5};

/* A model with a batch and the gradient of it. */
typedef struct {
    mh_schema schema;
    mh_batch batch;
    mh_model *model;
    mh_model_config config;
    float *gradient;
    mh_tally tally;
} model_case;

static model_case model_start(const size_t *classes, mh_head_kind kind, mh_head_activation activation,
                              size_t layers)
{
    model_case c = {.schema = toy_schema(INPUTS, HEADS, classes), .tally = toy_tally(HEADS)};

    c.batch = toy_batch(&c.schema, ROWS);
    c.model = toy_model(&c.schema, kind, activation, hidden, layers);
    c.gradient = malloc(mh_model_layout(c.model)->count * sizeof *c.gradient);
    cr_assert(c.gradient != NULL);
    return c;
}

/* The same with what a config can say beyond that, and every parameter drawn, also those that start at 0. */
static model_case model_start_with(mh_model_config config, const size_t *classes, size_t layers)
{
    model_case c = model_start(classes, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, layers);
    mh_heads heads;

    mh_model_destroy(c.model);
    MUST(mh_heads_create(&c.schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, &heads));
    config.inputs = INPUTS;
    config.hidden = hidden;
    config.hidden_layers = layers;
    config.heads = &heads;
    MUST(mh_model_create(&config, &c.model));
    toy_fill(mh_model_parameters(c.model), mh_model_layout(c.model)->count, 5);
    mh_heads_clear(&heads);
    config.heads = NULL;
    c.config = config;
    free(c.gradient);
    c.gradient = malloc(mh_model_layout(c.model)->count * sizeof *c.gradient);
    cr_assert(c.gradient != NULL);
    return c;
}

static void model_end(model_case *c)
{
    toy_tally_free(&c->tally);
    toy_batch_free(&c->batch);
    mh_model_destroy(c->model);
    mh_schema_clear(&c->schema);
    free(c->gradient);
}

static void run_gradient(model_case *c, size_t chunk_rows)
{
    mh_workspace *workspace = NULL;

    memset(c->tally.loss, 0, HEADS * sizeof *c->tally.loss);
    memset(c->tally.known, 0, HEADS * sizeof *c->tally.known);
    toy_fill(c->gradient, mh_model_layout(c->model)->count, 77); /* what is not written shows */
    MUST(mh_workspace_create(c->model, chunk_rows, &workspace));
    mh_workspace_prepare(workspace, c->model);
    mh_model_gradient(c->model, &c->batch, 1, workspace, c->gradient, &c->tally, NULL);
    mh_workspace_destroy(workspace);
}

/* ---- the same model once more, in double and without a shortcut ---- */

/* Tensors are found by their names, so the reference does not share the model's idea of where they lie. */
static mh_span place_of(const mh_model *model, const char *stem, size_t number, const char *part)
{
    const mh_layout *layout = mh_model_layout(model);
    char name[MH_TENSOR_NAME_BYTES];
    size_t t = 0;

    if (number > 0)
        snprintf(name, sizeof name, "%s%zu.%s", stem, number, part);
    else
        snprintf(name, sizeof name, "%s.%s", stem, part);
    while (t < layout->tensors && strcmp(layout->tensor[t].name, name) != 0)
        t++;
    cr_assert(t < layout->tensors, "the model has no %s", name);
    return layout->tensor[t].span;
}

static void dense(const mh_model *model, const double *p, const char *stem, size_t number, const double *x,
                  size_t inputs, double *y)
{
    mh_span weight = place_of(model, stem, number, "weight"), bias = place_of(model, stem, number, "bias");

    cr_assert(eq(sz, weight.count, inputs * bias.count));
    for (size_t out = 0; out < bias.count; out++) {
        y[out] = p[bias.first + out];
        for (size_t in = 0; in < inputs; in++)
            y[out] += p[weight.first + out * inputs + in] * x[in];
    }
}

static double head_loss(const mh_heads *heads, size_t h, const double *z, mh_label label)
{
    double scores[8], sum = 0.0;

    if (heads->head[h].is_binary)
        return log1p(exp(label == 1 ? -z[0] : z[0]));
    for (size_t c = 0; c < heads->head[h].classes; c++) {
        scores[c] = heads->activation == MH_HEAD_ACTIVATION_SIGMOID ? 1.0 / (1.0 + exp(-z[c])) : z[c];
        sum += exp(scores[c]);
    }
    return log(sum) - scores[label];
}

static void add_linear_path(const mh_model *model, const double *p, size_t first_column, size_t columns,
                            const double *x, double *z)
{
    mh_span wide = place_of(model, "wide", 0, "weight");

    for (size_t k = 0; k < columns; k++)
        for (size_t in = 0; in < INPUTS; in++)
            z[k] += p[wide.first + (first_column + k) * INPUTS + in] * x[in];
}

/* Which elements dropout takes away is its own business (test_dropout); what becomes of the rest is checked. */
static void drop(const model_case *c, size_t layer, size_t row, size_t columns, float rate, double *x)
{
    float kept[16];

    if (c->batch.draw == NULL || rate == 0)
        return;
    for (size_t i = 0; i < columns; i++)
        kept[i] = 1.0f;
    mh_panels one = mh_panels_of_rows(kept, 1, columns);

    mh_dropout_apply(c->batch.draw, layer, row, rate, &one);
    for (size_t i = 0; i < columns; i++)
        x[i] = kept[i] == 0.0f ? 0.0 : x[i] / (1.0 - (double)rate);
}

/* The weighted loss of all rows and heads; with `loss` [heads] also each head's own, not weighted. */
static double reference_loss(const model_case *c, const double *p, double *loss)
{
    const mh_heads *heads = mh_model_heads(c->model);
    double total = 0.0;

    for (size_t row = 0; row < c->batch.rows; row++) {
        double x[16], y[16], features[INPUTS];
        size_t width = INPUTS;

        for (size_t in = 0; in < INPUTS; in++)
            features[in] = (double)c->batch.features[row * INPUTS + in];
        drop(c, 0, row, INPUTS, c->config.input_dropout, features);
        memcpy(x, features, sizeof features);
        for (size_t layer = 0; layer < mh_model_hidden_layers(c->model); layer++) {
            dense(c->model, p, "fc", layer + 1, x, width, y);
            width = mh_model_hidden(c->model, layer);
            for (size_t i = 0; i < width; i++)
                x[i] = fmax(y[i], 0.0);
            drop(c, layer + 1, row, width, c->config.dropout, x);
        }
        for (size_t h = 0; h < HEADS; h++) {
            mh_label label = c->batch.labels[row * HEADS + h];

            if (label == MH_LABEL_MISSING)
                continue;
            dense(c->model, p, "out", h + 1, x, width, y);
            if (mh_model_has_linear_path(c->model))
                add_linear_path(c->model, p, heads->head[h].columns.first, heads->head[h].columns.count,
                                features, y);

            double own = head_loss(heads, h, y, label);

            total += own * (c->batch.weights != NULL ? (double)c->batch.weights[h] : 1.0);
            if (loss != NULL)
                loss[h] += own;
        }
    }
    return total;
}

/*
 * Central differences in double: off by about step^2 = 1e-10 as long as no ReLU turns within a step, which is
 * so for these fixed numbers. The gradient is a float32 sum over 23 rows of numbers of about 1.
 */
static void expect_finite_differences(const model_case *c)
{
    const double step = 1e-5, tolerance = 2e-5;
    size_t count = mh_model_layout(c->model)->count, nonzero = 0;
    double *p = malloc(count * sizeof *p);
    double loss[HEADS] = {0};

    cr_assert(p != NULL);
    for (size_t i = 0; i < count; i++)
        p[i] = (double)mh_model_parameters(c->model)[i];
    for (size_t i = 0; i < count; i++) {
        double at = p[i];

        p[i] = at + step;

        double above = reference_loss(c, p, NULL);

        p[i] = at - step;

        double slope = (above - reference_loss(c, p, NULL)) / (2.0 * step);

        p[i] = at;
        nonzero += fabs(slope) > tolerance;
        cr_expect(epsilon_eq(dbl, (double)c->gradient[i], slope, tolerance), "parameter %zu", i);
    }
    cr_expect(ge(sz, nonzero, count / 2));
    reference_loss(c, p, loss);
    for (size_t h = 0; h < HEADS; h++)
        cr_expect(epsilon_eq(dbl, c->tally.loss[h], loss[h], ROWS * 1e-6)); /* float32 terms, double sum */
    free(p);
}

static void check_gradient(const size_t *classes, mh_head_kind kind, mh_head_activation activation,
                           size_t layers)
{
    model_case c = model_start(classes, kind, activation, layers);

    run_gradient(&c, ROWS);
    expect_finite_differences(&c);
    model_end(&c);
}

Test(model, gradient_of_binary_heads_equals_finite_differences)
{
    check_gradient(yes_no, MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE, 2);
}

Test(model, gradient_of_softmax_heads_equals_finite_differences)
{
    check_gradient(mixed, MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_NONE, 2);
}

Test(model, gradient_of_heads_of_both_kinds_equals_finite_differences)
{
    check_gradient(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
}

Test(model, gradient_through_a_sigmoid_equals_finite_differences)
{
    check_gradient(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_SIGMOID, 2);
}

Test(model, gradient_of_a_linear_model_equals_finite_differences)
{
    check_gradient(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 0);
}

Test(model, gradient_with_weights_and_missing_labels_equals_finite_differences)
{
    const float weights[HEADS] = {2.0f, 0.5f, 1.5f};
    model_case c = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1);

    c.batch.weights = weights;
    toy_batch_lose_labels(&c.batch, 4);
    run_gradient(&c, 10);
    expect_finite_differences(&c);
    model_end(&c);
}

static void expect_tensor(const mh_layout *layout, size_t t, const char *name, size_t rows, size_t columns)
{
    cr_expect(strcmp(layout->tensor[t].name, name) == 0, "%s instead of %s", layout->tensor[t].name, name);
    cr_expect(eq(sz, layout->tensor[t].rows, rows));
    cr_expect(eq(sz, layout->tensor[t].columns, columns));
}

static const mh_draw draw = {.seed = 3, .step = 14, .replica = 2};

Test(model, gradient_with_a_linear_path_equals_finite_differences)
{
    model_case c = model_start_with((mh_model_config){.has_linear_path = true}, mixed, 2);

    run_gradient(&c, 7);
    expect_finite_differences(&c);
    model_end(&c);
}

Test(model, gradient_with_dropout_equals_finite_differences)
{
    model_case c = model_start_with(
        (mh_model_config){.has_linear_path = true, .dropout = 0.25f, .input_dropout = 0.125f}, mixed, 2);

    c.batch.draw = &draw;
    run_gradient(&c, 7);
    expect_finite_differences(&c);
    model_end(&c);
}

Test(model, predicting_drops_nothing)
{
    model_case c = model_start_with((mh_model_config){.dropout = 0.5f, .input_dropout = 0.5f}, mixed, 2);
    model_case plain = model_start_with((mh_model_config){0}, mixed, 2);
    mh_workspace *workspace[2] = {NULL};

    c.batch.draw = &draw;
    MUST(mh_workspace_create(c.model, ROWS, &workspace[0]));
    MUST(mh_workspace_create(plain.model, ROWS, &workspace[1]));
    mh_workspace_prepare(workspace[0], c.model);
    mh_workspace_prepare(workspace[1], plain.model);
    cr_expect(eq(dbl,
                 toy_distance(mh_model_logits(c.model, &c.batch, workspace[0]),
                              mh_model_logits(plain.model, &plain.batch, workspace[1]),
                              ROWS * mh_model_heads(c.model)->columns),
                 0.0));
    mh_workspace_destroy(workspace[0]);
    mh_workspace_destroy(workspace[1]);
    model_end(&c);
    model_end(&plain);
}

Test(model, a_linear_path_starts_at_0_and_is_the_last_tensor)
{
    model_case c = model_start_with((mh_model_config){.has_linear_path = true}, mixed, 1);
    const mh_layout *layout = mh_model_layout(c.model);
    mh_span wide = layout->tensor[layout->tensors - 1].span;

    expect_tensor(layout, layout->tensors - 1, "wide.weight", 6, INPUTS);
    mh_model_initialize(c.model, MH_INITIAL_PYTORCH, 1);
    for (size_t i = 0; i < wide.count; i++)
        cr_expect(eq(flt, mh_model_parameters(c.model)[wide.first + i], 0.0f));
    model_end(&c);
}

/* ---- chunks ---- */

/* Sums of 23 float32 terms of about 1 in another order. */
Test(model, gradient_does_not_depend_on_chunks_but_for_rounding)
{
    static const size_t chunks[] = {1, 7, ROWS, 1000};
    model_case whole = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    size_t count = mh_model_layout(whole.model)->count;

    run_gradient(&whole, ROWS);
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        model_case c = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);

        run_gradient(&c, chunks[i]);
        cr_expect(lt(dbl, toy_distance(c.gradient, whole.gradient, count), 1e-5), "chunks of %zu", chunks[i]);
        for (size_t h = 0; h < HEADS; h++) {
            cr_expect(epsilon_eq(dbl, c.tally.loss[h], whole.tally.loss[h], 1e-5));
            cr_expect(eq(i64, c.tally.known[h], ROWS));
        }
        model_end(&c);
    }
    model_end(&whole);
}

Test(model, same_batch_gives_the_same_bits)
{
    model_case a = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    model_case b = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);

    run_gradient(&a, 7);
    run_gradient(&b, 7);
    EXPECT_SAME_BITS(a.gradient, b.gradient, mh_model_layout(a.model)->count);
    EXPECT_SAME_BITS(a.tally.loss, b.tally.loss, HEADS);
    model_end(&a);
    model_end(&b);
}

Test(model, no_rows_have_no_gradient)
{
    model_case c = model_start(yes_no, MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE, 2);

    c.batch.rows = 0;
    run_gradient(&c, 7);
    for (size_t i = 0; i < mh_model_layout(c.model)->count; i++)
        cr_assert(c.gradient[i] == 0.0f);
    cr_expect(zero(dbl, c.tally.loss[0]));
    cr_expect(zero(i64, c.tally.known[0]));
    model_end(&c);
}

/* ---- names, shapes, first weights ---- */

Test(model, tensors_have_pytorchs_names_and_shapes)
{
    model_case c = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    const mh_layout *layout = mh_model_layout(c.model);

    cr_expect(eq(sz, layout->tensors, 10));
    expect_tensor(layout, 0, "fc1.weight", 8, INPUTS);
    expect_tensor(layout, 1, "fc1.bias", 8, 0);
    expect_tensor(layout, 2, "fc2.weight", 5, 8);
    expect_tensor(layout, 3, "fc2.bias", 5, 0);
    expect_tensor(layout, 4, "out1.weight", 1, 5);
    expect_tensor(layout, 5, "out2.weight", 4, 5);
    expect_tensor(layout, 6, "out3.weight", 1, 5);
    expect_tensor(layout, 7, "out1.bias", 1, 0);
    expect_tensor(layout, 8, "out2.bias", 4, 0);
    expect_tensor(layout, 9, "out3.bias", 1, 0);
    cr_expect(eq(sz, layout->count, 8 * 6 + 8 + 5 * 8 + 5 + 6 * 5 + 6));
    model_end(&c);
}

Test(model, linear_model_has_only_heads)
{
    model_case c = model_start(yes_no, MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE, 0);

    cr_expect(eq(sz, mh_model_layout(c.model)->tensors, 6));
    expect_tensor(mh_model_layout(c.model), 0, "out1.weight", 1, INPUTS);
    cr_expect(eq(sz, mh_model_inputs(c.model), INPUTS));
    model_end(&c);
}

Test(model, refuses_a_layer_without_width)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, yes_no);
    mh_heads heads;
    mh_model *model = NULL;

    MUST(mh_heads_create(&schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, &heads));

    mh_model_config config = {
        .inputs = INPUTS, .hidden = (const size_t[]){8, 0}, .hidden_layers = 2, .heads = &heads};

    EXPECT_FAILURE(mh_model_create(&config, &model), MH_ERR_USAGE, "--hidden");
    cr_expect(model == NULL);
    config.hidden = (const size_t[]){8, (size_t)1 << 31};
    EXPECT_FAILURE(mh_model_create(&config, &model), MH_ERR_USAGE, "--hidden");
    mh_heads_clear(&heads);
    mh_schema_clear(&schema);
}

/* Of 10,000 uniform numbers the largest is closer to the bound than 1/1000 of it, but for one time in e^5. */
Test(model, first_weights_are_uniform_up_to_pytorchs_bound)
{
    mh_schema schema = toy_schema(100, 1, yes_no);
    mh_model *model = toy_model(&schema, MH_HEADS_BINARY, 0, (const size_t[]){100, 25}, 2);
    const mh_layout *layout = mh_model_layout(model);

    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];
        const double inputs[] = {100, 100, 100, 100, 25, 25};
        double bound = 1.0 / sqrt(inputs[t]), largest = 0.0, sum = 0.0;

        for (size_t i = 0; i < tensor->span.count; i++) {
            double weight = (double)mh_model_parameters(model)[tensor->span.first + i];

            largest = fmax(largest, fabs(weight));
            sum += weight;
        }
        cr_expect(le(dbl, largest, bound * (1.0 + 0x1p-23)), "%s", tensor->name);
        if (t == 0) {
            cr_expect(ge(dbl, largest, 0.999 * bound));
            cr_expect(epsilon_eq(dbl, sum / 1e4, 0.0, 4 * bound * 0.577 / 100.0)); /* 4 deviations */
        }
    }
    mh_model_destroy(model);
    mh_schema_clear(&schema);
}

/*
 * Deviations of n normal numbers are off by 1 / sqrt(2 n) of themselves, their mean by deviation / sqrt(n): four of
 * these.  */
Test(model, first_weights_of_he_are_normal_and_biases_0)
{
    const size_t classes[] = {20, 20};
    mh_schema schema = toy_schema(50, 2, classes);
    mh_model *model = toy_model(&schema, MH_HEADS_SOFTMAX, 0, (const size_t[]){80, 100}, 2);
    const mh_layout *layout = mh_model_layout(model);

    mh_model_initialize(model, MH_INITIAL_HE, 1);
    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];
        bool is_trunk = strncmp(tensor->name, "fc", 2) == 0;
        double n = (double)tensor->span.count, sum = 0.0, squares = 0.0;
        double deviation = sqrt((is_trunk ? 2.0 : 1.0) / (double)tensor->columns);

        for (size_t i = 0; i < tensor->span.count; i++) {
            double weight = (double)mh_model_parameters(model)[tensor->span.first + i];

            cr_expect(tensor->columns > 0 || weight == 0.0, "%s", tensor->name);
            sum += weight;
            squares += weight * weight;
        }
        if (tensor->columns == 0)
            continue;
        cr_expect(epsilon_eq(dbl, sqrt(squares / n) / deviation, 1.0, 4 / sqrt(2 * n)), "%s", tensor->name);
        cr_expect(epsilon_eq(dbl, sum / n / deviation, 0.0, 4 / sqrt(n)), "%s", tensor->name);
    }
    mh_model_destroy(model);
    mh_schema_clear(&schema);
}

Test(model, first_weights_of_he_are_a_function_of_seed_and_tensor)
{
    model_case a = model_start_with((mh_model_config){.has_linear_path = true}, mixed, 2);
    model_case b = model_start_with((mh_model_config){.has_linear_path = true}, mixed, 2);
    const mh_layout *layout = mh_model_layout(a.model);
    float *first = mh_model_parameters(a.model), *second = mh_model_parameters(b.model);
    mh_span wide = mh_model_linear_path(a.model);

    mh_model_initialize(a.model, MH_INITIAL_HE, 1);
    mh_model_initialize(b.model, MH_INITIAL_HE, 1);
    EXPECT_SAME_BITS(first, second, layout->count);
    for (size_t i = 0; i < wide.count; i++)
        cr_expect(first[wide.first + i] == 0.0f);
    mh_model_initialize(b.model, MH_INITIAL_HE, 2);
    cr_expect(first[0] != second[0] &&
              first[layout->tensor[2].span.first] != second[layout->tensor[2].span.first]);
    /* out1 and out3 are as large as each other; drawn from one stream they would be the same. */
    cr_expect(first[layout->tensor[4].span.first] != first[layout->tensor[6].span.first]);
    model_end(&a);
    model_end(&b);
}

Test(model, first_weights_are_a_function_of_the_seed)
{
    model_case a = model_start(yes_no, MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE, 2);
    model_case b = model_start(yes_no, MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE, 2);
    size_t count = mh_model_layout(a.model)->count;
    float *first = mh_model_parameters(a.model), *second = mh_model_parameters(b.model);

    EXPECT_SAME_BITS(first, second, count);
    mh_model_initialize(b.model, MH_INITIAL_PYTORCH, 2);
    cr_expect(ge(dbl, toy_distance(first, second, count), 0.1));
    mh_model_initialize(b.model, MH_INITIAL_PYTORCH, 1);
    EXPECT_SAME_BITS(first, second, count);
    model_end(&a);
    model_end(&b);
}

/* ---- watching the gradient ---- */

typedef struct {
    const model_case *c;
    const float *expected;
    size_t calls, last;
} watcher;

static void expect_final_from(void *who, size_t first)
{
    watcher *w = who;
    size_t count = mh_model_layout(w->c->model)->count;

    cr_expect(w->calls == 0 || first < w->last, "%zu after %zu", first, w->last);
    EXPECT_SAME_BITS(w->c->gradient + first, w->expected + first, count - first);
    w->last = first;
    w->calls++;
}

Test(model, what_is_called_final_of_a_gradient_is)
{
    model_case c = model_start_with((mh_model_config){.has_linear_path = true}, mixed, 2);
    size_t count = mh_model_layout(c.model)->count, starts[2];
    float *expected = malloc(count * sizeof *expected);
    mh_workspace *workspace = NULL;

    cr_assert(expected != NULL);
    MUST(mh_workspace_create(c.model, 7, &workspace)); /* several chunks: only the last one ends anything */
    mh_workspace_prepare(workspace, c.model);
    mh_model_gradient(c.model, &c.batch, 1, workspace, expected, &c.tally, NULL);
    for (size_t i = 0; i < count; i++)
        c.gradient[i] = -1.0f;

    watcher w = {.c = &c, .expected = expected};
    const mh_gradient_watch watch = {expect_final_from, &w};
    mh_model_gradient(c.model, &c.batch, 1, workspace, c.gradient, &c.tally, &watch);
    cr_expect(w.calls == 3 && w.last == 0);
    cr_expect(mh_model_layer_starts(c.model, starts) == 2 && starts[0] > 0 && starts[1] > starts[0]);
    mh_workspace_destroy(workspace);
    free(expected);
    model_end(&c);
}

/* Zeros, in cache lines. */
static float *lines_of(size_t floats)
{
    size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    float *memory = aligned_alloc(64, bytes);

    cr_assert(memory != NULL);
    return memset(memory, 0, bytes);
}

/*
 * As between processes: one makes the derivatives, another one, which sees the same memory, some of the gradient. Returns
 * the number of pieces.
 */
static size_t expect_same_from_pieces(model_case *c, size_t rows, const mh_batch *part, size_t parts)
{
    size_t count = mh_model_layout(c->model)->count, floats = mh_workspace_floats(c->model, rows);
    float *memory = lines_of(floats), *weights = lines_of(mh_workspace_weight_floats(c->model));
    float *expected = malloc(count * sizeof *expected);
    mh_tally tally[] = {c->tally, c->tally}; /* which is of no interest here */
    mh_workspace *own = NULL, *seen = NULL;
    mh_weight_work left;

    cr_assert(expected != NULL);
    MUST(mh_workspace_create_in(c->model, rows, memory, weights, &own));
    MUST(mh_workspace_create_in(c->model, rows, memory, weights, &seen));
    mh_workspace_prepare(own, c->model);
    mh_model_gradient(c->model, part, parts, own, expected, tally, NULL);
    for (size_t i = 0; i < count; i++)
        c->gradient[i] = NAN;
    mh_model_gradient_but_weights(c->model, part, parts, own, c->gradient, tally, &left);
    for (size_t piece = left.pieces; piece-- > 0;)
        mh_model_weight_piece(c->model, piece % 2 == 0 ? own : seen, &left, piece, c->gradient);
    EXPECT_SAME_BITS(c->gradient, expected, count);
    mh_workspace_destroy(own);
    mh_workspace_destroy(seen);
    free(expected);
    free(memory);
    free(weights);
    return left.pieces;
}

Test(model, weights_that_are_left_for_later_get_the_same_gradient)
{
    model_case c = model_start_with((mh_model_config){.has_linear_path = true, .dropout = 0.25f}, mixed, 2);
    mh_batch empty = mh_batch_slice(&c.batch, 0, 0);
    const mh_batch part[] = {mh_batch_slice(&c.batch, 0, 5), mh_batch_slice(&c.batch, 5, 3)};
    mh_draw draw = {.seed = 1, .step = 2};

    c.batch.draw = &draw;
    expect_same_from_pieces(&c, ROWS, &c.batch, 1);
    expect_same_from_pieces(&c, 7, &c.batch, 1); /* in several passes: the last one's are left */
    expect_same_from_pieces(&c, ROWS, &empty, 1);
    if (!mh_kernel_uses_blas())
        expect_same_from_pieces(&c, ROWS, part, 2);
    model_end(&c);
}

Test(model, weights_of_a_large_layer_are_left_in_several_pieces)
{
    enum { MANY_ROWS = 150 };
    static const size_t wide[] = {300, 200};
    model_case c = model_start(mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);

    mh_model_destroy(c.model);
    toy_batch_free(&c.batch);
    free(c.gradient);
    c.model = toy_model(&c.schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, wide, 2);
    c.batch = toy_batch(&c.schema, MANY_ROWS);
    c.gradient = malloc(mh_model_layout(c.model)->count * sizeof *c.gradient);
    cr_assert(c.gradient != NULL);
    cr_expect(mh_kernel_uses_blas() || expect_same_from_pieces(&c, MANY_ROWS, &c.batch, 1) > 3);
    model_end(&c);
}

/* As between processes that have the weights together: each lays a part of the parameters out, cut anywhere. */
Test(model, weights_can_be_laid_out_in_parts)
{
    enum { PARTS = 7 };
    model_case c = model_start_with((mh_model_config){.has_linear_path = true}, mixed, 2);
    size_t count = mh_model_layout(c.model)->count, logits = ROWS * mh_model_heads(c.model)->columns;
    float *weights = lines_of(mh_workspace_weight_floats(c.model));
    float *memory[PARTS];
    mh_workspace *whole = NULL, *part[PARTS];

    MUST(mh_workspace_create(c.model, ROWS, &whole));
    mh_workspace_prepare(whole, c.model);
    for (size_t i = 0; i < PARTS; i++) {
        memory[i] = lines_of(mh_workspace_floats(c.model, ROWS));
        MUST(mh_workspace_create_in(c.model, ROWS, memory[i], weights, &part[i]));
        mh_workspace_prepare_part(part[i], c.model, mh_span_part(count, i, PARTS));
    }
    for (size_t i = 0; i < PARTS; i++) {
        EXPECT_SAME_BITS(mh_model_logits(c.model, &c.batch, part[i]),
                         mh_model_logits(c.model, &c.batch, whole), logits);
        mh_workspace_destroy(part[i]);
        free(memory[i]);
    }
    mh_workspace_destroy(whole);
    free(weights);
    model_end(&c);
}

/* Parts of a batch that are taken at once, as a rank's replicas are. */
Test(model, parts_together_give_the_bits_of_their_sum)
{
    enum { PARTS = 3, EACH = 5 };
    model_case c = model_start_with((mh_model_config){.has_linear_path = true, .dropout = 0.25f}, mixed, 2);
    size_t count = mh_model_layout(c.model)->count;
    float *alone[PARTS], loss_before = 0;
    mh_batch part[PARTS];
    mh_tally tally[PARTS], tally_alone[PARTS];
    mh_draw draws[PARTS];
    mh_workspace *workspace = NULL;

    MUST(mh_workspace_create(c.model, PARTS * EACH, &workspace));
    mh_workspace_prepare(workspace, c.model);
    for (size_t i = 0; i < PARTS; i++) {
        part[i] = mh_batch_slice(&c.batch, i * EACH, i == 1 ? EACH - 1 : EACH);
        part[i].first = 0;
        draws[i] = (mh_draw){.seed = 1, .step = 2, .replica = (uint32_t)i};
        part[i].draw = &draws[i];
        tally[i] = toy_tally(HEADS);
        tally_alone[i] = toy_tally(HEADS);
        alone[i] = malloc(count * sizeof *alone[i]);
        cr_assert(alone[i] != NULL);
        mh_model_gradient(c.model, &part[i], 1, workspace, alone[i], &tally_alone[i], NULL);
    }
    if (mh_kernel_uses_blas())
        cr_skip_test("BLAS takes parts one by one");
    mh_model_gradient(c.model, part, PARTS, workspace, c.gradient, tally, NULL);
    for (size_t i = 0; i < count; i++)
        alone[0][i] = (alone[0][i] + alone[1][i]) + alone[2][i];
    EXPECT_SAME_BITS(c.gradient, alone[0], count);
    for (size_t i = 0; i < PARTS; i++) {
        EXPECT_SAME_BITS(tally[i].loss, tally_alone[i].loss, HEADS);
        loss_before += (float)tally[i].loss[0];
        toy_tally_free(&tally[i]);
        toy_tally_free(&tally_alone[i]);
        free(alone[i]);
    }
    cr_expect(loss_before > 0);
    mh_workspace_destroy(workspace);
    model_end(&c);
}
