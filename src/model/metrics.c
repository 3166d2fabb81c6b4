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

    int64_t ranked_rows; /* with two known labels */
    mh_exact_sum average_precision, ranking_loss;
    int64_t coverage;
    int64_t hits[MH_CUTS];
    mh_exact_sum ndcg[MH_CUTS];
} row_counts;

typedef struct {
    int64_t known, correct;
    mh_exact_sum loss, log_loss;
} head_counts;

/* Rows of one class of a head. */
typedef struct {
    int64_t is_true, is_predicted, is_both;
} class_counts;

struct mh_score {
    mh_heads heads; /* its own */
    bool is_yes_no;
    int64_t *counts; /* row_counts, then head_counts [heads], then class_counts [sum of classes] */
    size_t count;
    row_counts *rows;
    head_counts *head;
    class_counts **class;     /* [heads] of each head [classes] */
    mh_mark *marks, *scratch; /* [heads] of one row */
};

/* ---- creating ---- */

/* How many int64 there are of something that is made of them. */
#define WORDS(type) (sizeof(type) / sizeof(int64_t))

static mh_status create_counts(mh_score *score)
{
    mh_status status = MH_OK;
    size_t heads = score->heads.count, classes = 0;

    for (size_t h = 0; h < heads; h++)
        classes += score->heads.head[h].classes;
    score->count = WORDS(row_counts) + heads * WORDS(head_counts) + classes * WORDS(class_counts);
    MH_TRY(mh_memory_array(score->count, sizeof *score->counts, &score->counts));
    MH_TRY(mh_memory_array(heads, sizeof *score->class, &score->class));
    score->rows = (row_counts *)score->counts;
    score->head = (head_counts *)(score->counts + WORDS(row_counts));

    class_counts *class = (class_counts *)(score->head + heads);

    for (size_t h = 0; h < heads; h++) {
        score->class[h] = class;
        class += score->heads.head[h].classes;
    }
cleanup:
    return status;
}

mh_status mh_score_create(const mh_heads *heads, mh_score **out)
{
    mh_status status = MH_OK;
    mh_score *score = NULL;

    MH_TRY(mh_memory_new(sizeof *score, &score));
    MH_TRY(mh_heads_copy(heads, &score->heads));
    score->is_yes_no = mh_heads_are_yes_no(heads);
    MH_TRY(create_counts(score));
    MH_TRY(mh_memory_array(heads->count, sizeof *score->marks, &score->marks));
    MH_TRY(mh_memory_array(heads->count, sizeof *score->scratch, &score->scratch));
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
    mh_heads_clear(&score->heads);
    mh_memory_free(score->counts);
    mh_memory_free(score->class);
    mh_memory_free(score->marks);
    mh_memory_free(score->scratch);
    mh_memory_free(score);
}

int64_t *mh_score_counts(mh_score *score, size_t *count)
{
    *count = score->count;
    return score->counts;
}

/* ---- adding ---- */

static void add_row(mh_score *score, const mh_label *labels, const mh_label *predictions)
{
    int64_t known = 0, correct = 0;
    int64_t both = 0, predicted = 0, positive = 0; /* labels with class 1 */

    for (size_t h = 0; h < score->heads.count; h++) {
        bool is_right = labels[h] == predictions[h];

        if (labels[h] == MH_LABEL_MISSING)
            continue;
        known++;
        correct += is_right;
        score->head[h].known++;
        score->head[h].correct += is_right;
        score->class[h][labels[h]].is_true++;
        score->class[h][predictions[h]].is_predicted++;
        score->class[h][labels[h]].is_both += is_right;
        positive += labels[h] == 1;
        predicted += predictions[h] == 1;
        both += labels[h] == 1 && predictions[h] == 1;
    }
    score->rows->rows++;
    if (known == 0)
        return;
    score->rows->known_rows++;
    score->rows->exact_rows += correct == known;
    if (predicted + positive > 0)
        mh_exact_sum_add(&score->rows->f1_samples, 2.0 * (double)both / (double)(predicted + positive));
}

/* One probability that is none, and no ranking of the whole is defined. */
static void break_rankings(row_counts *rows)
{
    mh_exact_sum_add(&rows->average_precision, NAN);
    mh_exact_sum_add(&rows->ranking_loss, NAN);
    for (size_t c = 0; c < MH_CUTS; c++)
        mh_exact_sum_add(&rows->ndcg[c], NAN);
}

