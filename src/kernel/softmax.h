#ifndef MULTIHEAD_SRC_KERNEL_SOFTMAX_H
#define MULTIHEAD_SRC_KERNEL_SOFTMAX_H

#include "terms.h"

/*
 * Softmax heads with rows in lanes, their columns [classes][LANES]. A class's score is its logit, or the tutorial's
 * sigmoid of it; exponentials are those of scores less a bound, which is the largest logit, or 1. Sums go over the classes
 * in their order.
 */
typedef struct {
    vector own;    /* exponential of the label's class                                 */
    vector others; /* sum of the others': p - 1 is made from it, without losing digits */
    vector margin; /* from the label's score to the bound, 0 or more                   */
} exponentials;

INLINE void add_exponential(exponentials *sums, vector_bits is_label, vector e)
{
    sums->own += where(is_label, e);
    sums->others += where(~is_label, e);
}

/* In place of the logits. A NaN among them makes the sums NaN. */
INLINE exponentials exponentials_of_logits(float *columns, size_t classes, vector_bits labels)
{
    vector largest = load(columns), own = same(0);
    exponentials sums = {same(0), same(0), same(0)};

    for (size_t c = 0; c < classes; c++) {
        vector z = load(columns + c * LANES);

        largest = choose(z > largest, z, largest);
        own = choose(labels == (int)c, z, own);
    }
    for (size_t c = 0; c < classes; c++) {
        vector e = vector_exp(load(columns + c * LANES) - largest);

        add_exponential(&sums, labels == (int)c, e);
        store(columns + c * LANES, e);
    }
    sums.margin = largest - own;
    return sums;
}

/* The same of sigmoids, and their slopes in the logits, laid out as the columns; NULL: not wanted. */
INLINE exponentials exponentials_of_sigmoids(float *columns, size_t classes, vector_bits labels,
                                             float *slopes)
{
    vector own = same(0);
    exponentials sums = {same(0), same(0), same(0)};

    for (size_t c = 0; c < classes; c++) {
        vector_bits is_label = labels == (int)c;
        logistic l = logistic_of(load(columns + c * LANES));
        vector e = vector_exp(l.p - same(1));

        own = choose(is_label, l.p, own);
        add_exponential(&sums, is_label, e);
        store(columns + c * LANES, e);
        if (slopes != NULL)
            store(slopes + c * LANES, l.p * l.rest);
    }
    sums.margin = same(1) - own;
    return sums;
}

/*
 * -log p of the label, from 1 / (own + others). What that sum loses is given back, as far as it shows: else little
 * remains of a small loss.
 */
INLINE vector minus_log_own(const exponentials *e, vector inverse)
{
    vector sum = e->own + e->others, of_others = sum - e->own;
    vector lost = (e->own - (sum - of_others)) + (e->others - of_others); /* Knuth's TwoSum: exact */

    return e->margin + multiply_add(lost, inverse, vector_log(sum));
}

#endif
