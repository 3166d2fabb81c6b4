#ifndef MULTIHEAD_KERNEL_LOSS_H
#define MULTIHEAD_KERNEL_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/kernel/panels.h"

/*
 * Losses and probabilities of heads from their logits, in one pass. A label of UINT16_MAX is missing: its loss and slopes
 * are 0 whatever the logits are. Each head of a row is computed by itself, so its bits do not depend on the shape; losses
 * are float32, their sums double, in the order of the rows.
 */

/* What a loss is of the probability; model/loss.h says more. */
typedef enum { MH_SHAPE_CROSS_ENTROPY, MH_SHAPE_FOCAL, MH_SHAPE_ASYMMETRIC } mh_loss_shape_kind;

typedef struct {
    mh_loss_shape_kind kind;
    float gamma, gamma_negative, margin; /* of focal and asymmetric */
} mh_loss_shape;

typedef struct {
    mh_loss_shape shape;
    mh_panels logits;       /* [rows x columns], in panels of any width                               */
    float *slopes;          /* laid out as the logits, and may be their memory; NULL: not wanted      */
    float *slope_sums;      /* [columns] adds the slopes of all rows, block by block; NULL: not wanted */
    const uint16_t *labels; /* [rows x heads]                                                         */
    const float *weights;   /* [heads] factors of the slopes; NULL: 1                                 */
    const float *positive_weights; /* [heads] factors of loss and slope where the label is 1; NULL: 1 */
    double *loss;                  /* [heads] adds the losses                                         */
    int64_t *known;                /* [heads] adds how many labels are not missing                    */
} mh_heads_loss;

/* Heads side by side: one of a single column is binary, label 1 against any other; more are the classes of a softmax. */
typedef struct {
    size_t count;
    const size_t *first; /* [count + 1] columns where each begins, and that behind the last */
    bool has_sigmoid;    /* softmax heads take sigmoids of the logits                       */
    float *scratch;      /* [mh_head_columns_scratch], best from a cache line on            */
} mh_head_columns;

/** Floats of scratch memory: two blocks of rows, column by column. */
static inline size_t mh_head_columns_scratch(size_t columns)
{
    return 2 * mh_panels_floats(MH_PANEL, columns);
}

/* Functions of single numbers. */
typedef enum {
    MH_FUNCTION_EXP,
    MH_FUNCTION_LOG,
    MH_FUNCTION_LOG1P, /* from 0 to 1 */
    MH_FUNCTION_SIGMOID
} mh_function;

#endif
