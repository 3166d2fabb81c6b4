#include "double_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32 }; /* rows that go through all layers together: their numbers stay in L2 */

/* Ten times what sums of a thousand float32 terms of about 1 are off. */
static const double CLOSE_TO_0 = 5e-6;

typedef struct {
    size_t inputs, outputs;
    double *weight, *transposed;       /* [outputs x inputs], [inputs x outputs]               */
    double *bias;                      /* [outputs]                                            */
    double *weight_slope, *bias_slope; /* the gradient                                         */
    double *y;                         /* [BLOCK x outputs] what it makes, behind its ReLU     */
    double *dy;                        /* the same shape: slopes of the loss, before its ReLU  */
} layer;

struct double_model {
    const mh_heads *heads;
    const mh_layout *layout;
    size_t layers; /* the last one is that of all heads */
    layer *layer;
    double *features; /* [BLOCK x inputs] */
};

/* ---- a model ---- */

static double *zeros(size_t count)
{
    double *values = calloc(count, sizeof *values);

    cr_assert(values != NULL);
    return values;
}

static layer layer_of(size_t inputs, size_t outputs)
{
    return (layer){.inputs = inputs,
                   .outputs = outputs,
                   .weight = zeros(inputs * outputs),
                   .transposed = zeros(inputs * outputs),
                   .bias = zeros(outputs),
                   .weight_slope = zeros(inputs * outputs),
                   .bias_slope = zeros(outputs),
                   .y = zeros(BLOCK * outputs),
                   .dy = zeros(BLOCK * outputs)};
}

static void layer_free(layer *l)
{
    free(l->weight);
    free(l->transposed);
    free(l->bias);
    free(l->weight_slope);
    free(l->bias_slope);
    free(l->y);
    free(l->dy);
}

/* Whose weights or biases a tensor is, of how many outputs on. */
typedef struct {
    const layer *layer;
    size_t first;
    bool is_bias;
} place;

/* By its name: where a model has its tensors is not taken from it. */
static place place_of(const double_model *m, const mh_tensor *tensor)
{
    place p = {.is_bias = strstr(tensor->name, ".bias") != NULL};
    size_t number = 0;

    if (sscanf(tensor->name, "fc%zu.", &number) == 1) {
        p.layer = &m->layer[number - 1];
    } else {
        cr_assert(sscanf(tensor->name, "out%zu.", &number) == 1, "%s is not known here", tensor->name);
        p.layer = &m->layer[m->layers - 1];
        p.first = m->heads->head[number - 1].columns.first;
    }
    return p;
}

static void read_weights(double_model *m, const float *parameters)
{
    for (size_t t = 0; t < m->layout->tensors; t++) {
        const mh_tensor *tensor = &m->layout->tensor[t];
        place p = place_of(m, tensor);
        double *to = p.is_bias ? p.layer->bias + p.first : p.layer->weight + p.first * p.layer->inputs;

        for (size_t i = 0; i < tensor->span.count; i++)
            to[i] = (double)parameters[tensor->span.first + i];
    }
    for (size_t i = 0; i < m->layers; i++) {
        const layer *l = &m->layer[i];

        for (size_t out = 0; out < l->outputs; out++)
            for (size_t in = 0; in < l->inputs; in++)
                l->transposed[in * l->outputs + out] = l->weight[out * l->inputs + in];
    }
}

double_model *double_model_of(mh_model *model)
{
    double_model *m = calloc(1, sizeof *m);
    size_t inputs = mh_model_inputs(model);

    cr_assert(m != NULL);
    m->heads = mh_model_heads(model);
    m->layout = mh_model_layout(model);
    m->layers = mh_model_hidden_layers(model) + 1;
    m->layer = calloc(m->layers, sizeof *m->layer);
    cr_assert(m->layer != NULL && m->heads->activation == MH_HEAD_ACTIVATION_NONE);
    m->features = zeros(BLOCK * inputs);
    for (size_t i = 0; i < m->layers; i++) {
        m->layer[i] = layer_of(inputs, i + 1 < m->layers ? mh_model_hidden(model, i) : m->heads->columns);
        inputs = m->layer[i].outputs;
    }
    read_weights(m, mh_model_parameters(model));
    return m;
}

void double_model_free(double_model *m)
{
    for (size_t i = 0; i < m->layers; i++)
        layer_free(&m->layer[i]);
    free(m->layer);
    free(m->features);
    free(m);
}

void double_model_gradient(const double_model *m, double *gradient)
{
    for (size_t t = 0; t < m->layout->tensors; t++) {
        const mh_tensor *tensor = &m->layout->tensor[t];
        place p = place_of(m, tensor);
        const double *from =
            p.is_bias ? p.layer->bias_slope + p.first : p.layer->weight_slope + p.first * p.layer->inputs;

        memcpy(gradient + tensor->span.first, from, tensor->span.count * sizeof *from);
    }
}

/* ---- passes: each product is made of multiples of rows, which compilers turn into vectors ---- */

