#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(bad_input, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 60, HEADS = 2, INPUTS = ODD_INPUTS };

static const size_t classes[HEADS] = {2, 3};
static double features[ROWS * INPUTS], labels[ROWS * HEADS];

static void fill_rows(void)
{
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        features[i] = odd_feature(i / INPUTS, i % INPUTS);
    for (size_t i = 0; i < ROWS * HEADS; i++)
        labels[i] = odd_label(i / HEADS, i % HEADS, classes[i % HEADS]);
}

static void write_file(odd_type features_type, odd_type labels_type)
{
    odd_file_add("d.h5", "features", features_type, ROWS, INPUTS, features);
    odd_file_add("d.h5", "labels", labels_type, ROWS, HEADS, labels);
}

/*
 * On 1 and 3 ranks: exit code 1, one message with all of these words (the last is NULL), and no new name in
 * the folder we stand in or below, neither final nor partial.
 */
static void expect_refusal(const char *arguments, const char *const *words)
{
    char *before = strdup(names_below());

    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "%s", arguments);

        EXPECT_EXIT(o, 1);
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message on %d ranks:\n%s", ranks, o.err);
        cr_expect(ranks > 1 || count_lines(o.err, "") == 1, "more than one line:\n%s", o.err);
        cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
        for (const char *const *word = words; *word != NULL; word++)
            EXPECT_WORDS(o.err, *word);
        cr_expect(strcmp(names_below(), before) == 0, "left behind on %d ranks:\n%s\nbefore:\n%s", ranks,
                  names_below(), before);
    }
    free(before);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SMALL      " --hidden 8 --epochs 2 --batch-size 16"

/* ---- files ---- */

Test(bad_input, no_such_file)
{
    expect_refusal("train --data nowhere.h5", WORDS("nowhere.h5", "No such file"));
    expect_refusal("train --data 'nowhere/*.h5'", WORDS("nowhere/*.h5", "no file matches"));
}

Test(bad_input, a_missing_shard_among_others)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    expect_refusal("train --data d.h5 nowhere.h5", WORDS("nowhere.h5"));
}

Test(bad_input, an_empty_folder)
{
    cr_assert(mkdir("shards", 0777) == 0);
    expect_refusal("train --data shards", WORDS("shards", "no .h5"));
}

Test(bad_input, not_hdf5)
{
    write_text("d.h5", "label,feature\n1,2\n");
    expect_refusal("train --data d.h5", WORDS("d.h5", "not an HDF5 file"));
}

Test(bad_input, an_empty_file)
{
    write_text("d.h5", "");
    expect_refusal("train --data d.h5", WORDS("d.h5", "not an HDF5 file"));
}

Test(bad_input, truncated)
{
    odd_file_add_rows("whole.h5", ROWS, HEADS, classes, 0);
    copy_file("whole.h5", "d.h5", 2500);
    expect_refusal("train --data d.h5", WORDS("d.h5", "cut off or damaged"));
}

Test(bad_input, unreadable)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    cr_assert(chmod("d.h5", 0) == 0);
    if (geteuid() == 0)
        SKIP_TEST("root may read everything");
    expect_refusal("train --data d.h5", WORDS("d.h5", "Permission denied"));
}

/* ---- datasets ---- */

Test(bad_input, no_features)
{
    fill_rows();
    odd_file_add("d.h5", "inputs", AS_FLOAT32, ROWS, INPUTS, features);
    odd_file_add("d.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/features", "--features-name"));
}

Test(bad_input, no_labels)
{
    fill_rows();
    odd_file_add("d.h5", "features", AS_FLOAT32, ROWS, INPUTS, features);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/labels", "--labels-name"));
}

Test(bad_input, no_dataset_of_the_name_given)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    expect_refusal("train --data d.h5 --features-name inputs", WORDS("d.h5", "/inputs"));
    expect_refusal("train --data d.h5 --labels-name targets", WORDS("d.h5", "/targets"));
}

Test(bad_input, row_counts_that_differ)
{
    fill_rows();
    odd_file_add("d.h5", "features", AS_FLOAT32, ROWS, INPUTS, features);
    odd_file_add("d.h5", "labels", AS_UINT8, ROWS - 1, HEADS, labels);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/features", "60 rows", "/labels", "59"));
}

Test(bad_input, float_labels)
{
    fill_rows();
    write_file(AS_FLOAT32, AS_FLOAT32);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/labels", "integers"));
}

