#include "model_parts.h"

#include <assert.h>
#include <string.h>

#include "multihead/model/dropout.h"

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

/* The loss of each part; the logits become their derivatives, in place, and these are summed meanwhile. */
static void add_losses(const mh_model *model, const pass *p, const mh_panels *logits, mh_workspace *w,
                       mh_tally *tally)
{
    size_t first = 0, columns = model->heads.columns;

    memset(w->slope_sums, 0, p->parts * columns * sizeof *w->slope_sums);
    for (size_t i = 0; i < p->parts; i++) {
        mh_panels own = mh_panels_slice(logits, first, p->part[i].rows);

        mh_loss_add(&model->heads, &model->loss, &p->part[i], &own, own.values, w->slope_sums + i * columns,
                    w->logits, &tally[i]);
        first += p->part[i].rows;
    }
}

/* Each part's sum is a leaf of one row. */
static void make_head_biases(const mh_model *model, const mh_workspace *w, const mh_weight_work *work,
                             float *gradient)
{
    mh_panels sums = mh_panels_of_rows(w->slope_sums, work->parts, model->heads.columns);
    mh_leaves leaves = weight_work_leaves(work);
    size_t rows[MH_MODEL_PARTS_MAX];

    for (size_t i = 0; i < work->parts; i++)
        rows[i] = 1;
    leaves.rows = rows;
    mh_layer_bias_gradient(&model->layer[model->layers - 1], &sums, &leaves, work->adds, gradient);
}

/* From the logits' derivatives down to the first layer. The gradient of the weights is made on the way, or left for later. */
static void backward(const mh_model *model, const pass *p, const mh_workspace *w, const mh_weight_work *work,
                     bool is_left, float *gradient, const mh_gradient_watch *watch)
{
    float scale = p->drops ? mh_dropout_scale(model->dropout) : 1.0f;
    mh_leaves leaves = weight_work_leaves(work);

    if (model->has_linear_path && !is_left)
        weight_work_make(model, w, work, model->layers, gradient);
    make_head_biases(model, w, work, gradient);
    for (size_t i = model->layers; i-- > 0;) {
        const mh_layer *layer = &model->layer[i];
        mh_panels dy = mh_panels_slice(&w->slopes[i], 0, p->rows);

        if (!is_left)
            weight_work_make(model, w, work, i, gradient);
        if (i + 1 < model->layers)
            mh_layer_bias_gradient(layer, &dy, &leaves, work->adds, gradient);
        if (i > 0) {
            mh_panels x = mh_panels_slice(&w->outputs[i - 1], 0, p->rows);
            mh_panels dx = mh_panels_slice(&w->slopes[i - 1], 0, p->rows);

            mh_matrix_backward(&w->weights[i], &dy, &x, scale, &dx);
        }
        if (watch != NULL)
            watch->is_final_from(watch->who, layer->weight);
    }
}

/* What a caller wants to know of a pass, or to do with it; NULL: nothing. */
typedef struct {
    const mh_gradient_watch *watch;
    mh_weight_work *left; /* out: what is left for later */
} wishes;

static void run_pass(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *w, bool adds,
                     float *gradient, mh_tally *tally, wishes wishes)
{
    pass p = pass_over(model, part, parts);
    mh_weight_work work;
    mh_panels logits = forward(model, &p, w); /* features -> logits */

    add_losses(model, &p, &logits, w, tally); /* logits -> slopes   */
    weight_work_describe(model, part, parts, adds, &work);
    backward(model, &p, w, &work, wishes.left != NULL, gradient, wishes.watch); /* slopes -> gradient */
    if (wishes.left != NULL)
        *wishes.left = work;
}

static void run_passes(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *workspace,
                       float *gradient, mh_tally *tally, wishes wishes_of_last)
{
    mh_batch chunk = {0};

    assert(parts >= 1 && parts <= MH_MODEL_PARTS_MAX);
    if (parts > 1 || part->rows <= workspace->rows) {
        run_pass(model, part, parts, workspace, false, gradient, tally, wishes_of_last);
        return;
    }
    for (size_t row = 0; row < part->rows; row += chunk.rows) {
        chunk = mh_batch_slice(part, row, workspace->rows);

        bool is_last = row + chunk.rows == part->rows;
        run_pass(model, &chunk, 1, workspace, row > 0, gradient, tally,
                 is_last ? wishes_of_last : (wishes){NULL, NULL});
    }
}

void mh_model_gradient(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *workspace,
                       float *gradient, mh_tally *tally, const mh_gradient_watch *watch)
{
    run_passes(model, part, parts, workspace, gradient, tally, (wishes){watch, NULL});
}

void mh_model_gradient_but_weights(const mh_model *model, const mh_batch *part, size_t parts,
                                   mh_workspace *workspace, float *gradient, mh_tally *tally,
                                   mh_weight_work *left)
{
    assert(workspace->keeps_slopes);
    run_passes(model, part, parts, workspace, gradient, tally, (wishes){NULL, left});
}
