#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

/* How to train: losses and their weights, what is done to features, presets. */

TestSuite(recipe, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 300, HEADS = 4 };

static const size_t binary[HEADS] = {2, 2, 2, 2};
static const size_t mixed[HEADS] = {2, 3, 2, 4};

#define SMALL "--data d.h5 --hidden 12 --batch-size 50 --epochs 3 --progress no"

static void make_rows(const size_t *classes)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 10);
}

static void must_train(int ranks, const char *run, const char *options)
{
    outcome o = run_program(ranks, "train " SMALL " --run %s %s", run, options);
    MUST_EXIT(o, 0);
}

static void expect_refusal(const char *options, int code, const char *words)
{
    outcome o = run_program(1, "train " SMALL " %s", options);

    EXPECT_EXIT(o, code);
    EXPECT_WORDS(o.err, words);
    cr_expect(count_lines(o.err, "multihead: ") == 1, "%s: not one message:\n%s", options, o.err);
    EXPECT_NO_FILE("outputs/run/model.h5");
}

/* ---- positive weights ---- */

/* Negatives / positives among known labels, as text. */
static void balance(char text[256])
{
    static double labels[ROWS * HEADS];
    size_t used = 0;

    odd_file_read("d.h5", "labels", ROWS * HEADS, labels);
    for (size_t h = 0; h < HEADS; h++) {
        double count[2] = {0};

        for (size_t row = 0; row < ROWS; row++)
            if (labels[row * HEADS + h] >= 0)
                count[(int)labels[row * HEADS + h]]++;
        used += (size_t)snprintf(text + used, 256 - used, "%.17g\n", count[0] / count[1]);
    }
}

Test(recipe, positive_weights_that_are_automatic_are_negatives_over_positives)
{
    char numbers[256];

    make_rows(binary);
    balance(numbers);
    write_text("weights.txt", numbers);
    must_train(2, "auto", "--positive-weight auto");
    must_train(1, "file", "--positive-weight weights.txt");
    must_train(1, "none", "");
    expect_same_models("auto", "file");
    expect_other_models("auto", "none");
}

Test(recipe, one_positive_weight_is_for_all_labels)
{
    make_rows(binary);
    write_text("weights.txt", "2.5, 2.5\n2.5 2.5\n");
    must_train(1, "number", "--positive-weight 2.5");
    must_train(1, "file", "--positive-weight weights.txt");
    must_train(1, "list", "--positive-weight 2.5,2.5,2.5,2.5");
    expect_same_models("number", "file");
    expect_same_models("number", "list");
    must_train(1, "one", "--positive-weight 1");
    must_train(1, "none", "");
    expect_same_models("one", "none");
}

/* Classes that are neither yes nor no have no positive one; a weight for all leaves them alone. */
Test(recipe, positive_weights_are_for_labels_of_two_classes)
{
    make_rows(mixed);
    must_train(1, "number", "--positive-weight 2.5");
    must_train(1, "list", "--positive-weight 2.5,1,2.5,1");
    expect_same_models("number", "list");
    must_train(1, "auto", "--positive-weight auto");
    expect_refusal("--positive-weight 1,2,1,1", 2, "label_2 has 3 classes");
}

Test(recipe, positive_weights_that_cannot_be_are_refused)
{
    make_rows(binary);
    write_text("words.txt", "1 2 three 4\n");
    write_text("empty.txt", "\n");
    expect_refusal("--positive-weight 1,2,3", 2, "each of the 4 labels, or one for all; got 3");
    expect_refusal("--positive-weight 1,2,3,4,5", 2, "got 5");
    expect_refusal("--positive-weight -1", 2, "\"-1\" is not a number from 0");
    expect_refusal("--positive-weight words.txt", 2, "\"three\" is not a number from 0");
    expect_refusal("--positive-weight empty.txt", 2, "got 0");
    expect_refusal("--positive-weight nowhere.txt", 1, "nowhere.txt");
}

/* ---- head weights ---- */

/* Powers of two: nothing is rounded otherwise. */
Test(recipe, equal_head_weights_are_none)
{
    make_rows(binary);
    must_train(1, "none", "");
    must_train(1, "equal", "--head-weight 2,2,2,2");
    must_train(2, "other", "--head-weight 4,1,1,1");
    expect_same_models("none", "equal");
    expect_other_models("none", "other");
}

Test(recipe, a_head_that_weighs_nothing_does_not_learn)
{
    double first[2][12], second[2][12];

    make_rows(mixed);
    must_train(1, "short", "--head-weight 0,1,2,1 --epochs 1");
    must_train(1, "long", "--head-weight 0,1,2,1");
    odd_file_read("outputs/short/model.h5", "model/out1.weight", 12, first[0]);
    odd_file_read("outputs/long/model.h5", "model/out1.weight", 12, first[1]);
    odd_file_read("outputs/short/model.h5", "model/out3.weight", 12, second[0]);
    odd_file_read("outputs/long/model.h5", "model/out3.weight", 12, second[1]);
    cr_expect(memcmp(first[0], first[1], sizeof first[0]) == 0);
    cr_expect(memcmp(second[0], second[1], sizeof second[0]) != 0);
}

