#include "multihead/model/ranking.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

const size_t mh_cut[MH_CUTS] = {1, 3, 5};

mh_mark mh_mark_of(float probability, mh_label label)
{
    float positive_zero = probability + 0.0f; /* -0 would be the largest of all */
    uint32_t bits = 0;
    mh_truth truth = label == MH_LABEL_MISSING ? MH_TRUTH_MISSING
                     : label == 1              ? MH_TRUTH_POSITIVE
                                               : MH_TRUTH_NEGATIVE;

    if (!(probability >= 0.0f && probability <= 1.0f))
        return label == MH_LABEL_MISSING ? MH_TRUTH_MISSING : MH_TRUTH_BROKEN;
    memcpy(&bits, &positive_zero, sizeof bits);
    return bits << 2 | (uint32_t)truth;
}

float mh_mark_probability(mh_mark mark)
{
    uint32_t bits = mh_mark_place(mark);
    float probability = 0;

    memcpy(&probability, &bits, sizeof probability);
    return probability;
}

/* ---- sorting ---- */

static void insertion_sort(size_t count, mh_mark *marks)
{
    for (size_t i = 1; i < count; i++) {
        mh_mark mark = marks[i];
        size_t at = i;

        for (; at > 0 && mh_mark_place(marks[at - 1]) < mh_mark_place(mark); at--)
            marks[at] = marks[at - 1];
        marks[at] = mark;
    }
}

enum { DIGIT_BITS = 10, DIGITS = 1 << DIGIT_BITS, PASSES = 3 }; /* 30 bits of probability */

/* One pass of a radix sort, largest digit first. */
static void sort_by_digit(size_t count, const mh_mark *from, mh_mark *to, unsigned shift)
{
    size_t start[DIGITS + 1] = {0};

    for (size_t i = 0; i < count; i++)
        start[DIGITS - (from[i] >> shift & (DIGITS - 1))]++; /* one to the right of its own place */
    for (size_t d = 1; d <= DIGITS; d++)
        start[d] += start[d - 1];
    for (size_t i = 0; i < count; i++)
        to[start[DIGITS - 1 - (from[i] >> shift & (DIGITS - 1))]++] = from[i];
}

void mh_marks_sort(size_t count, mh_mark *marks, mh_mark *scratch)
{
    if (count <= 64) {
        insertion_sort(count, marks);
        return;
    }
    sort_by_digit(count, marks, scratch, 2);
    sort_by_digit(count, scratch, marks, 2 + DIGIT_BITS);
    sort_by_digit(count, marks, scratch, 2 + 2 * DIGIT_BITS);
    memcpy(marks, scratch, count * sizeof *marks);
}

/* ---- one row ---- */

/* The first `count` marks, each hit worth less the later it comes. */
static double gain(size_t count, const bool *is_hit)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        if (is_hit[i])
            sum += 1.0 / log2((double)(i + 2));
    return sum;
}

static void look_at_first(size_t count, const mh_mark *marks, size_t positives, mh_row_ranking *out)
{
    for (size_t c = 0; c < MH_CUTS; c++) {
        bool is_hit[8] = {false}, is_ideal[8] = {false};

        for (size_t i = 0; i < mh_cut[c]; i++) {
            is_hit[i] = i < count && mh_mark_truth(marks[i]) == MH_TRUTH_POSITIVE;
            is_ideal[i] = i < positives;
            out->hits[c] += is_hit[i];
        }
        out->ndcg[c] = positives > 0 ? gain(mh_cut[c], is_hit) / gain(mh_cut[c], is_ideal) : 0.0;
    }
}

mh_row_ranking mh_rank_row(size_t count, const mh_mark *marks)
{
    mh_row_ranking out = {0};
    size_t positives = 0, found = 0, wrong_pairs = 0;
    double precisions = 0;

    for (size_t i = 0; i < count; i++)
        positives += mh_mark_truth(marks[i]) == MH_TRUTH_POSITIVE;
    for (size_t first = 0, end = 0; first < count; first = end) {
        size_t hits = 0;

        /* Equally probable labels share the last one's place. */
        for (; end < count && mh_mark_place(marks[end]) == mh_mark_place(marks[first]); end++)
            hits += mh_mark_truth(marks[end]) == MH_TRUTH_POSITIVE;
        wrong_pairs += (end - first - hits) * (positives - found);
        found += hits;
        precisions += (double)hits * ((double)found / (double)end);
        if (hits > 0)
            out.coverage = end;
    }
    bool is_trivial = positives == 0 || positives == count;

    out.average_precision = is_trivial ? 1.0 : precisions / (double)positives;
    out.loss = is_trivial ? 0.0 : (double)wrong_pairs / ((double)positives * (double)(count - positives));
    look_at_first(count, marks, positives, &out);
    return out;
}
