#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/kernel/kernel.h"

/*
 * Every 1021st of all float32 numbers, by their bits: subnormal ones, infinities and NaNs among them, in each order of
 * magnitude about 8000. (STRIDE 1 tries every one, in half an hour.)
 */
enum { STRIDE = 1021, DENSE_STRIDE = 31, BLOCK = 4096 };

static const double ULPS = 2.0;

static double true_value(mh_function f, double x)
{
    switch (f) {
    case MH_FUNCTION_EXP:
        return exp(x);
    case MH_FUNCTION_LOG:
        return log(x);
    case MH_FUNCTION_LOG1P:
        return log1p(x);
    default:
        return 1.0 / (1.0 + exp(-x));
    }
}

/* How many units in the last place of the true value lie between. */
static double ulps_between(float value, double truth)
{
    float nearest = (float)truth;

    if (isnan(truth) || isinf(nearest) || isinf(value))
        return (isnan(truth) && isnan(value)) || value == nearest ? 0 : INFINITY;
    int exponent = truth != 0 && fabs(truth) >= (double)FLT_MIN ? ilogb(truth) : -126;
    return fabs((double)value - truth) / ldexp(1.0, exponent - 23);
}

static double worst_of(const mh_kernel *kernel, mh_function f, const float *x, size_t count, float *at)
{
    static float y[BLOCK];
    double worst = 0;

    kernel->apply(f, x, count, y);
    for (size_t i = 0; i < count; i++) {
        double ulps = ulps_between(y[i], true_value(f, (double)x[i]));

        if (!(ulps <= worst)) {
            worst = ulps;
            *at = x[i];
        }
    }
    return worst;
}

static void check_sweep(mh_function f, const char *name, uint32_t first, uint32_t last, uint32_t stride)
{
    static float x[BLOCK];

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        const mh_kernel *kernel = mh_kernel_available(k);
        double worst = 0;
        float at = 0, here = 0;

        for (uint64_t bits = first; bits <= last;) {
            size_t count = 0;

            for (; count < BLOCK && bits <= last; bits += stride) {
                uint32_t word = (uint32_t)bits;

                memcpy(&x[count++], &word, sizeof word);
            }
            double ulps = worst_of(kernel, f, x, count, &here);
            if (!(ulps <= worst)) {
                worst = ulps;
                at = here;
            }
        }
        cr_log_info("%s %s: %.3f ulp at %a", kernel->name, name, worst, (double)at);
        cr_expect(worst <= ULPS, "%s: %s is %.3f ulp off at %a", kernel->name, name, worst, (double)at);
    }
}

Test(kernel_math, exp_is_right_to_2_ulp_for_all_floats)
{
    check_sweep(MH_FUNCTION_EXP, "exp", 0, UINT32_MAX, STRIDE);
}

Test(kernel_math, log_is_right_to_2_ulp_for_all_floats)
{
    check_sweep(MH_FUNCTION_LOG, "log", 0, UINT32_MAX, STRIDE);
}

Test(kernel_math, log1p_is_right_to_2_ulp_from_0_to_1)
{
    check_sweep(MH_FUNCTION_LOG1P, "log1p", 0, 0x3f800000u, STRIDE);
    check_sweep(MH_FUNCTION_LOG1P, "log1p", 0x3f000000u, 0x3f800000u, DENSE_STRIDE); /* its worst octave */
}

Test(kernel_math, sigmoid_is_right_to_2_ulp_for_all_floats)
{
    check_sweep(MH_FUNCTION_SIGMOID, "sigmoid", 0, UINT32_MAX, STRIDE);
    check_sweep(MH_FUNCTION_SIGMOID, "sigmoid", 0xc0000000u, 0xc1800000u, DENSE_STRIDE); /* -2 to -16 */
}

Test(kernel_math, edges_are_what_they_are_in_libm)
{
    const float x[] = {0.0f,     -0.0f, 1.0f,      1000.0f,    -1000.0f, INFINITY, -INFINITY, FLT_MAX,
                       -FLT_MAX, NAN,   0x1p-149f, -0x1p-149f, 88.8f,    -103.9f,  -104.1f};
    enum { COUNT = sizeof x / sizeof x[0] };
    float at = 0;

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        const mh_kernel *kernel = mh_kernel_available(k);

        for (size_t i = 0; i < COUNT; i++) {
            cr_expect(worst_of(kernel, MH_FUNCTION_EXP, x + i, 1, &at) <= ULPS, "%s: exp(%g)", kernel->name,
                      (double)x[i]);
            cr_expect(worst_of(kernel, MH_FUNCTION_LOG, x + i, 1, &at) <= ULPS, "%s: log(%g)", kernel->name,
                      (double)x[i]);
            cr_expect(worst_of(kernel, MH_FUNCTION_SIGMOID, x + i, 1, &at) <= ULPS, "%s: sigmoid(%g)",
                      kernel->name, (double)x[i]);
        }
    }
}

/* What is left of a vector is computed like all others, and nothing behind it is touched. */
Test(kernel_math, a_result_does_not_depend_on_its_place)
{
    float x[40], whole[40], alone[41];

    for (size_t i = 0; i < 40; i++)
        x[i] = (float)i * 0.37f - 7.0f;
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        const mh_kernel *kernel = mh_kernel_available(k);

        kernel->apply(MH_FUNCTION_SIGMOID, x, 40, whole);
        for (size_t count = 0; count <= 40; count++) {
            alone[count] = 99.0f;
            kernel->apply(MH_FUNCTION_SIGMOID, x, count, alone);
            cr_expect(memcmp(alone, whole, count * sizeof *alone) == 0, "%s: %zu", kernel->name, count);
            cr_expect(alone[count] == 99.0f, "%s: %zu", kernel->name, count);
        }
    }
}
