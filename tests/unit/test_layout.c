#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "expect.h"
#include "multihead/tensor/layout.h"

Test(layout, tensors_lie_one_after_another)
{
    mh_layout layout;

    MUST(mh_layout_create(3, &layout));
    cr_expect(eq(sz, mh_layout_add(&layout, "fc", 1, "weight", 4, 3), 0));
    cr_expect(eq(sz, mh_layout_add(&layout, "fc", 1, "bias", 4, 0), 12));
    cr_expect(eq(sz, mh_layout_add(&layout, "out", 23, "weight", 2, 4), 16));
    cr_expect(eq(sz, layout.count, 24));
    cr_expect(eq(sz, layout.tensors, 3));

    const mh_tensor *bias = &layout.tensor[1], *weight = &layout.tensor[2];

    cr_expect(strcmp(bias->name, "fc1.bias") == 0);
    cr_expect(eq(sz, bias->rows, 4));
    cr_expect(eq(sz, bias->columns, 0));
    cr_expect(eq(sz, bias->span.count, 4));
    cr_expect(strcmp(weight->name, "out23.weight") == 0);
    cr_expect(eq(sz, weight->span.first, 16));
    cr_expect(eq(sz, weight->span.count, 8));
    mh_layout_clear(&layout);
    cr_expect(layout.tensor == NULL);
}
