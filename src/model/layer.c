#include "multihead/model/layer.h"

void mh_layer_prepare(const mh_layer *layer, const float *parameters, mh_span part, mh_weights *weights)
{
    mh_span weight = {layer->weight, layer->outputs * layer->inputs}, bias = {layer->bias, layer->outputs};

    mh_weights_prepare(weights, parameters + weight.first, mh_span_within(weight, part),
                       parameters + bias.first, mh_span_within(bias, part));
}

void mh_layer_forward(const mh_layer *layer, const mh_weights *weights, const mh_panels *x,
                      const mh_panels *y)
{
    mh_matrix_forward(weights, x, false, layer->has_relu, y);
}

void mh_layer_bias_gradient(const mh_layer *layer, const mh_panels *dy, const mh_leaves *leaves, bool adds,
                            float *gradient)
{
    mh_kernel_now()->sum_columns(dy, leaves, adds, gradient + layer->bias);
}
