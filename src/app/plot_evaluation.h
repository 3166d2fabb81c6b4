#ifndef MULTIHEAD_SRC_APP_PLOT_EVALUATION_H
#define MULTIHEAD_SRC_APP_PLOT_EVALUATION_H

#include "multihead/tensor/schema.h"
#include "multihead/training/evaluator.h"

/**
 * Draws two panels with gnuplot, as a whole or not at all: each label's F1 against how many positive rows it has,
 * and precision against recall of all labels together and of those with most positive rows.
 *
 * MH_ERR_FORMAT where no head has two classes; MH_ERR_IO as gnuplot_run.
 */
mh_status plot_evaluation(const mh_metrics *metrics, const mh_evaluation_curves *curves,
                          const mh_schema *schema, const char *title, const char *png);

#endif
