#include <criterion/criterion.h>
#include <math.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(predict, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 120, HEADS = 3, COLUMNS = 1 + 3 + 5 };

static const size_t mixed[HEADS] = {2, 3, 5};
static const size_t columns[HEADS] = {1, 3, 5}; /* a binary head has one */

#define MODEL "--model outputs/run/model.h5"

static void must_train(size_t lost_percent)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, mixed, lost_percent);
    outcome o = run_program(1, "train --data d.h5 --hidden 16 --batch-size 50 --epochs 5");
    MUST_EXIT(o, 0);
}

static void expect_extent(const char *file, const char *dataset, size_t rows, size_t columns_expected)
{
    size_t there = 0, wide = 0;

    odd_file_extent(file, dataset, &there, &wide);
    cr_expect(there == rows && wide == columns_expected, "%s of %s is %zu x %zu", dataset, file, there, wide);
}

/* The likelier class; of a binary head's one probability, class 1 from one half. */
static size_t likeliest(const double *probabilities, size_t count)
{
    size_t best = 0;

    if (count == 1)
        return probabilities[0] >= 0.5;
    for (size_t c = 1; c < count; c++)
        best = probabilities[c] > probabilities[best] ? c : best;
    return best;
}

Test(predict, hdf5_has_probabilities_predictions_and_labels)
{
    static double probabilities[ROWS][COLUMNS], predictions[ROWS][HEADS], labels[ROWS][HEADS];

    must_train(0);
    outcome o = run_program(1, "predict " MODEL " --data d.h5 --output p.h5");
    MUST_EXIT(o, 0);
    cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
    expect_extent("p.h5", "probabilities", ROWS, COLUMNS);
    expect_extent("p.h5", "predictions", ROWS, HEADS);
    expect_extent("p.h5", "labels", ROWS, HEADS);
    odd_file_read("p.h5", "probabilities", ROWS * COLUMNS, probabilities[0]);
    odd_file_read("p.h5", "predictions", ROWS * HEADS, predictions[0]);
    odd_file_read("p.h5", "labels", ROWS * HEADS, labels[0]);
    for (size_t row = 0; row < ROWS; row++) {
        const double *of_head = probabilities[row];

        for (size_t h = 0; h < HEADS; of_head += columns[h++]) {
            double sum = 0;

            for (size_t c = 0; c < columns[h]; c++) {
                cr_expect(of_head[c] >= 0 && of_head[c] <= 1);
                sum += of_head[c];
            }
            cr_expect(columns[h] == 1 || fabs(sum - 1) < 1e-6, "row %zu, head %zu: sum %g", row, h, sum);
            cr_expect(predictions[row][h] == (double)likeliest(of_head, columns[h]), "row %zu, head %zu", row,
                      h);
            cr_expect(labels[row][h] == odd_label(row, h, mixed[h]));
        }
    }
}

Test(predict, csv_has_the_same_numbers_under_names)
{
    enum { FIRST = 20, END = 100 };
    static double probabilities[END - FIRST][COLUMNS], predictions[END - FIRST][HEADS];
    static const char *const names[] = {"row",
                                        "prediction label_1",
                                        "prediction label_2",
                                        "prediction label_3",
                                        "truth label_1",
                                        "truth label_2",
                                        "truth label_3",
                                        "probability label_1",
                                        "probability label_2 0",
                                        "probability label_2 1"};

    must_train(0);
    /* The same rows: in another product a row may lie at another edge of BLAS's kernel, which rounds otherwise. */
    outcome o = run_program(1, "predict " MODEL " --data d.h5 --rows 20:100 --output p.h5");
    MUST_EXIT(o, 0);
    o = run_program(1, "predict " MODEL " --data d.h5 --rows 20:100 --output p.csv");
    MUST_EXIT(o, 0);
    odd_file_read("p.h5", "probabilities", (END - FIRST) * COLUMNS, probabilities[0]);
    odd_file_read("p.h5", "predictions", (END - FIRST) * HEADS, predictions[0]);

    const csv *table = read_csv("p.csv");
    cr_assert(table->lines == END - FIRST && table->columns == 1 + 2 * HEADS + COLUMNS);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect(strcmp(table->name[i], names[i]) == 0, "column %zu is %s", i, table->name[i]);
    for (size_t line = 0; line < END - FIRST; line++) {
        size_t row = FIRST + line;

        cr_expect(csv_number(table, line, "row") == (double)row, "rows are the file's");
        cr_expect(csv_number(table, line, "prediction label_3") == predictions[line][2]);
        cr_expect(csv_number(table, line, "truth label_3") == odd_label(row, 2, 5));
        /* 9 digits are all that a float32 has; the rounding to it is of the file's conversion to double. */
        cr_expect((float)csv_number(table, line, "probability label_1") == (float)probabilities[line][0]);
        cr_expect((float)csv_number(table, line, "probability label_3 4") == (float)probabilities[line][8]);
    }
}

