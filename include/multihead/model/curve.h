#ifndef MULTIHEAD_MODEL_CURVE_H
#define MULTIHEAD_MODEL_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/model/ranking.h"

/*
 * One label over all rows, the most probable row first: what ROC AUC, average precision, precision-recall curves
 * and thresholds are read from. Pairs are counted in whole numbers and the rest goes in the order of the
 * probabilities, so nothing depends on the order in which rows came, nor on who counts.
 */
typedef struct {
    size_t count;        /* marks of known labels                                 */
    const mh_mark *mark; /* [count] sorted; borrowed                              */
    int64_t positives;
    bool is_broken; /* a probability is no number: nothing below is defined  */
} mh_curve;

typedef struct {
    double recall, precision;
} mh_curve_point;

/** Sorts marks [count] in place and leaves out what is missing. Needs as much memory again while it does. */
mh_status mh_curve_create(size_t count, mh_mark *marks, mh_curve *out);

/** roc_auc_score: ties are half right. NaN unless there are both positive and negative rows. */
double mh_curve_roc_auc(const mh_curve *curve);

/** average_precision_score: a sum over distinct probabilities. NaN without a positive row. */
double mh_curve_average_precision(const mh_curve *curve);

/**
 * The threshold that makes F1 largest when `probability > threshold` predicts class 1: half-way between two
 * neighbouring probabilities; of several the one nearest 0.5. 0.5 without a positive row.
 */
float mh_curve_best_threshold(const mh_curve *curve);

/**
 * The one that makes 2 * (positives that are found) - price * (rows that are predicted) largest, of several the one
 * nearest 0.5; the largest probability, above which there is nothing, where no row is worth its price. With the F1
 * that several labels reach together as the price, this is how a label adds most to it (Dinkelbach, Management
 * Science 13, 1967). 0.5 without a row.
 */
float mh_curve_priced_threshold(const mh_curve *curve, double price);

/**
 * The precision-recall curve at `count` recalls, evenly from 1/count to 1: at each the precision at the highest
 * threshold that reaches it. NaN without a positive row.
 */
void mh_curve_points(const mh_curve *curve, size_t count, mh_curve_point *points);

#endif
