#ifndef MULTIHEAD_MODEL_MODEL_H
#define MULTIHEAD_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/kernel/kernel.h"
#include "multihead/model/head.h"
#include "multihead/model/loss.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/layout.h"
#include "multihead/tensor/tally.h"

/*
 * The multi-head model: a trunk of dense ReLU layers fc1, fc2, ... shared by all labels, and one output head for
 * each label, out1, out2, ... All heads are one matrix product: their weights lie one below the other.
 *
 * With a linear path, wide.weight [heads.columns x inputs], the logits are heads(trunk(x)) + x wide^T: what is
 * linear in the data need not go through the trunk. Method: Cheng et al., "Wide & deep learning for recommender
 * systems", arXiv:1606.07792.
 */
typedef struct mh_model mh_model;

/* The memory that a pass through the model needs; one for each thread of work. */
typedef struct mh_workspace mh_workspace;

typedef struct {
    size_t inputs;
    const size_t *hidden; /* [hidden_layers] widths of the trunk's layers       */
    size_t hidden_layers; /* 0: a linear model                                  */
    const mh_heads *heads;
    bool has_linear_path;

    /* What only mh_model_gradient knows of: shares of the trunk's outputs and of the inputs that are dropped
     * while training, below 1, and what is minimized. loss.positive_weight is kept, not copied. */
    float dropout, input_dropout;
    mh_loss_config loss;
} mh_model_config;

/** Copies the config. All parameters are 0 until initialized or loaded. */
mh_status mh_model_create(const mh_model_config *config, mh_model **out);
void mh_model_destroy(mh_model *model);

typedef enum {
    MH_INITIAL_PYTORCH, /* as its Linear: weights and biases uniform in +-1/sqrt(inputs of the layer)             */
    MH_INITIAL_HE /* weights normal with deviation sqrt(2/inputs) before a ReLU, sqrt(1/inputs) in the heads,
                           biases 0: He, Zhang, Ren, Sun, arXiv:1502.01852; a linear model starts at 0 */
} mh_initial_weights;

/** Draws the parameters, as a function of (seed, tensor, element). A linear path starts at 0. */
void mh_model_initialize(mh_model *model, mh_initial_weights kind, uint64_t seed);

/** The flat vector [layout.count] float32 that the model computes with. */
float *mh_model_parameters(mh_model *model);

/** From now on it computes with these [layout.count], borrowed; NULL: with its own again, as they were left. */
void mh_model_use_parameters(mh_model *model, float *parameters);

/** The biases of the heads [heads.columns], a part of the parameters. */
float *mh_model_head_biases(mh_model *model);

/** The linear path's elements of it, none where there is no such path. */
mh_span mh_model_linear_path(const mh_model *model);
const mh_layout *mh_model_layout(const mh_model *model);
const mh_heads *mh_model_heads(const mh_model *model);
size_t mh_model_inputs(const mh_model *model);
bool mh_model_has_linear_path(const mh_model *model);
size_t mh_model_hidden_layers(const mh_model *model);
size_t mh_model_hidden(const mh_model *model, size_t layer);

/** Rows that go through all layers together: few while layers are narrow, so that they stay in the L2 cache. */
size_t mh_model_chunk_rows(const mh_model *model);

/** How many parts of so many rows mh_model_gradient had best take at once: as many as make a chunk. */
enum { MH_MODEL_PARTS_MAX = MH_LEAVES_MAX };
size_t mh_model_parts_at_once(const mh_model *model, size_t rows);

/** Memory for passes of any number of rows, `rows` of them at a time (see mh_model_chunk_rows). */
mh_status mh_workspace_create(const mh_model *model, size_t rows, mh_workspace **out);
void mh_workspace_destroy(mh_workspace *workspace);

