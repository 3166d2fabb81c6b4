#ifndef MULTIHEAD_DATA_LOADER_H
#define MULTIHEAD_DATA_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/data/row_order.h"
#include "multihead/data/shard.h"
#include "multihead/tensor/standardizer.h"

/* Deals the rows of a shard out in batches (deal.h, row_order.h): out of memory, or as they are read (stream.h). */
typedef struct mh_loader mh_loader;

typedef struct {
    mh_row_order_config order;           /* with windows where the shard is not held                    */
    size_t epochs;                       /* of a shard that is not held: none is read ahead of the last */
    const mh_standardizer *standardizer; /* of the same: what its rows go through; kept, NULL: nothing  */
} mh_loader_config;

/** `shard` is kept and must outlive the loader. All memory is allocated here. It is in epoch 0. */
mh_status mh_loader_create(const mh_shard *shard, const mh_loader_config *config, mh_loader **out);
void mh_loader_destroy(mh_loader *loader);

/** From now on it is about this epoch. */
void mh_loader_start_epoch(mh_loader *loader, size_t epoch);

/**
 * Waits until the rows of a batch are there, with those of all batches of its window (mh_windows_of_batch): before they
 * are asked for. Always MH_OK where the shard is held.
 */
mh_status mh_loader_reach(mh_loader *loader, size_t batch);

/** A replica's part of a global batch, 0 rows perhaps; borrowed until the next call for that replica. */
void mh_loader_batch(mh_loader *loader, size_t batch, size_t replica, mh_batch *out);

/** Adds how many labels of each head are known in this rank's part of a batch: counts [heads]. */
void mh_loader_count_labels(const mh_loader *loader, size_t batch, int64_t *counts);

#endif