Test(recipe, head_weights_that_cannot_be_are_refused)
{
    make_rows(binary);
    expect_refusal("--head-weight 1,2", 2, "each of the 4 labels, or one for all; got 2");
    expect_refusal("--head-weight 1,1,-1,1", 2, "is not a number from 0");
    expect_refusal("--head-weight 0,0,0,0", 2, "all weights are 0");
}

/* ---- losses ---- */

Test(recipe, losses_are_different_and_the_same_on_any_number_of_ranks)
{
    make_rows(binary);
    must_train(1, "cross-entropy", "");
    must_train(1, "focal", "--loss focal");
    must_train(3, "focal3", "--loss focal");
    must_train(1, "asymmetric", "--loss asymmetric");
    must_train(2, "asymmetric2", "--loss asymmetric");
    must_train(1, "gamma", "--loss asymmetric --gamma-negative 2");
    expect_other_models("cross-entropy", "focal");
    expect_other_models("focal", "asymmetric");
    expect_other_models("asymmetric", "gamma");
    expect_same_models("focal", "focal3");
    expect_same_models("asymmetric", "asymmetric2");
}

Test(recipe, losses_go_with_the_heads_they_are_for)
{
    make_rows(mixed);
    must_train(1, "focal", "--loss focal");
    expect_refusal("--loss asymmetric", 2, "head 2 is softmax");
    expect_refusal("--loss asymmetric --head-activation sigmoid", 2, "leave out --head-activation");
    expect_refusal("--loss focal --head-activation sigmoid", 2, "leave out --head-activation");
    expect_refusal("--loss hinge", 2, "--loss hinge: expected");
    expect_refusal("--loss asymmetric --margin 1", 2, "--margin 1: expected a probability below 1");
}

/* ---- features ---- */

/* Rows of which two columns are far from 0, and one is constant. */
static void make_unscaled_rows(void)
{
    static double features[ROWS * ODD_INPUTS], labels[ROWS * HEADS];

    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < ODD_INPUTS; i++)
            features[row * ODD_INPUTS + i] = odd_feature(row, i);
        features[row * ODD_INPUTS] = 1000 + 64 * odd_feature(row, 0);
        features[row * ODD_INPUTS + 3] = odd_feature(row, 3) < 0;
        features[row * ODD_INPUTS + 5] = 3;
        for (size_t h = 0; h < HEADS; h++)
            labels[row * HEADS + h] = odd_label(row, h, 2);
    }
    odd_file_add("d.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("d.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
}

/* Rows are then given as they are: the model knows what to do with them. */
Test(recipe, standardization_is_kept_in_the_model)
{
    static double features[ROWS * ODD_INPUTS];
    double mean[ODD_INPUTS], deviation[ODD_INPUTS], sum = 0;

    make_unscaled_rows();
    must_train(1, "auto", "--standardize auto --outlier-limit 1 --validation-rows 0:");
    must_train(3, "auto3", "--standardize auto --outlier-limit 1 --validation-rows 0:");
    expect_same_models("auto", "auto3");
    odd_file_read("d.h5", "features", ROWS * ODD_INPUTS, features);
    odd_file_read("outputs/auto/model.h5", "standardization/mean", ODD_INPUTS, mean);
    odd_file_read("outputs/auto/model.h5", "standardization/deviation", ODD_INPUTS, deviation);
    for (size_t row = 0; row < ROWS; row++)
        sum += features[row * ODD_INPUTS] / ROWS;
    cr_expect(fabs(mean[0] - sum) < 1e-4); /* a float32 of about 1000 */
    cr_expect(mean[3] == 0 && deviation[3] == 1);
    cr_expect(mean[5] == 3 && deviation[5] == 1);
    outcome o = run_program(2, "evaluate --model outputs/auto --data d.h5 --json -");
    MUST_EXIT(o, 0);

    const csv *history = read_csv("outputs/auto/history.csv");
    const char *loss = strstr(o.out, "\"loss\": ");

    cr_assert(loss != NULL);
    cr_expect(fabs(atof(loss + strlen("\"loss\": ")) - csv_number(history, 2, "validation_loss")) < 1e-6);
}

Test(recipe, standardization_may_be_of_all_columns_or_of_none)
{
    double deviation[ODD_INPUTS];
    size_t rows = 0, columns = 0;

    make_unscaled_rows();
    must_train(1, "yes", "--standardize yes");
    odd_file_read("outputs/yes/model.h5", "standardization/deviation", ODD_INPUTS, deviation);
    cr_expect(fabs(deviation[3] - 0.5) < 0.05); /* of zeros and ones, about as many */
    must_train(1, "no", "");
    odd_file_extent("outputs/no/model.h5", "standardization", &rows, &columns);
    cr_expect(rows == 0);
}

