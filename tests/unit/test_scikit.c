#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"
#include "fixture_file.h"
#include "multihead/model/curve.h"
#include "multihead/model/metrics.h"
#include "toy.h"

/*
 * Every metric as scikit-learn 1.2.1 has it, on rows that are random, tied, missing, all the same or just one:
 * tests/fixtures/metrics/make_metrics.py says how the numbers came about. What is not defined is NaN in both.
 */
static const double TOLERANCE = 1e-6;
static const char FILE_NAME[] = "metrics/metrics.h5";

/* A case of the fixture. */
typedef struct {
    const char *name;
    size_t rows;
    mh_heads heads;
    float *probabilities;
    mh_label *labels;
} example;

enum { NAME_BYTES = 128 };

static const char *name_of(const example *x, const char *what, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%s/%s", x->name, what);
    return name;
}

static double *read_numbers(const example *x, const char *what, size_t count)
{
    char name[NAME_BYTES];
    fixture_shape shape;
    double *values = fixture_read_double(FILE_NAME, name_of(x, what, name), &shape);

    cr_assert(eq(sz, shape.count, count), "%s", name);
    return values;
}

static void read_heads(example *x, size_t count)
{
    double *classes = read_numbers(x, "classes", count), *is_binary = read_numbers(x, "is_binary", count);
    size_t *sizes = malloc(count * sizeof *sizes), *binary = malloc(count * sizeof *binary);

    cr_assert(sizes != NULL && binary != NULL);
    for (size_t h = 0; h < count; h++) {
        sizes[h] = (size_t)classes[h];
        binary[h] = (size_t)is_binary[h];
    }
    mh_schema schema = toy_schema(1, count, sizes);

    MUST(mh_heads_restore(&schema, binary, MH_HEAD_ACTIVATION_NONE, &x->heads));
    mh_schema_clear(&schema);
    free(sizes);
    free(binary);
    free(classes);
    free(is_binary);
}

static example read_example(const char *case_name)
{
    example x = {.name = case_name};
    char name[NAME_BYTES];
    fixture_shape shape;
    uint8_t *labels = fixture_read_uint8(FILE_NAME, name_of(&x, "labels", name), &shape);

    x.rows = shape.extent[0];
    x.labels = malloc(shape.count * sizeof *x.labels);
    cr_assert(x.labels != NULL);
    for (size_t i = 0; i < shape.count; i++)
        x.labels[i] = labels[i] == 255 ? MH_LABEL_MISSING : labels[i];
    free(labels);
    read_heads(&x, shape.extent[1]);
    x.probabilities = fixture_read_float(FILE_NAME, name_of(&x, "probabilities", name), &shape);
    cr_assert(eq(sz, shape.extent[1], x.heads.columns));
    return x;
}

static void clear_example(example *x)
{
    mh_heads_clear(&x->heads);
    free(x->probabilities);
    free(x->labels);
}

/* ---- ours ---- */

static mh_curve curve_of(const example *x, size_t h, mh_mark *marks)
{
    mh_curve curve;
    size_t column = mh_head_positive(&x->heads.head[h]);

    for (size_t row = 0; row < x->rows; row++)
        marks[row] = mh_mark_of(x->probabilities[row * x->heads.columns + column],
                                x->labels[row * x->heads.count + h]);
    MUST(mh_curve_create(x->rows, marks, &curve));
    return curve;
}

static void add_columns(const example *x, mh_metrics *metrics)
{
    double *roc_auc = malloc(x->heads.count * sizeof *roc_auc);
    double *average_precision = malloc(x->heads.count * sizeof *average_precision);
    mh_mark *marks = malloc(x->rows * sizeof *marks);

    for (size_t h = 0; h < x->heads.count; h++) {
        mh_curve curve = curve_of(x, h, marks);
        bool is_yes_no = x->heads.head[h].classes == 2;

        roc_auc[h] = is_yes_no ? mh_curve_roc_auc(&curve) : (double)NAN;
        average_precision[h] = is_yes_no ? mh_curve_average_precision(&curve) : (double)NAN;
    }
    mh_metrics_set_columns(metrics, mh_heads_are_yes_no(&x->heads), roc_auc, average_precision);
    free(marks);
    free(roc_auc);
    free(average_precision);
}

