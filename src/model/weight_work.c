#include "model_parts.h"

/*
 * So many products of a row and a weight make a piece, or a block of them where that has more: some 40 microseconds of a
 * core. To take one costs an atomic addition, and who waits for the last one of somebody else waits that long.
 */
static const double PIECE = 2e6;

/* A matrix of weights: a layer's, or, behind the last layer, the linear path's. */
typedef struct {
    size_t outputs, inputs;
    size_t first; /* element of the flat vector */
} weights;

static size_t count_weights(const mh_model *model)
{
    return model->layers + model->has_linear_path;
}

static weights weights_at(const mh_model *model, size_t i)
{
    if (i == model->layers)
        return (weights){model->heads.columns, mh_model_inputs(model), model->wide};
    return (weights){model->layer[i].outputs, model->layer[i].inputs, model->layer[i].weight};
}

static size_t count_pieces(const mh_model *model, size_t i, size_t rows)
{
    weights of = weights_at(model, i);
    size_t blocks = mh_matrix_blocks(of.outputs, of.inputs).count;
    double pieces = (double)of.outputs * (double)of.inputs * (double)rows / PIECE;

    return pieces >= (double)blocks ? blocks : pieces > 1 ? (size_t)pieces : 1;
}

void weight_work_describe(const mh_model *model, const mh_batch *part, size_t parts, bool adds,
                          mh_weight_work *out)
{
    *out = (mh_weight_work){.parts = parts, .adds = adds};
    for (size_t i = 0; i < parts; i++) {
        out->part_rows[i] = part[i].rows;
        out->merges[i] = mh_leaves_merges(parts, i);
        out->rows += part[i].rows;
    }
    for (size_t i = 0; i < count_weights(model); i++)
        out->pieces += count_pieces(model, i, out->rows);
}

mh_leaves weight_work_leaves(const mh_weight_work *work)
{
    return (mh_leaves){work->parts, work->part_rows, work->parts > 1 ? work->merges : NULL};
}

static void make(const mh_model *model, const mh_workspace *w, const mh_weight_work *work, size_t i,
                 mh_span blocks, float *gradient)
{
    size_t top = model->layers - 1;
    mh_leaves leaves = weight_work_leaves(work);
    mh_panels dy = mh_panels_slice(&w->slopes[i < top ? i : top], 0, work->rows);
    mh_panels x = mh_panels_slice(i == 0 || i > top ? &w->inputs : &w->outputs[i - 1], 0, work->rows);

    mh_matrix_weight_gradient(&dy, &x, &leaves, work->adds, blocks, gradient + weights_at(model, i).first);
}

void weight_work_make(const mh_model *model, const mh_workspace *w, const mh_weight_work *work, size_t i,
                      float *gradient)
{
    weights of = weights_at(model, i);

    make(model, w, work, i, mh_matrix_blocks(of.outputs, of.inputs), gradient);
}

void mh_model_weight_piece(const mh_model *model, const mh_workspace *workspace, const mh_weight_work *work,
                           size_t piece, float *gradient)
{
    size_t i = count_weights(model) - 1, pieces = count_pieces(model, i, work->rows);

    for (; piece >= pieces; pieces = count_pieces(model, i, work->rows)) {
        piece -= pieces;
        i--;
    }
    weights of = weights_at(model, i);
    make(model, workspace, work, i,
         mh_span_part(mh_matrix_blocks(of.outputs, of.inputs).count, piece, pieces), gradient);
}