Test(recipe, a_linear_path_is_a_tensor_of_the_model)
{
    size_t rows = 0, columns = 0;

    make_rows(mixed);
    must_train(1, "with", "--linear-path yes");
    must_train(2, "with2", "--linear-path yes");
    must_train(1, "slow", "--linear-path yes --linear-path-rate 0.5");
    must_train(1, "without", "");
    expect_same_models("with", "with2");
    expect_other_models("with", "slow");
    odd_file_extent("outputs/with/model.h5", "model/wide.weight", &rows, &columns);
    cr_expect(rows == 1 + 3 + 1 + 4 && columns == ODD_INPUTS);
    odd_file_extent("outputs/without/model.h5", "model/wide.weight", &rows, &columns);
    cr_expect(rows == 0);
    expect_refusal("--linear-path yes --hidden none", 2, "a linear model already");
}

Test(recipe, dropout_is_the_same_on_any_number_of_ranks)
{
    make_rows(mixed);
    must_train(1, "a", "--dropout 0.25 --input-dropout 0.1 --average-decay 0.9 --clip-norm 0.5");
    must_train(3, "a3", "--dropout 0.25 --input-dropout 0.1 --average-decay 0.9 --clip-norm 0.5");
    must_train(1, "none", "");
    expect_same_models("a", "a3");
    expect_other_models("a", "none");
}

Test(recipe, shares_that_cannot_be_are_refused)
{
    make_rows(binary);
    expect_refusal("--dropout 1", 2, "--dropout 1: expected");
    expect_refusal("--input-dropout 1.5", 2, "--input-dropout 1.5: expected");
    expect_refusal("--dropout -0.1", 2, "--dropout -0.1: expected");
    expect_refusal("--average-decay 1", 2, "--average-decay 1: expected a share below 1");
}

/* ---- presets ---- */

#define TABULAR "--data d.h5 --preset tabular --epochs 2 --hidden 12 --progress no"

Test(recipe, a_preset_tells_what_it_chose_but_not_what_was_given)
{
    make_rows(binary);
    outcome o = run_program(2, "train " TABULAR " --dropout 0.25");
    MUST_EXIT(o, 0);
    cr_expect(count_lines(o.err, "preset tabular, for 300 rows, 6 features (0 of 0 and 1), 4 labels:") == 1,
              "stderr:\n%s", o.err);
    EXPECT_WORDS(o.err, "--cross-validate 5");
    EXPECT_WORDS(o.err, "--standardize auto");
    EXPECT_WORDS(o.err, "--linear-path yes");
    EXPECT_WORDS(o.err, "--thresholds tune");
    EXPECT_NO_WORDS(o.err, "--dropout 0.25");
    EXPECT_NO_WORDS(o.err, "--epochs 2");
    EXPECT_NO_WORDS(o.err, "--hidden");
    EXPECT_NAMES("outputs/run/folds", "fold-1.h5 fold-2.h5 fold-3.h5 fold-4.h5 fold-5.h5");
}

Test(recipe, single_options_override_a_preset)
{
    size_t rows = 0, columns = 0;

    make_rows(binary);
    outcome o = run_program(1, "train " TABULAR " --dropout 0 --linear-path no --standardize no "
                               "--validation-fraction 0.2 --thresholds 0.5 --refit no");
    MUST_EXIT(o, 0);
    EXPECT_NO_FILE("outputs/run/folds");
    odd_file_extent("outputs/run/model.h5", "model/wide.weight", &rows, &columns);
    cr_expect(rows == 0);
    odd_file_extent("outputs/run/model.h5", "standardization", &rows, &columns);
    cr_expect(rows == 0);
    odd_file_extent("outputs/run/model.h5", "thresholds", &rows, &columns);
    cr_expect(rows == 0);
    cr_expect(read_csv("outputs/run/history.csv")->lines == 2);
}

Test(recipe, a_presets_choices_repeat_bit_for_bit)
{
    make_rows(binary);
    outcome o = run_program(1, "train " TABULAR " --dropout 0.25 --run a");
    MUST_EXIT(o, 0);
    o = run_program(3, "train --config outputs/a/options.ini --run b");
    MUST_EXIT(o, 0);
    expect_same_models("a", "b");
    EXPECT_SAME_HISTORY("outputs/a/history.csv", "outputs/b/history.csv");
    o = run_program(2, "train " TABULAR " --dropout 0.25 --run a");
    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.err, "outputs/a is finished already") == 1, "stderr:\n%s", o.err);
}

Test(recipe, few_rows_of_many_are_held_out_by_a_preset)
{
    outcome o = run_program(2, "train --generate --method rowwise --samples 6000 --preset tabular --epochs 1 "
                               "--hidden 8 --dropout 0.1 --progress no");
    MUST_EXIT(o, 0);
    EXPECT_WORDS(o.err, "--validation-fraction 0.1");
    EXPECT_WORDS(o.err, "--refit yes");
    EXPECT_NO_WORDS(o.err, "--cross-validate");
}
