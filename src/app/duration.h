#ifndef MULTIHEAD_SRC_APP_DURATION_H
#define MULTIHEAD_SRC_APP_DURATION_H

#include <stdbool.h>

#include "multihead/training/interval.h"

/** "90", "90s", "10min", "24h", "2d", or as Slurm writes a walltime: "30:00", "1:30:00", "1-12:00:00". */
bool duration_parse(const char *text, double *seconds);

/** "5" and "5epochs", "200steps", or a time with its unit, "10min". */
bool interval_parse(const char *text, mh_interval *out);

/** "100" and "100steps", or "5epochs". */
bool warmup_parse(const char *text, mh_interval *out);

#endif
