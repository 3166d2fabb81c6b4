#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "multihead/tensor/span.h"

Test(span, parts_are_all_of_it_one_after_another)
{
    for (size_t total = 0; total < 40; total++) {
        for (size_t parts = 1; parts < 12; parts++) {
            size_t first = 0;

            for (size_t part = 0; part < parts; part++) {
                mh_span span = mh_span_part(total, part, parts);

                cr_expect(eq(sz, span.first, first));
                first = mh_span_end(span);
            }
            cr_expect(eq(sz, first, total));
        }
    }
}

Test(span, larger_parts_come_first)
{
    const size_t expected[] = {3, 3, 2, 2, 2};

    for (size_t part = 0; part < 5; part++)
        cr_expect(eq(sz, mh_span_part(12, part, 5).count, expected[part]));
    cr_expect(eq(sz, mh_span_part(2, 1, 5).count, 1));
    cr_expect(eq(sz, mh_span_part(2, 2, 5).count, 0));
}

/* 10^18 rows in 10^9 parts: no product on the way overflows. */
Test(span, sizes_may_be_huge)
{
    size_t total = 1000000000000000007, parts = 1000000000;

    cr_expect(eq(sz, mh_span_end(mh_span_part(total, parts - 1, parts)), total));
}