static mh_metrics metrics_of(const example *x)
{
    mh_batch batch = {.rows = x->rows, .heads = x->heads.count, .labels = x->labels};
    mh_tally tally = toy_tally(x->heads.count);
    mh_label *predictions = malloc(x->rows * x->heads.count * sizeof *predictions);
    mh_score *score = NULL;
    mh_metrics metrics;

    mh_heads_predict(&x->heads, x->rows, x->probabilities, NULL, predictions);
    MUST(mh_score_create(&x->heads, &score));
    mh_score_add(score, &batch, predictions, x->probabilities, &tally);
    MUST(mh_score_metrics(score, &metrics));
    add_columns(x, &metrics);
    mh_score_destroy(score);
    toy_tally_free(&tally);
    free(predictions);
    return metrics;
}

/* ---- theirs ---- */

static void expect_number(const example *x, const char *key, size_t h, double value, double expected)
{
    cr_expect(fabs(value - expected) <= TOLERANCE || (isnan(value) && isnan(expected)),
              "%s: %s of head %zu is %.9g, not %.9g", x->name, key, h, value, expected);
}

static void expect_whole(const example *x, const char *key, double value)
{
    char what[64];

    snprintf(what, sizeof what, "whole/%s", key);

    double *expected = read_numbers(x, what, 1);

    expect_number(x, key, 0, value, *expected);
    free(expected);
}

static void expect_heads(const example *x, const char *key, const mh_head_metrics *heads, size_t place)
{
    char what[64];

    snprintf(what, sizeof what, "heads/%s", key);

    double *expected = read_numbers(x, what, x->heads.count);

    for (size_t h = 0; h < x->heads.count; h++)
        expect_number(x, key, h, *(const double *)(const void *)((const char *)&heads[h] + place),
                      expected[h]);
    free(expected);
}

#define WHOLE(key) expect_whole(&x, #key, m.key)
#define HEADS(key) expect_heads(&x, #key, m.head, offsetof(mh_head_metrics, key))

static void expect_scikit_learns_numbers(const char *case_name)
{
    example x = read_example(case_name);
    mh_metrics m = metrics_of(&x);

    expect_whole(&x, "rows", (double)m.rows);
    WHOLE(log_loss);
    WHOLE(accuracy);
    WHOLE(subset_accuracy);
    WHOLE(hamming_loss);
    WHOLE(f1_micro);
    WHOLE(f1_macro);
    WHOLE(f1_samples);
    WHOLE(f1_macro_heads);
    WHOLE(roc_auc_macro);
    WHOLE(average_precision_macro);
    WHOLE(label_ranking_average_precision);
    WHOLE(ranking_loss);
    WHOLE(coverage_error);
    WHOLE(one_error);
    for (size_t c = 0; c < MH_CUTS; c++) {
        char key[32];

        snprintf(key, sizeof key, "precision_at_%zu", mh_cut[c]);
        expect_whole(&x, key, m.precision_at[c]);
        snprintf(key, sizeof key, "ndcg_at_%zu", mh_cut[c]);
        expect_whole(&x, key, m.ndcg_at[c]);
    }
    HEADS(accuracy);
    HEADS(log_loss);
    HEADS(f1_macro);
    HEADS(precision);
    HEADS(recall);
    HEADS(f1);
    HEADS(roc_auc);
    HEADS(average_precision);
    mh_metrics_clear(&m);
    clear_example(&x);
}

#define EQUAL(case_name)                                                                                     \
    Test(scikit, case_name)                                                                                  \
    {                                                                                                        \
        expect_scikit_learns_numbers(#case_name);                                                            \
    }

EQUAL(random)
EQUAL(skilled)
EQUAL(all_positive)
EQUAL(no_positive)
EQUAL(ties)
EQUAL(all_equal)
EQUAL(missing)
EQUAL(one_row)
EQUAL(one_row_equal)
EQUAL(one_label)
EQUAL(two_labels)
EQUAL(many_labels)
EQUAL(many_rows)
EQUAL(multi_category)
EQUAL(two_classes_softmax)
EQUAL(linear)
