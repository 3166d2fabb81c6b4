#ifndef MULTIHEAD_MODEL_BASELINE_H
#define MULTIHEAD_MODEL_BASELINE_H

#include "multihead/model/metrics.h"

/*
 * The baseline that every model should beat: it knows only how frequent each class is.
 *
 *   rates   [sum of classes] share of each class among the training rows: head 0's classes, head 1's, ...
 */

/** Its prediction of every head [heads]: the most frequent class, the lowest among equals. */
void mh_baseline_predict(const mh_heads *heads, const double *rates, mh_label *prediction);

/** The probabilities [columns] that it gives in every row. */
void mh_baseline_probabilities(const mh_heads *heads, const double *rates, float *probabilities);

/** ROC AUC and average precision [heads] of one and the same number in every row, from what has been counted. */
void mh_baseline_columns(const mh_heads *heads, const mh_metrics *metrics, double *roc_auc,
                         double *average_precision);

/** Adds the loss that it has on a batch. A class that training never saw has rate 2^-52, as in scikit-learn. */
void mh_baseline_loss_add(const mh_heads *heads, const double *rates, const mh_batch *batch, mh_tally *tally);

/** Its loss on the training rows themselves, of one head with these rates: their entropy. */
double mh_baseline_entropy(size_t classes, const double *rates);

#endif
