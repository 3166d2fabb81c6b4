#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/model/baseline.h"
#include "multihead/model/metrics.h"
#include "toy.h"

/* Ratios of small whole numbers: one rounding each. */
static const double ROUNDING = 1e-15;

enum { MISSING = MH_LABEL_MISSING };

static mh_heads heads_of(size_t count, const size_t *classes)
{
    mh_schema schema = toy_schema(1, count, classes);
    mh_heads heads;

    MUST(mh_heads_create(&schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, &heads));
    mh_schema_clear(&schema);
    return heads;
}

/* Adds rows [rows x heads] with a loss of one half for each known label of head 0, one for head 1, ... */
static void add(mh_score *score, size_t heads, size_t rows, const mh_label *labels,
                const mh_label *predictions)
{
    mh_batch batch = {.rows = rows, .heads = heads, .labels = labels};
    mh_tally tally = toy_tally(heads);
    float *probabilities = calloc(rows * heads * 8, sizeof *probabilities);

    for (size_t i = 0; i < rows * heads; i++) {
        if (labels[i] == MISSING)
            continue;
        tally.loss[i % heads] += 0.5 * (double)(i % heads + 1);
        tally.known[i % heads]++;
    }
    mh_score_add(score, &batch, predictions, probabilities, &tally);
    free(probabilities);
    toy_tally_free(&tally);
}

static mh_metrics metrics_of(size_t count, const size_t *classes, size_t rows, const mh_label *labels,
                             const mh_label *predictions)
{
    mh_heads heads = heads_of(count, classes);
    mh_score *score = NULL;
    mh_metrics metrics;

    MUST(mh_score_create(&heads, &score));
    add(score, count, rows, labels, predictions);
    MUST(mh_score_metrics(score, &metrics));
    mh_score_destroy(score);
    mh_heads_clear(&heads);
    return metrics;
}

#define EXPECT_NUMBER(value, expected) cr_expect(epsilon_eq(dbl, value, expected, ROUNDING))

static const size_t yes_no[] = {2, 2, 2};

enum { ROWS = 7 };

/* Row 1 has neither a true nor a predicted label. */
static const mh_label truth[ROWS * 3] = {1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1};
static const mh_label guess[ROWS * 3] = {1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0};

/*
 * scikit-learn 1.2.1, with y = truth and p = guess as arrays [7 x 3]:
 *
 *   hamming_loss(y, p), accuracy_score(y, p), f1_score(y, p, average='micro')
 *   f1_score(y, p, average='macro'), f1_score(y, p, average='samples', zero_division=0)
 *   [accuracy_score(y[:, h], p[:, h]) for h in range(3)]
 *   precision_score(y, p, average=None), recall_score(...), f1_score(...), y.sum(0)
 */
Test(metrics, equal_scikit_learn)
{
    mh_metrics m = metrics_of(3, yes_no, ROWS, truth, guess);

    cr_expect(eq(i64, m.rows, ROWS));
    EXPECT_NUMBER(m.hamming_loss, 0.3333333333333333);
    EXPECT_NUMBER(m.subset_accuracy, 0.42857142857142855);
    EXPECT_NUMBER(m.f1_micro, 0.631578947368421);
    EXPECT_NUMBER(m.f1_macro, 0.6055555555555555);
    cr_expect(epsilon_eq(dbl, m.f1_samples, 0.47619047619047616, 1e-12)); /* a sum on a grid of 2^-40 */
    EXPECT_NUMBER(m.accuracy, (0.7142857142857143 + 0.7142857142857143 + 0.5714285714285714) / 3.0);
    EXPECT_NUMBER(m.head[1].accuracy, 0.7142857142857143);
    EXPECT_NUMBER(m.head[2].precision, 0.5);
    EXPECT_NUMBER(m.head[2].recall, 0.3333333333333333);
    EXPECT_NUMBER(m.head[2].f1, 0.4);
    cr_expect(eq(i64, m.head[0].support, 4));
    cr_expect(eq(i64, m.head[2].support, 3));
    EXPECT_NUMBER(m.head[2].loss, 1.5);
    EXPECT_NUMBER(m.loss, (0.5 + 1.0 + 1.5) / 3.0);
    mh_metrics_clear(&m);
}

/* As the ranks do it: counts are added one by one. */
Test(metrics, counts_of_parts_add_up)
{
    mh_heads heads = heads_of(3, yes_no);
    mh_score *first = NULL, *second = NULL;
    mh_metrics whole = metrics_of(3, yes_no, ROWS, truth, guess), summed;
    size_t count = 0;

    MUST(mh_score_create(&heads, &first));
    MUST(mh_score_create(&heads, &second));
    add(first, 3, 3, truth, guess);
    add(second, 3, ROWS - 3, truth + 9, guess + 9);

    const int64_t *more = mh_score_counts(second, &count);
    int64_t *counts = mh_score_counts(first, &count);

    for (size_t i = 0; i < count; i++)
        counts[i] += more[i];
    MUST(mh_score_metrics(first, &summed));
    EXPECT_SAME_BITS(summed.head, whole.head, 3);
    cr_expect(summed.f1_samples == whole.f1_samples && summed.loss == whole.loss);
    cr_expect(summed.f1_macro == whole.f1_macro && summed.subset_accuracy == whole.subset_accuracy);
    mh_metrics_clear(&whole);
    mh_metrics_clear(&summed);
    mh_score_destroy(first);
    mh_score_destroy(second);
    mh_heads_clear(&heads);
}

