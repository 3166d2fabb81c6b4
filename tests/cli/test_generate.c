#include <criterion/criterion.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(generate, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 403, FEATURES = 12, LABELS = 5 };

/* The rows of a file, compared with rows `first`... of another one. */
static void expect_rows(const char *part, const char *whole, size_t first, size_t count)
{
    static double mine[ROWS * FEATURES], all[ROWS * FEATURES];

    odd_file_read(part, "features", count * FEATURES, mine);
    odd_file_read(whole, "features", ROWS * FEATURES, all);
    cr_expect(memcmp(mine, all + first * FEATURES, count * FEATURES * sizeof *mine) == 0, "features of %s",
              part);
    odd_file_read(part, "labels", count * LABELS, mine);
    odd_file_read(whole, "labels", ROWS * LABELS, all);
    cr_expect(memcmp(mine, all + first * LABELS, count * LABELS * sizeof *mine) == 0, "labels of %s", part);
}

static void expect_shards(int ranks, const char *options)
{
    outcome o = run_program(1, "generate --output whole.h5 --samples %d %s", ROWS, options);
    MUST_EXIT(o, 0);
    o = run_program(ranks, "generate --output shards --shards 4 --samples %d %s", ROWS, options);
    MUST_EXIT(o, 0);
    EXPECT_NAMES("shards", "shard-00000.h5 shard-00001.h5 shard-00002.h5 shard-00003.h5");
    for (size_t file = 0, first = 0; file < 4; file++) {
        char path[32];
        size_t rows = 0, columns = 0;

        snprintf(path, sizeof path, "shards/shard-%05zu.h5", file);
        odd_file_extent(path, "features", &rows, &columns);
        cr_assert(first + rows <= ROWS && columns == FEATURES);
        expect_rows(path, "whole.h5", first, rows);
        first += rows;
        cr_expect(file < 3 || first == ROWS, "%zu rows in all", first);
    }
}

Test(generate, shards_hold_the_rows_of_the_one_file_on_1_rank)
{
    expect_shards(1, "--seed 3");
}

Test(generate, shards_hold_the_rows_of_the_one_file_on_2_ranks)
{
    expect_shards(2, "--seed 3");
}

Test(generate, shards_hold_the_rows_of_the_one_file_on_3_ranks)
{
    expect_shards(3, "--seed 3");
}

Test(generate, shards_of_rowwise_rows_hold_them_too)
{
    expect_shards(3, "--seed 3 --method rowwise --categories 4");
}

Test(generate, the_file_is_the_same_on_any_number_of_ranks)
{
    for (int ranks = 1; ranks <= 3; ranks++) {
        outcome o = run_program(ranks, "generate --output %d.h5 --samples %d", ranks, ROWS);

        MUST_EXIT(o, 0);
    }
    EXPECT_SAME_FILE("1.h5", "2.h5");
    EXPECT_SAME_FILE("1.h5", "3.h5");
    EXPECT_NAMES(".", "1.h5 2.h5 3.h5");
}

Test(generate, the_first_rows_are_the_tutorials)
{
    /* As the tutorial prints them, sklearn's make_multilabel_classification with random_state 1. */
    static const double features[12] = {5, 4, 1, 6, 3, 1, 3, 9, 3, 1, 9, 2}, labels[5] = {1, 1, 0, 1, 1};
    static double x[ROWS * FEATURES], y[ROWS * LABELS];
    outcome o = run_program(1, "generate --output d.h5 --samples %d", ROWS);

    MUST_EXIT(o, 0);
    odd_file_read("d.h5", "features", ROWS * FEATURES, x);
    odd_file_read("d.h5", "labels", ROWS * LABELS, y);
    cr_expect(memcmp(x, features, sizeof features) == 0);
    cr_expect(memcmp(y, labels, sizeof labels) == 0);
}

Test(generate, rows_selects_a_part)
{
    outcome o = run_program(1, "generate --output whole.h5 --samples %d", ROWS);
    MUST_EXIT(o, 0);
    o = run_program(1, "generate --output part.h5 --samples %d --rows 100:-50", ROWS);
    MUST_EXIT(o, 0);
    expect_rows("part.h5", "whole.h5", 100, ROWS - 150);
}

Test(generate, another_seed_gives_other_rows)
{
    outcome o = run_program(1, "generate --output 1.h5 --samples %d --seed 1", ROWS);
    MUST_EXIT(o, 0);
    o = run_program(1, "generate --output 2.h5 --samples %d --seed 2", ROWS);
    MUST_EXIT(o, 0);
    cr_expect(!files_are_same("1.h5", "2.h5"));
}

Test(generate, no_unlabeled_means_that_every_row_has_a_label)
{
    static double y[ROWS * LABELS];
    size_t empty = 0;
    outcome o = run_program(1, "generate --output d.h5 --samples %d --mean-labels 1 --no-unlabeled", ROWS);

    MUST_EXIT(o, 0);
    odd_file_read("d.h5", "labels", ROWS * LABELS, y);
    for (size_t row = 0; row < ROWS; row++) {
        const double *labels = y + row * LABELS;

        empty += labels[0] + labels[1] + labels[2] + labels[3] + labels[4] == 0;
    }
    cr_expect(empty == 0, "%zu rows without a label", empty);
}

/* A folder of shards is one data set: those of an earlier, larger one must not be taken for a part of the new
 * one. */
Test(generate, fewer_shards_than_before_leave_no_old_ones)
{
    outcome o = run_program(1, "generate --output shards --shards 4 --samples %d", ROWS);
    MUST_EXIT(o, 0);
    o = run_program(1, "generate --output shards --shards 2 --samples %d --seed 2", ROWS);
    if (o.exit_code == 0)
        EXPECT_NAMES("shards", "shard-00000.h5 shard-00001.h5");
    else
        EXPECT_NAMES("shards", "shard-00000.h5 shard-00001.h5 shard-00002.h5 shard-00003.h5");
}

Test(generate, says_why_it_cannot_write)
{
    write_text("taken", "a file where a folder should be");
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "generate --output taken/d.h5 --samples %d", ROWS);

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "taken/d.h5: cannot be written");
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);

        o = run_program(ranks, "generate --output taken --shards 4 --samples %d", ROWS);
        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "taken");
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    }
    EXPECT_NAMES(".", "taken");
}
