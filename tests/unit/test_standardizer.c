#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "expect.h"
#include "multihead/tensor/standardizer.h"
#include "toy.h"

enum { INPUTS = 3, ROWS = 5 };

static mh_standardizer create(void)
{
    mh_standardizer s;

    MUST(mh_standardizer_create(INPUTS, &s));
    return s;
}

Test(standardizer, changes_nothing_at_first)
{
    mh_standardizer s = create();
    float features[ROWS * INPUTS], before[ROWS * INPUTS];

    toy_fill(features, ROWS * INPUTS, 1);
    toy_fill(before, ROWS * INPUTS, 1);
    mh_standardizer_apply(&s, ROWS, features);
    EXPECT_SAME_BITS(features, before, ROWS * INPUTS);
    mh_standardizer_clear(&s);
}

/* Powers of two, so that there is nothing to round. */
Test(standardizer, takes_the_mean_off_and_divides_by_the_deviation)
{
    mh_standardizer s = create();
    float features[2 * INPUTS + 1] = {1.0f, 5.0f, -2.0f, 3.0f, 1.0f, 0.25f, 77.0f};
    const float expected[2 * INPUTS + 1] = {0.0f, 8.0f, -2.0f, 1.0f, 0.0f, 0.25f, 77.0f};

    s.mean[0] = 1.0f;
    s.deviation[0] = 2.0f;
    s.mean[1] = 1.0f;
    s.deviation[1] = 0.5f;
    mh_standardizer_apply(&s, 2, features);
    EXPECT_SAME_BITS(features, expected, 2 * INPUTS + 1);
    mh_standardizer_clear(&s);
}

/* The second column is left as it is: it was not standardized. */
Test(standardizer, cuts_what_is_beyond_the_limit_on_both_sides)
{
    mh_standardizer s = create();
    float features[3 * INPUTS] = {9.0f, 9.0f, 0.5f, -9.0f, -9.0f, -0.5f, 5.0f, 0.0f, 0.25f};
    const float expected[3 * INPUTS] = {2.0f, 9.0f, 2.0f, -2.0f, -9.0f, -2.0f, 2.0f, 0.0f, 1.0f};

    s.limit = 2.0f;
    s.mean[0] = 1.0f; /* 8, -10, 4 deviations */
    s.deviation[2] = 0.25f;
    mh_standardizer_apply(&s, 3, features);
    EXPECT_SAME_BITS(features, expected, 3 * INPUTS);
    mh_standardizer_clear(&s);
}

Test(standardizer, a_copy_is_its_own)
{
    mh_standardizer s = create(), copy;

    s.mean[2] = 3.0f;
    s.deviation[1] = 0.5f;
    s.limit = 4.0f;
    MUST(mh_standardizer_copy(&s, &copy));
    cr_assert(eq(sz, copy.inputs, INPUTS));
    cr_expect(copy.limit == 4.0f);
    EXPECT_SAME_BITS(copy.mean, s.mean, INPUTS);
    EXPECT_SAME_BITS(copy.deviation, s.deviation, INPUTS);
    s.mean[2] = 4.0f;
    cr_expect(copy.mean[2] == 3.0f);
    mh_standardizer_clear(&s);
    cr_expect(copy.deviation[1] == 0.5f);
    mh_standardizer_clear(&copy);
}

Test(standardizer, a_copy_of_none_is_none)
{
    const mh_standardizer none = {0};
    mh_standardizer copy = {.inputs = 7};

    MUST(mh_standardizer_copy(&none, &copy));
    cr_expect(eq(sz, copy.inputs, 0));
    cr_expect(copy.mean == NULL && copy.deviation == NULL);
    mh_standardizer_clear(&copy);
}

Test(standardizer, a_cleared_one_is_none)
{
    mh_standardizer s = create();

    mh_standardizer_clear(&s);
    cr_expect(s.inputs == 0 && s.mean == NULL && s.deviation == NULL);
    mh_standardizer_clear(&s); /* once more does no harm */
}
