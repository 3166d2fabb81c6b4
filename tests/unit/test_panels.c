#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/kernel/panels.h"
#include "toy.h"

enum { ROWS = 7, COLUMNS = 37, ELEMENTS = ROWS * COLUMNS };

static float rows[ELEMENTS], back[ELEMENTS];

static float *room(void)
{
    float *memory = aligned_alloc(64, mh_panels_floats(ROWS, COLUMNS) * sizeof *memory);

    cr_assert(memory != NULL);
    toy_fill(rows, ELEMENTS, 1);
    return memory;
}

Test(panels, give_back_what_was_filled_in)
{
    float *memory = room();
    mh_panels layouts[] = {mh_panels_of(memory, ROWS, COLUMNS), mh_panels_of_rows(memory, ROWS, COLUMNS)};

    for (size_t i = 0; i < 2; i++) {
        mh_panels_fill(&layouts[i], rows);
        for (size_t e = 0; e < ELEMENTS; e++)
            cr_expect(rows[e] == *mh_panels_element(&layouts[i], e / COLUMNS, e % COLUMNS));
        mh_panels_spill(&layouts[i], back);
        EXPECT_SAME_BITS(back, rows, ELEMENTS);
    }
    free(memory);
}

Test(panels, of_one_panel_are_the_rows_themselves)
{
    float *memory = room();
    mh_panels panels = mh_panels_of_rows(memory, ROWS, COLUMNS);

    mh_panels_fill(&panels, rows);
    EXPECT_SAME_BITS(memory, rows, ELEMENTS);
    free(memory);
}

Test(panels, a_slice_is_some_of_the_rows_in_place)
{
    float *memory = room();
    mh_panels all = mh_panels_of(memory, ROWS, COLUMNS), slice = mh_panels_slice(&all, 2, 3);

    mh_panels_fill(&all, rows);
    mh_panels_spill(&slice, back);
    EXPECT_SAME_BITS(back, rows + 2 * COLUMNS, 3 * COLUMNS);
    cr_expect(mh_panels_element(&slice, 1, 20) == mh_panels_element(&all, 3, 20));
    free(memory);
}

Test(panels, know_how_much_of_the_last_one_is_used)
{
    mh_panels panels = mh_panels_of(NULL, ROWS, COLUMNS), one = mh_panels_of_rows(NULL, ROWS, COLUMNS);

    cr_expect(eq(sz, mh_panels_count(&panels), 3));
    cr_expect(eq(sz, mh_panels_used(&panels, 0), 16));
    cr_expect(eq(sz, mh_panels_used(&panels, 2), 5));
    cr_expect(eq(sz, mh_panels_count(&one), 1));
    cr_expect(eq(sz, mh_panels_used(&one, 0), COLUMNS));
    cr_expect(eq(sz, mh_panels_floats(ROWS, COLUMNS), ROWS * 48));
}
