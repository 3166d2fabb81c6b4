#ifndef MULTIHEAD_MODEL_LAYER_H
#define MULTIHEAD_MODEL_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/tensor/matrix.h"

/* A dense layer y = activation(x weight^T + bias); its weights lie in the model's flat vector. */
typedef struct {
    size_t inputs;
    size_t outputs;
    size_t weight; /* first element of weight [outputs x inputs] in the flat vector */
    size_t bias;   /* first element of bias [outputs]                               */
    bool has_relu;
} mh_layer;

/** Lays its weights and biases out in `weights`, as the flat vector has them now: those that are in `part` of it. */
void mh_layer_prepare(const mh_layer *layer, const float *parameters, mh_span part, mh_weights *weights);

/** x [rows x inputs] -> y [rows x outputs]; the weights are the layer's, prepared. */
void mh_layer_forward(const mh_layer *layer, const mh_weights *weights, const mh_panels *x,
                      const mh_panels *y);

/**
 * From dy, the derivative of the loss in this layer's output before its ReLU, to the gradient of its biases and
 * to dx, the derivative before the ReLU of the layer that made x. (That of its weights: mh_matrix_weight_gradient.)
 *
 *   x, dy      [rows x inputs], [rows x outputs]
 *   leaves     of the rows: see kernel.h
 *   adds       whether to add to the gradient or replace it
 *   gradient   out: the flat vector; only this layer's bias is written
 *   scale      slope of the dropout that x went through, where it left something (mh_dropout_scale); else 1
 *   dx         out: [rows x inputs], masked where x is 0; NULL for the first layer
 */
void mh_layer_backward(const mh_layer *layer, const mh_weights *weights, const mh_panels *x,
                       const mh_panels *dy, const mh_leaves *leaves, bool adds, float scale, float *gradient,
                       const mh_panels *dx);

#endif
