#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(evaluate, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 300, HEADS = 3 };

static const size_t binary[HEADS] = {2, 2, 2};
static const size_t mixed[HEADS] = {2, 3, 5};

static void must_train(const size_t classes[HEADS])
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 0);
    outcome o = run_program(1, "train --data d.h5 --rows :200 --hidden 16 --batch-size 50 --epochs 20");
    MUST_EXIT(o, 0);
}

#define MODEL "--model outputs/run/model.h5"

/* The text is one JSON object and nothing else. */
static json_t *must_parse(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);

    cr_assert(root != NULL && json_is_object(root), "not JSON: %s in:\n%s", error.text, text);
    return root;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    cr_assert(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

Test(evaluate, json_is_alone_on_stdout_with_the_keys_that_are_relied_on)
{
    static const char *const keys[] = {"loss",     "hamming_loss", "subset_accuracy", "f1_micro",
                                       "f1_macro", "f1_samples",   "accuracy"};

    must_train(binary);
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --rows 200: --json -");
    MUST_EXIT(o, 0);
    json_t *root = must_parse(o.out), *baseline = json_object_get(root, "baseline");
    json_t *heads = json_object_get(root, "heads");

    cr_expect(number(root, "rows") == 100);
    cr_expect(number(baseline, "rows") == 100);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        number(root, keys[i]);
        number(baseline, keys[i]);
    }
    cr_assert(json_array_size(heads) == HEADS);
    for (size_t h = 0; h < HEADS; h++) {
        json_t *head = json_array_get(heads, h);

        cr_expect(json_is_string(json_object_get(head, "name")));
        number(head, "accuracy");
        number(head, "loss");
    }
    cr_expect(number(root, "loss") < number(baseline, "loss"), "nothing was learned");
    cr_expect(fabs(number(root, "accuracy") + number(root, "hamming_loss") - 1) < 1e-12);
    json_decref(root);
}

Test(evaluate, label_metrics_of_more_classes_are_null)
{
    must_train(mixed);
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --json -");
    MUST_EXIT(o, 0);
    json_t *root = must_parse(o.out);

    cr_expect(json_is_null(json_object_get(root, "f1_micro")));
    cr_expect(json_is_null(json_object_get(root, "f1_macro")));
    cr_expect(json_is_null(json_object_get(root, "f1_samples")));
    cr_expect(number(root, "subset_accuracy") <= number(root, "accuracy"));
    cr_expect(number(root, "rows") == ROWS);
    json_decref(root);
}

/* Counted here from the predictions that the program writes. */
Test(evaluate, its_numbers_are_those_of_the_predictions)
{
    static double predictions[ROWS][HEADS], labels[ROWS][HEADS];
    size_t wrong = 0, exact = 0;

    must_train(mixed);
    outcome o = run_program(1, "predict " MODEL " --data d.h5 --output p.h5");
    MUST_EXIT(o, 0);
    odd_file_read("p.h5", "predictions", ROWS * HEADS, predictions[0]);
    odd_file_read("p.h5", "labels", ROWS * HEADS, labels[0]);
    for (size_t row = 0; row < ROWS; row++) {
        size_t errors = 0;

        for (size_t h = 0; h < HEADS; h++)
            errors += predictions[row][h] != labels[row][h];
        wrong += errors;
        exact += errors == 0;
    }

    o = run_program(2, "evaluate " MODEL " --data d.h5 --json -");
    MUST_EXIT(o, 0);
    json_t *root = must_parse(o.out);
    cr_expect(fabs(number(root, "hamming_loss") - (double)wrong / (ROWS * HEADS)) < 1e-12);
    cr_expect(fabs(number(root, "subset_accuracy") - (double)exact / ROWS) < 1e-12);
    json_decref(root);
}

Test(evaluate, json_goes_into_a_file_and_the_table_to_stdout)
{
    must_train(binary);
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --json scores.json");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "300 rows");
    EXPECT_WORDS(o.out, "subset accuracy");
    EXPECT_WORDS(o.out, "label_2");
    json_t *root = json_load_file("scores.json", 0, NULL);
    cr_expect(root != NULL && number(root, "rows") == ROWS);
    json_decref(root);
}

Test(evaluate, needs_labels_and_says_what_does_not)
{
    static double features[10 * ODD_INPUTS];

    must_train(binary);
    odd_file_add("unlabeled.h5", "features", AS_FLOAT32, 10, ODD_INPUTS, features);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "evaluate " MODEL " --data unlabeled.h5 --json -");

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "unlabeled.h5");
        EXPECT_WORDS(o.err, "/labels");
        EXPECT_WORDS(o.err, "predict");
        cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
    }
}

Test(evaluate, takes_checkpoints_too)
{
    must_train(binary);
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --json model.json");
    MUST_EXIT(o, 0);
    o = run_program(1,
                    "evaluate --model outputs/run/checkpoints/epoch-000020.h5 --data d.h5 --json epoch.json");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("model.json", "epoch.json");
}

Test(evaluate, rows_made_in_memory_are_those_of_the_file)
{
    outcome o = run_program(1, "generate --output g.h5 --samples 400");
    MUST_EXIT(o, 0);
    o = run_program(1, "train --data g.h5 --hidden 8 --epochs 2");
    MUST_EXIT(o, 0);
    o = run_program(1, "evaluate " MODEL " --data g.h5 --rows 300: --json file.json");
    MUST_EXIT(o, 0);
    o = run_program(2, "evaluate " MODEL " --generate --samples 400 --rows 300: --json memory.json");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("file.json", "memory.json");
}

Test(evaluate, says_why_the_scores_cannot_be_written)
{
    must_train(binary);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "evaluate " MODEL " --data d.h5 --json nowhere/scores.json");

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "nowhere/scores.json: cannot be written");
    }
}

/* A result that did not arrive is a failure; /dev/full is a disk without room. */
Test(evaluate, a_full_disk_behind_stdout_is_a_failure)
{
    must_train(binary);
    for (size_t i = 0; i < 3; i++) {
        static const char *const words[] = {"evaluate " MODEL " --data d.h5",
                                            "evaluate " MODEL " --data d.h5 --json -",
                                            "predict " MODEL " --data d.h5"};
        outcome o = run_program(1, "%s >/dev/full", words[i]);

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "stdout: cannot be written");
    }
}
