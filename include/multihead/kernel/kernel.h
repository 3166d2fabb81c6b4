#ifndef MULTIHEAD_KERNEL_KERNEL_H
#define MULTIHEAD_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"
#include "multihead/kernel/loss.h"
#include "multihead/kernel/panels.h"
#include "multihead/kernel/update.h"

/*
 * The loops that time is spent in, written once and compiled for several instruction sets; which of them run is chosen
 * when the program starts, from what the CPU has. Nothing here depends on a timing.
 *
 * Every element of a product is a sum of chains of multiply-adds, each over a block of the depth, in the depth's order. So
 * it has the same bits wherever in a matrix it stands and however many rows there are; and in blocks the rounding errors
 * of a long sum stay small. Between instruction sets the bits differ (fused or not).
 */

/* Rows in leaves, whose sums are added in the order of a tree. */
enum { MH_LEAVES_MAX = 64 };

typedef struct {
    size_t count; /* from 1 to MH_LEAVES_MAX                                                             */
    const size_t *rows;   /* [count]; 0 rows are a sum of 0                                     */
    const size_t *merges; /* [count] after this leaf, the topmost two sums become one so often;
                             one is left in the end. NULL for one leaf                          */
} mh_leaves;

/**
 * How many merges follow a leaf, from 0 on, in the tree over so many: a node of n leaves has the first half of them,
 * rounded up, on its left and the rest on its right.
 */
size_t mh_leaves_merges(size_t leaves, size_t leaf);

/* c = a b, or what is made of it: a [rows x depth], b [depth x columns], c [rows x columns]. */
typedef struct {
    mh_panels a;
    const float *b; /* in panels of depth rows, filled up with zeros                                 */
    mh_panels c;
    const float *bias; /* [columns, rounded up to panels] what sums start at; NULL: 0                */
    bool adds;         /* sums start at what is in c, without bias                                   */
    bool clips;        /* then ReLU; keeps a NaN, so that it is seen in the loss                     */
    const float *mask; /* laid out as c: c is 0 where this is not positive, else `scale` times as much */
    float scale;
} mh_product;

/*
 * c = a^T b over the rows of both, or c += a^T b. a [rows x m], b [rows x n], c [m x n] row-major. It is made in blocks of
 * c, each by itself: so it can be made in pieces, by whoever has time.
 */
enum { MH_GRADIENT_BLOCK_ROWS = 8 * MH_PANEL, MH_GRADIENT_BLOCK_PANELS = 4 };

typedef struct {
    mh_panels a, b;
    mh_leaves leaves; /* of all rows */
    bool adds;
    float *c;
} mh_gradient_product;

/** How many blocks a c [m x n] has; they are counted row of blocks by row of blocks. */
static inline size_t mh_gradient_blocks(size_t m, size_t n)
{
    const size_t columns = MH_GRADIENT_BLOCK_PANELS * MH_PANEL;

    return (m + MH_GRADIENT_BLOCK_ROWS - 1) / MH_GRADIENT_BLOCK_ROWS * ((n + columns - 1) / columns);
}

typedef struct {
    const char *name; /* "avx512", "avx2", "generic" */
    const char *title;

    /** All matrices in panels of MH_PANEL; of a gradient, blocks first..first + count - 1. */
    void (*multiply)(const mh_product *product);
    void (*multiply_gradient)(const mh_gradient_product *product, size_t first, size_t count);

    /** sums [columns] of a's rows, replaced or added to; a in panels of any width. */
    void (*sum_columns)(const mh_panels *a, const mh_leaves *leaves, bool adds, float *sums);

    /** All heads binary: as many columns as heads. */
    void (*binary_loss)(const mh_heads_loss *loss);

    /** Any heads; binary ones have the same bits, and take longer. Focal without a sigmoid, asymmetric binary heads only. */
    void (*heads_loss)(const mh_head_columns *heads, const mh_heads_loss *loss);

    /** Of a binary head that of class 1, of the others that of each class; `probabilities` as slopes. */
    void (*probabilities)(const mh_head_columns *heads, const mh_panels *logits, float *probabilities);

    /** y [count] = f(x), within 2 ulp; y may be x. */
    void (*apply)(mh_function f, const float *x, size_t count, float *y);

    /** A step: `sum` of gradients, both moments and the parameters [count]. */
    void (*adam)(const mh_adam_numbers *numbers, size_t count, const float *sum, float *first_moment,
                 float *second_moment, float *parameters);

    /** Its two halves: the moments, then step_size * direction + decay * parameters. */
    void (*adam_moments)(const mh_adam_numbers *numbers, size_t count, const float *sum, float *first_moment,
                         float *second_moment);
    void (*adam_direction)(const mh_adam_numbers *numbers, size_t count, const float *first_moment,
                           const float *second_moment, const float *parameters, float *direction);

    void (*add)(size_t count, const float *from, float *into);
    bool (*is_finite)(size_t count, const float *values);
} mh_kernel;

/** The loops in use. */
const mh_kernel *mh_kernel_now(void);

/** All that this program has and this CPU can run, the best first; NULL behind the last. */
const mh_kernel *mh_kernel_available(size_t i);

/**
 * Chooses: "generic", "avx2", "avx512", or "openblas": the best loops, but products from BLAS (mh_kernel_uses_blas).
 * NULL or "": the best this CPU can run, with BLAS where that is generic. Called once, before any of them runs.
 * MH_ERR_USAGE for another name or one that this CPU cannot run, saying which it can.
 */
mh_status mh_kernel_choose(const char *wanted);
bool mh_kernel_uses_blas(void);
void mh_kernel_use_blas(void);

#endif
