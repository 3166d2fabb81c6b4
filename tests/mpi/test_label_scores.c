#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/training/label_scores.h"
#include "ranks.h"
#include "toy.h"

TestSuite(label_scores, .init = start_mpi, .fini = stop_mpi, .timeout = MPI_TEST_SECONDS);

/* Head 1 has three classes, so nothing here; rank r has 10 + r rows. */
enum { HEADS = 5, COLUMNS = 7 };

static const size_t classes[HEADS] = {2, 3, 2, 2, 2};

static size_t rows_of(size_t rank)
{
    return 10 + rank;
}

/* Row `row` of rank `rank`: its probabilities and labels. */
static float probability_of(size_t rank, size_t row, size_t column)
{
    return (float)((rank * 131 + row * 17 + column * 29) % 97) / 128.0f;
}

static mh_label label_of(size_t rank, size_t row, size_t head)
{
    return (rank + row + head) % 7 == 0 ? MH_LABEL_MISSING : (mh_label)((rank * row + head) % 2);
}

/* What this rank holds, added in two parts. */
static mh_label_scores *mine(void)
{
    size_t rank = mh_comm_rank(world), rows = rows_of(rank);
    mh_schema schema = toy_schema(1, HEADS, classes);
    mh_heads heads;
    mh_label_scores *scores = NULL;
    float probabilities[64 * COLUMNS];
    mh_label labels[64 * HEADS];

    MUST(mh_heads_create(&schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, &heads));
    cr_assert(eq(sz, heads.columns, COLUMNS));
    for (size_t i = 0; i < rows * COLUMNS; i++)
        probabilities[i] = probability_of(rank, i / COLUMNS, i % COLUMNS);
    for (size_t i = 0; i < rows * HEADS; i++)
        labels[i] = label_of(rank, i / HEADS, i % HEADS);
    MUST(mh_label_scores_create(&heads, rows, &scores));
    mh_label_scores_add(scores, 4, probabilities, labels);
    mh_label_scores_add(scores, rows - 4, probabilities + 4 * COLUMNS, labels + 4 * HEADS);
    mh_heads_clear(&heads);
    mh_schema_clear(&schema);
    return scores;
}

/* Columns of the heads, the second of which has three. */
static size_t column_of(size_t head)
{
    return head == 0 ? 0 : head + 2;
}

static size_t known_rows(size_t head, int64_t *positives)
{
    size_t known = 0;

    *positives = 0;
    for (size_t r = 0; r < mh_comm_ranks(world); r++)
        for (size_t row = 0; row < rows_of(r); row++) {
            known += label_of(r, row, head) != MH_LABEL_MISSING;
            *positives += label_of(r, row, head) == 1;
        }
    return known;
}

Test(label_scores, gathers_each_head_once_from_all_ranks)
{
    mh_label_scores *scores = mine();
    double times[HEADS] = {0};

    for (size_t round = 0; round < mh_label_scores_rounds(world, scores); round++) {
        mh_gathered g;
        int64_t positives = 0;

        MUST(mh_label_scores_gather(world, scores, round, &g));
        if (!g.is_mine)
            continue;
        times[g.head]++;
        cr_expect(eq(sz, g.curve.count, known_rows(g.head, &positives)));
        cr_expect(eq(i64, g.curve.positives, positives));
        /* The largest probability of all ranks comes first. */
        for (size_t r = 0; r < mh_comm_ranks(world); r++)
            for (size_t row = 0; row < rows_of(r); row++)
                cr_expect(label_of(r, row, g.head) == MH_LABEL_MISSING ||
                          probability_of(r, row, column_of(g.head)) <= mh_mark_probability(g.curve.mark[0]));
    }
    mh_share_numbers(world, times, HEADS);
    for (size_t h = 0; h < HEADS; h++)
        cr_expect(times[h] == (classes[h] == 2 ? 1.0 : 0.0), "head %zu", h);
    mh_label_scores_destroy(scores);
}

Test(label_scores, counts_probabilities_of_all_labels)
{
    mh_label_scores *scores = mine();
    int64_t *known = calloc(MH_BINS, sizeof *known), *positives = calloc(MH_BINS, sizeof *positives);
    int64_t sums[2] = {0}, expected[2] = {0};

    mh_label_scores_count(world, scores, known, positives);
    for (size_t bin = 0; bin < MH_BINS; bin++) {
        sums[0] += known[bin];
        sums[1] += positives[bin];
    }
    for (size_t h = 0; h < HEADS; h++) {
        int64_t of_head = 0;
        size_t rows = known_rows(h, &of_head);

        expected[0] += classes[h] == 2 ? (int64_t)rows : 0;
        expected[1] += classes[h] == 2 ? of_head : 0;
    }
    cr_expect(eq(i64, sums[0], expected[0]));
    cr_expect(eq(i64, sums[1], expected[1]));
    cr_expect(mh_bin_probability(0) == 0.0f && mh_bin_probability(MH_BINS - 1) == 1.0f);
    free(known);
    free(positives);
    mh_label_scores_destroy(scores);
}

/* More than are sent at a time, NaN among them. */
Test(label_scores, shares_what_one_rank_knows)
{
    enum { COUNT = 600 };
    const size_t rank = mh_comm_rank(world), ranks = mh_comm_ranks(world);
    double numbers[COUNT] = {0};

    for (size_t i = rank; i < COUNT; i += ranks)
        numbers[i] = i == 7 ? (double)NAN : -1.0 / (double)(i + 1);
    mh_share_numbers(world, numbers, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        cr_expect(i == 7 ? isnan(numbers[i]) : numbers[i] == -1.0 / (double)(i + 1));
}
