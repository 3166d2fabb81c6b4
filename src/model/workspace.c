#include "model_parts.h"

#include "multihead/base/memory.h"

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

/* ---- its memory ---- */

static size_t logit_floats(const mh_model *model, size_t rows)
{
    size_t logits = rows * model->heads.columns, scratch = mh_heads_scratch(&model->heads);

    return logits > scratch ? logits : scratch;
}

/* The logits' derivatives take the logits' own place. */
static size_t slope_floats(const mh_model *model, size_t rows)
{
    size_t widest = 0;

    for (size_t i = 0; i + 1 < model->layers; i++)
        widest = model->layer[i].outputs > widest ? model->layer[i].outputs : widest;
    return mh_matrix_floats(rows, widest);
}

static size_t count_floats(const mh_model *model, size_t rows)
{
    size_t inputs = mh_model_inputs(model);
    size_t floats = mh_matrix_floats(rows, inputs) + 2 * slope_floats(model, rows);

    for (size_t i = 0; i < model->layers; i++)
        floats += mh_matrix_floats(rows, model->layer[i].outputs) +
                  mh_weights_floats(model->layer[i].inputs, model->layer[i].outputs);
    if (model->has_linear_path)
        floats += mh_weights_floats(inputs, model->heads.columns);
    return floats + logit_floats(model, rows);
}

/* Deals the memory out, in whole cache lines but for the last. */
static void place_matrices(const mh_model *model, mh_workspace *w)
{
    size_t inputs = mh_model_inputs(model), slopes = slope_floats(model, w->rows);
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