Test(predict, works_without_labels)
{
    static double features[ROWS * ODD_INPUTS], with[ROWS * COLUMNS], without[ROWS * COLUMNS];

    must_train(0);
    for (size_t i = 0; i < ROWS * ODD_INPUTS; i++)
        features[i] = odd_feature(i / ODD_INPUTS, i % ODD_INPUTS);
    odd_file_add("unlabeled.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "predict " MODEL " --data unlabeled.h5");
        EXPECT_EXIT(o, 0);
        cr_expect(count_lines(o.out, "SAMPLE ") == ROWS);
        EXPECT_NO_WORDS(o.out, "TRUTHS");
    }
    outcome o = run_program(1, "predict " MODEL " --data unlabeled.h5 --output without.h5");
    MUST_EXIT(o, 0);
    o = run_program(1, "predict " MODEL " --data d.h5 --output with.h5");
    MUST_EXIT(o, 0);
    expect_extent("without.h5", "labels", 0, 0);
    odd_file_read("with.h5", "probabilities", ROWS * COLUMNS, with);
    odd_file_read("without.h5", "probabilities", ROWS * COLUMNS, without);
    cr_expect(memcmp(with, without, sizeof with) == 0);
    o = run_program(1, "predict " MODEL " --data unlabeled.h5 --output p.csv");
    MUST_EXIT(o, 0);
    cr_expect(read_csv("p.csv")->columns == 1 + HEADS + COLUMNS);
}

Test(predict, missing_labels_are_empty_or_question_marks)
{
    must_train(30);
    outcome o = run_program(1, "predict " MODEL " --data d.h5");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "?");
    o = run_program(1, "predict " MODEL " --data d.h5 --output p.csv");
    EXPECT_EXIT(o, 0);
    const csv *table = read_csv("p.csv");
    size_t missing = 0;
    for (size_t line = 0; line < table->lines; line++)
        for (size_t h = 0; h < HEADS; h++)
            missing += table->field[line][1 + HEADS + h][0] == '\0';
    cr_expect(missing > 60 && missing < 160, "%zu of 360 labels are missing, not about 30 %%", missing);
}

Test(predict, a_file_that_cannot_be_written_is_named)
{
    must_train(0);
    const char *const forms[] = {"nowhere/p.h5", "nowhere/p.csv"};
    for (int ranks = 1; ranks <= 3; ranks += 2)
        for (size_t i = 0; i < 2; i++) {
            outcome o = run_program(ranks, "predict " MODEL " --data d.h5 --output %s", forms[i]);

            EXPECT_EXIT(o, 1);
            EXPECT_WORDS(o.err, "nowhere/p.");
            EXPECT_WORDS(o.err, "cannot be written");
            cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
        }
}

Test(predict, a_bad_row_leaves_no_half_of_a_file)
{
    static double features[ROWS * ODD_INPUTS];

    must_train(0);
    features[77 * ODD_INPUTS + 2] = NAN;
    odd_file_add("bad.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "predict " MODEL " --data bad.h5 --output p.csv");
        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "row 77");
        o = run_program(ranks, "predict " MODEL " --data bad.h5 --output p.h5");
        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "row 77");
    }
    EXPECT_NAMES(".", "bad.h5 d.h5 outputs");
}
