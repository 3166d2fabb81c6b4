#include "multihead/data/row_order.h"

#include <assert.h>

#include "multihead/base/memory.h"
#include "multihead/base/random.h"

/* The blocks of a replica in the order of an epoch. */
typedef struct {
    size_t count;
    size_t *block; /* [count] number of each block: rows from block * block_rows on        */
    size_t *start; /* [count] how many rows of the replica's order come before the block   */
} block_order;

struct mh_row_order {
    mh_row_order_config config;
    size_t epoch;
    block_order *blocks; /* [hosted.count], NULL where there are none: no shuffle, or one window */
    mh_span *pieces;     /* [pieces_max] for a list                                               */
    uint32_t *place;     /* [part_rows_max] for a list                                            */
};

static mh_span own_rows(const mh_row_order *order, size_t replica)
{
    return mh_span_part(order->config.deal.rows, replica, order->config.deal.replicas);
}

static bool has_blocks(const mh_row_order_config *config)
{
    return config->shuffles && config->windows.batches > 0;
}

/* Numbers of the first block that a replica has rows of, and behind the last one. */
static mh_span blocks_of(const mh_row_order *order, size_t replica)
{
    mh_span own = own_rows(order, replica);
    size_t size = order->config.windows.block_rows, first = own.first / size;

    return (mh_span){first, (mh_span_end(own) + size - 1) / size - first};
}

/* The rows of a block that are the replica's. */
static mh_span block_rows(const mh_row_order *order, size_t replica, size_t block)
{
    mh_span own = own_rows(order, replica);
    size_t size = order->config.windows.block_rows, first = block * size, end = first + size;

    first = first > own.first ? first : own.first;
    end = end < mh_span_end(own) ? end : mh_span_end(own);
    return (mh_span){first, end - first};
}

static mh_status create_blocks(mh_row_order *order)
{
    mh_status status = MH_OK;
    mh_span hosted = order->config.hosted;

    MH_TRY(mh_memory_array(hosted.count, sizeof *order->blocks, &order->blocks));
    for (size_t r = 0; r < hosted.count; r++) {
        block_order *blocks = &order->blocks[r];

        blocks->count = blocks_of(order, hosted.first + r).count;
        MH_TRY(mh_memory_array(blocks->count, sizeof *blocks->block, &blocks->block));
        MH_TRY(mh_memory_array(blocks->count, sizeof *blocks->start, &blocks->start));
    }
cleanup:
    return status;
}

mh_status mh_row_order_create(const mh_row_order_config *config, mh_row_order **out)
{
    mh_status status = MH_OK;
    mh_row_order *order = NULL;

    MH_TRY(mh_memory_new(sizeof *order, &order));
    order->config = *config;
    if (has_blocks(config)) {
        MH_TRY(create_blocks(order));
        MH_TRY(mh_memory_array(mh_row_order_pieces_max(order), sizeof *order->pieces, &order->pieces));
        MH_TRY(mh_memory_array(mh_row_order_part_rows_max(order), sizeof *order->place, &order->place));
    }
    mh_row_order_start(order, 0);
cleanup:
    if (status != MH_OK) {
        mh_row_order_destroy(order);
        order = NULL;
    }
    *out = order;
    return status;
}

void mh_row_order_destroy(mh_row_order *order)
{
    if (order == NULL)
        return;
    for (size_t r = 0; order->blocks != NULL && r < order->config.hosted.count; r++) {
        mh_memory_free(order->blocks[r].block);
        mh_memory_free(order->blocks[r].start);
    }
    mh_memory_free(order->blocks);
    mh_memory_free(order->pieces);
    mh_memory_free(order->place);
    mh_memory_free(order);
}

size_t mh_row_order_part_rows_max(const mh_row_order *order)
{
    mh_span first = mh_windows_batches(&order->config.windows, &order->config.deal, 0);

    return mh_deal_part_rows_max(&order->config.deal, first.count);
}

/* Whole blocks, and parts of four: of those that two windows share, and of the replica's first and last ones. */
size_t mh_row_order_pieces_max(const mh_row_order *order)
{
    return has_blocks(&order->config)
               ? mh_row_order_part_rows_max(order) / order->config.windows.block_rows + 4
               : 1;
}

/* ---- shuffling: Fisher and Yates, from the identity each time, so that no epoch depends on the one before ---- */

