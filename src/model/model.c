#include "model_parts.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/random.h"

static void add_trunk(mh_model *model, const mh_model_config *config)
{
    size_t inputs = config->inputs;

    for (size_t i = 0; i < config->hidden_layers; i++) {
        mh_layer *layer = &model->layer[i];
        size_t outputs = config->hidden[i];

        *layer = (mh_layer){.inputs = inputs, .outputs = outputs, .has_relu = true};
        layer->weight = mh_layout_add(&model->layout, "fc", i + 1, "weight", outputs, inputs);
        layer->bias = mh_layout_add(&model->layout, "fc", i + 1, "bias", outputs, 0);
        inputs = outputs;
    }
}

/* First the weights of all heads, then all biases: side by side they are the matrix of one layer. */
static void add_heads(mh_model *model)
{
    const mh_heads *heads = &model->heads;
    mh_layer *layer = &model->layer[model->layers - 1];

    layer->outputs = heads->columns;
    layer->weight = model->layout.count;
    for (size_t h = 0; h < heads->count; h++)
        mh_layout_add(&model->layout, "out", h + 1, "weight", heads->head[h].columns.count, layer->inputs);
    layer->bias = model->layout.count;
    for (size_t h = 0; h < heads->count; h++)
        mh_layout_add(&model->layout, "out", h + 1, "bias", heads->head[h].columns.count, 0);
    if (model->has_linear_path)
        model->wide =
            mh_layout_add(&model->layout, "wide", 0, "weight", heads->columns, mh_model_inputs(model));
}

static mh_status check_widths(const mh_model_config *config)
{
    size_t widest = config->inputs > config->heads->columns ? config->inputs : config->heads->columns;

    for (size_t i = 0; i < config->hidden_layers; i++) {
        if (config->hidden[i] == 0)
            return MH_FAIL(MH_ERR_USAGE, "--hidden: a layer has no width");
        widest = config->hidden[i] > widest ? config->hidden[i] : widest;
    }
    if (widest > INT_MAX)
        return MH_FAIL(MH_ERR_USAGE, "--hidden: a layer of %zu is wider than BLAS can count", widest);
    return MH_OK;
}

mh_status mh_model_create(const mh_model_config *config, mh_model **out)
{
    mh_status status = MH_OK;
    mh_model *model = NULL;

    MH_TRY(check_widths(config));
    MH_TRY(mh_memory_new(sizeof *model, &model));
    model->layers = config->hidden_layers + 1;
    MH_TRY(mh_heads_copy(config->heads, &model->heads));
    MH_TRY(mh_memory_array(model->layers, sizeof *model->layer, &model->layer));
    MH_TRY(mh_layout_create(2 * config->hidden_layers + 2 * config->heads->count + 1, &model->layout));
    model->has_linear_path = config->has_linear_path;
    model->dropout = config->dropout;
    model->input_dropout = config->input_dropout;
    model->loss = config->loss;
    add_trunk(model, config);
    model->layer[model->layers - 1].inputs =
        config->hidden_layers > 0 ? config->hidden[config->hidden_layers - 1] : config->inputs;
    add_heads(model);
    MH_TRY(mh_memory_array(model->layout.count, sizeof *model->own, &model->own));
    model->parameters = model->own;
cleanup:
    if (status != MH_OK) {
        mh_model_destroy(model);
        model = NULL;
    }
    *out = model;
    return status;
}

void mh_model_destroy(mh_model *model)
{
    if (model == NULL)
        return;
    mh_layout_clear(&model->layout);
    mh_heads_clear(&model->heads);
    mh_memory_free(model->layer);
    mh_memory_free(model->own);
    mh_memory_free(model);
}

/* The layer whose weights or biases a tensor is (part of). */
static const mh_layer *layer_of(const mh_model *model, const mh_tensor *tensor)
{
    const mh_layer *heads = &model->layer[model->layers - 1];

    if (tensor->span.first >= heads->weight)
        return heads;
    const mh_layer *layer = model->layer;
    while (tensor->span.first > layer->bias)
        layer++;
    return layer;
}

/* Draws a tensor of a dense layer. */
static void draw(const mh_layer *layer, mh_initial_weights kind, const mh_random *stream, bool is_bias,
                 size_t count, float *values)
{
    double bound = 1.0 / sqrt((double)layer->inputs);
    double deviation = sqrt((layer->has_relu ? 2.0 : 1.0) / (double)layer->inputs);

    for (size_t i = 0; i < count; i++) {
        if (kind == MH_INITIAL_PYTORCH)
            values[i] = (float)(bound * (2.0 * mh_random_uniform(stream, i) - 1.0));
        else
            values[i] = is_bias ? 0.0f : (float)(deviation * mh_random_normal(stream, i));
    }
}

void mh_model_initialize(mh_model *model, mh_initial_weights kind, uint64_t seed)
{
    for (size_t t = 0; t < model->layout.tensors; t++) {
        const mh_tensor *tensor = &model->layout.tensor[t];
        mh_random stream = mh_random_stream(seed, MH_RANDOM_WEIGHTS, t, 0);
        float *values = model->parameters + tensor->span.first;

        /* What is linear in the features needs no symmetry to be broken, and noise in it has to be unlearned. */
        if ((model->has_linear_path && tensor->span.first == model->wide) ||
            (kind == MH_INITIAL_HE && model->layers == 1))
            memset(values, 0, tensor->span.count * sizeof *values);
        else
            draw(layer_of(model, tensor), kind, &stream, tensor->columns == 0, tensor->span.count, values);
    }
}

float *mh_model_parameters(mh_model *model)
{
    return model->parameters;
}

void mh_model_use_parameters(mh_model *model, float *parameters)
{
    model->parameters = parameters != NULL ? parameters : model->own;
}

float *mh_model_head_biases(mh_model *model)
{
    return model->parameters + model->layer[model->layers - 1].bias;
}

mh_span mh_model_linear_path(const mh_model *model)
{
    return model->has_linear_path ? (mh_span){model->wide, model->layout.count - model->wide} : (mh_span){0};
}

const mh_layout *mh_model_layout(const mh_model *model)
{
    return &model->layout;
}

const mh_heads *mh_model_heads(const mh_model *model)
{
    return &model->heads;
}

size_t mh_model_inputs(const mh_model *model)
{
    return model->layer[0].inputs;
}

bool mh_model_has_linear_path(const mh_model *model)
{
    return model->has_linear_path;
}

size_t mh_model_hidden_layers(const mh_model *model)
{
    return model->layers - 1;
}

size_t mh_model_hidden(const mh_model *model, size_t layer)
{
    return model->layer[layer].outputs;
}

size_t mh_model_layer_starts(const mh_model *model, size_t *first)
{
    for (size_t i = 1; i < model->layers; i++)
        first[i - 1] = model->layer[i].weight;
    return model->layers - 1;
}
