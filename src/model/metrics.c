#include "multihead/model/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "multihead/base/memory.h"

/* Everything is int64 and nothing else, so that the whole of it can be summed as one array. */
typedef struct {
    int64_t rows;
    int64_t known_rows; /* with at least one known label */
    int64_t exact_rows; /* of those, all known right     */
    mh_exact_sum f1_samples;
} row_counts;

typedef struct {
    int64_t known, correct;
    int64_t true_positive, false_positive, false_negative;
    mh_exact_sum loss;
} head_counts;

struct mh_score {
    bool is_yes_no;
    size_t heads;
    int64_t *counts; /* row_counts, then head_counts [heads] */
    row_counts *rows;
    head_counts *head;
};

static size_t counts_of(size_t heads)
{
    return (sizeof(row_counts) + heads * sizeof(head_counts)) / sizeof(int64_t);
}

mh_status mh_score_create(const mh_heads *heads, mh_score **out)
{
    mh_status status = MH_OK;
    mh_score *score = NULL;

    MH_TRY(mh_memory_new(sizeof *score, &score));
    score->is_yes_no = mh_heads_are_yes_no(heads);
    score->heads = heads->count;
    MH_TRY(mh_memory_array(counts_of(heads->count), sizeof *score->counts, &score->counts));
    score->rows = (row_counts *)score->counts;
    score->head = (head_counts *)(score->counts + sizeof(row_counts) / sizeof(int64_t));
cleanup:
    if (status != MH_OK) {
        mh_score_destroy(score);
        score = NULL;
    }
    *out = score;
    return status;
}

void mh_score_destroy(mh_score *score)
{
    if (score == NULL)
        return;
    mh_memory_free(score->counts);
    mh_memory_free(score);
}

int64_t *mh_score_counts(mh_score *score, size_t *count)
{
    *count = counts_of(score->heads);
    return score->counts;
}

static void add_row(mh_score *score, const mh_label *labels, const mh_label *predictions)
{
    int64_t known = 0, correct = 0;
    int64_t both = 0, predicted = 0, positive = 0; /* labels with class 1 */

    for (size_t h = 0; h < score->heads; h++) {
        head_counts *head = &score->head[h];
        bool is_right = labels[h] == predictions[h];

        if (labels[h] == MH_LABEL_MISSING)
            continue;
        known++;
        correct += is_right;
        head->known++;
        head->correct += is_right;
        positive += labels[h] == 1;
        predicted += predictions[h] == 1;
        both += labels[h] == 1 && predictions[h] == 1;
        head->true_positive += labels[h] == 1 && predictions[h] == 1;
        head->false_positive += labels[h] != 1 && predictions[h] == 1;
        head->false_negative += labels[h] == 1 && predictions[h] != 1;
    }
    score->rows->rows++;
    if (known == 0)
        return;
    score->rows->known_rows++;
    score->rows->exact_rows += correct == known;
    if (predicted + positive > 0)
        mh_exact_sum_add(&score->rows->f1_samples, 2.0 * (double)both / (double)(predicted + positive));
}

void mh_score_add(mh_score *score, const mh_batch *batch, const mh_label *predictions, const mh_tally *tally)
{
    for (size_t row = 0; row < batch->rows; row++)
        add_row(score, batch->labels + row * batch->heads, predictions + row * batch->heads);
    for (size_t h = 0; h < score->heads; h++)
        mh_exact_sum_add(&score->head[h].loss, tally->loss[h]);
}

/* NaN where there is nothing to divide by. */
static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static double f1(int64_t true_positive, int64_t false_positive, int64_t false_negative)
{
    int64_t whole = 2 * true_positive + false_positive + false_negative;

    return whole > 0 ? 2.0 * (double)true_positive / (double)whole : 0.0;
}

