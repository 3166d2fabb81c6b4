#ifndef MULTIHEAD_SRC_APP_PLOT_H
#define MULTIHEAD_SRC_APP_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"

typedef struct {
    const char *history; /* path of its history.csv              */
    const char *name;    /* in the legend                        */
    double base_loss;    /* of the base rates; NaN: not known    */
} plot_run;

/**
 * Draws the loss curves of runs to a PNG with gnuplot, as a whole or not at all: training solid, validation, where
 * there is one, dashed in the same colour with a mark at the best epoch. A line at the loss of the base rates,
 * where it is known and about the same for all runs.
 *
 * MH_ERR_FORMAT where a history has nothing to draw; MH_ERR_IO where there is no gnuplot, it fails or the picture
 * cannot be written. The message says which.
 */
mh_status plot_runs(const plot_run *runs, size_t count, const char *title, bool is_logarithmic,
                    const char *png);

/** The same for one run. */
mh_status plot_loss(const char *history, const char *title, double base_loss, const char *png);

#endif
