#ifndef MULTIHEAD_SRC_APP_REPORT_H
#define MULTIHEAD_SRC_APP_REPORT_H

#include "multihead/model/metrics.h"
#include "multihead/tensor/schema.h"

/** The metrics beside the baseline's as a table for people, to stdout. */
void report_print(const mh_metrics *model, const mh_metrics *baseline, const mh_schema *schema);

/** The same as one JSON object: to stdout for "-", else to the file, whole or not at all. */
mh_status report_write_json(const char *path, const mh_metrics *model, const mh_metrics *baseline,
                            const mh_schema *schema);

/** What the metrics go by, for evaluate's help, to stdout. */
void report_print_conventions(void);

/** Warns of each head that does no better than its base rate: loss [heads] against base_loss [heads]. */
void report_warn_of_heads(const mh_schema *schema, const double *loss, const double *base_loss);

#endif
