#ifndef MULTIHEAD_TRAINING_TRAINING_DATA_H
#define MULTIHEAD_TRAINING_TRAINING_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/data/dataset.h"
#include "multihead/data/shard.h"
#include "multihead/parallel/communicator.h"
#include "multihead/training/standardization.h"

/* What training knows of its data: this rank's rows, and what holds for all of them together. */
typedef struct {
    mh_shard shard;
    size_t rows;            /* of all ranks                                                   */
    mh_schema schema;       /* every number of classes is known: told, or found in the labels */
    int64_t missing_labels; /* of all ranks                                                   */
    double *base_rates;     /* [sum of classes] share of each class among known labels        */
    int64_t *known;         /* [heads] labels that are known, of all ranks                     */
    uint64_t *row_checksum; /* [replicas hosted here] of their features and labels as they were read */
    mh_standardizer
        standardizer; /* what a held shard's features went through, and others have to; without inputs: nothing */
} mh_training_data;

/**
 * Loads the rows of the replicas hosted here and finds out about the rest. Where they are more than `memory` bytes, they
 * are looked at in one pass and left in the data set, which then is the training data's to read from.
 *
 *   memory   of features and labels that this rank may hold; 0: any
 *
 * Collective over comm; fails on all ranks together: no labels, fewer rows than replicas, a row that is wrong.
 * Free with mh_training_data_clear.
 */
mh_status mh_training_data_load(const mh_comm *comm, mh_dataset *dataset, size_t replicas, size_t memory,
                                mh_training_data *out);

/**
 * Standardizes the features, once (which reads those that are not held twice), and cuts them at +-limit deviations where that is not 0; `replicas` as before.
 * Collective over comm; fails on all ranks together.
 */
mh_status mh_training_data_standardize(const mh_comm *comm, mh_standardize mode, float limit, size_t replicas,
                                       mh_training_data *data);
void mh_training_data_clear(mh_training_data *data);

#endif