Test(bad_input, text_features)
{
    fill_rows();
    write_file(AS_TEXT, AS_UINT8);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/features", "neither floats nor integers"));
}

Test(bad_input, text_labels)
{
    fill_rows();
    write_file(AS_FLOAT32, AS_TEXT);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/labels", "integers"));
}

Test(bad_input, features_of_three_dimensions_are_no_table)
{
    fill_rows();
    odd_file_add("d.h5", "features/deep", AS_FLOAT32, ROWS, INPUTS, features);
    odd_file_add("d.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    expect_refusal("train --data d.h5", WORDS("d.h5", "/features")); /* a group */
}

Test(bad_input, files_that_do_not_fit_together)
{
    fill_rows();
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    odd_file_add("e.h5", "features", AS_FLOAT32, ROWS, INPUTS - 1, features);
    odd_file_add("e.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    expect_refusal("train --data d.h5 e.h5", WORDS("e.h5", "5 features", "d.h5", "6"));
}

/* ---- rows ---- */

Test(bad_input, a_feature_that_is_not_a_number)
{
    fill_rows();
    features[41 * INPUTS + 2] = NAN;
    write_file(AS_FLOAT32, AS_UINT8);
    expect_refusal("train --data d.h5" SMALL,
                   WORDS("d.h5", "/features", "row 41", "column 2", "not a number"));
}

Test(bad_input, a_feature_that_is_infinite)
{
    fill_rows();
    features[59 * INPUTS] = -INFINITY;
    write_file(AS_FLOAT32, AS_UINT8);
    expect_refusal("train --data d.h5" SMALL, WORDS("d.h5", "/features", "row 59", "column 0", "infinite"));
}

Test(bad_input, a_feature_too_large_for_float32)
{
    fill_rows();
    features[3 * INPUTS + 5] = 1e300;
    write_file(AS_FLOAT64, AS_UINT8);
    expect_refusal("train --data d.h5" SMALL, WORDS("d.h5", "/features", "row 3", "too large"));
}

Test(bad_input, a_bad_row_is_numbered_as_in_its_file)
{
    odd_file_add_rows("first.h5", 30, HEADS, classes, 0);
    fill_rows();
    features[12 * INPUTS] = NAN;
    write_file(AS_FLOAT32, AS_UINT8);
    expect_refusal("train --data first.h5 d.h5 --rows 20:" SMALL, WORDS("d.h5", "row 12,"));
}

Test(bad_input, a_label_out_of_range)
{
    const int64_t num_classes[HEADS] = {2, 3};

    fill_rows();
    labels[33 * HEADS + 1] = 3;
    write_file(AS_FLOAT32, AS_UINT8);
    odd_file_set_integers("d.h5", "labels", "num_classes", HEADS, num_classes);
    expect_refusal("train --data d.h5" SMALL,
                   WORDS("d.h5", "/labels", "row 33", "column 1", "is 3", "0 to 2"));
}

Test(bad_input, a_label_larger_than_any_class)
{
    fill_rows();
    labels[7 * HEADS] = 3e9;
    write_file(AS_FLOAT32, AS_INT64);
    expect_refusal("train --data d.h5" SMALL, WORDS("d.h5", "/labels", "row 7", "3000000000"));
}

Test(bad_input, class_counts_that_do_not_fit)
{
    const int64_t num_classes[3] = {2, 3, 4};

    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    odd_file_set_integers("d.h5", "labels", "num_classes", 3, num_classes);
    expect_refusal("train --data d.h5" SMALL, WORDS("d.h5", "num_classes", "/labels"));
}

Test(bad_input, zero_rows)
{
    odd_file_add("d.h5", "features", AS_FLOAT32, 0, INPUTS, features);
    odd_file_add("d.h5", "labels", AS_UINT8, 0, HEADS, labels);
    expect_refusal("train --data d.h5", WORDS("d.h5", "no rows"));
}

Test(bad_input, fewer_rows_than_replicas)
{
    odd_file_add_rows("d.h5", 7, HEADS, classes, 0);
    expect_refusal("train --data d.h5", WORDS("d.h5", "7 rows", "8 replicas", "--replicas"));
}

Test(bad_input, no_row_selected)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    expect_refusal("train --data d.h5 --rows 60:", WORDS("d.h5", "--rows", "60 rows"));
    expect_refusal("train --data d.h5 --rows 5:5", WORDS("d.h5", "--rows"));
    expect_refusal("train --generate --samples 50 --rows 50:", WORDS("--rows", "50 rows"));
}

/* ---- models ---- */

static void must_train(void)
{
    odd_file_add_rows("train.h5", ROWS, HEADS, classes, 0);
    outcome o = run_program(1, "train --data train.h5" SMALL);
    MUST_EXIT(o, 0);
}

#define MODEL "--model outputs/run/model.h5"

Test(bad_input, a_model_of_other_features)
{
    must_train();
    fill_rows();
    odd_file_add("d.h5", "features", AS_FLOAT32, ROWS, INPUTS + 1, (double[ROWS * (INPUTS + 1)]){0});
    odd_file_add("d.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    expect_refusal("evaluate " MODEL " --data d.h5", WORDS("d.h5", "7 features", "the model takes 6"));
    expect_refusal("predict " MODEL " --data d.h5", WORDS("d.h5", "7 features", "the model takes 6"));
}

Test(bad_input, a_model_of_other_labels)
{
    must_train();
    odd_file_add_rows("d.h5", ROWS, 3, (const size_t[3]){2, 2, 2}, 0);
    expect_refusal("evaluate " MODEL " --data d.h5", WORDS("d.h5", "3 labels", "2 heads"));
}

Test(bad_input, a_class_that_the_model_does_not_know)
{
    must_train();
    fill_rows();
    labels[20 * HEADS] = 2;
    write_file(AS_FLOAT32, AS_UINT8);
    expect_refusal("evaluate " MODEL " --data d.h5", WORDS("d.h5", "/labels", "row 20", "is 2", "0 to 1"));
}

Test(bad_input, a_model_that_is_none)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    expect_refusal("evaluate --model nowhere.h5 --data d.h5", WORDS("nowhere.h5"));
    expect_refusal("evaluate --model d.h5 --data d.h5", WORDS("d.h5", "not a model"));
    write_text("text.h5", "no model");
    expect_refusal("predict --model text.h5 --data d.h5", WORDS("text.h5", "not an HDF5 file"));
}

Test(bad_input, a_truncated_model)
{
    must_train();
    copy_file("outputs/run/model.h5", "short.h5", 3000);
    expect_refusal("evaluate --model short.h5 --data train.h5", WORDS("short.h5", "cut off or damaged"));
}

Test(bad_input, first_weights_with_a_tensor_missing)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    odd_file_add("init.h5", "model/fc1.weight", AS_FLOAT32, 8, INPUTS, features);
    expect_refusal("train --data d.h5 --init init.h5" SMALL, WORDS("init.h5", "/model/fc1.bias"));
}

