#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

/*
 * How well --preset tabular does with no other option on published data sets, train and test as published, mean of
 * seeds 1 to 3, and five models that each leave out a fold. Bounds are what scikit-learn 1.2.1 reaches with the better
 * of logistic regression and MLPClassifier (256-128), and a little better where a prototype was. Slow: ctest -L slow,
 * a few minutes. Prints a line for each set. The sets are looked for as test_import.c says.
 */
TestSuite(tabular, .init = enter_folder, .fini = leave_folder, .timeout = 600);

typedef struct {
    double log_loss, ranking_precision, f1_micro, accuracy, subset_accuracy, roc_auc;
} quality;

/* Bounds that a mean has to keep; 0 where there is none. */
typedef struct {
    double log_loss_most, ranking_precision_least, f1_micro_least, accuracy_least, subset_accuracy_least;
    double roc_auc_least;
} bounds;

static const char *folder(void)
{
    const char *told = getenv("MULTIHEAD_SHARED_DATA");
    const char *path = told != NULL ? told : MULTIHEAD_SHARED_DATA;

    if (access(path, R_OK) != 0)
        SKIP_TEST("there is no ../shared/data; MULTIHEAD_SHARED_DATA says where else");
    return path;
}

static double number(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static quality score(const char *models, const char *data)
{
    outcome o = run_program(1, "evaluate --model %s --data %s --json scores.json", models, data);
    MUST_EXIT(o, 0);
    json_t *root = json_load_file("scores.json", 0, NULL);
    cr_assert(root != NULL);
    quality q = {number(root, "log_loss"),        number(root, "label_ranking_average_precision"),
                 number(root, "f1_micro"),        number(root, "accuracy"),
                 number(root, "subset_accuracy"), number(root, "roc_auc_macro")};
    json_decref(root);
    return q;
}

static void train(const char *set, const char *run, const char *options)
{
    outcome o = run_program(1, "train --data %s/%s-train.h5 --preset tabular --run %s %s", folder(), set, run,
                            options);
    MUST_EXIT(o, 0);
}

static void add(quality *sum, quality q, double share)
{
    sum->log_loss += share * q.log_loss;
    sum->ranking_precision += share * q.ranking_precision;
    sum->f1_micro += share * q.f1_micro;
    sum->accuracy += share * q.accuracy;
    sum->subset_accuracy += share * q.subset_accuracy;
    sum->roc_auc += share * q.roc_auc;
}

static void expect_at_least(double value, double least, const char *what)
{
    if (least > 0)
        cr_expect(value >= least, "%s %.4f, expected %.4f", what, value, least);
}

static void expect_quality(const char *set, const char *what, quality q, const bounds *b)
{
    fprintf(
        stderr,
        "%-12s %-9s log loss %.4f  LRAP %.4f  micro-F1 %.4f  accuracy %.4f  exact match %.4f  ROC AUC %.4f\n",
        set, what, q.log_loss, q.ranking_precision, q.f1_micro, q.accuracy, q.subset_accuracy, q.roc_auc);
    if (b->log_loss_most > 0)
        cr_expect(q.log_loss <= b->log_loss_most, "log loss %.4f, expected %.4f", q.log_loss,
                  b->log_loss_most);
    expect_at_least(q.ranking_precision, b->ranking_precision_least, "LRAP");
    expect_at_least(q.f1_micro, b->f1_micro_least, "micro-F1");
    expect_at_least(q.accuracy, b->accuracy_least, "accuracy");
    expect_at_least(q.subset_accuracy, b->subset_accuracy_least, "exact match");
    expect_at_least(q.roc_auc, b->roc_auc_least, "ROC AUC");
}

enum { SEEDS = 3, FOLDS = 5 };

static void check_single(const char *set, const bounds *b)
{
    quality mean = {0};
    char data[4096], run[32], options[32];

    snprintf(data, sizeof data, "%s/%s-test.h5", folder(), set);
    for (int seed = 1; seed <= SEEDS; seed++) {
        snprintf(run, sizeof run, "seed-%d", seed);
        snprintf(options, sizeof options, "--seed %d", seed);
        train(set, run, options);
        snprintf(run, sizeof run, "outputs/seed-%d", seed);
        add(&mean, score(run, data), 1.0 / SEEDS);
    }
    expect_quality(set, "one model", mean, b);
}

static void check_ensemble(const char *set, const bounds *b)
{
    char data[4096], run[32], options[48];

    snprintf(data, sizeof data, "%s/%s-test.h5", folder(), set);
    for (int fold = 1; fold <= FOLDS; fold++) {
        snprintf(run, sizeof run, "fold-%d", fold);
        snprintf(options, sizeof options, "--validation-fold %d/%d", fold, FOLDS);
        train(set, run, options);
    }
    expect_quality(set, "ensemble", score("'outputs/fold-*'", data), b);
}

Test(tabular, emotions)
{
    check_single(
        "emotions",
        &(bounds){.log_loss_most = 0.4499, .ranking_precision_least = 0.804, .f1_micro_least = 0.69});
    check_ensemble("emotions", &(bounds){.log_loss_most = 0.432, .ranking_precision_least = 0.811});
}

Test(tabular, yeast)
{
    check_single(
        "yeast",
        &(bounds){.log_loss_most = 0.4494, .ranking_precision_least = 0.763, .f1_micro_least = 0.65});
    check_ensemble("yeast", &(bounds){.log_loss_most = 0.432, .ranking_precision_least = 0.767});
}

Test(tabular, flags)
{
    check_single(
        "flags",
        &(bounds){.log_loss_most = 0.5415, .ranking_precision_least = 0.834, .f1_micro_least = 0.72});
    check_ensemble("flags", &(bounds){.log_loss_most = 0.482, .ranking_precision_least = 0.845});
}

/* Logistic regression is the better one here: its loss and 3 %. */
Test(tabular, medical)
{
    check_single(
        "medical",
        &(bounds){.log_loss_most = 1.03 * 0.0493, .ranking_precision_least = 0.845, .f1_micro_least = 0.72});
    check_ensemble("medical", &(bounds){.log_loss_most = 0.0493, .ranking_precision_least = 0.853});
}

/*
 * 226 rows whose rare classes say next to nothing: guessing base rates has 0.3594. The prototype's five models had
 * 0.361; ours are at 0.364, so it is their own figure and some room that is checked.
 */
Test(tabular, solar_flare)
{
    check_single("solar_flare", &(bounds){.log_loss_most = 1.03 * 0.3653});
    check_ensemble("solar_flare", &(bounds){.log_loss_most = 0.37});
}

Test(tabular, thyroid)
{
    check_single("thyroid",
                 &(bounds){.log_loss_most = 0.0544, .accuracy_least = 0.983, .subset_accuracy_least = 0.90});
}

Test(tabular, tox21)
{
    check_single("tox21", &(bounds){.roc_auc_least = 0.71});
}
