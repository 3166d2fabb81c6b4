#ifndef MULTIHEAD_DATA_STREAM_H
#define MULTIHEAD_DATA_STREAM_H

#include "multihead/data/row_order.h"
#include "multihead/data/shard.h"
#include "multihead/tensor/standardizer.h"

/*
 * The rows of a shard that is left in its data set, one window after another: while one is computed on, a thread reads
 * the next one, in blocks, each row to its place in the shuffled window, so that a batch is there as it stands. What the
 * thread meets (a file that cannot be read, a row that is wrong) is told when the window is wanted. Where the system
 * gives no thread, windows are read when they are wanted.
 */
typedef struct mh_stream mh_stream;

typedef struct {
    mh_row_order_config order;           /* with windows                                 */
    size_t epochs;                       /* none is read ahead of the last one           */
    const mh_standardizer *standardizer; /* that rows go through, kept; NULL: none       */
} mh_stream_config;

/**
 * `shard` must outlive the stream. Nobody else may read from its data set meanwhile. Allocates everything: two windows of
 * the hosted replicas, and a block.
 */
mh_status mh_stream_create(const mh_shard *shard, const mh_stream_config *config, mh_stream **out);
void mh_stream_destroy(mh_stream *stream);

/**
 * Waits until a window is there, and begins to read the one that comes after it, in the next epoch behind the last one.
 * Another window than the one that comes next is fine, but was not read ahead. Allocates nothing.
 *
 * Fails as mh_dataset_read does, and then again and again.
 */
mh_status mh_stream_reach(mh_stream *stream, size_t epoch, size_t window);

/** A hosted replica's part of a batch of the window that was reached; valid until the next one is. */
void mh_stream_batch(const mh_stream *stream, size_t batch, size_t replica, mh_batch *out);

#endif
