#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/data/row_order.h"

enum { ROWS = 1003, REPLICAS = 3, BATCH_SIZE = 17, ROW_BYTES = 10 };

static mh_windows plan(const mh_deal *deal, size_t memory)
{
    mh_windows windows;

    MUST(mh_windows_plan(deal, ROW_BYTES, memory, &windows));
    return windows;
}

static mh_row_order_config config_of(size_t memory, uint64_t seed)
{
    mh_deal deal = {ROWS, BATCH_SIZE, REPLICAS};

    return (mh_row_order_config){.deal = deal,
                                 .windows = plan(&deal, memory),
                                 .hosted = {0, REPLICAS},
                                 .shuffles = true,
                                 .seed = seed};
}

static void list(const mh_row_order_config *config, size_t epoch, size_t replica, size_t rows[ROWS])
{
    mh_row_order *order = NULL;

    MUST(mh_row_order_create(config, &order));
    mh_row_order_start(order, epoch);
    mh_row_order_list(order, replica, rows);
    mh_row_order_destroy(order);
}

/* ---- windows ---- */

Test(row_order, rows_that_fit_are_one_window)
{
    const mh_deal deal = {ROWS, BATCH_SIZE, REPLICAS};

    cr_expect(eq(sz, plan(&deal, 0).batches, 0));
    cr_expect(eq(sz, plan(&deal, ROWS * ROW_BYTES).batches, 0));
    cr_expect(ne(sz, plan(&deal, ROWS * ROW_BYTES - 1).batches, 0));
}

Test(row_order, two_windows_and_a_block_fit_into_memory_and_no_more_would)
{
    for (size_t memory = 600; memory < ROWS * ROW_BYTES; memory += 7) {
        const mh_deal deal = {ROWS, BATCH_SIZE, REPLICAS};
        mh_windows windows = plan(&deal, memory);
        size_t part = mh_deal_part_rows_max(&deal, windows.batches);
        size_t larger = mh_deal_part_rows_max(&deal, windows.batches + 1);

        cr_expect(le(sz, (2 * REPLICAS * part + windows.block_rows) * ROW_BYTES, memory));
        cr_expect(ge(sz, (2 * REPLICAS * larger + part / 2) * ROW_BYTES, memory));
        cr_expect(windows.block_rows == 1 || windows.block_rows * 4 <= part);
    }
}

Test(row_order, too_little_memory_for_a_batch_is_refused_with_what_would_do)
{
    const mh_deal deal = {1000000, 1024, 8};
    mh_windows windows;

    EXPECT_FAILURE(mh_windows_plan(&deal, 296, 1 << 16, &windows), MH_ERR_USAGE, "--memory 602K would do");
    EXPECT_FAILURE(mh_windows_plan(&deal, 296, 601 << 10, &windows), MH_ERR_USAGE, "a batch of 1024 rows");
    MUST(mh_windows_plan(&deal, 296, 602 << 10, &windows));
    cr_expect(eq(sz, windows.batches, 1));
}

/* ---- the order ---- */

Test(row_order, every_row_comes_once_an_epoch)
{
    for (size_t memory = 600; memory < ROWS * ROW_BYTES; memory += 450) {
        mh_row_order_config config = config_of(memory, 1);
        size_t seen[ROWS] = {0}, rows[ROWS];

        for (size_t r = 0; r < REPLICAS; r++) {
            mh_span own = mh_span_part(ROWS, r, REPLICAS);

            list(&config, 4, r, rows);
            for (size_t i = 0; i < own.count; i++) {
                cr_assert(rows[i] >= own.first && rows[i] < mh_span_end(own));
                seen[rows[i]]++;
            }
        }
        for (size_t row = 0; row < ROWS; row++)
            cr_expect(eq(sz, seen[row], 1), "row %zu with %zu bytes", row, memory);
    }
}

/* Only the replicas that somebody hosts are asked for. */
Test(row_order, does_not_depend_on_who_hosts_a_replica)
{
    mh_row_order_config all = config_of(2000, 1), one = all;
    size_t expected[ROWS], rows[ROWS];

    for (size_t r = 0; r < REPLICAS; r++) {
        one.hosted = (mh_span){r, 1};
        list(&all, 2, r, expected);
        list(&one, 2, r, rows);
        EXPECT_SAME_BITS(rows, expected, mh_span_part(ROWS, r, REPLICAS).count);
    }
}

static size_t places_that_differ(const size_t *a, const size_t *b, size_t count)
{
    size_t differing = 0;

    for (size_t i = 0; i < count; i++)
        differing += a[i] != b[i];
    return differing;
}

