#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "multihead/tensor/tally.h"
#include "toy.h"

enum { TERMS = 3000 };

/* Of many sizes and both signs. */
static double term(size_t i)
{
    return ldexp(toy_number(i), (int)(i % 60) - 20);
}

static mh_exact_sum sum_of(size_t first, size_t step)
{
    mh_exact_sum sum = {0};

    for (size_t i = 0; i < TERMS; i++)
        mh_exact_sum_add(&sum, term((first + i * step) % TERMS));
    return sum;
}

static bool are_same(const mh_exact_sum *a, const mh_exact_sum *b)
{
    double first = mh_exact_sum_value(a), second = mh_exact_sum_value(b);

    return memcmp(&first, &second, sizeof first) == 0;
}

Test(tally, sum_does_not_depend_on_the_order)
{
    mh_exact_sum forward = sum_of(0, 1), backward = sum_of(TERMS - 1, TERMS - 1), jumping = sum_of(5, 7);

    cr_expect(are_same(&forward, &backward));
    cr_expect(are_same(&forward, &jumping)); /* 7 and 3000 have no common divisor: every term once */
}

/* What a sum over ranks does: each field by itself. */
Test(tally, sum_does_not_depend_on_the_groups)
{
    mh_exact_sum whole = sum_of(0, 1);

    for (size_t groups = 2; groups < 6; groups++) {
        mh_exact_sum total = {0};

        for (size_t group = 0; group < groups; group++) {
            mh_exact_sum part = {0};

            for (size_t i = group; i < TERMS; i += groups)
                mh_exact_sum_add(&part, term(i));
            total.high += part.high;
            total.low += part.low;
            total.broken += part.broken;
        }
        cr_expect(are_same(&total, &whole));
    }
}

/* Every term is off by at most 2^-41, and the value is rounded to a double once (2^-53 of it). */
Test(tally, sum_is_right)
{
    mh_exact_sum sum = sum_of(0, 1);
    long double reference = 0.0L;

    for (size_t i = 0; i < TERMS; i++)
        reference += (long double)term(i);

    double tolerance = TERMS * 0x1p-41 + fabs((double)reference) * 0x1p-52;

    cr_expect(epsilon_eq(dbl, mh_exact_sum_value(&sum), (double)reference, tolerance));
}

Test(tally, multiples_of_the_grid_are_exact)
{
    mh_exact_sum sum = {0};

    mh_exact_sum_add(&sum, 1e15);
    mh_exact_sum_add(&sum, 0x1p-40);
    mh_exact_sum_add(&sum, -1e15);
    cr_expect(mh_exact_sum_value(&sum) == 0x1p-40);
    mh_exact_sum_add(&sum, -0x1p-39);
    cr_expect(mh_exact_sum_value(&sum) == -0x1p-40);
}

Test(tally, what_does_not_fit_the_grid_makes_it_nan)
{
    const double terms[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0x1p50, -0x1p50, 1e300};

    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        mh_exact_sum sum = {0};

        mh_exact_sum_add(&sum, 1.0);
        mh_exact_sum_add(&sum, terms[i]);
        mh_exact_sum_add(&sum, 1.0);
        cr_expect(isnan(mh_exact_sum_value(&sum)), "term %g", terms[i]);
    }
}