static void rank_row(mh_score *score, const mh_label *labels, const float *probabilities)
{
    row_counts *rows = score->rows;
    size_t known = 0;

    for (size_t h = 0; h < score->heads.count; h++) {
        mh_mark mark = mh_mark_of(probabilities[mh_head_positive(&score->heads.head[h])], labels[h]);

        if (mh_mark_truth(mark) == MH_TRUTH_BROKEN) {
            break_rankings(rows);
            return;
        }
        if (mh_mark_truth(mark) != MH_TRUTH_MISSING)
            score->marks[known++] = mark;
    }
    if (known < 2)
        return;
    mh_marks_sort(known, score->marks, score->scratch);

    mh_row_ranking ranking = mh_rank_row(known, score->marks);

    rows->ranked_rows++;
    mh_exact_sum_add(&rows->average_precision, ranking.average_precision);
    mh_exact_sum_add(&rows->ranking_loss, ranking.loss);
    rows->coverage += (int64_t)ranking.coverage;
    for (size_t c = 0; c < MH_CUTS; c++) {
        rows->hits[c] += (int64_t)ranking.hits[c];
        mh_exact_sum_add(&rows->ndcg[c], ranking.ndcg[c]);
    }
}

static const double LOG_LOSS_CLIP = 0x1p-23; /* float32's epsilon */

static double clip(double probability)
{
    return fmin(fmax(probability, LOG_LOSS_CLIP), 1.0 - LOG_LOSS_CLIP);
}

double mh_log_loss(const mh_head *head, const float *probabilities, mh_label label)
{
    double p = (double)probabilities[0], sum = 0;

    if (!isfinite(p)) /* which fmin would hide */
        return NAN;
    if (head->is_binary)
        return -log(clip(label == 1 ? p : 1.0 - p));
    for (size_t c = 0; c < head->classes; c++)
        sum += clip((double)probabilities[c]);
    return -log(clip((double)probabilities[label]) / sum);
}

static void add_log_loss(mh_score *score, size_t h, const mh_batch *batch, const float *probabilities)
{
    const mh_head *head = &score->heads.head[h];

    for (size_t row = 0; row < batch->rows; row++) {
        mh_label label = batch->labels[row * batch->heads + h];
        const float *own = probabilities + row * score->heads.columns + head->columns.first;

        if (label != MH_LABEL_MISSING)
            mh_exact_sum_add(&score->head[h].log_loss, mh_log_loss(head, own, label));
    }
}

void mh_score_add(mh_score *score, const mh_batch *batch, const mh_label *predictions,
                  const float *probabilities, const mh_tally *tally)
{
    for (size_t row = 0; row < batch->rows; row++) {
        const mh_label *labels = batch->labels + row * batch->heads;

        add_row(score, labels, predictions + row * batch->heads);
        if (score->is_yes_no)
            rank_row(score, labels, probabilities + row * score->heads.columns);
    }
    for (size_t h = 0; h < score->heads.count; h++) {
        mh_exact_sum_add(&score->head[h].loss, tally->loss[h]);
        add_log_loss(score, h, batch, probabilities);
    }
}

/* ---- metrics ---- */

/* NaN where there is nothing to divide by. */
static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

/* 0 where there is nothing to divide by: scikit-learn's zero_division=0. */
static double ratio_or_zero(double part, double whole)
{
    return whole > 0 ? part / whole : 0.0;
}

static double f1(const class_counts *class)
{
    return ratio_or_zero(2.0 * (double)class->is_both, (double)(class->is_true + class->is_predicted));
}

/* Over the classes that there are, true or predicted, as scikit-learn does. */
static double macro_f1(size_t classes, const class_counts *class)
{
    double sum = 0;
    size_t seen = 0;

    for (size_t c = 0; c < classes; c++) {
        sum += f1(&class[c]);
        seen += class[c].is_true + class[c].is_predicted > 0;
    }
    return ratio(sum, (double)seen);
}

static mh_head_metrics head_metrics(const head_counts *head, size_t classes, const class_counts *class)
{
    mh_head_metrics metrics = {
        .accuracy = ratio((double)head->correct, (double)head->known),
        .loss = ratio(mh_exact_sum_value(&head->loss), (double)head->known),
        .log_loss = ratio(mh_exact_sum_value(&head->log_loss), (double)head->known),
        .f1_macro = macro_f1(classes, class),
        .precision = NAN,
        .recall = NAN,
        .f1 = NAN,
        .roc_auc = NAN,
        .average_precision = NAN,
        .classes = classes,
        .known = head->known,
        .support = class[1].is_true,
    };

    if (classes == 2 && head->known > 0) {
        metrics.precision = ratio_or_zero((double)class[1].is_both, (double)class[1].is_predicted);
        metrics.recall = ratio_or_zero((double)class[1].is_both, (double)class[1].is_true);
        metrics.f1 = f1(&class[1]);
    }
    return metrics;
}

