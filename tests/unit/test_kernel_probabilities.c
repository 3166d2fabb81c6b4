#include <criterion/criterion.h>

#include "heads_case.h"
#include "loss_reference.h"

/* Probabilities of any heads, by every set of kernels: see heads_case.h for what is held. */

static void check_probabilities(const mh_kernel *kernel, heads_case *c, bool in_panels)
{
    mh_panels logits = heads_case_lay_out(c, c->memory, in_panels),
              p = heads_case_lay_out(c, c->slopes, in_panels);
    mh_head_columns columns = heads_case_columns(c);

    kernel->probabilities(&columns, &logits, p.values);
    heads_case_expect_guards(c, c->slopes, in_panels);
    kernel->probabilities(&columns, &logits, logits.values);
    for (size_t row = 0; row < c->rows; row++) {
        for (size_t h = 0; h < c->heads.count; h++) {
            for (size_t k = c->heads.first[h]; k < c->heads.first[h + 1]; k++) {
                double value = (double)*mh_panels_element(&p, row, k);

                cr_expect(heads_case_is_near(c, row, h, value, c->expected[row * c->columns + k]),
                          "%s: row %zu, column %zu: %a, %a", kernel->name, row, k, value,
                          c->expected[row * c->columns + k]);
                cr_expect(value == (double)*mh_panels_element(&logits, row, k));
            }
        }
    }
}

Test(kernel_probabilities, probabilities_are_those_of_the_reference)
{
    static const double sizes[] = {4.0, 30.0, 1000.0, 0x1p-130};

    for (size_t i = 0; i < 2 * 4 * HEADS_ROW_COUNTS * HEADS_MIXES; i++) {
        size_t mix = i % HEADS_MIXES, rows = heads_row_counts[i / HEADS_MIXES % HEADS_ROW_COUNTS];
        double size = sizes[i / HEADS_MIXES / HEADS_ROW_COUNTS % 4];
        heads_case c = heads_case_start(mix,
                                        i < 4 * HEADS_ROW_COUNTS * HEADS_MIXES ? MH_HEAD_ACTIVATION_NONE
                                                                               : MH_HEAD_ACTIVATION_SIGMOID,
                                        rows, size);

        probabilities_reference(&c.heads, c.rows, c.logits, c.expected);
        for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
            check_probabilities(mh_kernel_available(k), &c, false);
            check_probabilities(mh_kernel_available(k), &c, true);
        }
        heads_case_end(&c);
    }
}
