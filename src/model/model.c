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
    size_t rows;         /* room for                                                                  */
    mh_panels inputs;    /* [rows x inputs] the features, or what dropout leaves of them              */
    mh_panels *outputs;  /* [layers] what each layer makes: [rows x its outputs]; the last are logits */
    float *slopes[2];    /* [rows x widest layer] derivatives of two neighbouring layers, in turn     */
    mh_weights *weights; /* [layers] of the layers, then the linear path's                            */
    float *logits;       /* [rows x heads.columns] row-major, as others want them                     */
    float *floats;       /* the memory of all of these                                                */
    size_t part_rows[MH_MODEL_PARTS_MAX], merges[MH_MODEL_PARTS_MAX];
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

/* ---- chunks ---- */

enum {
    NARROW = 512,       /* below, a chunk's activations fit in L2 and that pays; above, long products do */
    NARROW_CHUNK = 256, /* measured on the tutorial's model: 64 is 3 % slower, 1024 is 4 %               */
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

size_t mh_model_parts_at_once(const mh_model *model, size_t rows)
{
    size_t parts = rows > 0 ? mh_model_chunk_rows(model) / rows : MH_MODEL_PARTS_MAX;

    if (mh_kernel_uses_blas() || parts < 1)
        return 1;
    return parts < MH_MODEL_PARTS_MAX ? parts : MH_MODEL_PARTS_MAX;
}

/* ---- a workspace ---- */

static size_t count_floats(const mh_model *model, size_t rows)
{
    size_t inputs = mh_model_inputs(model), widest = widest_output(model);
    size_t floats = mh_matrix_floats(rows, inputs) + 2 * mh_matrix_floats(rows, widest);

    for (size_t i = 0; i < model->layers; i++)
        floats += mh_matrix_floats(rows, model->layer[i].outputs) +
                  mh_weights_floats(model->layer[i].inputs, model->layer[i].outputs);
    if (model->has_linear_path)
        floats += mh_weights_floats(inputs, model->heads.columns);
    return floats + rows * model->heads.columns;
}

/* Deals the memory out, in whole cache lines but for the last. */
static void place_matrices(const mh_model *model, mh_workspace *w)
{
    size_t inputs = mh_model_inputs(model), slopes = mh_matrix_floats(w->rows, widest_output(model));
    float *next = w->floats;

    w->inputs = mh_matrix_of(next, w->rows, inputs);
    next += mh_matrix_floats(w->rows, inputs);
    for (size_t i = 0; i < model->layers; i++) {
        const mh_layer *layer = &model->layer[i];

        w->outputs[i] = mh_matrix_of(next, w->rows, layer->outputs);
        next += mh_matrix_floats(w->rows, layer->outputs);
        w->weights[i] = mh_weights_of(next, layer->inputs, layer->outputs);
        next += mh_weights_floats(layer->inputs, layer->outputs);
    }
    if (model->has_linear_path) {
        w->weights[model->layers] = mh_weights_of(next, inputs, model->heads.columns);
        next += mh_weights_floats(inputs, model->heads.columns);
    }
    w->slopes[0] = next;
    w->slopes[1] = next + slopes;
    w->logits = next + 2 * slopes;
}

mh_status mh_workspace_create(const mh_model *model, size_t rows, mh_workspace **out)
{
    mh_status status = MH_OK;
    mh_workspace *workspace = NULL;

    MH_TRY(mh_memory_new(sizeof *workspace, &workspace));
    workspace->rows = rows;
    MH_TRY(mh_memory_array(model->layers, sizeof *workspace->outputs, &workspace->outputs));
    MH_TRY(mh_memory_array(model->layers + 1, sizeof *workspace->weights, &workspace->weights));
    /* One block: what is read and written together lies together. */
    MH_TRY(mh_memory_array(count_floats(model, rows), sizeof *workspace->floats, &workspace->floats));
    place_matrices(model, workspace);
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
    mh_memory_free(workspace->floats);
    mh_memory_free(workspace->outputs);
    mh_memory_free(workspace->weights);
    mh_memory_free(workspace);
}

void mh_workspace_prepare(mh_workspace *workspace, const mh_model *model)
{
    for (size_t i = 0; i < model->layers; i++)
        mh_layer_prepare(&model->layer[i], model->parameters, &workspace->weights[i]);
    if (model->has_linear_path)
        mh_weights_prepare(&workspace->weights[model->layers], model->parameters + model->wide, NULL);
}

/* ---- passes ---- */

/* The rows of some parts of a batch, one below the other in the workspace. */
typedef struct {
    const mh_batch *part; /* [parts] */
    size_t parts;
    size_t rows;
    bool drops_inputs, drops;
} pass;

static pass pass_over(const mh_model *model, const mh_batch *part, size_t parts)
{
    pass p = {.part = part, .parts = parts};

    for (size_t i = 0; i < parts; i++)
        p.rows += part[i].rows;
    p.drops_inputs = part[0].draw != NULL && model->input_dropout > 0;
    p.drops = part[0].draw != NULL && model->dropout > 0;
    return p;
}

/* `values` is what a layer makes, 0 being the features: drops out of each part's rows what its draw says. */
static void drop(const pass *p, size_t layer, float rate, const mh_panels *values)
{
    size_t first = 0;

    for (size_t i = 0; i < p->parts; i++) {
        mh_panels own = mh_panels_slice(values, first, p->part[i].rows);

        mh_dropout_apply(p->part[i].draw, layer, p->part[i].first, rate, &own);
        first += p->part[i].rows;
    }
}

static void take_features(const mh_model *model, const pass *p, const mh_workspace *w)
{
    mh_panels inputs = mh_panels_slice(&w->inputs, 0, p->rows);
    size_t first = 0;

    for (size_t i = 0; i < p->parts; i++) {
        mh_panels own = mh_panels_slice(&inputs, first, p->part[i].rows);

        mh_panels_fill(&own, p->part[i].features);
        first += p->part[i].rows;
    }
    if (p->drops_inputs)
        drop(p, 0, model->input_dropout, &inputs);
}

/* From the features to the logits, which it returns. */
static mh_panels forward(const mh_model *model, const pass *p, const mh_workspace *w)
{
    mh_panels inputs = mh_panels_slice(&w->inputs, 0, p->rows), x = inputs;

    assert(p->rows <= w->rows);
    take_features(model, p, w);
    for (size_t i = 0; i < model->layers; i++) {
        mh_panels y = mh_panels_slice(&w->outputs[i], 0, p->rows);

        mh_layer_forward(&model->layer[i], &w->weights[i], &x, &y);
        if (p->drops && model->layer[i].has_relu)
            drop(p, i + 1, model->dropout, &y);
        x = y;
    }
    if (model->has_linear_path)
        mh_matrix_forward(&w->weights[model->layers], &inputs, true, false, &x);
    return x;
}

const float *mh_model_logits(const mh_model *model, const mh_batch *batch, mh_workspace *workspace)
{
    mh_batch plain = *batch;

    plain.draw = NULL;
    pass p = pass_over(model, &plain, 1);
    mh_panels logits = forward(model, &p, workspace);

    mh_panels_spill(&logits, workspace->logits);
    return workspace->logits;
}

/* The loss of each part and, in slopes[0], the logits' derivatives, which it returns. */
static mh_panels add_losses(const mh_model *model, const pass *p, const mh_panels *logits, mh_workspace *w,
                            mh_tally *tally)
{
    bool has_kernel = mh_loss_has_kernel(&model->heads);
    mh_panels slopes = *logits;
    size_t first = 0;

    slopes.values = w->slopes[0];
    if (!has_kernel)
        mh_panels_spill(logits, w->logits);
    for (size_t i = 0; i < p->parts; i++) {
        mh_panels own = mh_panels_slice(logits, first, p->part[i].rows);
        mh_panels own_slopes = mh_panels_slice(&slopes, first, p->part[i].rows);
        float *rows = w->logits + first * model->heads.columns;

        if (has_kernel)
            mh_loss_add_panels(&model->heads, &model->loss, &p->part[i], &own, own_slopes.values, &tally[i]);
        else
            mh_loss_add(&model->heads, &model->loss, &p->part[i], rows, rows, &tally[i]);
        first += p->part[i].rows;
    }
    if (!has_kernel)
        mh_panels_fill(&slopes, w->logits);
    return slopes;
}

/* From the logits' derivatives down to the first layer. */
static void backward(const mh_model *model, const pass *p, mh_panels dy, mh_workspace *w, bool adds,
                     float *gradient, const mh_gradient_watch *watch)
{
    float scale = p->drops ? mh_dropout_scale(model->dropout) : 1.0f;
    mh_panels inputs = mh_panels_slice(&w->inputs, 0, p->rows);
    mh_leaves leaves = {p->parts, w->part_rows, p->parts > 1 ? w->merges : NULL};

    for (size_t i = 0; i < p->parts; i++) {
        w->part_rows[i] = p->part[i].rows;
        w->merges[i] = mh_leaves_merges(p->parts, i);
    }
    if (model->has_linear_path)
        mh_matrix_weight_gradient(&dy, &inputs, &leaves, adds, gradient + model->wide);
    for (size_t i = model->layers; i-- > 0;) {
        const mh_layer *layer = &model->layer[i];
        mh_panels x = i > 0 ? mh_panels_slice(&w->outputs[i - 1], 0, p->rows) : inputs, dx = x;

        dx.values = w->slopes[(model->layers - i) % 2];
        mh_layer_backward(layer, &w->weights[i], &x, &dy, &leaves, adds, scale, gradient,
                          i > 0 ? &dx : NULL);
        if (watch != NULL)
            watch->is_final_from(watch->who, layer->weight);
        dy = dx;
    }
}

size_t mh_model_layer_starts(const mh_model *model, size_t *first)
{
    for (size_t i = 1; i < model->layers; i++)
        first[i - 1] = model->layer[i].weight;
    return model->layers - 1;
}

static void run_pass(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *w, bool adds,
                     float *gradient, mh_tally *tally, const mh_gradient_watch *watch)
{
    pass p = pass_over(model, part, parts);
    mh_panels logits = forward(model, &p, w);                    /* features -> logits  */
    mh_panels slopes = add_losses(model, &p, &logits, w, tally); /* logits -> slopes    */

    backward(model, &p, slopes, w, adds, gradient, watch); /* slopes -> gradient  */
}

void mh_model_gradient(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *workspace,
                       float *gradient, mh_tally *tally, const mh_gradient_watch *watch)
{
    mh_batch chunk = {0};

    assert(parts >= 1 && parts <= MH_MODEL_PARTS_MAX);
    if (parts > 1 || part->rows <= workspace->rows) {
        run_pass(model, part, parts, workspace, false, gradient, tally, watch);
        return;
    }
    for (size_t row = 0; row < part->rows; row += chunk.rows) {
        chunk = mh_batch_slice(part, row, workspace->rows);

        bool is_last = row + chunk.rows == part->rows;
        run_pass(model, &chunk, 1, workspace, row > 0, gradient, tally, is_last ? watch : NULL);
    }
}
