#ifndef MULTIHEAD_DATA_ROW_ORDER_H
#define MULTIHEAD_DATA_ROW_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/data/windows.h"

/*
 * The order of a replica's rows in an epoch: a function of the seed, the epoch, the replica and how rows are dealt and
 * cut into windows; never of who hosts the replica, or of whether it holds the rows or reads them.
 *
 * Without a shuffle rows come as they are. With one, and all rows in one window, any row may come anywhere. With more
 * windows the replica's blocks come in a random order, which is cut into windows, and inside a window any row may come
 * anywhere. So rows are read in blocks, none twice, and what is next to each other in the file is a few windows apart
 * or less; a batch has rows of about four to eight blocks of every replica, and of more where blocks are of 4 MiB.
 * (CorgiPile: Xu et al., SIGMOD 2022, who show that it learns about as fast as with all rows shuffled where a window
 * has more than a few blocks, and that shuffling in windows of consecutive rows alone does not; blocks alone: Meng et
 * al., Neurocomputing 2019.)
 */
typedef struct mh_row_order mh_row_order;

typedef struct {
    mh_deal deal;
    mh_windows windows;
    mh_span hosted; /* replicas that are asked for */
    bool shuffles;
    uint64_t seed;
} mh_row_order_config;

/** Allocates everything. */
mh_status mh_row_order_create(const mh_row_order_config *config, mh_row_order **out);
void mh_row_order_destroy(mh_row_order *order);

/** From now on it is about this epoch. Epoch 0 without a word. */
void mh_row_order_start(mh_row_order *order, size_t epoch);

/**
 * What a window reads of a replica, in pieces of consecutive rows.
 *
 *   pieces   out: [mh_row_order_pieces_max] rows of the data set, in the order in which they are read
 *   place    out: [rows] the place in the window, from 0, of each of these rows; NULL: not asked for
 *
 * Returns how many pieces there are. The rows are as many as mh_deal_part says.
 */
size_t mh_row_order_window(const mh_row_order *order, size_t window, size_t replica, mh_span *pieces,
                           uint32_t *place);
size_t mh_row_order_pieces_max(const mh_row_order *order);

/** The most rows of a replica in a window. */
size_t mh_row_order_part_rows_max(const mh_row_order *order);

/** With a shuffle: row of the data set at each place of the replica's epoch [mh_span_part(rows, replica, R).count]. */
void mh_row_order_list(mh_row_order *order, size_t replica, size_t *rows);

#endif
