#ifndef MULTIHEAD_SRC_APP_GNUPLOT_H
#define MULTIHEAD_SRC_APP_GNUPLOT_H

#include <stddef.h>

#include "multihead/base/status.h"

/** A text in gnuplot's single quotes; cut where it does not fit. */
void gnuplot_quote(const char *text, char *out, size_t bytes);

/**
 * Runs a script of any length that sets its terminal and plots; the picture is written as a whole or not at all.
 *
 * MH_ERR_IO where there is no gnuplot or it fails; the message says which.
 */
mh_status gnuplot_run(const char *script, const char *png);

#endif
