#ifndef MULTIHEAD_DATA_SHARD_H
#define MULTIHEAD_DATA_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/dataset.h"

/*
 * The rows of a data set that are a rank's: held in memory, or, where they are too many for that, left where they are
 * and read in pieces (shard_pass, stream). A piece of a shard is a shard that is held. One that is reserved has the memory
 * and not the rows yet: the pass that looks at them first reads them into it, each piece when it is looked at.
 */
typedef struct {
    mh_span rows; /* of the data set's selection           */
    size_t inputs;
    size_t heads;        /* 0 where there are no labels           */
    float *features;     /* [rows.count x inputs], NULL where they are left             */
    mh_label *labels;    /* [rows.count x heads], NULL without, and where they are left */
    mh_dataset *dataset; /* where they are still, borrowed; NULL where they are held    */
} mh_shard;

/** Reads these rows; needs no other rank. Free with mh_shard_clear. */
mh_status mh_shard_load(mh_dataset *dataset, mh_span rows, mh_shard *out);

/** Makes room for them; a whole mh_shard_pass reads them, after which mh_shard_hold says so. Free with mh_shard_clear. */
mh_status mh_shard_reserve(mh_dataset *dataset, mh_span rows, mh_shard *out);
void mh_shard_hold(mh_shard *shard);

/** Leaves them in the data set, which then is the shard's to read from. There is nothing to free. */
mh_shard mh_shard_leave(mh_dataset *dataset, mh_span rows);
void mh_shard_clear(mh_shard *shard);

bool mh_shard_is_held(const mh_shard *shard);
bool mh_shard_is_reserved(const mh_shard *shard);

/** Bytes of a row that is held: of its features and labels. */
size_t mh_shard_row_bytes(const mh_schema *schema);

/** Labels that are not known, of a shard that is held. */
size_t mh_shard_missing_labels(const mh_shard *shard);

/** Raises classes[head] [heads] to what the labels of a shard that is held need (their largest one, plus 1; at least 2). */
void mh_shard_raise_classes(const mh_shard *shard, size_t *classes);

/** Adds how often each class occurs in one that is held: the classes of head 0, then those of head 1, ... [sum of classes]. */
void mh_shard_count_classes(const mh_shard *shard, const size_t *classes, int64_t *counts);

#endif
