#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "multihead/tensor/norm.h"
#include "toy.h"

enum { MOST = 100 };

/* In another order: sums of a hundred doubles below 1 may differ by 100 * 2^-53. */
Test(norm, squares_are_those_of_every_element)
{
    float values[MOST];
    double expected = 0;

    toy_fill(values, MOST, 1);
    for (size_t count = 0; count <= MOST; count++) {
        cr_expect(epsilon_eq(dbl, mh_square_sum(values, count), expected, 1e-13), "of %zu", count);
        if (count < MOST)
            expected += (double)values[count] * (double)values[count];
    }
}

Test(norm, squares_may_be_no_float32)
{
    const float large[2] = {3e30f, -4e30f}, small[2] = {3e-30f, -4e-30f};

    cr_expect(epsilon_eq(dbl, mh_square_sum(large, 2) / 25e60, 1.0, 1e-6));
    cr_expect(epsilon_eq(dbl, mh_square_sum(small, 2) / 25e-60, 1.0, 1e-6));
}
