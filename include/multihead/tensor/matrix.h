#ifndef MULTIHEAD_TENSOR_MATRIX_H
#define MULTIHEAD_TENSOR_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The door to matrix products (CBLAS, here OpenBLAS). All matrices are float32, row-major and without gaps.
 *
 * The three products of a dense layer, named by what they make. x [rows x inputs], weight [outputs x inputs],
 * y and dy [rows x outputs]:
 */

/** y = x weight^T */
void mh_matrix_forward(size_t rows, size_t inputs, size_t outputs, const float *x, const float *weight,
                       float *y);

/** y += x weight^T */
void mh_matrix_forward_add(size_t rows, size_t inputs, size_t outputs, const float *x, const float *weight,
                           float *y);

/** dx = dy weight */
void mh_matrix_backward(size_t rows, size_t inputs, size_t outputs, const float *dy, const float *weight,
                        float *dx);

/** dweight = dy^T x, or dweight += dy^T x when `adds`. 0 rows give 0. */
void mh_matrix_weight_gradient(size_t rows, size_t inputs, size_t outputs, const float *dy, const float *x,
                               bool adds, float *dweight);

/** Threads of each product in this process, from now on. */
void mh_matrix_set_threads(size_t threads);

/** The kernel in use, as the library names it ("SkylakeX"), and the library's version. Borrowed. */
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
