#ifndef MULTIHEAD_TENSOR_TALLY_H
#define MULTIHEAD_TENSOR_TALLY_H

#include <stddef.h>
#include <stdint.h>

/* What a pass over rows counts: numbers that add. The arrays [heads] are the owner's. */
typedef struct {
    double *loss;   /* of each head, summed over rows with a known label; not weighted */
    int64_t *known; /* rows whose label of this head is known                          */
} mh_tally;

/*
 * A sum of doubles that does not depend on the order of its terms: each is rounded to a multiple of 2^-40 and
 * added as a whole number, so the fields of partial sums may be added one by one. Terms of 2^50 and more, or not finite, make
 * the sum NaN. (The idea of a fixed grid: Demmel and Nguyen, "Parallel reproducible summation", 2015.)
 */
typedef struct {
    int64_t high;   /* multiples of 2^-8                                    */
    int64_t low;    /* multiples of 2^-40 on top, 0 or more                 */
    int64_t broken; /* terms that were too large                            */
} mh_exact_sum;

void mh_exact_sum_add(mh_exact_sum *sum, double term);
double mh_exact_sum_value(const mh_exact_sum *sum);

#endif
