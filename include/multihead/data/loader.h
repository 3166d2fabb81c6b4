#ifndef MULTIHEAD_DATA_LOADER_H
#define MULTIHEAD_DATA_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/data/deal.h"
#include "multihead/data/shard.h"

/* Deals the rows of a shard out in batches. */
typedef struct mh_loader mh_loader;

typedef struct {
    mh_deal deal;
    mh_span hosted; /* replicas of this rank         */
    bool shuffles;  /* each epoch, inside a replica  */
    uint64_t seed;
} mh_loader_config;

/** `shard` is kept and must outlive the loader. All memory is allocated here. */
mh_status mh_loader_create(const mh_shard *shard, const mh_loader_config *config, mh_loader **out);
void mh_loader_destroy(mh_loader *loader);

/** The order of rows in this epoch, a function of (seed, epoch, replica). */
void mh_loader_shuffle(mh_loader *loader, size_t epoch);

/** A replica's part of a global batch, 0 rows perhaps; borrowed until the next call. */
void mh_loader_batch(mh_loader *loader, size_t batch, size_t replica, mh_batch *out);

/** Adds how many labels of each head are known in this rank's part of a batch: counts [heads]. */
void mh_loader_count_labels(const mh_loader *loader, size_t batch, int64_t *counts);

#endif
