#ifndef MULTIHEAD_MODEL_LOSS_H
#define MULTIHEAD_MODEL_LOSS_H

#include "multihead/model/head.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/tally.h"

/**
 * The loss of each head, summed over the rows of a batch, and its derivative.
 *
 *   logits    [batch.rows x heads.columns] float32
 *   dlogits   out: d(sum over heads of weight * loss) / d(logits), same shape; it may be the memory of
 *             `logits`
 *   tally     adds: loss and known labels of each head
 *
 * Binary heads: binary cross entropy on the logit; softmax heads: cross entropy on the logits, or on their
 * sigmoids (head activation). A missing label adds nothing and has derivative 0. Terms are float32, sums double.
 */
void mh_loss_add(const mh_heads *heads, const mh_batch *batch, const float *logits, float *dlogits,
                 mh_tally *tally);

#endif
