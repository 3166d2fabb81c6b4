#ifndef MULTIHEAD_TRAINING_EVALUATOR_H
#define MULTIHEAD_TRAINING_EVALUATOR_H

#include "multihead/data/dataset.h"
#include "multihead/model/metrics.h"
#include "multihead/parallel/communicator.h"
#include "multihead/training/trained.h"

/**
 * Scores a model on the selected rows of a data set with labels, every row once, and beside it the baseline
 * that knows only the training rows' class frequencies.
 *
 *   model, baseline   out: the same on every rank and for any number of ranks; free with mh_metrics_clear
 *
 * Collective over comm. Fails on all ranks together: MH_ERR_FORMAT where the data do not fit the model.
 */
mh_status mh_evaluate(const mh_comm *comm, const mh_trained *trained, mh_dataset *dataset, mh_metrics *model,
                      mh_metrics *baseline);

#endif
