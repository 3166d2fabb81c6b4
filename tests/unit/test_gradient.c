/*
 * Gradients of whole models by the kernels in use against double: within 2e-6 of the largest element of each tensor, for
 * models and batches that meet every kind of chunk, leaf and remainder. With --verbose it tells how far off they are.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "double_model.h"
#include "expect.h"
#include "multihead/kernel/kernel.h"
#include "toy.h"

static const double TOLERANCE = 2e-6;

/* The first rows of all, in parts whose sums are added as leaves; a part alone goes through in chunks. */
typedef struct {
    size_t rows, parts, chunk_rows;
} shape;

/* Rows rise, so that the reference goes over each row once. */
enum { SHAPES = 6, PARTS_MAX = 11 };

static const shape shapes[SHAPES] = {
    {1, 1, 256}, {7, 1, 256}, {256, 8, 256}, {1000, 1, 256}, {1021, PARTS_MAX, 1021}, {2048, 1, 2048}};

/* The reference of wide layers takes a second for 250 rows. */
static const shape shapes_of_few_rows[SHAPES] = {{1, 1, 2048}, {7, 1, 2048},  {64, 3, 64},
                                                 {200, 1, 96}, {250, 1, 250}, {277, PARTS_MAX, 277}};

/* Where few rows are added, what a deep product lost is not evened out. */
static const shape shapes_of_single_rows[SHAPES] = {{1, 1, 16}, {2, 1, 16}, {3, 1, 16},
                                                    {4, 1, 16}, {5, 1, 16}, {6, 1, 16}};

typedef struct {
    size_t inputs;
    const size_t *hidden;
    size_t hidden_layers;
    size_t heads;
    const size_t *classes; /* of the heads, over and over */
    size_t kinds;          /* of them                     */
    mh_initial_weights weights;
    const shape *shapes;
    uint64_t rows; /* which ones are drawn */
} model_case;

/* ---- rows ---- */

/* Normal with mean 0 and deviation 1 (Box, Muller 1958). */
static float normal(uint64_t i)
{
    double u = 0.5 - 0.5 * toy_number(((uint64_t)3 << 32) + i), v = toy_number(((uint64_t)4 << 32) + i);

    return (float)(sqrt(-2.0 * log(u)) * cos(acos(-1.0) * v));
}

static mh_batch batch_of(const mh_schema *schema, size_t rows, uint64_t which)
{
    mh_batch batch = toy_batch(schema, rows);

    for (size_t i = 0; i < rows * schema->inputs; i++)
        ((float *)batch.features)[i] = normal((which << 24) + i);
    toy_batch_lose_labels(&batch, 7);
    return batch;
}

/* Unequal parts, one of them empty. Returns the parts. */
static void deal(const mh_batch *batch, size_t parts, mh_batch *part)
{
    size_t first = 0;

    for (size_t i = 0; i < parts; i++) {
        size_t left = batch->rows - first, rows = left / (parts - i);

        if (i + 1 < parts && i % 2 == 0)
            rows += rows / 4;
        part[i] = mh_batch_slice(batch, first, parts > 1 && i == 1 ? 0 : rows);
        first += part[i].rows;
    }
    cr_assert(eq(sz, first, batch->rows));
}

/* ---- the gradient in float32 ---- */

static void run_parts(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *workspace,
                      float *gradient)
{
    mh_tally tally[PARTS_MAX];

    for (size_t i = 0; i < parts; i++)
        tally[i] = toy_tally(part->heads);
    mh_model_gradient(model, part, parts, workspace, gradient, tally, NULL);
    for (size_t i = 0; i < parts; i++)
        toy_tally_free(&tally[i]);
}

/* BLAS takes parts one by one, and the allreduce adds. */
static void run_one_by_one(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *workspace,
                           float *gradient)
{
    size_t count = mh_model_layout(model)->count;
    float *own = malloc(count * sizeof *own);

    cr_assert(own != NULL);
    run_parts(model, part, 1, workspace, gradient);
    for (size_t i = 1; i < parts; i++) {
        run_parts(model, &part[i], 1, workspace, own);
        mh_kernel_now()->add(count, own, gradient);
    }
    free(own);
}

static void run_shape(const mh_model *model, const mh_batch *batch, const shape *s, float *gradient)
{
    mh_batch part[PARTS_MAX];
    mh_workspace *workspace = NULL;

    deal(batch, s->parts, part);
    MUST(mh_workspace_create(model, s->chunk_rows, &workspace));
    mh_workspace_prepare(workspace, model);
    if (mh_kernel_uses_blas())
        run_one_by_one(model, part, s->parts, workspace, gradient);
    else
        run_parts(model, part, s->parts, workspace, gradient);
    mh_workspace_destroy(workspace);
}

/* ---- how far it is off ---- */

typedef struct {
    double largest, deviation;
} spread;

