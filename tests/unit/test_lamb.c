#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "expect.h"
#include "multihead/training/adam.h"
#include "toy.h"

/* Layers of many sizes, also more than is gone through at a time (1024), and of one number. */
enum { PARTS = 7, COUNT = 5000, STEPS = 20, ZERO_WEIGHTS = 3, ZERO_GRADIENT = 4, ALL_ZERO = 5 };

static const mh_adam_part parts[PARTS] = {{{0, 2500}, 1.0, true, true},    {{2500, 1024}, 1.0, false, true},
                                          {{3524, 1}, 1.0, true, true},    {{3525, 475}, 1.0, true, true},
                                          {{4000, 300}, 0.3, true, true},  {{4300, 200}, 1.0, true, true},
                                          {{4500, 500}, 2.0, false, false}};

static const double RATE = 0.01, SCALE = 0.25;

static mh_adam_config usual(void)
{
    return (mh_adam_config){.rule = MH_ADAM_LAMB,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = 1e-6,
                            .parts = parts,
                            .part_count = PARTS};
}

static mh_adam *create(const mh_adam_config *config)
{
    mh_adam *lamb = NULL;

    MUST(mh_adam_create(config, COUNT, &lamb));
    return lamb;
}

static void clear(float *values, size_t part)
{
    memset(values + parts[part].span.first, 0, parts[part].span.count * sizeof *values);
}

static void weights_at_start(float *parameters)
{
    toy_fill(parameters, COUNT, 1);
    clear(parameters, ZERO_WEIGHTS);
    clear(parameters, ALL_ZERO);
}

static void gradient_of(size_t step, float *sum)
{
    toy_fill(sum, COUNT, 100 + step);
    clear(sum, ZERO_GRADIENT);
    clear(sum, ALL_ZERO);
}

typedef struct {
    double first[COUNT], second[COUNT], parameters[COUNT];
} reference;

/* Algorithm 2 of You et al., arXiv:1904.00962, in double, as it stands there: one element after another. */
static void reference_part(const mh_adam_config *config, const mh_adam_part *part, size_t step,
                           const float *sum, reference *r)
{
    static double update[COUNT];
    double decay = part->decays ? config->weight_decay : 0, length = 0, update_length = 0;

    for (size_t i = part->span.first; i < mh_span_end(part->span); i++) {
        double g = SCALE * (double)sum[i];

        r->first[i] = config->beta1 * r->first[i] + (1 - config->beta1) * g;
        r->second[i] = config->beta2 * r->second[i] + (1 - config->beta2) * g * g;

        double m = r->first[i] / (1 - pow(config->beta1, (double)step));
        double v = r->second[i] / (1 - pow(config->beta2, (double)step));

        update[i] = m / (sqrt(v) + config->epsilon) + decay * r->parameters[i];
        length += r->parameters[i] * r->parameters[i];
        update_length += update[i] * update[i];
    }
    double trust = part->adapts && length > 0 && update_length > 0 ? sqrt(length) / sqrt(update_length) : 1;

    for (size_t i = part->span.first; i < mh_span_end(part->span); i++)
        r->parameters[i] -= part->rate * RATE * trust * update[i];
}

/* Parameters are about 1 and steps about 0.01, both in float32: 20 roundings of 2^-24. */
static void expect_reference(double weight_decay)
{
    static reference r;
    static float sum[COUNT], parameters[COUNT];
    mh_adam_config config = usual();

    config.weight_decay = weight_decay;

    mh_adam *lamb = create(&config);

    weights_at_start(parameters);
    for (size_t i = 0; i < COUNT; i++)
        r.parameters[i] = (double)parameters[i];
    for (size_t step = 1; step <= STEPS; step++) {
        gradient_of(step, sum);
        mh_adam_step(lamb, RATE, SCALE, sum, parameters);
        for (size_t i = 0; i < PARTS; i++)
            reference_part(&config, &parts[i], step, sum, &r);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect(epsilon_eq(dbl, (double)parameters[i], r.parameters[i], STEPS * 2e-7), "element %zu", i);
        cr_expect(epsilon_eq(dbl, (double)mh_adam_first_moment(lamb)[i], r.first[i], 1e-7));
        cr_expect(epsilon_eq(dbl, (double)mh_adam_second_moment(lamb)[i], r.second[i], 1e-8));
    }
    cr_expect(eq(u64, mh_adam_steps(lamb), STEPS));
    mh_adam_destroy(lamb);
}

Test(lamb, steps_equal_the_reference)
{
    expect_reference(0);
}

Test(lamb, decay_is_part_of_the_update)
{
    expect_reference(0.5);
}