static void add_multiple(size_t count, double factor, const double *restrict from, double *restrict into)
{
    if (factor == 0.0) /* behind a ReLU every other one */
        return;
    for (size_t i = 0; i < count; i++)
        into[i] += factor * from[i];
}

/* x [rows x inputs] -> y */
static void forward(const layer *l, size_t rows, const double *x)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(l->y + row * l->outputs, l->bias, l->outputs * sizeof *l->bias);
    for (size_t in = 0; in < l->inputs; in++)
        for (size_t row = 0; row < rows; row++)
            add_multiple(l->outputs, x[row * l->inputs + in], l->transposed + in * l->outputs,
                         l->y + row * l->outputs);
}

/* dy -> the gradient, with the x that y was made from */
static void add_slopes(const layer *l, size_t rows, const double *x)
{
    for (size_t out = 0; out < l->outputs; out++) {
        for (size_t row = 0; row < rows; row++) {
            double slope = l->dy[row * l->outputs + out];

            l->bias_slope[out] += slope;
            add_multiple(l->inputs, slope, x + row * l->inputs, l->weight_slope + out * l->inputs);
        }
    }
}

/* dy -> that of the layer below */
static void backward(const layer *l, size_t rows, const layer *below)
{
    memset(below->dy, 0, rows * l->inputs * sizeof *below->dy);
    for (size_t out = 0; out < l->outputs; out++)
        for (size_t row = 0; row < rows; row++)
            add_multiple(l->inputs, l->dy[row * l->outputs + out], l->weight + out * l->inputs,
                         below->dy + row * l->inputs);
    for (size_t i = 0; i < rows * l->inputs; i++)
        if (below->y[i] == 0.0)
            below->dy[i] = 0.0;
}

/* Clips y, and finds the rows that come too close to 0. */
static void clip(const layer *l, size_t rows, bool *is_close)
{
    for (size_t i = 0; i < rows * l->outputs; i++) {
        if (fabs(l->y[i]) < CLOSE_TO_0)
            is_close[i / l->outputs] = true;
        l->y[i] = fmax(l->y[i], 0.0);
    }
}

/* The slopes of cross entropy: the probability, less 1 where the label says so. dz may be z. */
static void head_slopes(const mh_head *head, const double *z, mh_label label, double *dz)
{
    double largest = -INFINITY, sum = 0.0;

    if (head->is_binary) {
        dz[0] = 1.0 / (1.0 + exp(-z[0])) - (label == 1 ? 1.0 : 0.0);
        return;
    }
    for (size_t c = 0; c < head->classes; c++)
        largest = fmax(largest, z[c]);
    for (size_t c = 0; c < head->classes; c++)
        sum += exp(z[c] - largest);
    for (size_t c = 0; c < head->classes; c++)
        dz[c] = exp(z[c] - largest) / sum - (c == label ? 1.0 : 0.0);
}

static void loss_slopes(const double_model *m, size_t rows, const mh_label *labels)
{
    const layer *l = &m->layer[m->layers - 1];

    memset(l->dy, 0, rows * l->outputs * sizeof *l->dy);
    for (size_t row = 0; row < rows; row++) {
        for (size_t h = 0; h < m->heads->count; h++) {
            const mh_head *head = &m->heads->head[h];
            size_t first = row * l->outputs + head->columns.first;
            mh_label label = labels[row * m->heads->count + h];

            if (label != MH_LABEL_MISSING)
                head_slopes(head, l->y + first, label, l->dy + first);
        }
    }
}

/* At most BLOCK rows. */
static size_t add_block(double_model *m, const mh_batch *batch)
{
    mh_label *labels = (mh_label *)batch->labels;
    bool is_close[BLOCK] = {false};
    const double *x = m->features;
    size_t close = 0;

    for (size_t i = 0; i < batch->rows * batch->inputs; i++)
        m->features[i] = (double)batch->features[i];
    for (size_t i = 0; i < m->layers; i++) {
        forward(&m->layer[i], batch->rows, x);
        if (i + 1 < m->layers)
            clip(&m->layer[i], batch->rows, is_close);
        x = m->layer[i].y;
    }
    for (size_t row = 0; row < batch->rows; row++) {
        close += is_close[row];
        for (size_t h = 0; h < batch->heads && is_close[row]; h++)
            labels[row * batch->heads + h] = MH_LABEL_MISSING;
    }
    loss_slopes(m, batch->rows, labels);
    for (size_t i = m->layers; i-- > 0;) {
        add_slopes(&m->layer[i], batch->rows, i > 0 ? m->layer[i - 1].y : m->features);
        if (i > 0)
            backward(&m->layer[i], batch->rows, &m->layer[i - 1]);
    }
    return close;
}

size_t double_model_add(double_model *m, mh_batch *batch)
{
    size_t close = 0;

    for (size_t row = 0; row < batch->rows; row += BLOCK) {
        mh_batch block = mh_batch_slice(batch, row, BLOCK);

        close += add_block(m, &block);
    }
    return close;
}