static void mean_over_heads(const mh_score *score, mh_metrics *out)
{
    int64_t known = 0, correct = 0;
    class_counts positive = {0}; /* of all heads together */
    double loss = 0, log_loss = 0, accuracy = 0, f1_sum = 0, f1_macro_sum = 0;
    size_t defined = 0;

    for (size_t h = 0; h < score->heads.count; h++) {
        const head_counts *head = &score->head[h];

        known += head->known;
        correct += head->correct;
        positive.is_true += score->class[h][1].is_true;
        positive.is_predicted += score->class[h][1].is_predicted;
        positive.is_both += score->class[h][1].is_both;
        if (head->known == 0)
            continue;
        defined++;
        f1_sum += out->head[h].f1;
        loss += out->head[h].loss;
        log_loss += out->head[h].log_loss;
        accuracy += out->head[h].accuracy;
        f1_macro_sum += out->head[h].f1_macro;
    }
    out->loss = defined > 0 ? loss / (double)score->heads.count : NAN;
    out->log_loss = ratio(log_loss, (double)defined);
    out->accuracy = ratio(accuracy, (double)defined);
    out->f1_macro_heads = ratio(f1_macro_sum, (double)defined);
    out->hamming_loss = ratio((double)(known - correct), (double)known);
    out->f1_micro = score->is_yes_no && defined > 0 ? f1(&positive) : NAN;
    out->f1_macro = score->is_yes_no ? ratio(f1_sum, (double)defined) : NAN;
}

static void mean_over_rows(const row_counts *rows, bool is_yes_no, mh_metrics *out)
{
    double known_rows = (double)rows->known_rows, ranked_rows = (double)rows->ranked_rows;
    /* A sum that broke tells of all of them: the others are counts. */
    double whole = isfinite(mh_exact_sum_value(&rows->average_precision)) ? ranked_rows : 0;

    out->subset_accuracy = ratio((double)rows->exact_rows, known_rows);
    out->f1_samples = is_yes_no ? ratio(mh_exact_sum_value(&rows->f1_samples), known_rows) : NAN;
    out->label_ranking_average_precision = ratio(mh_exact_sum_value(&rows->average_precision), whole);
    out->ranking_loss = ratio(mh_exact_sum_value(&rows->ranking_loss), whole);
    out->coverage_error = ratio((double)rows->coverage, whole);
    out->one_error = ratio(ranked_rows - (double)rows->hits[0], whole);
    for (size_t c = 0; c < MH_CUTS; c++) {
        out->precision_at[c] = ratio((double)rows->hits[c], whole * (double)mh_cut[c]);
        out->ndcg_at[c] = ratio(mh_exact_sum_value(&rows->ndcg[c]), whole);
    }
}

mh_status mh_score_metrics(const mh_score *score, mh_metrics *out)
{
    mh_status status = MH_OK;
    size_t heads = score->heads.count;

    *out = (mh_metrics){
        .rows = score->rows->rows, .roc_auc_macro = NAN, .average_precision_macro = NAN, .heads = heads};
    MH_TRY(mh_memory_array(heads, sizeof *out->head, &out->head));
    for (size_t h = 0; h < heads; h++)
        out->head[h] = head_metrics(&score->head[h], score->heads.head[h].classes, score->class[h]);
    mean_over_heads(score, out);
    mean_over_rows(score->rows, score->is_yes_no, out);
cleanup:
    return status;
}

void mh_metrics_clear(mh_metrics *metrics)
{
    mh_memory_free(metrics->head);
    *metrics = (mh_metrics){0};
}

static double mean_of_defined(size_t count, const double *values)
{
    double sum = 0;
    size_t defined = 0;

    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        sum += values[i];
        defined++;
    }
    return ratio(sum, (double)defined);
}

void mh_metrics_set_columns(mh_metrics *metrics, bool is_yes_no, const double *roc_auc,
                            const double *average_precision)
{
    for (size_t h = 0; h < metrics->heads; h++) {
        metrics->head[h].roc_auc = roc_auc[h];
        metrics->head[h].average_precision = average_precision[h];
    }
    metrics->roc_auc_macro = is_yes_no ? mean_of_defined(metrics->heads, roc_auc) : NAN;
    metrics->average_precision_macro = is_yes_no ? mean_of_defined(metrics->heads, average_precision) : NAN;
}
