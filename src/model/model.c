#include "multihead/model/model.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/random.h"
#include "multihead/model/dropout.h"
#include "multihead/model/layer.h"
#include "multihead/tensor/matrix.h"

struct mh_model {
    mh_layout layout;
    size_t layers;   /* of the trunk, and one more for all heads */
    mh_layer *layer; /* [layers]                                 */
    mh_heads heads;
    bool has_linear_path;
    size_t wide; /* first element of wide.weight */
    float dropout, input_dropout;
    mh_loss_config loss;
    float *parameters; /* [layout.count] */
};

struct mh_workspace {
    size_t rows;
    float **outputs;  /* [layers] what each layer makes: [rows x its outputs]; the last are the logits */
    float *slopes[2]; /* [rows x widest layer] derivatives of two neighbouring layers, in turn         */
    float *inputs;    /* [rows x inputs] what is left of them after dropout; NULL where none are dropped */
};

/* ---- making a model ---- */

static mh_status copy_heads(const mh_heads *heads, mh_heads *out)
{
    mh_status status = MH_OK;

    *out = *heads;
    MH_TRY(mh_memory_array(heads->count, sizeof *out->head, &out->head));
    memcpy(out->head, heads->head, heads->count * sizeof *out->head);
cleanup:
    return status;
}

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
    MH_TRY(copy_heads(config->heads, &model->heads));
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
    MH_TRY(mh_memory_array(model->layout.count, sizeof *model->parameters, &model->parameters));
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
    mh_memory_free(model->parameters);
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

/* ---- passes ---- */

enum {
    NARROW = 512,       /* below, a chunk's activations fit in L2 and that pays; above, long products do */
    NARROW_CHUNK = 128, /* measured on the tutorial's model: 64 is 3 % slower, 1024 is 4 %               */
    WIDE_CHUNK = 2048
};

static size_t widest_output(const mh_model *model)
{
    size_t widest = 0;

    for (size_t i = 0; i < model->layers; i++)
        widest = model->layer[i].outputs > widest ? model->layer[i].outputs : widest;
    return widest;
}

size_t mh_model_chunk_rows(const mh_model *model)
{
    return widest_output(model) < NARROW ? NARROW_CHUNK : WIDE_CHUNK;
}

mh_status mh_workspace_create(const mh_model *model, size_t rows, mh_workspace **out)
{
    mh_status status = MH_OK;
    mh_workspace *workspace = NULL;
    size_t widest = widest_output(model);
    float *next = NULL;

    /* One block: what is read and written together lies together. */
    size_t dropped_inputs = model->input_dropout > 0 ? mh_model_inputs(model) : 0;
    size_t columns = 2 * widest + dropped_inputs;
    for (size_t i = 0; i < model->layers; i++)
        columns += model->layer[i].outputs;
    MH_TRY(mh_memory_new(sizeof *workspace, &workspace));
    workspace->rows = rows;
    MH_TRY(mh_memory_array(model->layers, sizeof *workspace->outputs, &workspace->outputs));
    MH_TRY(mh_memory_array(rows, columns * sizeof *next, &next));
    for (size_t i = 0; i < model->layers; i++) {
        workspace->outputs[i] = next;
        next += rows * model->layer[i].outputs;
    }
    workspace->slopes[0] = next;
    workspace->slopes[1] = next + rows * widest;
    workspace->inputs = dropped_inputs > 0 ? next + 2 * rows * widest : NULL;
cleanup:
    if (status != MH_OK) {
        mh_workspace_destroy(workspace);
        workspace = NULL;
    }
    *out = workspace;
    return status;
}

void mh_workspace_destroy(mh_workspace *workspace)
{
    if (workspace == NULL)
        return;
    if (workspace->outputs != NULL)
        mh_memory_free(workspace->outputs[0]); /* the one block */
    mh_memory_free(workspace->outputs);
    mh_memory_free(workspace);
}