/**
 * The same in somebody else's memory, which other processes may see: each of them creates a workspace of its own there, for
 * the same model. It has room for all derivatives, see mh_model_gradient_but_weights.
 *
 *   memory    [mh_workspace_floats], from a cache line on; must stay
 *   weights   [mh_workspace_weight_floats] for the weights as they are laid out, zeros at first, from a cache line on; must
 *             stay. Workspaces may have them together
 */
mh_status mh_workspace_create_in(const mh_model *model, size_t rows, float *memory, float *weights,
                                 mh_workspace **out);
size_t mh_workspace_floats(const mh_model *model, size_t rows);
size_t mh_workspace_weight_floats(const mh_model *model);

/**
 * Lays the model's weights out for the passes that follow. To be called before the first of them and whenever the
 * parameters have changed: what the passes see are the weights as they were then.
 */
void mh_workspace_prepare(mh_workspace *workspace, const mh_model *model);

/** The same where workspaces have the weights together: lays some elements of the parameters out, others do the rest. */
void mh_workspace_prepare_part(mh_workspace *workspace, const mh_model *model, mh_span part);

/**
 * Somebody who can use parts of a gradient before it is whole: is told, in falling order, from which element on it is
 * final. May be told nothing.
 */
typedef struct {
    void (*is_final_from)(void *who, size_t first);
    void *who;
} mh_gradient_watch;

/**
 * The elements at which the gradient is final first, in rising order: the first ones of the layers, but for the lowest.
 *
 *   first   out: [as many as there are hidden layers]
 */
size_t mh_model_layer_starts(const mh_model *model, size_t *first);

/**
 * The gradient of the summed loss: d(sum over rows and heads of weight * loss) / d(parameters), with
 * weight = batch.weights[head], or 1. Drops out where the model does and batch.draw says with which numbers.
 *
 *   part       [parts] the rows, in parts whose sums are added in the order of a tree over them (mh_leaves_merges); more
 *              than one must fit into the workspace together. A part alone may have any number of rows, 0 as well
 *   workspace  prepared
 *   gradient   out: [layout.count]; 0 for 0 rows
 *   tally      [parts] adds loss and known labels of each head of a part
 *   watch      NULL: nobody
 *
 * Deterministic: the same rows give the same bits, and several parts together give those of their gradients made one by
 * one and added.
 */
void mh_model_gradient(const mh_model *model, const mh_batch *part, size_t parts, mh_workspace *workspace,
                       float *gradient, mh_tally *tally, const mh_gradient_watch *watch);

/*
 * Nobody but the step waits for the gradient of the weights, while each layer waits for the derivatives of the one above: so
 * the former can be left for later, in pieces, to whoever sees the workspace. (Qi, Wan, Huang, Lin, "Zero bubble pipeline
 * parallelism", arXiv:2401.10241, part backward passes in this way.) What is left, for any process:
 */
typedef struct {
    size_t pieces;
    size_t rows; /* of the last pass, in the workspace */
    bool adds;
    size_t parts;
    size_t part_rows[MH_MODEL_PARTS_MAX], merges[MH_MODEL_PARTS_MAX]; /* [parts] */
} mh_weight_work;

/** As mh_model_gradient, in a workspace of mh_workspace_create_in; leaves pieces of the last pass over it for later. */
void mh_model_gradient_but_weights(const mh_model *model, const mh_batch *part, size_t parts,
                                   mh_workspace *workspace, float *gradient, mh_tally *tally,
                                   mh_weight_work *left);

/**
 * Makes piece 0..left->pieces - 1 of what was left, before the workspace's next pass. Each has its own elements of the
 * gradient, and the same bits whoever makes it; needs neither the model's parameters nor a prepared workspace.
 */
void mh_model_weight_piece(const mh_model *model, const mh_workspace *workspace, const mh_weight_work *left,
                           size_t piece, float *gradient);

/** The logits [rows x heads.columns] of at most the workspace's rows; borrowed from it until the next pass. */
const float *mh_model_logits(const mh_model *model, const mh_batch *batch, mh_workspace *workspace);

#endif
