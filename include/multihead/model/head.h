#ifndef MULTIHEAD_MODEL_HEAD_H
#define MULTIHEAD_MODEL_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/schema.h"
#include "multihead/tensor/span.h"

/* Output heads: which columns of the logits belong to which label, and what they mean. */

typedef enum {
    MH_HEADS_AUTO,   /* binary where there are two classes, softmax where there are more */
    MH_HEADS_BINARY, /* one logit: class 1 against class 0                               */
    MH_HEADS_SOFTMAX /* a logit for each class                                           */
} mh_head_kind;

typedef enum {
    MH_HEAD_ACTIVATION_NONE,   /* the loss takes logits                                              */
    MH_HEAD_ACTIVATION_SIGMOID /* softmax heads put a sigmoid first: the tutorial's second model     */
} mh_head_activation;

typedef struct {
    bool is_binary;
    size_t classes;  /* 2 or more                                     */
    mh_span columns; /* of the logits: 1 for binary, else one a class */
} mh_head;

typedef struct {
    size_t count;
    size_t columns; /* of all heads together */
    mh_head *head;  /* [count]               */
    size_t *first;  /* [count + 1] first column of each, and `columns` */
    mh_head_activation activation;
} mh_heads;

/**
 * One head for each label of the schema, side by side in the logits.
 *
 * MH_ERR_USAGE when `kind` is binary and a label has more than two classes, or when an activation is asked for
 * and no head is softmax. Free with mh_heads_clear.
 */
mh_status mh_heads_create(const mh_schema *schema, mh_head_kind kind, mh_head_activation activation,
                          mh_heads *out);

/** The same from what is known of each head: is_binary [schema.heads]. MH_ERR_FORMAT where it cannot be. */
mh_status mh_heads_restore(const mh_schema *schema, const size_t *is_binary, mh_head_activation activation,
                           mh_heads *out);
mh_status mh_heads_copy(const mh_heads *heads, mh_heads *out);
void mh_heads_clear(mh_heads *heads);

/** Whether every label has two classes, so that class 1 is "yes" and F1 means something. */
bool mh_heads_are_yes_no(const mh_heads *heads);

/** The column that has the probability of class 1. */
size_t mh_head_positive(const mh_head *head);

/** Floats of scratch memory that probabilities and losses of these heads want, best from a cache line on; may be 0. */
size_t mh_heads_scratch(const mh_heads *heads);

/** logits [rows x columns] -> probabilities [rows x columns]; the same memory is fine. scratch [mh_heads_scratch]. */
void mh_heads_probabilities(const mh_heads *heads, size_t rows, const float *logits, float *probabilities,
                            float *scratch);

/**
 * The class of each head: probabilities [rows x columns] -> predictions [rows x count].
 *
 *   thresholds   [count] with two classes, 1 where its probability is above; NULL: the likeliest class, the
 *                lowest index among equals, as always with more classes
 */
void mh_heads_predict(const mh_heads *heads, size_t rows, const float *probabilities, const float *thresholds,
                      mh_label *predictions);

#endif
