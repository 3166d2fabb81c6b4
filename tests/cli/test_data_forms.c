#include <criterion/criterion.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(data_forms, .init = enter_folder, .fini = leave_folder, .timeout = 120);

/* The same rows in every form in which h5py may write them: they train the same model. */

enum { ROWS = 203, HEADS = 2 };

static double features[ROWS * ODD_INPUTS], labels[ROWS * HEADS];

static void fill_rows(size_t heads)
{
    for (size_t i = 0; i < ROWS * ODD_INPUTS; i++)
        features[i] = odd_feature(i / ODD_INPUTS, i % ODD_INPUTS);
    for (size_t i = 0; i < ROWS * heads; i++)
        labels[i] = odd_label(i / heads, i % heads, 2);
}

static void must_train(const char *file, const char *run)
{
    outcome o = run_program(2, "train --data %s --hidden 8 --epochs 2 --batch-size 64 --run %s", file, run);

    MUST_EXIT(o, 0);
}

static void must_train_plain_form(void)
{
    odd_file_add("plain.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("plain.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    must_train("plain.h5", "plain");
}

static void expect_same_model(const char *features_name, odd_type features_type, const char *labels_name,
                              odd_type labels_type)
{
    fill_rows(HEADS);
    must_train_plain_form();
    odd_file_add("d.h5", features_name, features_type, ROWS, ODD_INPUTS, features);
    odd_file_add("d.h5", labels_name, labels_type, ROWS, HEADS, labels);
    must_train("d.h5", "d");
    EXPECT_SAME_FILE("outputs/d/model.h5", "outputs/plain/model.h5");
}

Test(data_forms, bool_labels)
{
    expect_same_model("features", AS_FLOAT32, "labels", AS_BOOL);
}

Test(data_forms, int64_labels)
{
    expect_same_model("features", AS_FLOAT32, "labels", AS_INT64);
}

Test(data_forms, float64_features)
{
    expect_same_model("features", AS_FLOAT64, "labels", AS_UINT8);
}

Test(data_forms, x_and_y)
{
    expect_same_model("x", AS_FLOAT32, "y", AS_UINT8);
}

Test(data_forms, capital_x_and_y)
{
    expect_same_model("X", AS_FLOAT64, "Y", AS_INT64);
}

Test(data_forms, names_of_ones_own)
{
    fill_rows(HEADS);
    must_train_plain_form();
    odd_file_add("d.h5", "table/inputs", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("d.h5", "targets", AS_UINT8, ROWS, HEADS, labels);
    outcome o = run_program(1, "train --data d.h5 --features-name table/inputs --labels-name targets --run d "
                               "--hidden 8 --epochs 2 --batch-size 64");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/d/model.h5", "outputs/plain/model.h5");
}

Test(data_forms, integer_features)
{
    static double whole[ROWS * ODD_INPUTS];

    fill_rows(HEADS);
    for (size_t i = 0; i < ROWS * ODD_INPUTS; i++)
        whole[i] = (double)(int)(100 * features[i]);
    odd_file_add("f.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, whole);
    odd_file_add("f.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    odd_file_add("i.h5", "features", AS_INT8, ROWS, ODD_INPUTS, whole);
    odd_file_add("i.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    must_train("f.h5", "f");
    must_train("i.h5", "i");
    EXPECT_SAME_FILE("outputs/f/model.h5", "outputs/i/model.h5");
}

Test(data_forms, labels_of_one_dimension)
{
    fill_rows(1);
    odd_file_add("flat.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("flat.h5", "labels", AS_UINT8, ROWS, 0, labels);
    odd_file_add("column.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("column.h5", "labels", AS_UINT8, ROWS, 1, labels);
    must_train("flat.h5", "flat");
    must_train("column.h5", "column");
    EXPECT_SAME_FILE("outputs/flat/model.h5", "outputs/column/model.h5");
}

Test(data_forms, missing_labels_by_sign_or_by_value)
{
    const int64_t missing = 99;

    fill_rows(HEADS);
    for (size_t i = 0; i < ROWS * HEADS; i += 3)
        labels[i] = -1;
    odd_file_add("sign.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("sign.h5", "labels", AS_INT8, ROWS, HEADS, labels);
    for (size_t i = 0; i < ROWS * HEADS; i += 3)
        labels[i] = 99;
    odd_file_add("value.h5", "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add("value.h5", "labels", AS_UINT8, ROWS, HEADS, labels);
    odd_file_set_integers("value.h5", "labels", "missing_value", 1, &missing);
    must_train("sign.h5", "sign");
    must_train("value.h5", "value");
    EXPECT_SAME_FILE("outputs/sign/model.h5", "outputs/value/model.h5");
}

Test(data_forms, files_of_different_lengths_are_one_data_set)
{
    fill_rows(HEADS);
    must_train_plain_form();
    odd_file_add("a.h5", "features", AS_FLOAT32, 7, ODD_INPUTS, features);
    odd_file_add("a.h5", "labels", AS_UINT8, 7, HEADS, labels);
    odd_file_add("b.h5", "features", AS_FLOAT32, ROWS - 7, ODD_INPUTS, features + 7 * ODD_INPUTS);
    odd_file_add("b.h5", "labels", AS_UINT8, ROWS - 7, HEADS, labels + 7 * HEADS);
    must_train("a.h5 b.h5", "ab");
    EXPECT_SAME_FILE("outputs/ab/model.h5", "outputs/plain/model.h5");
}