static double length_of_step(const float *before, const float *after, mh_span span)
{
    double squares = 0;

    for (size_t i = span.first; i < mh_span_end(span); i++)
        squares += pow((double)after[i] - (double)before[i], 2);
    return sqrt(squares);
}

/* What it is for: a layer moves by the rate's share of its length, however large its gradient. */
Test(lamb, a_layer_moves_by_a_share_of_its_length)
{
    static float sum[COUNT], before[COUNT], parameters[COUNT], nothing[COUNT];
    mh_adam_config config = usual();

    for (double size = 1e-3; size < 1e4; size *= 1000) {
        mh_adam *lamb = create(&config);

        weights_at_start(before);
        weights_at_start(parameters);
        toy_fill(sum, COUNT, 2);
        mh_adam_step(lamb, RATE, size, sum, parameters);
        for (size_t i = 0; i < 2; i++) {
            double length = length_of_step(nothing, before, parts[i].span);

            cr_expect(epsilon_eq(dbl, length_of_step(before, parameters, parts[i].span) / length, RATE, 1e-5),
                      "layer %zu, gradients of size %g", i, size);
        }
        mh_adam_destroy(lamb);
    }
}

/* Without weights, as without an update, the ratio is 1: a first step is the rate in each element, or none. */
Test(lamb, a_layer_of_zeros_moves_as_with_adam)
{
    static float sum[COUNT], parameters[COUNT];
    mh_adam_config config = usual();
    mh_adam *lamb = create(&config);

    weights_at_start(parameters);
    gradient_of(1, sum);
    mh_adam_step(lamb, RATE, 1, sum, parameters);
    for (size_t i = 0; i < parts[ZERO_WEIGHTS].span.count; i++) {
        size_t at = parts[ZERO_WEIGHTS].span.first + i;
        double g = (double)sum[at];

        cr_expect(epsilon_eq(dbl, (double)parameters[at], -RATE * g / (fabs(g) + 1e-6), 1e-7), "element %zu",
                  i);
    }
    for (size_t i = 0; i < parts[ALL_ZERO].span.count; i++)
        cr_expect(parameters[parts[ALL_ZERO].span.first + i] == 0);
    mh_adam_destroy(lamb);
}

Test(lamb, a_layer_without_gradient_stays_as_it_is)
{
    static float sum[COUNT], before[COUNT], parameters[COUNT];
    mh_adam_config config = usual();
    mh_adam *lamb = create(&config);
    mh_span span = parts[ZERO_GRADIENT].span;

    weights_at_start(before);
    weights_at_start(parameters);
    gradient_of(1, sum);
    mh_adam_step(lamb, RATE, SCALE, sum, parameters);
    EXPECT_SAME_BITS(parameters + span.first, before + span.first, span.count);
    mh_adam_destroy(lamb);
}

/* A layer's step depends on the layer alone, not on where it stands in the vector or what is beside it. */
Test(lamb, a_layer_takes_the_same_step_anywhere)
{
    static float sum[COUNT], all[COUNT], own[COUNT];
    const mh_span span = parts[0].span;
    const mh_adam_part alone = {{0, span.count}, 1.0, true, true},
                       moved[2] = {{{0, 7}, 1.0, true, true}, {{7, span.count}, 1.0, true, true}};
    mh_adam_config config = usual(), other = usual();
    mh_adam *first = NULL, *second = NULL;

    config.parts = &alone;
    config.part_count = 1;
    other.parts = moved;
    other.part_count = 2;
    MUST(mh_adam_create(&config, span.count, &first));
    MUST(mh_adam_create(&other, 7 + span.count, &second));
    toy_fill(own, span.count, 1);
    toy_fill(all, 7, 2);
    memcpy(all + 7, own, span.count * sizeof *own);
    for (size_t step = 1; step <= 3; step++) {
        toy_fill(sum + 7, span.count, 100 + step);
        mh_adam_step(first, RATE, SCALE, sum + 7, own);
        mh_adam_step(second, RATE, SCALE, sum, all);
    }
    EXPECT_SAME_BITS(all + 7, own, span.count);
    mh_adam_destroy(first);
    mh_adam_destroy(second);
}

Test(lamb, state_carries_over_bit_for_bit)
{
    static float sum[COUNT], expected[COUNT], parameters[COUNT];
    mh_adam_config config = usual();
    mh_adam *whole = create(&config), *first = create(&config), *second = create(&config);

    weights_at_start(expected);
    weights_at_start(parameters);
    for (size_t step = 0; step < 6; step++) {
        gradient_of(step, sum);
        mh_adam_step(whole, RATE, SCALE, sum, expected);
        mh_adam_step(step < 3 ? first : second, RATE, SCALE, sum, parameters);
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