/* Known: row 0 (1, ?) predicted (1, 0); row 2 (0, 1) predicted (1, 1). Row 1 is left out. */
Test(metrics, missing_labels_count_nowhere)
{
    const mh_label labels[] = {1, MISSING, MISSING, MISSING, 0, 1}, predictions[] = {1, 0, 1, 1, 1, 1};
    mh_metrics m = metrics_of(2, yes_no, 3, labels, predictions);

    cr_expect(eq(i64, m.rows, 3));
    cr_expect(eq(i64, m.head[0].known, 2));
    cr_expect(eq(i64, m.head[1].known, 1));
    EXPECT_NUMBER(m.hamming_loss, 1.0 / 3.0);
    EXPECT_NUMBER(m.subset_accuracy, 0.5);
    EXPECT_NUMBER(m.accuracy, (0.5 + 1.0) / 2.0);
    EXPECT_NUMBER(m.f1_micro, 2.0 * 2.0 / (2.0 * 2.0 + 1.0));
    EXPECT_NUMBER(m.f1_macro, (2.0 / 3.0 + 1.0) / 2.0);
    cr_expect(epsilon_eq(dbl, m.f1_samples, (1.0 + 2.0 / 3.0) / 2.0, 1e-12)); /* the grid again */
    mh_metrics_clear(&m);
}

/* It has no accuracy; its loss adds 0 to the mean over all heads, as in training. */
Test(metrics, head_without_a_known_label_is_not_defined)
{
    const mh_label labels[] = {1, MISSING, 1, MISSING}, predictions[] = {1, 0, 0, 1};
    mh_metrics m = metrics_of(2, yes_no, 2, labels, predictions);

    cr_expect(isnan(m.head[1].accuracy) && isnan(m.head[1].loss));
    EXPECT_NUMBER(m.accuracy, 0.5);
    EXPECT_NUMBER(m.loss, 0.5 / 2.0);
    mh_metrics_clear(&m);
}

Test(metrics, nothing_known_is_nothing_defined)
{
    const mh_label labels[] = {MISSING, MISSING}, predictions[] = {1, 0};
    mh_metrics m = metrics_of(2, yes_no, 1, labels, predictions);

    cr_expect(isnan(m.loss) && isnan(m.accuracy) && isnan(m.hamming_loss));
    cr_expect(isnan(m.subset_accuracy) && isnan(m.f1_samples));
    mh_metrics_clear(&m);
}

/* No head has a true or a predicted label: F1 is 0 by scikit-learn's convention. */
Test(metrics, f1_of_nothing_is_zero)
{
    const mh_label labels[] = {0, 0}, predictions[] = {0, 0};
    mh_metrics m = metrics_of(2, yes_no, 1, labels, predictions);

    cr_expect(m.f1_micro == 0.0 && m.f1_macro == 0.0 && m.f1_samples == 0.0);
    cr_expect(m.head[0].precision == 0.0 && m.head[0].recall == 0.0);
    cr_expect(m.subset_accuracy == 1.0);
    mh_metrics_clear(&m);
}

Test(metrics, f1_needs_two_classes_everywhere)
{
    const size_t classes[] = {2, 3};
    const mh_label labels[] = {1, 2, 0, 1}, predictions[] = {1, 2, 0, 0};
    mh_metrics m = metrics_of(2, classes, 2, labels, predictions);

    cr_expect(isnan(m.f1_micro) && isnan(m.f1_macro) && isnan(m.f1_samples));
    cr_expect(isnan(m.label_ranking_average_precision) && isnan(m.precision_at[0]) &&
              isnan(m.coverage_error));
    cr_expect(isnan(m.head[1].f1) && isnan(m.head[1].precision) && isnan(m.head[1].recall));
    EXPECT_NUMBER(m.head[0].f1, 1.0); /* a head of two classes has its own beside others */
    EXPECT_NUMBER(m.accuracy, 0.75);
    EXPECT_NUMBER(m.subset_accuracy, 0.5);
    EXPECT_NUMBER(m.hamming_loss, 0.25);
    mh_metrics_clear(&m);
}

/* ---- the baseline ---- */

static const size_t mixed[] = {2, 3};
static const double rates[] = {0.5, 0.5, 0.2, 0.0, 0.8};

Test(metrics, baseline_predicts_the_most_frequent_class)
{
    mh_heads heads = heads_of(2, mixed);
    mh_label prediction[2];

    mh_baseline_predict(&heads, rates, prediction);
    cr_expect(prediction[0] == 0 && prediction[1] == 2);
    mh_heads_clear(&heads);
}

/* Row 2's class of head 1 has never been seen: 2^-52, so that the loss is finite. */
Test(metrics, baseline_costs_the_log_of_the_rates)
{
    mh_heads heads = heads_of(2, mixed);
    const mh_label labels[] = {1, 0, MISSING, 2, 0, 1};
    mh_batch batch = {.rows = 3, .heads = 2, .labels = labels};
    mh_tally tally = toy_tally(2);

    mh_baseline_loss_add(&heads, rates, &batch, &tally);
    EXPECT_NUMBER(tally.loss[0], 2.0 * log(2.0));
    cr_expect(epsilon_eq(dbl, tally.loss[1], -log(0.2) - log(0.8) + 52.0 * log(2.0), 1e-13));
    cr_expect(eq(i64, tally.known[0], 2));
    cr_expect(eq(i64, tally.known[1], 3));
    toy_tally_free(&tally);
    mh_heads_clear(&heads);
}

Test(metrics, baseline_loss_on_its_own_rows_is_the_entropy)
{
    EXPECT_NUMBER(mh_baseline_entropy(2, rates), log(2.0));
    EXPECT_NUMBER(mh_baseline_entropy(3, rates + 2), -0.2 * log(0.2) - 0.8 * log(0.8));
    EXPECT_NUMBER(mh_baseline_entropy(2, (const double[]){0.0, 1.0}), 0.0);
}
