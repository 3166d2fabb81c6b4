#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "multihead/model/dropout.h"
#include "toy.h"

enum { ROWS = 200, COLUMNS = 301 }; /* not a multiple of what is drawn at a time */

static const mh_draw draw = {.seed = 1, .step = 5, .replica = 3};

static float values[ROWS * COLUMNS], others[ROWS * COLUMNS];

static void fill_with_ones(float *y)
{
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        y[i] = 1.0f;
}

static void apply(const mh_draw *drawn, size_t layer, size_t first, size_t rows, float rate, float *y)
{
    mh_panels panels = mh_panels_of_rows(y, rows, COLUMNS);

    mh_dropout_apply(drawn, layer, first, rate, &panels);
}

static double share_of_zeros(const float *y)
{
    size_t zeros = 0;

    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        zeros += y[i] == 0.0f;
    return (double)zeros / (ROWS * COLUMNS);
}

/* 60,200 fates: the share's standard deviation is 0.002 at most. */
Test(dropout, drops_the_share_it_says_and_scales_the_rest)
{
    static const float rates[] = {0.0f, 0.125f, 0.5f, 0.9f};

    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        fill_with_ones(values);
        apply(&draw, 1, 0, ROWS, rates[r], values);
        cr_expect(epsilon_eq(dbl, share_of_zeros(values), (double)rates[r], 0.01));
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            cr_expect(values[i] == 0.0f || values[i] == 1.0f / (1.0f - rates[r]));
    }
}

Test(dropout, a_batch_in_slices_loses_the_same_elements)
{
    fill_with_ones(values);
    fill_with_ones(others);
    apply(&draw, 1, 0, ROWS, 0.3f, values);
    for (size_t row = 0; row < ROWS; row += 7) {
        size_t rows = ROWS - row < 7 ? ROWS - row : 7;

        apply(&draw, 1, row, rows, 0.3f, others + row * COLUMNS);
    }
    cr_expect(eq(dbl, toy_distance(values, others, ROWS * COLUMNS), 0.0));
}

/* Independent fates agree in half of the elements; the standard deviation of the share is 0.002. */
Test(dropout, layers_steps_replicas_and_seeds_lose_different_elements)
{
    static const mh_draw draws[] = {{1, 5, 3}, {1, 6, 3}, {1, 5, 4}, {2, 5, 3}};

    for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
        size_t agree = 0;

        fill_with_ones(values);
        fill_with_ones(others);
        apply(&draw, 1, 0, ROWS, 0.5f, values);
        apply(&draws[i], i == 0 ? 2 : 1, 0, ROWS, 0.5f, others);
        for (size_t k = 0; k < ROWS * COLUMNS; k++)
            agree += values[k] == others[k];
        cr_expect(epsilon_eq(dbl, (double)agree / (ROWS * COLUMNS), 0.5, 0.01));
    }
}

Test(dropout, rows_lose_different_elements)
{
    size_t agree = 0;

    fill_with_ones(values);
    apply(&draw, 1, 0, ROWS, 0.5f, values);
    for (size_t i = COLUMNS; i < ROWS * COLUMNS; i++)
        agree += values[i] == values[i - COLUMNS];
    cr_expect(epsilon_eq(dbl, (double)agree / ((ROWS - 1) * COLUMNS), 0.5, 0.01));
}

Test(dropout, the_layout_makes_no_difference)
{
    float *memory = aligned_alloc(64, mh_panels_floats(ROWS, COLUMNS) * sizeof *memory);
    mh_panels panels = mh_panels_of(memory, ROWS, COLUMNS);

    cr_assert(memory != NULL);
    fill_with_ones(values);
    mh_panels_fill(&panels, values);
    mh_dropout_apply(&draw, 1, 3, 0.3f, &panels);
    mh_panels_spill(&panels, others);
    apply(&draw, 1, 3, ROWS, 0.3f, values);
    cr_expect(eq(dbl, toy_distance(values, others, ROWS * COLUMNS), 0.0));
    free(memory);
}
