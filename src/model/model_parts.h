#ifndef MULTIHEAD_SRC_MODEL_MODEL_PARTS_H
#define MULTIHEAD_SRC_MODEL_MODEL_PARTS_H

#include "multihead/model/layer.h"
#include "multihead/model/model.h"
#include "multihead/tensor/matrix.h"

/* A model is made in model.c; the memory of its passes is workspace.c's, and what they do is in passes.c. */
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
    float *slopes[2];    /* [rows x widest hidden layer] derivatives of two neighbouring ones, in turn */
    mh_weights *weights; /* [layers] of the layers, then the linear path's                            */
    float *logits;       /* [rows x heads.columns] row-major, as others want them; or the loss's
                            scratch memory, which may need more                                       */
    float *floats;       /* the memory of all of these                                                */
    size_t part_rows[MH_MODEL_PARTS_MAX], merges[MH_MODEL_PARTS_MAX];
};

#endif
