#ifndef MULTIHEAD_DATA_POISSON_H
#define MULTIHEAD_DATA_POISSON_H

#include <stdint.h>

/* Where random numbers in [0, 1) come from: a sequence, or a stream with a counter. */
typedef struct {
    double (*next)(void *state);
    void *state;
} mh_uniform_source;

/*
 * Poisson numbers, from the same uniform numbers the same as numpy.random.RandomState.poisson gives.
 *
 * Methods: below a mean of 10, multiply uniform numbers until the product is at most exp(-mean), Knuth, TAOCP
 * 2, 3.4.1; from 10, the transformed rejection PTRS, Hoermann, "The transformed rejection method for
 * generating Poisson random variables", Insurance: Mathematics and Economics 12 (1993).
 */
typedef struct {
    double mean;
    double exp_minus_mean; /* below 10 */
    double log_mean;       /* from 10, as the names of the paper: */
    double a, b, log_inverse_alpha, v_r;
} mh_poisson;

/** `mean` is finite and not negative; 0 always gives 0 and draws nothing. */
mh_poisson mh_poisson_of_mean(double mean);

/** Draws until the number is in lowest..highest. mh_poisson_chance tells whether that will be soon. */
uint64_t mh_poisson_draw(const mh_poisson *poisson, const mh_uniform_source *source, uint64_t lowest,
                         uint64_t highest);

/** The probability that a number of this mean, up to 2^23, is in lowest..highest. */
double mh_poisson_chance(double mean, uint64_t lowest, uint64_t highest);

#endif
