#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "multihead/training/clip.h"
#include "toy.h"

/* Around 16, how many squares are summed side by side; and 0. */
static const size_t counts[] = {0, 1, 7, 15, 16, 17, 31, 32, 33, 100, 1000};
enum { COUNTS = sizeof counts / sizeof counts[0], MOST = 1000 };

static const double SCALE = 0.125;

/* The length of SCALE * sum. */
static double length_of(const float *sum, size_t count, double scale)
{
    double squares = 0.0;

    for (size_t i = 0; i < count; i++)
        squares += (double)sum[i] * (double)sum[i];
    return scale * sqrt(squares);
}

Test(clip, a_shorter_gradient_is_left_as_it_is)
{
    float sum[MOST];

    toy_fill(sum, MOST, 1);
    for (size_t i = 0; i < COUNTS; i++) {
        double length = length_of(sum, counts[i], SCALE);

        cr_expect(mh_clip_scale(SCALE, 1.001 * length + 1e-9, sum, counts[i]) == SCALE, "%zu", counts[i]);
    }
}

/* Sums of at most 1000 doubles in another order: below 1000 * 2^-53. */
Test(clip, a_longer_gradient_comes_out_as_long_as_the_limit)
{
    float sum[MOST];

    toy_fill(sum, MOST, 1);
    for (size_t i = 1; i < COUNTS; i++) {
        double limit = 0.3 * length_of(sum, counts[i], SCALE);
        double scale = mh_clip_scale(SCALE, limit, sum, counts[i]);

        cr_expect(epsilon_eq(dbl, length_of(sum, counts[i], scale) / limit, 1.0, 1e-12), "%zu", counts[i]);
    }
}

/* One large element wherever it stands: no place is left out of the length. */
Test(clip, every_element_counts)
{
    for (size_t i = 1; i < COUNTS - 1; i++)
        for (size_t at = 0; at < counts[i]; at++) {
            float sum[MOST] = {0};

            sum[at] = -8.0f;
            cr_expect(mh_clip_scale(1.0, 2.0, sum, counts[i]) == 0.25, "element %zu of %zu", at, counts[i]);
        }
}

/* Squares of such numbers are no float32. */
Test(clip, lengths_beyond_float_squares_are_right)
{
    const float large[3] = {3e30f, 0.0f, 4e30f}, small[3] = {3e-30f, 0.0f, 4e-30f};

    cr_expect(epsilon_eq(dbl, mh_clip_scale(1.0, 1.0, large, 3) * 5e30, 1.0, 1e-6));
    cr_expect(epsilon_eq(dbl, mh_clip_scale(1.0, 5e-31, small, 3), 0.1, 1e-7));
}
