#ifndef MULTIHEAD_SRC_KERNEL_MATH_H
#define MULTIHEAD_SRC_KERNEL_MATH_H

#include <math.h>

#include "vector.h"

/*
 * Functions of whole vectors, within 2 ulp of the true value for every float (test_kernel_math.c): infinities and
 * subnormal numbers are arguments and results like others, and a NaN stays one.
 *
 * The polynomials interpolate at the Chebyshev points of their intervals (computed with 50 digits, then rounded to
 * float32), which is as good as a minimax polynomial but for a small factor. How an argument is reduced to such an
 * interval: Cody and Waite, "Software manual for the elementary functions", 1980. Where a function is on the way of every
 * element, its polynomial is summed in pairs (Estrin), which waits half as long for its own results as Horner's rule.
 */

typedef unsigned vector_words __attribute__((vector_size(4 * LANES)));

INLINE vector_words same_words(unsigned value)
{
    return (vector_words){0} + value;
}

enum { EXPONENT_BIAS = 127, MANTISSA_BITS = 23 };
#define SIGN_BIT 0x80000000u

/* The first where the mask is set, else the second. */
INLINE vector choose(vector_bits mask, vector first, vector second)
{
    return (vector)((mask & (vector_bits)first) | (~mask & (vector_bits)second));
}

/* -|v| */
INLINE vector negative_magnitude(vector v)
{
    return (vector)((vector_words)v | same_words(SIGN_BIT));
}

INLINE vector negated_where(vector_bits mask, vector v)
{
    return (vector)((vector_words)v ^ ((vector_words)mask & same_words(SIGN_BIT)));
}

/* 2^n for a normal number of that size. */
INLINE vector power_of_2(vector_words n)
{
    return (vector)((n + same_words(EXPONENT_BIAS)) << MANTISSA_BITS);
}

/* v 2^n: in two steps, of which the first is exact, so that the result may be subnormal or infinite. */
INLINE vector scaled(vector v, vector_words n)
{
    vector_words half = (vector_words)((vector_bits)n >> 1);

    return v * power_of_2(half) * power_of_2(n - half);
}

/* e^x = 2^n e^r with |r| <= log(2) / 2: e^r = 1 + r + r^2 P(r). */
INLINE vector exp_of_rest(vector x, vector n)
{
    const vector log2_high = same(0x1.63p-1f), log2_low = same(-0x1.bd0106p-13f); /* n * high is exact */

    vector r = multiply_add(n, -log2_low, multiply_add(n, -log2_high, x));
    vector square = r * r;
    vector low = multiply_add(r, same(0x1.555556p-3f), same(0.5f));
    vector middle = multiply_add(r, same(0x1.1110e0p-7f), same(0x1.5554e8p-5f));
    vector high = multiply_add(r, same(0x1.a12670p-13f), same(0x1.6d44d2p-10f));
    vector p = multiply_add(multiply_add(high, square, middle), square, low);

    return multiply_add(p, square, r) + same(1);
}

#define LOG2_E    0x1.715476p0f
#define EXP_LEAST (-105.0f) /* e^x is 0 there and below */

INLINE vector vector_exp(vector x)
{
    const vector rounds = same(0x1.8p23f); /* the sum's last bits are the nearest integer */

    x = choose(x > same(89.0f), same(89.0f), at_least(EXP_LEAST, x)); /* infinite there */
    vector shifted = multiply_add(x, same(LOG2_E), rounds);

    return scaled(exp_of_rest(x, shifted - rounds), (vector_words)shifted - (vector_words)rounds);
}

/*
 * e^-|x|. The sum's last bits are the exponent of 2^(n + 64), which is a normal number for every n there is; the rest of
 * the way down is one more product, and the only one that is rounded.
 */