Test(row_order, is_a_function_of_seed_epoch_and_replica)
{
    enum { OWN = ROWS / REPLICAS };
    mh_row_order_config config = config_of(2000, 1), other = config_of(2000, 2);
    size_t rows[ROWS], epoch[ROWS], seed[ROWS], replica[ROWS];

    list(&config, 3, 0, rows);
    list(&config, 4, 0, epoch);
    list(&other, 3, 0, seed);
    list(&config, 3, 1, replica);
    for (size_t i = 0; i < OWN; i++)
        replica[i] -= mh_span_part(ROWS, 1, REPLICAS).first;
    cr_expect(ge(sz, places_that_differ(rows, epoch, OWN), OWN * 9 / 10));
    cr_expect(ge(sz, places_that_differ(rows, seed, OWN), OWN * 9 / 10));
    cr_expect(ge(sz, places_that_differ(rows, replica, OWN), OWN * 9 / 10));
}

/*
 * The pieces of a window are what is read of it; places are a permutation of it, and a window has rows of four blocks or
 * more, from all over the replica.
 */
Test(row_order, a_window_is_made_of_blocks_and_shuffled_inside)
{
    mh_row_order_config config = config_of(2500, 1);
    mh_row_order *order = NULL;
    size_t windows = mh_windows_count(&config.windows, &config.deal), in_place = 0, spread = 0;

    cr_assert(ge(sz, windows, 5));
    MUST(mh_row_order_create(&config, &order));
    mh_row_order_start(order, 1);
    for (size_t w = 0; w < windows; w++) {
        mh_span batches = mh_windows_batches(&config.windows, &config.deal, w);
        mh_span part = mh_deal_part(&config.deal, batches, 1), pieces[ROWS];
        uint32_t place[ROWS];
        size_t taken[ROWS] = {0}, rows = 0, least = ROWS, most = 0;
        size_t count = mh_row_order_window(order, w, 1, pieces, place);

        cr_expect(le(sz, count, mh_row_order_pieces_max(order)));
        for (size_t i = 0; i < count; i++) {
            cr_expect(pieces[i].count > 0 && pieces[i].count <= config.windows.block_rows);
            rows += pieces[i].count;
            least = pieces[i].first < least ? pieces[i].first : least;
            most = pieces[i].first > most ? pieces[i].first : most;
        }
        cr_assert(eq(sz, rows, part.count));
        for (size_t i = 0; i < rows; i++) {
            cr_assert(lt(sz, place[i], rows));
            taken[place[i]]++;
            in_place += place[i] == i;
        }
        for (size_t i = 0; i < rows; i++)
            cr_expect(eq(sz, taken[i], 1));
        cr_expect(w + 1 == windows || count >= 4); /* the last one is what is left */
        spread += most - least;
    }
    cr_expect(le(sz, in_place, ROWS / REPLICAS / 10));
    cr_expect(ge(sz, spread / windows, ROWS / REPLICAS / 3));
    mh_row_order_destroy(order);
}

/* Blocks end at their multiples, as chunks of files do, whatever part of the rows a replica owns. */
Test(row_order, blocks_are_cut_at_their_multiples)
{
    mh_row_order_config config = config_of(4000, 1);
    mh_row_order *order = NULL;
    mh_span pieces[ROWS];

    MUST(mh_row_order_create(&config, &order));
    for (size_t w = 0; w < mh_windows_count(&config.windows, &config.deal); w++) {
        size_t count = mh_row_order_window(order, w, 2, pieces, NULL), size = config.windows.block_rows;

        for (size_t i = 0; i < count; i++)
            cr_expect(eq(sz, pieces[i].first / size, (mh_span_end(pieces[i]) - 1) / size));
    }
    mh_row_order_destroy(order);
}

Test(row_order, without_a_shuffle_a_window_is_the_next_rows)
{
    mh_row_order_config config = config_of(2000, 1);
    mh_row_order *order = NULL;

    config.shuffles = false;
    MUST(mh_row_order_create(&config, &order));
    for (size_t r = 0; r < REPLICAS; r++) {
        size_t next = mh_span_part(ROWS, r, REPLICAS).first;

        for (size_t w = 0; w < mh_windows_count(&config.windows, &config.deal); w++) {
            mh_span piece;

            cr_assert(eq(sz, mh_row_order_window(order, w, r, &piece, NULL), 1));
            cr_expect(eq(sz, piece.first, next));
            next += piece.count;
        }
        cr_expect(eq(sz, next, mh_span_end(mh_span_part(ROWS, r, REPLICAS))));
    }
    mh_row_order_destroy(order);
}

Test(row_order, no_memory_is_a_failure_wherever_it_is_missing)
{
    mh_row_order_config config = config_of(2000, 1);
    mh_row_order *order = NULL;
    uint64_t before = mh_memory_allocations();

    MUST(mh_row_order_create(&config, &order));
    uint64_t needed = mh_memory_allocations() - before;
    mh_row_order_destroy(order);
    for (uint64_t n = 1; n <= needed; n++) {
        mh_memory_fail_at(n);
        EXPECT_FAILURE(mh_row_order_create(&config, &order), MH_ERR_MEMORY, "out of memory");
        cr_expect(order == NULL);
    }
}
