#ifndef MULTIHEAD_SRC_APP_PLOT_H
#define MULTIHEAD_SRC_APP_PLOT_H

#include "multihead/base/status.h"

/**
 * Draws the loss curve of history.csv to a PNG with gnuplot, as a whole or not at all.
 *
 *   base_loss   a line at the loss of the base rates
 *
 * MH_ERR_IO where there is no gnuplot or it fails; the message says which.
 */
mh_status plot_loss(const char *history, const char *title, double base_loss, const char *png);

#endif