Test(bad_input, first_weights_of_a_wrong_shape)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    odd_file_add("init.h5", "model/fc1.weight", AS_FLOAT32, INPUTS, 8, features);
    expect_refusal("train --data d.h5 --init init.h5" SMALL,
                   WORDS("init.h5", "/model/fc1.weight", "[6 x 8]", "[8 x 6]"));
    odd_file_add("flat.h5", "model/fc1.weight", AS_FLOAT32, 8 * INPUTS, 0, features);
    expect_refusal("train --data d.h5 --init flat.h5" SMALL,
                   WORDS("flat.h5", "/model/fc1.weight", "[8 x 6]"));
}

Test(bad_input, first_weights_that_are_not_there)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    expect_refusal("train --data d.h5 --init nowhere.h5" SMALL, WORDS("nowhere.h5"));
}

/* ---- where to write ---- */

Test(bad_input, a_file_where_the_output_folder_should_be)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    write_text("taken", "a file");
    expect_refusal("train --data d.h5 --output taken" SMALL, WORDS("taken", "folder"));
}

Test(bad_input, a_file_where_the_run_folder_should_be)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    cr_assert(mkdir("outputs", 0777) == 0);
    write_text("outputs/mine", "a file");
    expect_refusal("train --data d.h5 --run mine" SMALL, WORDS("outputs/mine", "folder"));
}

Test(bad_input, a_folder_where_the_model_should_be)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    cr_assert(mkdir("outputs", 0777) == 0 && mkdir("outputs/run", 0777) == 0);
    cr_assert(mkdir("outputs/run/model.h5", 0777) == 0);
    outcome o = run_program(1, "train --data d.h5 --resume none" SMALL);
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "outputs/run/model.h5");
    cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    cr_expect(strstr(names_in("outputs/run"), "partial") == NULL, "left behind: %s", names_in("outputs/run"));
}