INLINE vector exp_of_negative_magnitude(vector x)
{
    enum { EXTRA = 64 };
    const vector rounds = same(0x1.8p23f + EXPONENT_BIAS + EXTRA);

    x = at_least(EXP_LEAST, negative_magnitude(x));
    vector shifted = multiply_add(x, same(LOG2_E), rounds);
    vector power = (vector)((vector_words)shifted << MANTISSA_BITS);

    return exp_of_rest(x, shifted - rounds) * power * same(0x1p-64f);
}

/* log(1 + e) = e - e^2 P(e), for e from 0 to 1. */
INLINE vector vector_log1p(vector e)
{
    vector square = e * e;
    vector p23 = multiply_add(e, same(-0x1.969cb2p-3f), same(0x1.ffb95cp-3f));
    vector p45 = multiply_add(e, same(-0x1.d992bcp-4f), same(0x1.448ee2p-3f));
    vector p67 = multiply_add(e, same(-0x1.9d455ap-6f), same(0x1.11708cp-4f));
    vector p = multiply_add(same(0x1.24b298p-8f), square, p67);

    /* The largest terms come last and one by one: in pairs they would lose up to 2.04 ulp without fused operations. */
    p = multiply_add(multiply_add(p, square, p45), square, p23);
    p = multiply_add(multiply_add(p, e, same(-0x1.55540cp-2f)), e, same(0x1.fffffep-2f));
    return multiply_add(p, -square, e);
}

/* log(x) = n log(2) + log(1 + f) with 1 + f from sqrt(1/2) to sqrt(2); log(1 + f) = f - f^2/2 + f^3 P(f). */
INLINE vector vector_log(vector x)
{
    const unsigned half_root = 0x3f3504f3u; /* the bits of sqrt(1/2) */
    const vector log2_high = same(0x1.63p-1f), log2_low = same(-0x1.bd0106p-13f);

    vector_bits is_subnormal = x < same(0x1p-126f);
    vector normal = choose(is_subnormal, x * same(0x1p25f), x);
    vector_words above = (vector_words)normal - same_words(half_root);
    vector_bits exponent = (vector_bits)above >> MANTISSA_BITS;
    vector f = (vector)((above & same_words(0x007fffffu)) + same_words(half_root)) - same(1);
    vector n = __builtin_convertvector(exponent, vector) - choose(is_subnormal, same(25), same(0));
    vector p = same(-0x1.43b246p-4f);

    p = multiply_add(p, f, same(0x1.02814ep-3f));
    p = multiply_add(p, f, same(-0x1.0a33eap-3f));
    p = multiply_add(p, f, same(0x1.231ce6p-3f));
    p = multiply_add(p, f, same(-0x1.54d03ep-3f));
    p = multiply_add(p, f, same(0x1.999f14p-3f));
    p = multiply_add(p, f, same(-0x1.0000cep-2f));
    p = multiply_add(p, f, same(0x1.555554p-2f));
    p = multiply_add(p * f, f * f, n * log2_low);
    p = multiply_add(same(-0.5f), f * f, p) + f;
    p = multiply_add(n, log2_high, p);
    p = choose(x == same(0), same(-INFINITY), p);
    p = choose(x < same(0), same(NAN), p);
    return choose((x == same(INFINITY)) | (x != x), x, p);
}

/* 1 / (1 + e^-z), from e^-|z|. What the sum loses is given back, times about 1 / sum: else it may be 2.1 ulp off. */
INLINE vector sigmoid_from(vector z, vector e)
{
    vector sum = same(1) + e, lost = e - (sum - same(1));
    vector p = choose(z >= same(0), same(1), e) / sum;

    return multiply_add(-(p * lost), multiply_add(e, same(-0.5f), same(1)), p);
}

INLINE vector vector_sigmoid(vector z)
{
    return sigmoid_from(z, exp_of_negative_magnitude(z));
}

/* log(1 + e^z), from e^-|z|: without overflow for large logits. */
INLINE vector softplus_from(vector z, vector e)
{
    return without_negative(z) + vector_log1p(e);
}

#endif
