#ifndef MULTIHEAD_SRC_MODEL_MODEL_PARTS_H
#define MULTIHEAD_SRC_MODEL_MODEL_PARTS_H

#include "multihead/model/layer.h"
#include "multihead/model/model.h"
#include "multihead/tensor/matrix.h"

/*
 * A model is made in model.c; the memory of its passes is workspace.c's, what they do is in passes.c, and the products that
 * they may leave for later are in weight_work.c.
 */
struct mh_model {
    mh_layout layout;
    size_t layers;   /* of the trunk, and one more for all heads */
    mh_layer *layer; /* [layers]                                 */
    mh_heads heads;
    bool has_linear_path;
    size_t wide; /* first element of wide.weight */
    float dropout, input_dropout;
    mh_loss_config loss;
    float *own;        /* [layout.count]            */
    float *parameters; /* its own, or somebody else's */
};

struct mh_workspace {
    size_t rows;         /* room for                                                                  */
    mh_panels inputs;    /* [rows x inputs] the features, or what dropout leaves of them              */
    mh_panels *outputs;  /* [layers] what each layer makes: [rows x its outputs]; the last are logits */
    mh_panels *slopes;   /* [layers] the loss's derivatives in these, before ReLU: the last ones in the
                            logits' place, the others each in its own or in turn in one of two        */
    bool keeps_slopes;   /* each in its own                                                           */
    mh_weights *weights; /* [layers] of the layers, then the linear path's                            */
    float *slope_sums;   /* [MH_MODEL_PARTS_MAX x heads.columns] sums of the last over each part */
    float *logits;       /* [rows x heads.columns] row-major, as others want them; or the loss's
                            scratch memory, which may need more                                       */
    float *own;          /* the memory of all of these; NULL: it is somebody else's                   */
};

/* What there is to be made of the gradient of weights when a pass over these parts has made all derivatives. */
void weight_work_describe(const mh_model *model, const mh_batch *part, size_t parts, bool adds,
                          mh_weight_work *out);
mh_leaves weight_work_leaves(const mh_weight_work *work);

/* All of it for the weights of one layer or, behind the last layer, of the linear path. */
void weight_work_make(const mh_model *model, const mh_workspace *w, const mh_weight_work *work, size_t i,
                      float *gradient);

#endif
