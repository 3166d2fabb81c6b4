#ifndef MULTIHEAD_TESTS_LOSS_REFERENCE_H
#define MULTIHEAD_TESTS_LOSS_REFERENCE_H

#include "multihead/model/loss.h"

/**
 * What mh_loss_add_rows promises, head by head in double: an oracle for the kernels.
 *
 *   slopes   out: [batch.rows x heads.columns]
 *   tally    adds
 */
void loss_reference(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                    const float *logits, double *slopes, mh_tally *tally);

/** And mh_heads_probabilities. */
void probabilities_reference(const mh_heads *heads, size_t rows, const float *logits, double *probabilities);

/** That a kernel added the rows of its slopes to `sums` [columns], which were 1. */
void expect_slope_sums(const char *kernel, const mh_panels *slopes, const float *sums);

#endif
