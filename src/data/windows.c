#include "multihead/data/windows.h"

#include <stdint.h>

#include "multihead/base/text.h"

enum { BLOCKS_LEAST = 4, BLOCK_BYTES_MOST = 1 << 22 };

size_t mh_windows_block_rows(size_t rows)
{
    size_t block = 1;

    while (block <= rows / 2)
        block *= 2;
    return block;
}

static mh_windows windows_of(const mh_deal *deal, size_t row_bytes, size_t batches)
{
    size_t wanted = mh_deal_part_rows_max(deal, batches) / BLOCKS_LEAST, most = BLOCK_BYTES_MOST / row_bytes;

    return (mh_windows){batches, mh_windows_block_rows(wanted < most ? wanted : most)};
}

/* Rows that one rank with all replicas has in memory at a time. */
static size_t held_rows(const mh_deal *deal, const mh_windows *windows)
{
    return MH_WINDOWS_HELD * deal->replicas * mh_deal_part_rows_max(deal, windows->batches) +
           windows->block_rows;
}

static mh_status refuse(const mh_deal *deal, size_t row_bytes, size_t memory, size_t needed_rows)
{
    char given[MH_TEXT_BYTES], row[MH_TEXT_BYTES];
    size_t batch = mh_deal_batch_rows(deal, 0);

    return MH_FAIL(MH_ERR_USAGE,
                   "--memory: %s are too few to read a batch of %zu rows of %s while another one is computed "
                   "on; --memory %zuK would do, or a smaller --batch-size",
                   mh_text_bytes(memory, given), batch, mh_text_bytes(row_bytes, row),
                   (needed_rows * row_bytes + 1023) / 1024);
}

mh_status mh_windows_plan(const mh_deal *deal, size_t row_bytes, size_t memory, mh_windows *out)
{
    size_t room = memory / row_bytes, batches = room / MH_WINDOWS_HELD / deal->batch_size;
    mh_windows smallest = windows_of(deal, row_bytes, 1);

    *out = (mh_windows){0};
    if (memory == 0 || deal->rows <= room)
        return MH_OK;
    if (held_rows(deal, &smallest) > room)
        return refuse(deal, row_bytes, memory, held_rows(deal, &smallest));
    batches = batches < mh_deal_batches(deal) ? batches : mh_deal_batches(deal);
    *out = windows_of(deal, row_bytes, batches > 0 ? batches : 1);
    /* Places in a window are counted in 32 bits (row_order.h). */
    while (held_rows(deal, out) > room || mh_deal_part_rows_max(deal, out->batches) > UINT32_MAX)
        *out = windows_of(deal, row_bytes, out->batches - 1);
    return MH_OK;
}

size_t mh_windows_count(const mh_windows *windows, const mh_deal *deal)
{
    return windows->batches == 0 ? 1 : (mh_deal_batches(deal) + windows->batches - 1) / windows->batches;
}

mh_span mh_windows_batches(const mh_windows *windows, const mh_deal *deal, size_t window)
{
    size_t batches = mh_deal_batches(deal), first = window * windows->batches;

    if (windows->batches == 0)
        return (mh_span){0, batches};
    return (mh_span){first, batches - first < windows->batches ? batches - first : windows->batches};
}

size_t mh_windows_of_batch(const mh_windows *windows, size_t batch)
{
    return windows->batches == 0 ? 0 : batch / windows->batches;
}

bool mh_windows_are_same(const mh_windows *a, const mh_windows *b)
{
    return a->batches == b->batches && a->block_rows == b->block_rows;
}
