#ifndef MULTIHEAD_MODEL_METRICS_H
#define MULTIHEAD_MODEL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/model/head.h"
#include "multihead/model/ranking.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/tally.h"

/*
 * Scores of predictions, with scikit-learn's names and conventions: what is divided by nothing counts as 0
 * (precision, recall and F1, also that of a row with neither true nor predicted labels). Missing labels count
 * nowhere; a row with no known label is left out. Rankings (model/ranking) are made on the float32 probabilities
 * of class 1 and need two known labels. With two classes class 1 is the positive one; label metrics and rankings
 * of the whole need two classes everywhere.
 */

/* Counts that add: all of it is int64, so that the sum over rows and ranks is exact in any order. */
typedef struct mh_score mh_score;

mh_status mh_score_create(const mh_heads *heads, mh_score **out);
void mh_score_destroy(mh_score *score);

/**
 * Adds rows.
 *
 *   batch           with labels
 *   predictions     [batch.rows x heads]
 *   probabilities   [batch.rows x columns]
 *   tally           loss and known labels of just these rows, which must be the same rows together whoever
 *                   adds them: their sum is rounded to 2^-40 (mh_exact_sum)
 */
void mh_score_add(mh_score *score, const mh_batch *batch, const mh_label *predictions,
                  const float *probabilities, const mh_tally *tally);

/** Everything counted so far, to be summed over ranks in place. Borrowed. */
int64_t *mh_score_counts(mh_score *score, size_t *count);

typedef struct {
    double accuracy, loss;        /* over the rows whose label is known; NaN without any          */
    double log_loss;              /* the same of the probabilities, see mh_log_loss               */
    double f1_macro;              /* mean over the classes that are true or predicted in a row    */
    double precision, recall, f1; /* of class 1; NaN with more than two classes, or none known    */
    double roc_auc;               /* of class 1; NaN without both positive and negative rows      */
    double average_precision;     /* of class 1; NaN without a positive row                       */
    size_t classes;
    int64_t known;   /* rows whose label is known                                    */
    int64_t support; /* rows of class 1 (with two classes)                           */
} mh_head_metrics;

/* NaN stands for what is not defined: label metrics when a head has more than two classes, means over nothing. */
typedef struct {
    int64_t rows;
    double loss;            /* mean over heads; a head without a known label adds 0, as in training */
    double log_loss;        /* mean over heads with a known label                                   */
    double hamming_loss;    /* share of known labels that are predicted wrong                       */
    double subset_accuracy; /* share of rows with every known label right                           */
    double f1_micro, f1_macro, f1_samples; /* f1_macro: mean over heads with a known label          */
    double accuracy;                       /* mean over heads of their accuracy                          */
    double f1_macro_heads;                 /* mean over heads of their macro-F1 over classes             */
    double label_ranking_average_precision, ranking_loss, coverage_error;
    double one_error;             /* share of rows whose most probable label is not positive    */
    double precision_at[MH_CUTS]; /* hits among the first k by k, whatever the row's labels are */
    double ndcg_at[MH_CUTS];
    double roc_auc_macro; /* mean over the heads where it is defined; so is the next    */
    double average_precision_macro;
    size_t heads;
    mh_head_metrics *head; /* [heads] */
} mh_metrics;

/** All but what goes over columns, which is NaN until mh_metrics_set_columns. Free with mh_metrics_clear. */
mh_status mh_score_metrics(const mh_score *score, mh_metrics *out);
void mh_metrics_clear(mh_metrics *metrics);

/** Puts in what is read from each label's curve (model/curve) and takes the means: both [heads]. */
void mh_metrics_set_columns(mh_metrics *metrics, bool is_yes_no, const double *roc_auc,
                            const double *average_precision);

/**
 * -log of the probability that a head gave to the class that is true; probabilities [head.columns.count]. As
 * scikit-learn's log_loss of float32: clipped to [2^-23, 1 - 2^-23], and a softmax head's divided by their sum.
 */
double mh_log_loss(const mh_head *head, const float *probabilities, mh_label label);

#endif
