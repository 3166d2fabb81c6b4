#ifndef MULTIHEAD_DATA_WINDOWS_H
#define MULTIHEAD_DATA_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"
#include "multihead/data/deal.h"

/*
 * How an epoch is cut where a rank may not hold all of its rows: into windows of some batches, of which two are held
 * at a time, one that is computed on and one that is being read. They are cut as if one rank hosted all replicas, so
 * that the order of rows (row_order.h) does not depend on who hosts them; ranks that host fewer replicas hold less.
 *
 * A window of a replica is made of blocks, which are read at once: a power of two of rows, cut at its multiples, as
 * the chunks of files often are; as large as leaves four or more of them in a window of a replica, and up to 4 MiB.
 */
typedef struct {
    size_t batches;    /* of a window, the last one may have fewer; 0: all rows are one window, an epoch */
    size_t block_rows; /* 0 where all rows are one window                                                */
} mh_windows;

enum { MH_WINDOWS_HELD = 2 };

/**
 *   row_bytes   of a row that is held
 *   memory      bytes of rows that a rank may hold, blocks under way included; 0: any
 *
 * MH_ERR_USAGE where that is too little for a batch, saying what would do.
 */
mh_status mh_windows_plan(const mh_deal *deal, size_t row_bytes, size_t memory, mh_windows *out);

/** Of an epoch. */
size_t mh_windows_count(const mh_windows *windows, const mh_deal *deal);

/** The batches of a window, and the window of a batch. */
mh_span mh_windows_batches(const mh_windows *windows, const mh_deal *deal, size_t window);
size_t mh_windows_of_batch(const mh_windows *windows, size_t batch);

/** Whether rows that are shuffled come in the same order. */
bool mh_windows_are_same(const mh_windows *a, const mh_windows *b);

/** The largest power of two that is not above `rows`; 1 at least. */
size_t mh_windows_block_rows(size_t rows);

#endif
