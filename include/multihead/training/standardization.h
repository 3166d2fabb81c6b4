#ifndef MULTIHEAD_TRAINING_STANDARDIZATION_H
#define MULTIHEAD_TRAINING_STANDARDIZATION_H

#include "multihead/data/shard.h"
#include "multihead/parallel/communicator.h"
#include "multihead/tensor/standardizer.h"

typedef enum {
    MH_STANDARDIZE_NO,
    MH_STANDARDIZE_YES,
    MH_STANDARDIZE_AUTO /* columns that hold nothing but 0 and 1 stay as they are */
} mh_standardize;

/**
 * Mean and standard deviation (over n, as scikit-learn's StandardScaler) of each column of the training rows. A
 * column that is constant has its mean taken off and keeps its size.
 *
 *   shard      the rows of the replicas hosted here; they are gone over twice
 *   replicas   of all ranks: sums follow their tree, so that the numbers do not depend on the ranks
 *   out        without inputs for MH_STANDARDIZE_NO; free with mh_standardizer_clear
 *
 * Collective over comm; fails on all ranks together.
 */
mh_status mh_standardize_columns(const mh_comm *comm, mh_standardize mode, const mh_shard *shard, size_t rows,
                                 size_t replicas, mh_standardizer *out);

#endif
