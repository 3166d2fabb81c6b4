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

/* Of one of two places for the derivatives of neighbouring layers. */
static size_t slope_floats(const mh_model *model, size_t rows)
{
    size_t widest = 0;

    for (size_t i = 0; i + 1 < model->layers; i++)
        widest = model->layer[i].outputs > widest ? model->layer[i].outputs : widest;
    return mh_matrix_floats(rows, widest);
}

/* Of all derivatives; those of the logits take the logits' own place. */
static size_t all_slope_floats(const mh_model *model, size_t rows, bool keeps_slopes)
{
    size_t floats = 0;

    if (!keeps_slopes)
        return 2 * slope_floats(model, rows);
    for (size_t i = 0; i + 1 < model->layers; i++)
        floats += mh_matrix_floats(rows, model->layer[i].outputs);
    return floats;
}

static size_t slope_sum_floats(const mh_model *model)
{
    return mh_matrix_floats(MH_MODEL_PARTS_MAX, model->heads.columns);
}

static size_t count_floats(const mh_model *model, size_t rows, bool keeps_slopes)
{
    size_t floats =
        mh_matrix_floats(rows, mh_model_inputs(model)) + all_slope_floats(model, rows, keeps_slopes);

    for (size_t i = 0; i < model->layers; i++)
        floats += mh_matrix_floats(rows, model->layer[i].outputs);
    return floats + slope_sum_floats(model) + logit_floats(model, rows);
}

size_t mh_workspace_weight_floats(const mh_model *model)
{
    size_t floats = 0;

    for (size_t i = 0; i < model->layers; i++)
        floats += mh_weights_floats(model->layer[i].inputs, model->layer[i].outputs);
    if (model->has_linear_path)
        floats += mh_weights_floats(mh_model_inputs(model), model->heads.columns);
    return floats;
}

/* Takes the next floats of a memory that is dealt out. */
static float *take(float **next, size_t floats)
{
    float *taken = *next;

    *next += floats;
    return taken;
}

static void place_slopes(const mh_model *model, mh_workspace *w, float **next)
{
    size_t top = model->layers - 1, each = slope_floats(model, w->rows);
    float *two = *next;

    for (size_t i = 0; i < top; i++) {
        size_t outputs = model->layer[i].outputs;
        float *place =
            w->keeps_slopes ? take(next, mh_matrix_floats(w->rows, outputs)) : two + (top - i) % 2 * each;

        w->slopes[i] = mh_matrix_of(place, w->rows, outputs);
    }
    w->slopes[top] = w->outputs[top];
    if (!w->keeps_slopes)
        *next += 2 * each;
}

/* Deals the memory out, in whole cache lines but for the last. */
static void place_matrices(const mh_model *model, mh_workspace *w, float *next)
{
    size_t inputs = mh_model_inputs(model);

    w->inputs = mh_matrix_of(take(&next, mh_matrix_floats(w->rows, inputs)), w->rows, inputs);
    for (size_t i = 0; i < model->layers; i++) {
        size_t outputs = model->layer[i].outputs;

        w->outputs[i] = mh_matrix_of(take(&next, mh_matrix_floats(w->rows, outputs)), w->rows, outputs);
    }
    place_slopes(model, w, &next);
    w->slope_sums = take(&next, slope_sum_floats(model));
    w->logits = next;
}

static void place_weights(const mh_model *model, mh_workspace *w, float *next)
{
    for (size_t i = 0; i < model->layers; i++) {
        const mh_layer *layer = &model->layer[i];

        w->weights[i] = mh_weights_of(take(&next, mh_weights_floats(layer->inputs, layer->outputs)),
                                      layer->inputs, layer->outputs);
    }
    if (model->has_linear_path)
        w->weights[model->layers] = mh_weights_of(next, mh_model_inputs(model), model->heads.columns);
}

static mh_status create(const mh_model *model, size_t rows, bool keeps_slopes, mh_workspace **out)
{
    mh_status status = MH_OK;
    mh_workspace *w = NULL;

    MH_TRY(mh_memory_new(sizeof *w, &w));
    w->rows = rows;
    w->keeps_slopes = keeps_slopes;
    MH_TRY(mh_memory_array(model->layers, sizeof *w->outputs, &w->outputs));
    MH_TRY(mh_memory_array(model->layers, sizeof *w->slopes, &w->slopes));
    MH_TRY(mh_memory_array(model->layers + 1, sizeof *w->weights, &w->weights));
cleanup:
    if (status != MH_OK) {
        mh_workspace_destroy(w);
        w = NULL;
    }
    *out = w;
    return status;
}

mh_status mh_workspace_create(const mh_model *model, size_t rows, mh_workspace **out)
{
    mh_status status = MH_OK;
    size_t weight_floats = mh_workspace_weight_floats(model);

    MH_TRY(create(model, rows, false, out));
    /* One block: what is read and written together lies together. */
    MH_TRY(mh_memory_array(weight_floats + count_floats(model, rows, false), sizeof(float), &(*out)->own));
    place_weights(model, *out, (*out)->own);
    place_matrices(model, *out, (*out)->own + weight_floats);
cleanup:
    if (status != MH_OK) {
        mh_workspace_destroy(*out);
        *out = NULL;
    }
    return status;
}

size_t mh_workspace_floats(const mh_model *model, size_t rows)
{
    return count_floats(model, rows, true);
}

mh_status mh_workspace_create_in(const mh_model *model, size_t rows, float *memory, float *weights,
                                 mh_workspace **out)
{
    mh_status status = create(model, rows, true, out);

    if (status == MH_OK) {
        place_matrices(model, *out, memory);
        place_weights(model, *out, weights);
    }
    return status;
}

void mh_workspace_destroy(mh_workspace *workspace)
{
    if (workspace == NULL)
        return;
    mh_memory_free(workspace->own);
    mh_memory_free(workspace->outputs);
    mh_memory_free(workspace->slopes);
    mh_memory_free(workspace->weights);
    mh_memory_free(workspace);
}

void mh_workspace_prepare(mh_workspace *workspace, const mh_model *model)
{
    mh_workspace_prepare_part(workspace, model, (mh_span){0, model->layout.count});
}

void mh_workspace_prepare_part(mh_workspace *workspace, const mh_model *model, mh_span part)
{
    mh_span wide = {model->wide, model->heads.columns * mh_model_inputs(model)};

    for (size_t i = 0; i < model->layers; i++)
        mh_layer_prepare(&model->layer[i], model->parameters, part, &workspace->weights[i]);
    if (model->has_linear_path)
        mh_weights_prepare(&workspace->weights[model->layers], model->parameters + wide.first,
                           mh_span_within(wide, part), NULL, (mh_span){0, 0});
}
