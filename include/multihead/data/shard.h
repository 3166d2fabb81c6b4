#ifndef MULTIHEAD_DATA_SHARD_H
#define MULTIHEAD_DATA_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/dataset.h"

/* The rows of a data set that a rank holds in memory. */
typedef struct {
    mh_span rows; /* of the data set's selection           */
    size_t inputs;
    size_t heads;          /* 0 where there are no labels           */
    float *features;       /* [rows.count x inputs]                 */
    mh_label *labels;      /* [rows.count x heads], NULL without    */
    size_t missing_labels; /* how many of `labels` are not known    */
} mh_shard;

/** Reads these rows; needs no other rank. Free with mh_shard_clear. */
mh_status mh_shard_load(mh_dataset *dataset, mh_span rows, mh_shard *out);
void mh_shard_clear(mh_shard *shard);

/** Raises classes[head] [heads] to what the shard's labels need (their largest one, plus 1; at least 2). */
void mh_shard_raise_classes(const mh_shard *shard, size_t *classes);

/** Adds how often each class occurs: the classes of head 0, then those of head 1, ... [sum of classes]. */
void mh_shard_count_classes(const mh_shard *shard, const size_t *classes, int64_t *counts);

#endif