static mh_head_metrics head_metrics(const head_counts *head, bool is_yes_no)
{
    double true_positive = (double)head->true_positive;
    double predicted = true_positive + (double)head->false_positive;
    double positive = true_positive + (double)head->false_negative;
    mh_head_metrics metrics = {
        .accuracy = ratio((double)head->correct, (double)head->known),
        .loss = ratio(mh_exact_sum_value(&head->loss), (double)head->known),
        .precision = NAN,
        .recall = NAN,
        .f1 = NAN,
        .known = head->known,
        .support = head->true_positive + head->false_negative,
    };

    if (is_yes_no) {
        metrics.precision = predicted > 0 ? true_positive / predicted : 0.0;
        metrics.recall = positive > 0 ? true_positive / positive : 0.0;
        metrics.f1 = f1(head->true_positive, head->false_positive, head->false_negative);
    }
    return metrics;
}

static void mean_over_heads(const mh_score *score, mh_metrics *out)
{
    int64_t known = 0, correct = 0;
    int64_t true_positive = 0, false_positive = 0, false_negative = 0;
    double loss = 0, accuracy = 0, f1_sum = 0;
    size_t defined = 0;

    for (size_t h = 0; h < score->heads; h++) {
        const head_counts *head = &score->head[h];

        known += head->known;
        correct += head->correct;
        true_positive += head->true_positive;
        false_positive += head->false_positive;
        false_negative += head->false_negative;
        f1_sum += out->head[h].f1;
        if (head->known == 0)
            continue;
        defined++;
        loss += out->head[h].loss;
        accuracy += out->head[h].accuracy;
    }
    out->loss = defined > 0 ? loss / (double)score->heads : NAN;
    out->accuracy = ratio(accuracy, (double)defined);
    out->hamming_loss = ratio((double)(known - correct), (double)known);
    out->f1_micro = score->is_yes_no ? f1(true_positive, false_positive, false_negative) : NAN;
    out->f1_macro = f1_sum / (double)score->heads; /* NaN if one of them is */
}

mh_status mh_score_metrics(const mh_score *score, mh_metrics *out)
{
    mh_status status = MH_OK;
    double known_rows = (double)score->rows->known_rows;

    *out = (mh_metrics){.rows = score->rows->rows, .heads = score->heads};
    MH_TRY(mh_memory_array(score->heads, sizeof *out->head, &out->head));
    for (size_t h = 0; h < score->heads; h++)
        out->head[h] = head_metrics(&score->head[h], score->is_yes_no);
    mean_over_heads(score, out);
    out->subset_accuracy = ratio((double)score->rows->exact_rows, known_rows);
    out->f1_samples =
        score->is_yes_no ? ratio(mh_exact_sum_value(&score->rows->f1_samples), known_rows) : NAN;
cleanup:
    return status;
}

void mh_metrics_clear(mh_metrics *metrics)
{
    mh_memory_free(metrics->head);
    *metrics = (mh_metrics){0};
}

/* ---- the baseline ---- */

void mh_baseline_predict(const mh_heads *heads, const double *rates, mh_label *prediction)
{
    for (size_t h = 0; h < heads->count; h++) {
        size_t best = 0;

        for (size_t c = 1; c < heads->head[h].classes; c++)
            if (rates[c] > rates[best])
                best = c;
        prediction[h] = (mh_label)best;
        rates += heads->head[h].classes;
    }
}

static const double SMALLEST_RATE = 0x1p-52;

void mh_baseline_loss_add(const mh_heads *heads, const double *rates, const mh_batch *batch, mh_tally *tally)
{
    for (size_t h = 0; h < heads->count; h++) {
        for (size_t row = 0; row < batch->rows; row++) {
            mh_label label = batch->labels[row * batch->heads + h];

            if (label == MH_LABEL_MISSING)
                continue;
            tally->known[h]++;
            tally->loss[h] -= log(fmax(rates[label], SMALLEST_RATE));
        }
        rates += heads->head[h].classes;
    }
}

double mh_baseline_entropy(size_t classes, const double *rates)
{
    double entropy = 0;

    for (size_t c = 0; c < classes; c++)
        if (rates[c] > 0)
            entropy -= rates[c] * log(rates[c]);
    return entropy;
}
