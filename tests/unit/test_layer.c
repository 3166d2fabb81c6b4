#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

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

    mh_layer_forward(&layer, parameters, ROWS, x, y);
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
    mh_layer_forward(&linear, parameters, ROWS, x, y);
    for (size_t i = 0; i < ROWS * OUTPUTS; i++)
        cr_expect(epsilon_eq(dbl, (double)y[i], output(i / OUTPUTS, i % OUTPUTS), ROUNDING));
}

/* A ReLU written as z > 0 ? z : 0 would hide it. */
Test(layer, relu_lets_nan_through, .init = fill)
{
    x[0] = NAN;
    mh_layer_forward(&layer, parameters, ROWS, x, y);
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
    mh_layer_backward(&layer, parameters, ROWS, x, dy, true, 1.0f, gradient, NULL);
    expect_gradient(gradient, before);
    mh_layer_backward(&layer, parameters, ROWS, x, dy, false, 1.0f, gradient, NULL);
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
    mh_layer_backward(&layer, parameters, ROWS, x, dy, false, 1.0f, gradient, dx);
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        double sum = 0.0;

        for (size_t out = 0; out < OUTPUTS; out++)
            sum += (double)dy[i / INPUTS * OUTPUTS + out] *
                   (double)parameters[layer.weight + out * INPUTS + i % INPUTS];
        cr_expect(epsilon_eq(dbl, (double)dx[i], x[i] > 0.0f ? sum : 0.0, ROUNDING));
    }
}
