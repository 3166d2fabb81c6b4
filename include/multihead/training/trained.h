#ifndef MULTIHEAD_TRAINING_TRAINED_H
#define MULTIHEAD_TRAINING_TRAINED_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/data/split.h"
#include "multihead/model/model.h"
#include "multihead/tensor/schema.h"
#include "multihead/tensor/standardizer.h"

/* A model with everything that is needed to predict from rows as they were given, and to judge the result. */
typedef struct {
    mh_model *model;
    mh_schema schema;             /* of the training data; every number of classes is known      */
    double *base_rates;           /* [sum of classes] share of each class among training labels  */
    mh_standardizer standardizer; /* what features go through first; without inputs: nothing */
    mh_fold fold;                 /* whose rows were left out of training, if any                */
    float *thresholds;            /* [heads] see mh_heads_predict; NULL: the likeliest class     */
} mh_trained;

typedef struct {
    const size_t *hidden;
    size_t hidden_layers;
    mh_head_kind heads;
    mh_head_activation activation;
    bool has_linear_path;
    float dropout, input_dropout; /* see mh_model_config: of training only, and in no file */
    mh_loss_config loss;
} mh_trained_config;

/** A new model for data of this schema, which is copied. Parameters and rates are 0. */
mh_status mh_trained_create(const mh_schema *schema, const mh_trained_config *config, mh_trained *out);
void mh_trained_clear(mh_trained *trained);

/**
 * Sets the biases of the heads so that they begin at the base rates: the log odds of a binary head's class 1, the
 * logarithms of a softmax head's rates. Every class counts as seen half a time more than it was.
 *
 *   known   [heads] labels that the rates were made from
 */
void mh_trained_start_at_base_rates(mh_trained *trained, const int64_t *known);

/** Sets the threshold of every head to `threshold`, where thresholds were tuned too. */
mh_status mh_trained_set_threshold(mh_trained *trained, float threshold);

/** How many rates there are. */
size_t mh_trained_rates(const mh_trained *trained);

/*
 * Files: /model/<name> with PyTorch's names and shapes, attributes of /model for the rest, /base_rates, and where
 * there are some /standardization/mean and /deviation, and /thresholds. Nothing in them depends on ranks, hosts,
 * time or paths. None of these needs another rank.
 */

/** Writes model.h5 as a whole, or not at all. */
mh_status mh_trained_save(const mh_trained *trained, const char *path);

/** Reads a model or a checkpoint. */
mh_status mh_trained_load(const char *path, mh_trained *out);

/** Reads just /model/<name> into an existing model, from any HDF5 file that has all of them. */
mh_status mh_trained_load_parameters(mh_trained *trained, const char *path);

enum { MH_TRAINED_NAME_BYTES = 64 };

/** <group>/<name>: where a tensor is in the file. */
void mh_trained_dataset_name(const char *group, const mh_tensor *tensor, char name[MH_TRAINED_NAME_BYTES]);

/* Parts that a checkpoint shares. `vector` [layout.count] is stored as <group>/<name>. */
mh_status mh_trained_write(const mh_trained *trained, mh_hdf5_file *file);
mh_status mh_trained_write_vector(const mh_layout *layout, mh_hdf5_file *file, const char *group,
                                  const float *vector);
mh_status mh_trained_read_vector(const mh_layout *layout, const mh_hdf5_file *file, const char *group,
                                 float *vector);

#endif
