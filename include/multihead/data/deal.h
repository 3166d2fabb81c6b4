#ifndef MULTIHEAD_DATA_DEAL_H
#define MULTIHEAD_DATA_DEAL_H

#include <stddef.h>

#include "multihead/tensor/span.h"

/*
 * How the rows of an epoch are dealt out in batches, whatever their order and whoever holds them.
 *
 * Replica r of R owns the r-th part of the data set's rows (mh_span_part). An epoch deals rows out in turn, one
 * of replica 0, one of replica 1, ...; global batch b is what is dealt as number b * batch_size and up to the
 * next multiple, the last batch what is left. So every replica's part of a batch has the same size but for one
 * row, and depends on the data, the batch size and R, not on who holds which replica.
 */
typedef struct {
    size_t rows;       /* of the data set        */
    size_t batch_size; /* rows of a global batch */
    size_t replicas;   /* R                      */
} mh_deal;

size_t mh_deal_batches(const mh_deal *deal);

/** Rows of the global batch. */
size_t mh_deal_batch_rows(const mh_deal *deal, size_t batch);

/** The most rows that a replica has in so many batches, from 1. */
size_t mh_deal_part_rows_max(const mh_deal *deal, size_t batches);

/** What of a replica's rows is dealt in these batches: places in the order that they are dealt in, from 0. */
mh_span mh_deal_part(const mh_deal *deal, mh_span batches, size_t replica);

/** The rows of the data set that belong to these of its replicas: what their rank's shard has to hold. */
mh_span mh_deal_rows_of(size_t rows, size_t replicas, mh_span hosted);

#endif
