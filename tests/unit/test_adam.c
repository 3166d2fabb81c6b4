#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "expect.h"
#include "multihead/training/adam.h"
#include "toy.h"

enum { COUNT = 37, STEPS = 20 };

static const mh_adam_config pytorch = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};

static mh_adam *create(const mh_adam_config *config)
{
    mh_adam *adam = NULL;

    MUST(mh_adam_create(config, COUNT, &adam));
    return adam;
}

static void gradient_of(size_t step, float *gradient)
{
    toy_fill(gradient, COUNT, 100 + step);
}

/* Algorithm 2 of Loshchilov and Hutter, arXiv:1711.05101, in double. */
static void reference_step(const mh_adam_config *config, size_t step, double rate, double scale,
                           const float *sum, double *m, double *v, double *parameters)
{
    for (size_t i = 0; i < COUNT; i++) {
        double gradient = scale * (double)sum[i];

        m[i] = config->beta1 * m[i] + (1.0 - config->beta1) * gradient;
        v[i] = config->beta2 * v[i] + (1.0 - config->beta2) * gradient * gradient;

        double m_hat = m[i] / (1.0 - pow(config->beta1, (double)step));
        double v_hat = v[i] / (1.0 - pow(config->beta2, (double)step));

        parameters[i] -=
            rate * config->weight_decay * parameters[i] + rate * m_hat / (sqrt(v_hat) + config->epsilon);
    }
}

/* Each step moves by about the rate, 0.01, in float32; parameters are about 1: 20 steps of 2^-24. */
static void expect_reference(const mh_adam_config *config)
{
    mh_adam *adam = create(config);
    float gradient[COUNT], parameters[COUNT];
    double m[COUNT] = {0}, v[COUNT] = {0}, expected[COUNT];

    toy_fill(parameters, COUNT, 1);
    for (size_t i = 0; i < COUNT; i++)
        expected[i] = (double)parameters[i];
    for (size_t step = 1; step <= STEPS; step++) {
        gradient_of(step, gradient);
        mh_adam_step(adam, 0.01, 0.25, gradient, parameters);
        reference_step(config, step, 0.01, 0.25, gradient, m, v, expected);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect(epsilon_eq(dbl, (double)parameters[i], expected[i], STEPS * 2e-7));
        cr_expect(epsilon_eq(dbl, (double)mh_adam_first_moment(adam)[i], m[i], 1e-7));
        cr_expect(epsilon_eq(dbl, (double)mh_adam_second_moment(adam)[i], v[i], 1e-8));
    }
    cr_expect(eq(u64, mh_adam_steps(adam), STEPS));
    mh_adam_destroy(adam);
}

Test(adam, steps_equal_the_reference)
{
    expect_reference(&pytorch);
}

Test(adam, weight_decay_is_decoupled)
{
    mh_adam_config config = pytorch;

    config.weight_decay = 0.1;
    expect_reference(&config);
}

/* Decoupled: without a gradient a step is nothing but the decay. Adam's L2 would move by about the rate. */
Test(adam, decay_alone_shrinks_parameters)
{
    mh_adam_config config = pytorch;

    config.weight_decay = 0.5;

    mh_adam *adam = create(&config);
    const float gradient[COUNT] = {0};
    float parameters[COUNT], before[COUNT];

    toy_fill(parameters, COUNT, 1);
    toy_fill(before, COUNT, 1);
    mh_adam_step(adam, 0.01, 1.0, gradient, parameters);
    for (size_t i = 0; i < COUNT; i++)
        cr_expect(epsilon_eq(dbl, (double)parameters[i], 0.995 * (double)before[i], 1e-7));
    mh_adam_destroy(adam);
}

/* An epsilon that matters tells where it stands: the first step is rate * g / (|g| + epsilon). */
Test(adam, epsilon_is_outside_the_root)
{
    mh_adam_config config = pytorch;

    config.epsilon = 0.5;

    mh_adam *adam = create(&config);
    float gradient[COUNT], parameters[COUNT] = {0};

    gradient_of(1, gradient);
    mh_adam_step(adam, 0.01, 1.0, gradient, parameters);
    for (size_t i = 0; i < COUNT; i++) {
        double g = (double)gradient[i];

        cr_expect(epsilon_eq(dbl, (double)parameters[i], -0.01 * g / (fabs(g) + 0.5), 1e-8));
    }
    mh_adam_destroy(adam);
}

Test(adam, state_carries_over_bit_for_bit)
{
    mh_adam *whole = create(&pytorch), *first = create(&pytorch), *second = create(&pytorch);
    float gradient[COUNT], expected[COUNT], parameters[COUNT];

    toy_fill(expected, COUNT, 1);
    toy_fill(parameters, COUNT, 1);
    for (size_t step = 0; step < 6; step++) {
        gradient_of(step, gradient);
        mh_adam_step(whole, 0.01, 1.0, gradient, expected);
        mh_adam_step(step < 3 ? first : second, 0.01, 1.0, gradient, parameters);
        if (step != 2)
            continue;
        memcpy(mh_adam_first_moment(second), mh_adam_first_moment(first), COUNT * sizeof(float));
        memcpy(mh_adam_second_moment(second), mh_adam_second_moment(first), COUNT * sizeof(float));
        mh_adam_set_steps(second, mh_adam_steps(first));
    }
    EXPECT_SAME_BITS(parameters, expected, COUNT);
    mh_adam_destroy(whole);
    mh_adam_destroy(first);
    mh_adam_destroy(second);
}