static void measure(mh_span span, const float *gradient, const double *expected, spread *s)
{
    for (size_t i = span.first; i < span.first + span.count; i++) {
        s->largest = fmax(s->largest, fabs(expected[i]));
        s->deviation = fmax(s->deviation, fabs((double)gradient[i] - expected[i]));
    }
}

/* Returns the deviation in units of the largest element. */
static double expect_small(const spread *s, const char *tensor, size_t rows)
{
    cr_expect(le(dbl, s->deviation, TOLERANCE * s->largest), "%s of %zu rows: %.2g of the largest", tensor,
              rows, s->deviation / s->largest);
    return s->largest > 0 ? s->deviation / s->largest : 0; /* no label of a head, no slope */
}

/* The biases of the heads count as one tensor: those of a head alone are a number or two, which may be close to 0. */
static double expect_gradient(const mh_layout *layout, size_t rows, const float *gradient,
                              const double *expected)
{
    spread biases = {0};
    double worst = 0;

    cr_assert(mh_kernel_now()->is_finite(layout->count, gradient));
    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];
        spread own = {0};

        if (strncmp(tensor->name, "out", 3) == 0 && tensor->columns == 0) {
            measure(tensor->span, gradient, expected, &biases);
            continue;
        }
        measure(tensor->span, gradient, expected, &own);
        worst = fmax(worst, expect_small(&own, tensor->name, rows));
    }
    return fmax(worst, expect_small(&biases, "the heads' biases", rows));
}

static void expect_gradients(const model_case *c)
{
    size_t *classes = malloc(c->heads * sizeof *classes), all_rows = c->shapes[SHAPES - 1].rows, done = 0;

    cr_assert(classes != NULL);
    for (size_t h = 0; h < c->heads; h++)
        classes[h] = c->classes[h % c->kinds];

    mh_schema schema = toy_schema(c->inputs, c->heads, classes);
    mh_batch batch = batch_of(&schema, all_rows, c->rows);
    mh_model *model = toy_model(&schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, c->hidden, c->hidden_layers);

    mh_model_initialize(model, c->weights, 1);

    const mh_layout *layout = mh_model_layout(model);
    double_model *reference = double_model_of(model);
    double *expected = malloc(layout->count * sizeof *expected);
    float *gradient = malloc(layout->count * sizeof *gradient);

    cr_assert(expected != NULL && gradient != NULL);
    for (size_t s = 0; s < SHAPES; s++) {
        const shape *shape = &c->shapes[s];
        mh_batch rows = mh_batch_slice(&batch, 0, shape->rows);
        mh_batch added = mh_batch_slice(&batch, done, shape->rows - done);

        cr_expect(le(sz, double_model_add(reference, &added), added.rows / 20)); /* else they do not count */
        double_model_gradient(reference, expected);
        run_shape(model, &rows, shape, gradient);

        double deviation = expect_gradient(layout, shape->rows, gradient, expected);

        cr_log_info("%s, %zu rows: %.2g\n", mh_kernel_uses_blas() ? "openblas" : mh_kernel_now()->name,
                    shape->rows, deviation);
        done = shape->rows;
    }
    free(gradient);
    free(expected);
    double_model_free(reference);
    mh_model_destroy(model);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    free(classes);
}

/* ---- models ---- */

static const size_t yes_no[] = {2};

Test(gradient, of_the_tutorials_model_is_that_of_double)
{
    static const size_t hidden[] = {32, 64, 128, 256};

    expect_gradients(&(model_case){12, hidden, 4, 5, yes_no, 1, MH_INITIAL_PYTORCH, shapes, 0});
}

Test(gradient, of_wide_layers_is_that_of_double)
{
    static const size_t hidden[] = {1024, 1024};

    expect_gradients(&(model_case){512, hidden, 2, 100, yes_no, 1, MH_INITIAL_HE, shapes_of_few_rows, 0});
}

Test(gradient, of_single_rows_through_wide_layers_is_that_of_double)
{
    static const size_t hidden[] = {1024, 1024};

    for (uint64_t rows = 1; rows <= 5; rows++)
        expect_gradients(
            &(model_case){512, hidden, 2, 100, yes_no, 1, MH_INITIAL_HE, shapes_of_single_rows, rows});
}

Test(gradient, of_many_heads_is_that_of_double)
{
    static const size_t hidden[] = {160, 160};

    expect_gradients(&(model_case){100, hidden, 2, 1250, yes_no, 1, MH_INITIAL_HE, shapes, 0});
}

Test(gradient, of_heads_of_many_classes_is_that_of_double)
{
    static const size_t hidden[] = {131, 97}, classes[] = {2, 3, 130, 2, 17, 5};

    expect_gradients(&(model_case){37, hidden, 2, 12, classes, 6, MH_INITIAL_HE, shapes, 0});
}
