#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "multihead/model/layer.h"
#include "toy.h"

enum { ROWS = 9, INPUTS = 7, OUTPUTS = 5, WEIGHTS = INPUTS * OUTPUTS, COUNT = WEIGHTS + OUTPUTS + 6 };

/* The layer lies inside a longer vector, with numbers around it that are not its own. */
static const mh_layer layer = {
    .inputs = INPUTS, .outputs = OUTPUTS, .weight = 3, .bias = 3 + WEIGHTS, .has_relu = true};

/* Sums of at most ROWS or INPUTS products of numbers below 1: right to 9 * 9 * 2^-24 at the worst. */
static const double ROUNDING = 5e-6;

static float parameters[COUNT], x[ROWS * INPUTS], y[ROWS * OUTPUTS], dy[ROWS * OUTPUTS];

/* The layer's passes, of ordinary matrices. */
typedef struct {
    float *memory;
    mh_weights weights;
    mh_panels x, y, dy, dx;
} passes;

static float *next_part(float **memory, size_t floats)
{
    float *part = *memory;

    *memory += floats;
    return part;
}

static passes start(const mh_layer *l)
{
    passes p = {.memory = aligned_alloc(64, 1 << 16)};
    float *free_from = p.memory;

    cr_assert(p.memory != NULL);
    memset(p.memory, 0, 1 << 16);
    p.weights = mh_weights_of(next_part(&free_from, mh_weights_floats(INPUTS, OUTPUTS)), INPUTS, OUTPUTS);
    p.x = mh_matrix_of(next_part(&free_from, mh_matrix_floats(ROWS, INPUTS)), ROWS, INPUTS);
    p.dx = mh_matrix_of(next_part(&free_from, mh_matrix_floats(ROWS, INPUTS)), ROWS, INPUTS);
    p.y = mh_matrix_of(next_part(&free_from, mh_matrix_floats(ROWS, OUTPUTS)), ROWS, OUTPUTS);
    p.dy = mh_matrix_of(next_part(&free_from, mh_matrix_floats(ROWS, OUTPUTS)), ROWS, OUTPUTS);
    mh_layer_prepare(l, parameters, (mh_span){0, COUNT}, &p.weights);
    mh_panels_fill(&p.x, x);
    mh_panels_fill(&p.dy, dy);
    return p;
}

static void run_forward(const mh_layer *l)
{
    passes p = start(l);

    mh_layer_forward(l, &p.weights, &p.x, &p.y);
    mh_panels_spill(&p.y, y);
    free(p.memory);
}

static void run_backward(bool adds, float *gradient, float *dx)
{
    passes p = start(&layer);
    const size_t rows = ROWS;
    const mh_leaves leaves = {1, &rows, NULL};

    mh_matrix_weight_gradient(&p.dy, &p.x, &leaves, adds, mh_matrix_blocks(OUTPUTS, INPUTS),
                              gradient + layer.weight);
    mh_layer_bias_gradient(&layer, &p.dy, &leaves, adds, gradient);
    if (dx != NULL) {
        mh_matrix_backward(&p.weights, &p.dy, &p.x, 1.0f, &p.dx);
        mh_panels_spill(&p.dx, dx);
    }
    free(p.memory);
}

static void fill(void)
{
    toy_fill(parameters, COUNT, 1);
    toy_fill(x, ROWS * INPUTS, 2);
    toy_fill(dy, ROWS * OUTPUTS, 3);
}

static double output(size_t row, size_t out)
{
    double sum = (double)parameters[layer.bias + out];

    for (size_t in = 0; in < INPUTS; in++)
        sum += (double)x[row * INPUTS + in] * (double)parameters[layer.weight + out * INPUTS + in];
    return sum;
}

Test(layer, forward_is_relu_of_x_weight_and_bias, .init = fill)
{
    size_t clipped = 0;

    run_forward(&layer);
    for (size_t i = 0; i < ROWS * OUTPUTS; i++) {
        double z = output(i / OUTPUTS, i % OUTPUTS);

        clipped += z < 0.0;
        cr_expect(epsilon_eq(dbl, (double)y[i], fmax(z, 0.0), ROUNDING));
    }
    cr_expect(ge(sz, clipped, 5));
    cr_expect(le(sz, clipped, ROWS * OUTPUTS - 5));
}

Test(layer, forward_without_relu_keeps_the_sign, .init = fill)
{
    mh_layer linear = layer;

    linear.has_relu = false;
    run_forward(&linear);
    for (size_t i = 0; i < ROWS * OUTPUTS; i++)
        cr_expect(epsilon_eq(dbl, (double)y[i], output(i / OUTPUTS, i % OUTPUTS), ROUNDING));
}

/* A ReLU written as z > 0 ? z : 0 would hide it. */
Test(layer, relu_lets_nan_through, .init = fill)
{
    x[0] = NAN;
    run_forward(&layer);
    for (size_t out = 0; out < OUTPUTS; out++)
        cr_expect(isnan(y[out]));
    cr_expect(not(isnan(y[OUTPUTS])));
}

static double weight_slope(size_t out, size_t in)
{
    double sum = 0.0;

    for (size_t row = 0; row < ROWS; row++)
        sum += (double)dy[row * OUTPUTS + out] * (double)x[row * INPUTS + in];
    return sum;
}

static double bias_slope(size_t out)
{
    double sum = 0.0;

    for (size_t row = 0; row < ROWS; row++)
        sum += (double)dy[row * OUTPUTS + out];
    return sum;
}

/* `start` is what was there before, or NULL. */
static void expect_gradient(const float *gradient, const float *start)
{
    for (size_t i = 0; i < WEIGHTS; i++) {
        double before = start != NULL ? (double)start[layer.weight + i] : 0.0;

        cr_expect(epsilon_eq(dbl, (double)gradient[layer.weight + i],
                             before + weight_slope(i / INPUTS, i % INPUTS), ROUNDING));
    }
    for (size_t out = 0; out < OUTPUTS; out++) {
        double before = start != NULL ? (double)start[layer.bias + out] : 0.0;

        cr_expect(epsilon_eq(dbl, (double)gradient[layer.bias + out], before + bias_slope(out), ROUNDING));
    }
}

Test(layer, backward_replaces_or_adds_and_writes_nothing_else, .init = fill)
{
    float gradient[COUNT], before[COUNT];

    toy_fill(gradient, COUNT, 4);
    toy_fill(before, COUNT, 4);
    run_backward(true, gradient, NULL);
    expect_gradient(gradient, before);
    run_backward(false, gradient, NULL);
    expect_gradient(gradient, NULL);
    EXPECT_SAME_BITS(gradient, before, 3);
    EXPECT_SAME_BITS(gradient + COUNT - 3, before + COUNT - 3, 3);
}

/* x is what a ReLU made: where it is 0 nothing goes further down. */
Test(layer, backward_masks_where_x_was_clipped, .init = fill)
{
    float gradient[COUNT], dx[ROWS * INPUTS];

    for (size_t i = 0; i < ROWS * INPUTS; i++)
        x[i] = fmaxf(x[i], 0.0f);
    run_backward(false, gradient, dx);
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        double sum = 0.0;

        for (size_t out = 0; out < OUTPUTS; out++)
            sum += (double)dy[i / INPUTS * OUTPUTS + out] *
                   (double)parameters[layer.weight + out * INPUTS + i % INPUTS];
        cr_expect(epsilon_eq(dbl, (double)dx[i], x[i] > 0.0f ? sum : 0.0, ROUNDING));
    }
}
