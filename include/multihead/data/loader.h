#ifndef MULTIHEAD_DATA_LOADER_H
#define MULTIHEAD_DATA_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/data/shard.h"

/*
 * Deals the rows of a shard out in batches.
 *
 * Replica r of R owns the r-th part of the data set's rows (mh_span_part). An epoch deals rows out in turn, one
 * of replica 0, one of replica 1, ...; global batch b is what is dealt as number b * batch_size and up to the
 * next multiple, the last batch what is left. So every replica's part of a batch has the same size but for one
 * row, and depends on the data, the batch size and R, not on who holds which replica.
 */
typedef struct mh_loader mh_loader;

typedef struct {
    size_t rows;       /* of the data set               */
    size_t batch_size; /* rows of a global batch        */
    size_t replicas;   /* R                             */
    mh_span hosted;    /* replicas of this rank         */
    bool shuffles;     /* each epoch, inside a replica  */
    uint64_t seed;
} mh_loader_config;

/** The rows of the data set that belong to these replicas: what their rank's shard has to hold. */
mh_span mh_loader_shard_rows(size_t rows, size_t replicas, mh_span hosted);

/** `shard` is kept and must outlive the loader. All memory is allocated here. */
mh_status mh_loader_create(const mh_shard *shard, const mh_loader_config *config, mh_loader **out);
void mh_loader_destroy(mh_loader *loader);

/** The order of rows in this epoch, a function of (seed, epoch, replica). */
void mh_loader_shuffle(mh_loader *loader, size_t epoch);

size_t mh_loader_batches(const mh_loader *loader);

/** Rows of the global batch. */
size_t mh_loader_batch_rows(const mh_loader *loader, size_t batch);

/** The most rows that a replica has in a batch. */
size_t mh_loader_replica_rows_max(const mh_loader *loader);

/** A replica's part of a global batch, 0 rows perhaps; borrowed until the next call for that replica. */
void mh_loader_batch(mh_loader *loader, size_t batch, size_t replica, mh_batch *out);

/** Adds how many labels of each head are known in this rank's part of a batch: counts [heads]. */
void mh_loader_count_labels(const mh_loader *loader, size_t batch, int64_t *counts);

#endif
