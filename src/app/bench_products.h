#ifndef MULTIHEAD_SRC_APP_BENCH_PRODUCTS_H
#define MULTIHEAD_SRC_APP_BENCH_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/model/model.h"

/*
 * The matrix products of a step of training and nothing else: what the rest of a step is measured against. All of
 * them use the same operands, as large as the largest needs.
 */
typedef struct {
    const mh_model *model;  /* borrowed                                                    */
    size_t matrix, weights; /* floats of activations, and of a layer's weights as laid out */
    float *x, *dy, *w;      /* operands: their numbers stay                                */
    float *y, *dx, *dw;     /* results                                                     */
} bench_products;

/** For up to `rows` rows of a batch. Free with bench_products_clear, also after a failure. */
mh_status bench_products_create(const mh_model *model, size_t rows, bench_products *out);
void bench_products_clear(bench_products *products);

/** The products of a step with `total` rows, in pieces of up to `rows`. */
void bench_products_run(bench_products *products, size_t total, size_t rows);

/** The multiplications and additions of that. */
double bench_products_flop(const bench_products *products, size_t total);

#endif
