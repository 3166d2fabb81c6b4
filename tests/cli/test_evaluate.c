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
    static const char *const keys[] = {"loss",
                                       "hamming_loss",
                                       "subset_accuracy",
                                       "f1_micro",
                                       "f1_macro",
                                       "f1_samples",
                                       "accuracy",
                                       "log_loss",
                                       "f1_macro_heads",
                                       "label_ranking_average_precision",
                                       "ranking_loss",
                                       "coverage_error",
                                       "one_error",
                                       "roc_auc_macro",
                                       "average_precision_macro",
                                       "precision_at_1",
                                       "precision_at_3",
                                       "precision_at_5",
                                       "ndcg_at_1",
                                       "ndcg_at_3",
                                       "ndcg_at_5"};
    static const char *const head_keys[] = {"accuracy", "loss",     "log_loss", "precision",         "recall",
                                            "f1",       "f1_macro", "roc_auc",  "average_precision", "known",
                                            "support"};

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
        for (size_t i = 0; i < sizeof head_keys / sizeof head_keys[0]; i++)
            number(head, head_keys[i]);
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

    static const char *const null[] = {"f1_micro",      "f1_macro",       "f1_samples",     "ranking_loss",
                                       "roc_auc_macro", "coverage_error", "precision_at_5", "ndcg_at_1"};

    for (size_t i = 0; i < sizeof null / sizeof null[0]; i++)
        cr_expect(json_is_null(json_object_get(root, null[i])), "%s", null[i]);
    cr_expect(json_is_null(json_object_get(json_array_get(json_object_get(root, "heads"), 2), "support")));
    cr_expect(number(root, "f1_macro_heads") > 0.1);
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
    o = run_program(
        1, "evaluate --model outputs/run/checkpoints/step-000000080.h5 --data d.h5 --json epoch.json");
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

/* ---- the table ---- */

static size_t longest_line(const char *text)
{
    size_t longest = 0;

    for (; *text != '\0'; text += strcspn(text, "\n") + (text[strcspn(text, "\n")] != '\0'))
        longest = strcspn(text, "\n") > longest ? strcspn(text, "\n") : longest;
    return longest;
}

Test(evaluate, table_fits_80_columns)
{
    for (size_t i = 0; i < 2; i++) {
        odd_file_add_rows("d.h5", ROWS, HEADS, i == 0 ? binary : mixed, 0);
        outcome o = run_program(1, "train --data d.h5 --hidden none --epochs 2 --run run%zu", i);
        MUST_EXIT(o, 0);
        o = run_program(1, "evaluate --model outputs/run%zu/model.h5 --data d.h5", i);
        MUST_EXIT(o, 0);
        cr_expect(longest_line(o.out) <= 80, "%zu columns:\n%s", longest_line(o.out), o.out);
        EXPECT_WORDS(o.out, i == 0 ? "nDCG at 5" : "macro-F1");
        remove("d.h5");
    }
}

Test(evaluate, help_names_the_conventions)
{
    outcome o = run_program(1, "evaluate --help");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "zero_division=0");
    EXPECT_WORDS(o.out, "coverage error");
    EXPECT_WORDS(o.out, "missing labels");
}

/* ---- thresholds ---- */

Test(evaluate, thresholds_are_the_models_or_a_number)
{
    static double predictions[ROWS * HEADS];
    size_t ones = 0;

    must_train(binary);
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --json model.json");
    MUST_EXIT(o, 0);
    o = run_program(1, "evaluate " MODEL " --data d.h5 --thresholds 0.5 --json half.json");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("model.json", "half.json");
    o = run_program(1, "predict " MODEL " --data d.h5 --thresholds 1 --output p.h5");
    MUST_EXIT(o, 0);
    odd_file_read("p.h5", "predictions", ROWS * HEADS, predictions);
    for (size_t i = 0; i < ROWS * HEADS; i++)
        ones += predictions[i] != 0;
    cr_expect(ones == 0, "%zu labels are above 1", ones);
}

Test(evaluate, thresholds_in_the_file_are_used)
{
    const double all[HEADS] = {0, 0, 0};

    must_train(binary);
    odd_file_add("outputs/run/model.h5", "thresholds", AS_FLOAT32, HEADS, 0, all);
    outcome o = run_program(2, "evaluate " MODEL " --data d.h5 --json -");
    MUST_EXIT(o, 0);
    json_t *root = must_parse(o.out), *heads = json_object_get(root, "heads");
    for (size_t h = 0; h < HEADS; h++)
        cr_expect(number(json_array_get(heads, h), "recall") == 1.0);
    json_decref(root);
}

