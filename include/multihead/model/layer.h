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
 * The gradient of its biases: the rows of dy, the derivative of the loss in what the layer makes before its ReLU, summed.
 *
 *   dy         [rows x outputs]
 *   leaves     of the rows: see kernel.h
 *   adds       whether to add to the gradient or replace it
 *   gradient   out: the flat vector; only this layer's bias is written
 */
void mh_layer_bias_gradient(const mh_layer *layer, const mh_panels *dy, const mh_leaves *leaves, bool adds,
                            float *gradient);

#endif
