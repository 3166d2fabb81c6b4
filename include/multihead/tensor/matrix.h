#ifndef MULTIHEAD_TENSOR_MATRIX_H
#define MULTIHEAD_TENSOR_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/kernel/kernel.h"
#include "multihead/tensor/span.h"

/*
 * The door to matrix products: our own kernels (kernel.h) or BLAS. Matrices of activations are laid out as mh_matrix_of
 * says, in panels or, for BLAS, row-major; weights are kept row-major and laid out for the products once a step.
 *
 * The three products of a dense layer, named by what they make. x [rows x inputs], weight [outputs x inputs],
 * y and dy [rows x outputs]:
 */

/** A matrix of activations in memory with room for mh_matrix_floats, from a cache line on. */
mh_panels mh_matrix_of(float *values, size_t rows, size_t columns);
size_t mh_matrix_floats(size_t rows, size_t columns);

/* Weights as the products read them; the arrays are in the memory given to mh_weights_of. */
typedef struct {
    size_t inputs, outputs;
    const float *weight, *bias; /* borrowed: what was prepared last; bias NULL: none      */
    float *forward, *backward;  /* of weight^T and weight, in panels; not used with BLAS  */
    float *start;               /* bias filled up to panels, or zeros                     */
} mh_weights;

/** Floats that mh_weights_of wants; from a cache line on. */
size_t mh_weights_floats(size_t inputs, size_t outputs);
mh_weights mh_weights_of(float *memory, size_t inputs, size_t outputs);

/**
 * Lays the weights [outputs x inputs] and the bias [outputs] or NULL out as they are now; both must stay.
 *
 *   weight_part, bias_part   their elements that are laid out: all, or, where processes share the arrays, this one's
 */
void mh_weights_prepare(mh_weights *weights, const float *weight, mh_span weight_part, const float *bias,
                        mh_span bias_part);

/** y = x weight^T + bias, or y += x weight^T when `adds`; then clipped at 0 by ReLU when `clips`. */
void mh_matrix_forward(const mh_weights *weights, const mh_panels *x, bool adds, bool clips,
                       const mh_panels *y);

/** dx = dy weight; where `mask` is given, scale * that where the mask is positive, else 0. Laid out as dx. */
void mh_matrix_backward(const mh_weights *weights, const mh_panels *dy, const mh_panels *mask, float scale,
                        const mh_panels *dx);

/**
 * dweight = dy^T x, or dweight += dy^T x when `adds`; row-major. Rows in leaves are summed in their tree's order; BLAS
 * takes one leaf only. 0 rows give 0.
 *
 *   blocks   which of dweight's blocks are made: some of mh_matrix_blocks. A block has the same bits with whichever others
 *            it is made
 */
void mh_matrix_weight_gradient(const mh_panels *dy, const mh_panels *x, const mh_leaves *leaves, bool adds,
                               mh_span blocks, float *dweight);

/** All blocks of a gradient of weights [outputs x inputs]; with BLAS it is one. */
mh_span mh_matrix_blocks(size_t outputs, size_t inputs);

/**
 * Threads of each product in this process, from now on. Our own kernels have one: more are BLAS's. Before any matrix is
 * laid out.
 */
void mh_matrix_set_threads(size_t threads);

/** BLAS's kernel, as the library names it ("SkylakeX"), and the library's version. Borrowed. */
const char *mh_matrix_kernel(void);
const char *mh_matrix_library(void);

/** Whether the CPU has wider arithmetic than the kernel in use. */
bool mh_matrix_kernel_is_weak(void);

/**
 * Makes the library use the kernel for what the CPU can do, where it chose a weaker one: it picks from a table
 * of CPU models and knows nothing newer than itself. The choice is made while the library is loaded, so this
 * runs the program once more, with OPENBLAS_CORETYPE set; a setting of the user's wins. To be called first in
 * main. Returns when there is nothing to mend.
 */
void mh_matrix_choose_kernel(char **argv);

#endif
