#ifndef MULTIHEAD_MODEL_LOSS_H
#define MULTIHEAD_MODEL_LOSS_H

#include "multihead/kernel/panels.h"
#include "multihead/model/head.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/tally.h"

/* What training minimizes. Evaluation measures cross entropy whatever a model was trained with. */
typedef enum {
    MH_LOSS_CROSS_ENTROPY,
    MH_LOSS_FOCAL, /* Lin, Goyal, Girshick, He, Dollar, arXiv:1708.02002: (1 - p of the truth)^gamma -log p */
    MH_LOSS_ASYMMETRIC /* Ridnik, Ben-Baruch and others, arXiv:2009.14119: focal with a gamma each for positive and
                          negative labels, and negatives below a probability of `margin` count nothing; for binary
                          heads only */
} mh_loss_kind;

typedef struct {
    mh_loss_kind kind;
    float gamma;          /* of focal; of the positive labels of asymmetric */
    float gamma_negative; /* of asymmetric                                  */
    float margin;         /* of asymmetric                                  */
    /* [heads] factor of the loss of a row whose label is 1, NULL for 1; 1 for heads of more than two classes.
     * PyTorch's pos_weight: the mean still goes over all labelled rows. */
    const float *positive_weight;
} mh_loss_config;

/**
 * The loss of each head, summed over the rows of a batch, and its derivative.
 *
 *   config      NULL: cross entropy, unweighted
 *   logits      [batch.rows x heads.columns], in panels of any width
 *   slopes      out: d(sum over heads of weight * loss) / d(logits), laid out as the logits and may be their memory; NULL:
 *               not wanted
 *   slope_sums  [heads.columns] adds the slopes of all rows: the gradient of the heads' biases; NULL: not wanted
 *   scratch     [mh_heads_scratch]
 *   tally       adds: loss and known labels of each head
 *
 * Binary heads: binary cross entropy on the logit; softmax heads: cross entropy on the logits, or on their sigmoids (head
 * activation, with cross entropy alone). A missing label adds nothing and has derivative 0. Terms are float32, right to a
 * few ulp and half a one for each class and each unit that a head's logits are apart; sums are double, in the order of the
 * rows. A term's bits do not depend on the other rows nor on how it is laid out.
 */
void mh_loss_add(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                 const mh_panels *logits, float *slopes, float *slope_sums, float *scratch, mh_tally *tally);

/** The same of row-major logits and slopes, without their sums. */
void mh_loss_add_rows(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                      const float *logits, float *slopes, float *scratch, mh_tally *tally);

/**
 * The same value, mh_log_loss, of probabilities [batch.rows x heads.columns] that no logits stand behind, such as
 * averages.
 */
void mh_loss_add_probabilities(const mh_heads *heads, const mh_batch *batch, const float *probabilities,
                               mh_tally *tally);

#endif