static void shuffle(size_t *items, size_t first, size_t count, const mh_random *stream)
{
    for (size_t i = 0; i < count; i++)
        items[i] = first + i;
    for (size_t i = count; i > 1; i--) {
        size_t other = mh_random_below(stream, i, i);
        size_t item = items[i - 1];

        items[i - 1] = items[other];
        items[other] = item;
    }
}

static void shuffle_places(uint32_t *place, size_t count, const mh_random *stream)
{
    for (size_t i = 0; i < count; i++)
        place[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t other = mh_random_below(stream, i, i);
        uint32_t item = place[i - 1];

        place[i - 1] = place[other];
        place[other] = item;
    }
}

void mh_row_order_start(mh_row_order *order, size_t epoch)
{
    const mh_row_order_config *config = &order->config;

    order->epoch = epoch;
    for (size_t r = 0; order->blocks != NULL && r < config->hosted.count; r++) {
        size_t replica = config->hosted.first + r, rows = 0;
        block_order *blocks = &order->blocks[r];
        mh_random stream = mh_random_stream(config->seed, MH_RANDOM_BLOCKS, epoch, (uint32_t)replica);

        shuffle(blocks->block, blocks_of(order, replica).first, blocks->count, &stream);
        for (size_t i = 0; i < blocks->count; i++) {
            blocks->start[i] = rows;
            rows += block_rows(order, replica, blocks->block[i]).count;
        }
    }
}

/* ---- a window ---- */

/* The last block that starts at `place` of the replica's order or before. */
static size_t find_block(const block_order *blocks, size_t place)
{
    size_t first = 0, end = blocks->count;

    while (end - first > 1) {
        size_t middle = first + (end - first) / 2;

        if (blocks->start[middle] <= place)
            first = middle;
        else
            end = middle;
    }
    return first;
}

/* Cuts places of the replica's order, before windows are shuffled, out of its blocks. */
static size_t cut_blocks(const mh_row_order *order, size_t replica, mh_span places, mh_span *pieces)
{
    const block_order *blocks = &order->blocks[replica - order->config.hosted.first];
    size_t count = 0, at = places.first;

    for (size_t i = find_block(blocks, at); at < mh_span_end(places); i++) {
        mh_span rows = block_rows(order, replica, blocks->block[i]);
        size_t skipped = at - blocks->start[i], wanted = mh_span_end(places) - at;

        rows.first += skipped;
        rows.count -= skipped;
        rows.count = rows.count < wanted ? rows.count : wanted;
        pieces[count++] = rows;
        at += rows.count;
    }
    return count;
}

size_t mh_row_order_window(const mh_row_order *order, size_t window, size_t replica, mh_span *pieces,
                           uint32_t *place)
{
    const mh_row_order_config *config = &order->config;
    mh_span places =
        mh_deal_part(&config->deal, mh_windows_batches(&config->windows, &config->deal, window), replica);
    uint64_t which = (uint64_t)order->epoch * mh_windows_count(&config->windows, &config->deal) + window;

    if (order->blocks == NULL) {
        assert(!config->shuffles && place == NULL);
        pieces[0] = (mh_span){own_rows(order, replica).first + places.first, places.count};
        return places.count > 0;
    }
    if (place != NULL) {
        mh_random stream = mh_random_stream(config->seed, MH_RANDOM_WINDOW, which, (uint32_t)replica);

        shuffle_places(place, places.count, &stream);
    }
    return cut_blocks(order, replica, places, pieces);
}

/* ---- an epoch ---- */

static void list_window(mh_row_order *order, size_t window, size_t replica, size_t *rows)
{
    size_t pieces = mh_row_order_window(order, window, replica, order->pieces, order->place), next = 0;

    for (size_t i = 0; i < pieces; i++)
        for (size_t j = 0; j < order->pieces[i].count; j++)
            rows[order->place[next++]] = order->pieces[i].first + j;
}

void mh_row_order_list(mh_row_order *order, size_t replica, size_t *rows)
{
    const mh_row_order_config *config = &order->config;
    mh_span own = own_rows(order, replica);

    assert(config->shuffles);
    if (order->blocks != NULL) {
        for (size_t w = 0; w < mh_windows_count(&config->windows, &config->deal); w++) {
            mh_span batches = mh_windows_batches(&config->windows, &config->deal, w);

            list_window(order, w, replica, rows + mh_deal_part(&config->deal, batches, replica).first);
        }
        return;
    }
    mh_random stream = mh_random_stream(config->seed, MH_RANDOM_SHUFFLE, order->epoch, (uint32_t)replica);
    shuffle(rows, own.first, own.count, &stream);
}
