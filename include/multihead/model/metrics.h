#ifndef MULTIHEAD_MODEL_METRICS_H
#define MULTIHEAD_MODEL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/model/head.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/tally.h"

/*
 * Scores of predictions, with scikit-learn's names and conventions: F1 that is not defined counts as 0, also
 * that of a row with neither true nor predicted labels. Missing labels count nowhere; a row with no known label
 * is left out.
 */

/* Counts that add: all of it is int64, so that the sum over rows and ranks is exact in any order. */
typedef struct mh_score mh_score;

mh_status mh_score_create(const mh_heads *heads, mh_score **out);
void mh_score_destroy(mh_score *score);

/**
 * Adds rows.
 *
 *   batch         with labels
 *   predictions   [batch.rows x heads]
 *   tally         loss and known labels of just these rows, which must be the same rows together whoever
 *                 adds them: their sum is rounded to 2^-40 (mh_exact_sum)
 */
void mh_score_add(mh_score *score, const mh_batch *batch, const mh_label *predictions, const mh_tally *tally);

/** Everything counted so far, to be summed over ranks in place. Borrowed. */
int64_t *mh_score_counts(mh_score *score, size_t *count);

typedef struct {
    double accuracy, loss;        /* over the rows whose label is known; NaN without any          */
    double precision, recall, f1; /* of class 1; NaN where there are more than two classes        */
    int64_t known;                /* rows whose label is known                                    */
    int64_t support;              /* rows of class 1 (with two classes)                           */
} mh_head_metrics;

/* NaN stands for what is not defined: F1 when a head has more than two classes, means over nothing. */
typedef struct {
    int64_t rows;
    double loss;            /* mean over heads; a head without a known label adds 0, as in training */
    double hamming_loss;    /* share of known labels that are predicted wrong                       */
    double subset_accuracy; /* share of rows with every known label right                           */
    double f1_micro, f1_macro, f1_samples;
    double accuracy; /* mean over heads of their accuracy                                    */
    size_t heads;
    mh_head_metrics *head; /* [heads] */
} mh_metrics;

/** Free with mh_metrics_clear. */
mh_status mh_score_metrics(const mh_score *score, mh_metrics *out);
void mh_metrics_clear(mh_metrics *metrics);

/*
 * The baseline that every model should beat: it knows only how frequent each class is.
 *
 *   rates   [sum of classes] share of each class among the training rows: head 0's classes, head 1's, ...
 */

/** Its prediction of every head [heads]: the most frequent class, the lowest among equals. */
void mh_baseline_predict(const mh_heads *heads, const double *rates, mh_label *prediction);

/** Adds the loss that it has on a batch. A class that training never saw has rate 2^-52, as in scikit-learn. */
void mh_baseline_loss_add(const mh_heads *heads, const double *rates, const mh_batch *batch, mh_tally *tally);

/** Its loss on the training rows themselves, of one head with these rates: their entropy. */
double mh_baseline_entropy(size_t classes, const double *rates);

#endif
