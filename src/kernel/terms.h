#ifndef MULTIHEAD_SRC_KERNEL_TERMS_H
#define MULTIHEAD_SRC_KERNEL_TERMS_H

#include "math.h"
#include "multihead/kernel/loss.h"

/* The loss of a row and its derivative in the logit, of as many rows or binary heads as there are lanes. */
typedef struct {
    vector loss, slope;
} term;

/* A power of numbers from 0 to 1. Small whole exponents, which are the usual ones, are products. */
enum { WHOLE_MAX = 8 };

typedef struct {
    float gamma;
    int whole; /* gamma, or -1 */
} exponent;

static inline exponent exponent_of(float gamma)
{
    bool is_whole = gamma >= 0 && gamma <= WHOLE_MAX && gamma == (float)(int)gamma;

    return (exponent){gamma, is_whole ? (int)gamma : -1};
}

INLINE vector power(exponent gamma, vector base, vector log_of_base)
{
    vector product = same(1);

    if (gamma.whole < 0)
        return vector_exp(same(gamma.gamma) * log_of_base);
    for (int i = 0; i < gamma.whole; i++)
        product *= base;
    return product;
}

/* A shape with what follows from it for all elements. */
typedef struct {
    float margin;
    exponent gamma, gamma_negative, one_less; /* than gamma_negative */
} shape_numbers;

static inline shape_numbers numbers_of(const mh_loss_shape *shape)
{
    return (shape_numbers){shape->margin, exponent_of(shape->gamma), exponent_of(shape->gamma_negative),
                           exponent_of(shape->gamma_negative - 1.0f)};
}

/* A logit s that should be large: -log p with p = sigmoid(s). 1 - p without its rounding is sigmoid(-s). */
INLINE term cross_entropy_term(vector s)
{
    vector e = exp_of_negative_magnitude(s);

    return (term){softplus_from(-s, e), -sigmoid_from(-s, e)};
}

/* sigmoid(z), sigmoid(-z) and minus their logarithms. */
typedef struct {
    vector p, rest, minus_log_p, minus_log_rest;
} logistic;

INLINE logistic logistic_of(vector z)
{
    vector e = exp_of_negative_magnitude(z);
    vector large = same(1) / (same(1) + e), small = e * large, log1p_e = vector_log1p(e);
    vector_bits is_positive = z >= same(0);

    return (logistic){choose(is_positive, large, small), choose(is_positive, small, large),
                      without_negative(-z) + log1p_e, without_negative(z) + log1p_e};
}

/* (1 - p)^gamma * -log p. */
INLINE term focal_term(exponent gamma, logistic s)
{
    vector factor = power(gamma, s.rest, -s.minus_log_rest);

    return (term){factor * s.minus_log_p, -factor * (same(gamma.gamma) * s.p * s.minus_log_p + s.rest)};
}

/* A negative label: p is lowered by the margin, p^gamma * -log(1 - p). */
INLINE term asymmetric_negative_term(const shape_numbers *n, logistic z)
{
    vector lowered = z.p - same(n->margin), log_lowered = -z.minus_log_p;
    vector minus_log_rest = z.minus_log_rest, ratio = same(1), second = same(0);

    /* Without a margin, 1 - p and its logarithm keep their digits only when made from z. */
    if (n->margin != 0.0f) {
        vector rest = same(1) - lowered;

        minus_log_rest = -vector_log(rest);
        ratio = z.rest / rest;
        if (n->gamma_negative.whole < 0)
            log_lowered = vector_log(lowered);
    }
    vector factor = power(n->gamma_negative, lowered, log_lowered);

    if (n->gamma_negative.gamma != 0.0f)
        second = same(n->gamma_negative.gamma) * power(n->one_less, lowered, log_lowered) * minus_log_rest *
                 z.rest;
    vector_bits is_easy = lowered <= same(0);

    return (term){choose(is_easy, same(0), factor * minus_log_rest),
                  choose(is_easy, same(0), z.p * (factor * ratio + second))};
}

/* Of a binary head. The shape's kind is a constant wherever it is called. */
INLINE term binary_term(const mh_loss_shape_kind kind, const shape_numbers *n, vector z,
                        vector_bits is_positive)
{
    term positive = {same(0), same(0)}, negative = positive;

    if (kind == MH_SHAPE_ASYMMETRIC) {
        logistic l = logistic_of(z);

        positive = focal_term(n->gamma, l);
        negative = asymmetric_negative_term(n, l);
        return (term){choose(is_positive, positive.loss, negative.loss),
                      choose(is_positive, positive.slope, negative.slope)};
    }
    vector s = negated_where(~is_positive, z);

    positive = kind == MH_SHAPE_FOCAL ? focal_term(n->gamma, logistic_of(s)) : cross_entropy_term(s);
    return (term){positive.loss, negated_where(~is_positive, positive.slope)};
}

#endif
