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

/* ---- parts ---- */

/* The same over a part of its own: the learning rate times the part's, and the whole decay or none. */
static void reference_part(const mh_adam_config *config, const mh_adam_part *part, size_t step, double rate,
                           const float *gradient, double *m, double *v, double *parameters)
{
    double part_rate = rate * part->rate, decay = part->decays ? rate * config->weight_decay : 0.0;

    for (size_t i = part->span.first; i < mh_span_end(part->span); i++) {
        double g = (double)gradient[i];

        m[i] = config->beta1 * m[i] + (1.0 - config->beta1) * g;
        v[i] = config->beta2 * v[i] + (1.0 - config->beta2) * g * g;

        double m_hat = m[i] / (1.0 - pow(config->beta1, (double)step));
        double v_hat = v[i] / (1.0 - pow(config->beta2, (double)step));

        parameters[i] -= decay * parameters[i] + part_rate * m_hat / (sqrt(v_hat) + config->epsilon);
    }
}

/* Decay follows the learning rate alone: a part that learns slowly is held back as much as the others. */
Test(adam, parts_have_rates_of_their_own_and_may_be_spared_from_decay)
{
    const mh_adam_part parts[] = {{{0, 10}, 1.0, true, true},
                                  {{10, 5}, 1.0, false, false},
                                  {{15, 12}, 0.3, true, true},
                                  {{27, 10}, 2.0, false, false}};
    mh_adam_config config = pytorch;
    float gradient[COUNT], parameters[COUNT];
    double m[COUNT] = {0}, v[COUNT] = {0}, expected[COUNT];

    config.weight_decay = 0.5;
    config.parts = parts;
    config.part_count = sizeof parts / sizeof parts[0];

    mh_adam *adam = create(&config);

    toy_fill(parameters, COUNT, 1);
    for (size_t i = 0; i < COUNT; i++)
        expected[i] = (double)parameters[i];
    for (size_t step = 1; step <= STEPS; step++) {
        gradient_of(step, gradient);
        mh_adam_step(adam, 0.01, 1.0, gradient, parameters);
        for (size_t i = 0; i < config.part_count; i++)
            reference_part(&config, &parts[i], step, 0.01, gradient, m, v, expected);
    }
    for (size_t i = 0; i < COUNT; i++)
        cr_expect(epsilon_eq(dbl, (double)parameters[i], expected[i], STEPS * 2e-7), "element %zu", i);
    mh_adam_destroy(adam);
}

Test(adam, usual_parts_are_the_whole_bit_for_bit)
{
    const mh_adam_part parts[] = {{{0, 11}, 1.0, true, true}, {{11, 26}, 1.0, true, true}};
    mh_adam_config config = pytorch, cut = pytorch;
    float gradient[COUNT], expected[COUNT], parameters[COUNT];

    config.weight_decay = cut.weight_decay = 0.1;
    cut.parts = parts;
    cut.part_count = 2;

    mh_adam *whole = create(&config), *in_parts = create(&cut);

    toy_fill(expected, COUNT, 1);
    toy_fill(parameters, COUNT, 1);
    for (size_t step = 1; step <= STEPS; step++) {
        gradient_of(step, gradient);
        mh_adam_step(whole, 0.01, 0.25, gradient, expected);
        mh_adam_step(in_parts, 0.01, 0.25, gradient, parameters);
    }
    EXPECT_SAME_BITS(parameters, expected, COUNT);
    mh_adam_destroy(whole);
    mh_adam_destroy(in_parts);
}

/* The caller's array may go away. */
Test(adam, parts_are_copied)
{
    mh_adam_part part = {{0, COUNT}, 2.0, true, true};
    mh_adam_config config = pytorch;

    config.parts = &part;
    config.part_count = 1;

    mh_adam *adam = create(&config);
    float gradient[COUNT], parameters[COUNT] = {0};

    part = (mh_adam_part){{0, 0}, 0.0, false, false};
    for (size_t i = 0; i < COUNT; i++)
        gradient[i] = 1.0f;
    mh_adam_step(adam, 0.01, 1.0, gradient, parameters);
    cr_expect(epsilon_eq(dbl, (double)parameters[COUNT - 1], -0.02, 1e-8)); /* the first step is the rate */
    mh_adam_destroy(adam);
}
