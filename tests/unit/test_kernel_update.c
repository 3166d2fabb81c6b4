#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "multihead/kernel/kernel.h"
#include "toy.h"

enum { MOST = 100 };

/* The numbers of a step as a user would set them, and what a run's first steps meet. */
static const mh_adam_numbers usual = {1.0f / 32, 0.9f, 0.1f, 0.999f, 0.001f, 3.0f, 1e-8f, 0.999f, 0.01f};

typedef struct {
    float sum[MOST], first[MOST], second[MOST], parameters[MOST + 1];
} state;

static state state_of(void)
{
    state s = {0};

    toy_fill(s.sum, MOST, 1);
    toy_fill(s.first, MOST, 2);
    toy_fill(s.second, MOST, 3);
    toy_fill(s.parameters, MOST, 4);
    for (size_t i = 0; i < MOST; i++)
        s.second[i] = fabsf(s.second[i]);
    s.sum[0] = s.first[0] = s.second[0] = 0.0f;
    s.second[1] = 0x1p-140f;
    return s;
}

static void step_alone(const mh_adam_numbers *n, state *s, size_t i)
{
    volatile float gradient = n->scale * s->sum[i], a = n->beta1 * s->first[i],
                   b = n->one_minus_beta1 * gradient;
    volatile float c = n->beta2 * s->second[i], d = n->one_minus_beta2 * gradient, e = d * gradient;

    s->first[i] = a + b;
    s->second[i] = c + e;
    volatile float root = sqrtf(s->second[i]), f = root * n->correction, g = n->step_size * s->first[i];
    volatile float h = f + n->epsilon, kept = n->decay * s->parameters[i], step = g / h;
    s->parameters[i] = kept - step;
}

Test(kernel_update, adam_has_the_bits_of_single_operations_in_every_set)
{
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        for (size_t count = 0; count <= MOST; count++) {
            state expected = state_of(), s = state_of();

            for (size_t i = 0; i < count; i++)
                step_alone(&usual, &expected, i);
            mh_kernel_available(k)->adam(&usual, count, s.sum, s.first, s.second, s.parameters);
            cr_expect(memcmp(&s, &expected, sizeof s) == 0, "%s: %zu", mh_kernel_available(k)->name, count);
        }
    }
}

/* LAMB's way through the same step. */
Test(kernel_update, moments_and_direction_are_the_halves_of_adam)
{
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        const mh_kernel *kernel = mh_kernel_available(k);
        mh_adam_numbers plain = usual;
        state expected = state_of(), s = state_of();
        float direction[MOST];

        plain.decay = 0.0f;
        kernel->adam(&usual, MOST, expected.sum, expected.first, expected.second, expected.parameters);
        kernel->adam_moments(&usual, MOST, s.sum, s.first, s.second);
        kernel->adam_direction(&plain, MOST, s.first, s.second, s.parameters, direction);
        for (size_t i = 0; i < MOST; i++) {
            volatile float kept = usual.decay * s.parameters[i];

            s.parameters[i] = kept - direction[i];
        }
        cr_expect(memcmp(&s, &expected, sizeof s) == 0, "%s", kernel->name);
    }
}

Test(kernel_update, add_adds_each_element_and_none_behind)
{
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        for (size_t count = 0; count <= MOST; count++) {
            state expected = state_of(), s = state_of();

            for (size_t i = 0; i < count; i++)
                expected.parameters[i] += expected.sum[i];
            mh_kernel_available(k)->add(count, s.sum, s.parameters);
            cr_expect(memcmp(&s, &expected, sizeof s) == 0, "%s: %zu", mh_kernel_available(k)->name, count);
        }
    }
}

Test(kernel_update, is_finite_sees_an_infinity_or_nan_in_every_place)
{
    const float broken[] = {INFINITY, -INFINITY, NAN, -NAN};

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        const mh_kernel *kernel = mh_kernel_available(k);
        state s = state_of();

        s.sum[2] = 0x1.fffffep127f;
        s.sum[3] = -0x1.fffffep127f;
        cr_expect(kernel->is_finite(MOST, s.sum), "%s", kernel->name);
        cr_expect(kernel->is_finite(0, s.sum), "%s", kernel->name);
        for (size_t i = 0; i < MOST; i++) {
            float kept = s.sum[i];

            s.sum[i] = broken[i % 4];
            cr_expect(kernel->is_finite(MOST, s.sum) == false, "%s: %zu", kernel->name, i);
            cr_expect(kernel->is_finite(i, s.sum), "%s: %zu", kernel->name, i);
            s.sum[i] = kept;
        }
    }
}
