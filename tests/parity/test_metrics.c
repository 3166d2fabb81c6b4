#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "fixture_file.h"
#include "odd_files.h"
#include "program.h"

/*
 * scikit-learn's numbers by way of the program: a linear model whose logits are the features, and so its
 * probabilities those of the fixture (tests/fixtures/metrics/make_metrics.py, case "linear").
 */

TestSuite(metrics, .init = enter_folder, .fini = leave_folder, .timeout = 120);

static const char FIXTURE[] = "metrics/metrics.h5";
static const double TOLERANCE = 1e-6;

enum { ROWS = 260, HEADS = 5 };

static void write_data(void)
{
    fixture_shape x_shape, y_shape;
    double *features = fixture_read_double(FIXTURE, "linear/features", &x_shape);
    double *labels = fixture_read_double(FIXTURE, "linear/labels", &y_shape);

    cr_assert(x_shape.count == ROWS * HEADS && y_shape.count == ROWS * HEADS);
    for (size_t i = 0; i < ROWS * HEADS; i++)
        if (labels[i] == 255)
            labels[i] = -1;
    odd_file_add("d.h5", "features", AS_FLOAT32, ROWS, HEADS, features);
    odd_file_add("d.h5", "labels", AS_INT64, ROWS, HEADS, labels);
    free(features);
    free(labels);
}

/* Head h looks at feature h. A step of 1e-300 changes no float32. */
static void must_make_model(void)
{
    char name[64];

    for (size_t h = 0; h < HEADS; h++) {
        double weights[HEADS] = {0}, bias = 0;

        weights[h] = 1;
        snprintf(name, sizeof name, "model/out%zu.weight", h + 1);
        odd_file_add("identity.h5", name, AS_FLOAT32, 1, HEADS, weights);
        snprintf(name, sizeof name, "model/out%zu.bias", h + 1);
        odd_file_add("identity.h5", name, AS_FLOAT32, 1, 0, &bias);
    }
    outcome o = run_program(1, "train --data d.h5 --hidden none --init identity.h5 --learning-rate 1e-300 "
                               "--epochs 1");
    MUST_EXIT(o, 0);
}

/* `values` [count] of the JSON against what the fixture has. */
static void expect_numbers(const char *name, size_t count, const json_t *const *values)
{
    fixture_shape shape;
    double *expected = fixture_read_double(FIXTURE, name, &shape);

    cr_assert(eq(sz, shape.count, count), "%s", name);
    for (size_t i = 0; i < count; i++) {
        cr_assert(values[i] != NULL, "there is no %s", name);
        double value = json_is_null(values[i]) ? (double)NAN : json_number_value(values[i]);

        cr_expect(fabs(value - expected[i]) <= TOLERANCE || (isnan(value) && isnan(expected[i])),
                  "%s %zu is %.9g, not %.9g", name, i, value, expected[i]);
    }
    free(expected);
}

static void expect_whole(const json_t *root)
{
    static const char *const keys[] = {"rows",           "log_loss",        "accuracy",
                                       "f1_macro_heads", "hamming_loss",    "f1_micro",
                                       "f1_macro",       "subset_accuracy", "f1_samples",
                                       "ranking_loss",   "coverage_error",  "label_ranking_average_precision",
                                       "one_error",      "ndcg_at_1",       "ndcg_at_3",
                                       "ndcg_at_5",      "roc_auc_macro",   "precision_at_1",
                                       "precision_at_3", "precision_at_5",  "average_precision_macro"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char name[128];
        const json_t *value = json_object_get(root, keys[i]);

        snprintf(name, sizeof name, "linear/whole/%s", keys[i]);
        expect_numbers(name, 1, &value);
    }
}

static void expect_heads(const json_t *heads)
{
    static const char *const keys[] = {"accuracy", "log_loss", "f1_macro",          "precision", "recall",
                                       "f1",       "roc_auc",  "average_precision", "known",     "support"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char name[128];
        const json_t *values[HEADS];

        snprintf(name, sizeof name, "linear/heads/%s", keys[i]);
        for (size_t h = 0; h < HEADS; h++)
            values[h] = json_object_get(json_array_get(heads, h), keys[i]);
        expect_numbers(name, HEADS, values);
    }
}

Test(metrics, evaluate_says_what_scikit_learn_says)
{
    write_data();
    must_make_model();
    outcome o = run_program(3, "evaluate --model outputs/run/model.h5 --data d.h5 --json e.json");
    MUST_EXIT(o, 0);
    json_t *root = json_load_file("e.json", 0, NULL);
    cr_assert(root != NULL);
    expect_whole(root);
    expect_heads(json_object_get(root, "heads"));
    /* Nothing is clipped here and every head is known: the loss on logits is the log loss. */
    cr_expect(fabs(json_number_value(json_object_get(root, "loss")) -
                   json_number_value(json_object_get(root, "log_loss"))) < TOLERANCE);
    json_decref(root);
}
