#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/model/ranking.h"
#include "toy.h"

/* What scikit-learn has for whole tables is in test_scikit.c. */

Test(ranking, a_mark_keeps_probability_and_truth)
{
    const float probabilities[] = {0.0f, -0.0f, 1e-45f, 0.1f, 0.5f, 0.99999994f, 1.0f};
    const mh_label labels[] = {0, 1, MH_LABEL_MISSING};
    const mh_truth truths[] = {MH_TRUTH_NEGATIVE, MH_TRUTH_POSITIVE, MH_TRUTH_MISSING};

    for (size_t i = 0; i < 7; i++) {
        for (size_t l = 0; l < 3; l++) {
            mh_mark mark = mh_mark_of(probabilities[i], labels[l]);

            cr_expect(mh_mark_probability(mark) == probabilities[i]);
            cr_expect(mh_mark_truth(mark) == truths[l]);
            cr_expect(i < 2 || mh_mark_place(mark) > mh_mark_place(mh_mark_of(probabilities[i - 1], 0)));
        }
    }
}

Test(ranking, what_is_no_probability_is_broken)
{
    cr_expect(mh_mark_truth(mh_mark_of(NAN, 1)) == MH_TRUTH_BROKEN);
    cr_expect(mh_mark_truth(mh_mark_of(1.5f, 0)) == MH_TRUTH_BROKEN);
    cr_expect(mh_mark_truth(mh_mark_of(-0.1f, 0)) == MH_TRUTH_BROKEN);
    cr_expect(mh_mark_truth(mh_mark_of(NAN, MH_LABEL_MISSING)) == MH_TRUTH_MISSING);
}

/* Two ways, for few and for many. */
static void expect_sorted(size_t count)
{
    mh_mark *marks = malloc(count * sizeof *marks), *scratch = malloc(count * sizeof *scratch);
    size_t wrong = 0;

    cr_assert(marks != NULL && scratch != NULL);
    for (size_t i = 0; i < count; i++) {
        double u = 0.5 + 0.5 * toy_number(i);

        marks[i] = mh_mark_of((float)(floor(u * 20.0) / 20.0), (mh_label)(i % 2));
    }
    mh_mark *before = malloc(count * sizeof *before);
    size_t seen = 0;

    memcpy(before, marks, count * sizeof *marks);
    mh_marks_sort(count, marks, scratch);
    for (size_t i = 1; i < count; i++)
        wrong += mh_mark_place(marks[i - 1]) < mh_mark_place(marks[i]);
    cr_expect(zero(sz, wrong));
    /* Stable: a group of equals is what stood before, in the order in which it stood. */
    for (size_t first = 0; first < count; first = seen) {
        for (size_t i = 0; i < count; i++)
            if (mh_mark_place(before[i]) == mh_mark_place(marks[first]))
                wrong += before[i] != marks[seen++];
    }
    cr_expect(zero(sz, wrong));
    free(marks);
    free(scratch);
    free(before);
}

Test(ranking, sorts_the_most_probable_first_and_keeps_the_order_of_equals)
{
    expect_sorted(1);
    expect_sorted(64);
    expect_sorted(65);
    expect_sorted(5000);
}

/* 0.9 no; 0.5 yes, no, yes; 0.1 no */
Test(ranking, ties_count_as_in_scikit_learn)
{
    const float p[] = {0.9f, 0.5f, 0.5f, 0.5f, 0.1f};
    const mh_label labels[] = {0, 1, 0, 1, 0};
    mh_mark marks[5];

    for (size_t i = 0; i < 5; i++)
        marks[i] = mh_mark_of(p[i], labels[i]);

    mh_row_ranking r = mh_rank_row(5, marks);

    cr_expect(epsilon_eq(dbl, r.average_precision, 0.5, 1e-15)); /* two of four */
    cr_expect(epsilon_eq(dbl, r.loss, 4.0 / 6.0, 1e-15));        /* a tie is a wrong pair */
    cr_expect(eq(sz, r.coverage, 4));
    cr_expect(r.hits[0] == 0 && r.hits[1] == 1 && r.hits[2] == 2);
    cr_expect(r.ndcg[0] == 0.0);
    cr_expect(epsilon_eq(dbl, r.ndcg[1], (1.0 / log2(3.0)) / (1.0 + 1.0 / log2(3.0)), 1e-15));
}

Test(ranking, rows_with_none_or_all)
{
    const mh_mark none[] = {mh_mark_of(0.9f, 0), mh_mark_of(0.5f, 0)};
    const mh_mark all[] = {mh_mark_of(0.9f, 1), mh_mark_of(0.5f, 1)};
    mh_row_ranking r = mh_rank_row(2, none);

    cr_expect(r.average_precision == 1.0 && r.loss == 0.0 && r.coverage == 0 && r.ndcg[2] == 0.0);
    r = mh_rank_row(2, all);
    cr_expect(r.average_precision == 1.0 && r.loss == 0.0 && r.coverage == 2 && r.ndcg[2] == 1.0);
    cr_expect(r.hits[2] == 2);
}
