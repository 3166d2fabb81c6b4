#include "multihead/model/layer.h"

#include <string.h>

#include "multihead/tensor/matrix.h"

static void add_bias(size_t rows, size_t columns, const float *restrict bias, float *restrict y)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < columns; c++)
            y[row * columns + c] += bias[c];
}

static void add_bias_and_clip(size_t rows, size_t columns, const float *restrict bias, float *restrict y)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < columns; c++) {
            float z = y[row * columns + c] + bias[c];

            y[row * columns + c] = z < 0.0f ? 0.0f : z; /* keeps a NaN, so that it is seen in the loss */
        }
    }
}

void mh_layer_forward(const mh_layer *layer, const float *parameters, size_t rows, const float *x, float *y)
{
    mh_matrix_forward(rows, layer->inputs, layer->outputs, x, parameters + layer->weight, y);
    if (layer->has_relu)
        add_bias_and_clip(rows, layer->outputs, parameters + layer->bias, y);
    else
        add_bias(rows, layer->outputs, parameters + layer->bias, y);
}

static void add_rows(size_t rows, size_t columns, const float *restrict dy, float *restrict sum)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < columns; c++)
            sum[c] += dy[row * columns + c];
}

/* The slope of ReLU and dropout together, told from what came out: `scale` where something came through. */
static void mask(size_t count, const float *restrict y, float scale, float *restrict dy)
{
    for (size_t i = 0; i < count; i++)
        dy[i] = y[i] > 0.0f ? scale * dy[i] : 0.0f;
}

void mh_layer_backward(const mh_layer *layer, const float *parameters, size_t rows, const float *x,
                       const float *dy, bool adds, float scale, float *gradient, float *dx)
{
    mh_matrix_weight_gradient(rows, layer->inputs, layer->outputs, dy, x, adds, gradient + layer->weight);
    if (!adds)
        memset(gradient + layer->bias, 0, layer->outputs * sizeof *gradient);
    add_rows(rows, layer->outputs, dy, gradient + layer->bias);
    if (dx != NULL) {
        mh_matrix_backward(rows, layer->inputs, layer->outputs, dy, parameters + layer->weight, dx);
        mask(rows * layer->inputs, x, scale, dx);
    }
}