/* From the inputs in features to the logits; drops out where the batch says with which numbers. */
static const float *forward(const mh_model *model, const mh_batch *batch, const float *features,
                            mh_workspace *workspace)
{
    const float *x = features;
    bool drops = batch->draw != NULL && model->dropout > 0;

    assert(batch->rows <= workspace->rows);
    for (size_t i = 0; i < model->layers; i++) {
        float *y = workspace->outputs[i];

        mh_layer_forward(&model->layer[i], model->parameters, batch->rows, x, y);
        if (drops && model->layer[i].has_relu)
            mh_dropout_apply(batch->draw, i + 1, batch->first, batch->rows, model->layer[i].outputs,
                             model->dropout, y);
        x = y;
    }
    if (model->has_linear_path)
        mh_matrix_forward_add(batch->rows, mh_model_inputs(model), model->heads.columns, features,
                              model->parameters + model->wide, workspace->outputs[model->layers - 1]);
    return x;
}

const float *mh_model_logits(const mh_model *model, const mh_batch *batch, mh_workspace *workspace)
{
    mh_batch plain = *batch;

    plain.draw = NULL;
    return forward(model, &plain, batch->features, workspace);
}

/* From the logits' derivatives in slopes[0] down to the first layer. */
static void backward(const mh_model *model, const mh_batch *chunk, const float *features,
                     mh_workspace *workspace, bool adds, float *gradient, const mh_gradient_watch *watch)
{
    float scale = chunk->draw != NULL ? mh_dropout_scale(model->dropout) : 1.0f;

    if (model->has_linear_path)
        mh_matrix_weight_gradient(chunk->rows, mh_model_inputs(model), model->heads.columns,
                                  workspace->slopes[0], features, adds, gradient + model->wide);
    for (size_t i = model->layers; i-- > 0;) {
        size_t turn = (model->layers - 1 - i) % 2;
        const float *x = i > 0 ? workspace->outputs[i - 1] : features;

        mh_layer_backward(&model->layer[i], model->parameters, chunk->rows, x, workspace->slopes[turn], adds,
                          scale, gradient, i > 0 ? workspace->slopes[1 - turn] : NULL);
        if (watch != NULL)
            watch->is_final_from(watch->who, model->layer[i].weight);
    }
}

size_t mh_model_layer_starts(const mh_model *model, size_t *first)
{
    for (size_t i = 1; i < model->layers; i++)
        first[i - 1] = model->layer[i].weight;
    return model->layers - 1;
}

/* The features, or what dropout leaves of them. */
static const float *drop_inputs(const mh_model *model, const mh_batch *chunk, mh_workspace *workspace)
{
    size_t inputs = mh_model_inputs(model);

    if (chunk->draw == NULL || model->input_dropout == 0)
        return chunk->features;
    memcpy(workspace->inputs, chunk->features, chunk->rows * inputs * sizeof *workspace->inputs);
    mh_dropout_apply(chunk->draw, 0, chunk->first, chunk->rows, inputs, model->input_dropout,
                     workspace->inputs);
    return workspace->inputs;
}

void mh_model_gradient(const mh_model *model, const mh_batch *batch, mh_workspace *workspace, float *gradient,
                       mh_tally *tally, const mh_gradient_watch *watch)
{
    mh_batch chunk = {0};

    if (batch->rows == 0)
        memset(gradient, 0, model->layout.count * sizeof *gradient);
    for (size_t row = 0; row < batch->rows; row += chunk.rows) {
        chunk = mh_batch_slice(batch, row, workspace->rows);

        const float *features = drop_inputs(model, &chunk, workspace);
        const float *logits = forward(model, &chunk, features, workspace); /* features -> logits  */
        mh_loss_add(&model->heads, &model->loss, &chunk, logits, workspace->slopes[0],
                    tally); /* logits -> slopes    */
        bool is_last = row + chunk.rows == batch->rows;
        backward(model, &chunk, features, workspace, row > 0, gradient,
                 is_last ? watch : NULL); /* slopes -> gradient  */
    }
}
