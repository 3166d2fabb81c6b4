#ifndef MULTIHEAD_TRAINING_EVALUATOR_H
#define MULTIHEAD_TRAINING_EVALUATOR_H

#include "multihead/data/dataset.h"
#include "multihead/model/curve.h"
#include "multihead/model/metrics.h"
#include "multihead/parallel/communicator.h"
#include "multihead/training/ensemble.h"

/* Precision at recalls of 1/200, 2/200, ..., 1: enough for a picture. */
enum { MH_CURVES_MOST = 10, MH_CURVE_POINTS = 200 };

typedef struct {
    size_t count;                /* heads shown: those with two classes and most positive rows */
    size_t head[MH_CURVES_MOST]; /* by support, the largest first                              */
    mh_curve_point point[MH_CURVES_MOST][MH_CURVE_POINTS];
    mh_curve_point micro[MH_CURVE_POINTS]; /* all labels together, to a bin's width (label_scores) */
} mh_evaluation_curves;

/**
 * Scores an ensemble (mh_ensemble_of: a model) on the selected rows of a data set with labels, every row once,
 * and beside it the baseline that knows only the training rows' class frequencies.
 *
 *   model, baseline   out: the same on every rank and for any number of ranks; free with mh_metrics_clear
 *   curves            out: the same, or NULL
 *
 * Memory: 4 bytes for each row of this rank and head, 8 for each row of all ranks (label_scores).
 *
 * Collective over comm. Fails on all ranks together: MH_ERR_FORMAT where the data do not fit the model.
 */
mh_status mh_evaluate(const mh_comm *comm, const mh_ensemble *ensemble, mh_dataset *dataset,
                      mh_metrics *model, mh_metrics *baseline, mh_evaluation_curves *curves);

#endif