Test(evaluate, odd_thresholds_and_pictures_are_refused)
{
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --thresholds 2");

    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--thresholds 2: expected model, a number from 0 to 1, or a file of them");
    o = run_program(1, "evaluate " MODEL " --data d.h5 --plot picture.pdf");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--plot picture.pdf: expected a name that ends in .png");
}

/* ---- other columns than the model's ---- */

/* The rows of d.h5 with the labels at these places, under their names. */
static void write_labels_of(const char *path, size_t count, const size_t *places)
{
    static const char *const names[HEADS] = {"sun", "rain", "wind"};
    static double labels[ROWS * HEADS], some[ROWS * HEADS], features[ROWS * ODD_INPUTS];
    const char *chosen[HEADS];

    odd_file_read("d.h5", "labels", ROWS * HEADS, labels);
    odd_file_read("d.h5", "features", ROWS * ODD_INPUTS, features);
    for (size_t i = 0; i < count; i++) {
        chosen[i] = names[places[i]];
        for (size_t row = 0; row < ROWS; row++)
            some[row * count + i] = labels[row * HEADS + places[i]];
    }
    odd_file_add(path, "features", AS_FLOAT32, ROWS, ODD_INPUTS, features);
    odd_file_add(path, "labels", AS_INT64, ROWS, count, some);
    odd_file_set_texts(path, "labels", "label_names", count, chosen);
}

static void must_train_with_names(void)
{
    static const size_t all[HEADS] = {0, 1, 2};

    odd_file_add_rows("d.h5", ROWS, HEADS, binary, 0);
    write_labels_of("named.h5", HEADS, all);
    outcome o = run_program(1, "train --data named.h5 --hidden 16 --batch-size 50 --epochs 10");
    MUST_EXIT(o, 0);
    o = run_program(1, "evaluate " MODEL " --data named.h5 --json named.json");
    MUST_EXIT(o, 0);
}

Test(evaluate, labels_in_another_order_are_found_by_name)
{
    must_train_with_names();
    write_labels_of("turned.h5", HEADS, (const size_t[]){2, 0, 1});
    outcome o = run_program(2, "evaluate " MODEL " --data turned.h5 --json turned.json");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "turned.h5 has the model's labels in another order; they are found by name");
    EXPECT_SAME_FILE("named.json", "turned.json");
}

Test(evaluate, some_of_the_labels_are_evaluated)
{
    must_train_with_names();
    write_labels_of("some.h5", 2, (const size_t[]){2, 0});
    outcome o = run_program(2, "evaluate " MODEL " --data some.h5 --json some.json");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "some.h5 has 2 of the model's 3 labels, found by name; the others count as missing");
    json_t *all = json_load_file("named.json", 0, NULL), *some = json_load_file("some.json", 0, NULL);
    json_t *all_heads = json_object_get(all, "heads"), *heads = json_object_get(some, "heads");
    for (size_t h = 0; h < HEADS; h += 2) {
        cr_expect(json_equal(json_array_get(heads, h), json_array_get(all_heads, h)));
        cr_expect(number(json_array_get(heads, h), "known") == ROWS);
    }
    cr_expect(json_is_null(json_object_get(json_array_get(heads, 1), "f1")));
    number(some, "f1_macro");
    o = run_program(1, "predict " MODEL " --data some.h5 --rows :1");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, ", ?, ");
    json_decref(all);
    json_decref(some);
}

/* ---- the picture ---- */

Test(evaluate, draws_a_picture)
{
    if (!has_program("gnuplot"))
        SKIP_TEST("there is no gnuplot");
    must_train(binary);
    outcome o = run_program(2, "evaluate " MODEL " --data d.h5 --plot scores.png --json -");
    EXPECT_EXIT(o, 0);
    char signature[9] = {0};
    FILE *png = fopen("scores.png", "rb");
    cr_assert(png != NULL && fread(signature, 1, 8, png) == 8);
    fclose(png);
    cr_expect(memcmp(signature, "\x89PNG\r\n\x1a\n", 8) == 0);
    EXPECT_NO_FILE(".scores.png.partial");
    o = run_program(1, "evaluate " MODEL " --data d.h5 --plot nowhere/scores.png");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "nowhere/scores.png: cannot be written");
}

Test(evaluate, has_nothing_to_draw_of_more_classes)
{
    static const size_t many[HEADS] = {3, 4, 3};

    must_train(many);
    outcome o = run_program(1, "evaluate " MODEL " --data d.h5 --plot scores.png");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "no label with two classes");
    EXPECT_NO_FILE("scores.png");
}
