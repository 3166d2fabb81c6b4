#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/data/loader.h"
#include "toy.h"

/* A shard of rows whose one feature is the row's number, and whose label is missing in every third row. */
static mh_shard shard_of(mh_span rows)
{
    mh_shard shard = {.rows = rows, .inputs = 1, .heads = 1};

    shard.features = malloc((rows.count + 1) * sizeof *shard.features);
    shard.labels = malloc((rows.count + 1) * sizeof *shard.labels);
    cr_assert(shard.features != NULL && shard.labels != NULL);
    for (size_t i = 0; i < rows.count; i++) {
        shard.features[i] = (float)(rows.first + i);
        shard.labels[i] = (rows.first + i) % 3 == 0 ? MH_LABEL_MISSING : 1;
    }
    return shard;
}

static void shard_free(mh_shard *shard)
{
    free(shard->features);
    free(shard->labels);
}

static mh_loader *create(const mh_shard *shard, const mh_loader_config *config)
{
    mh_loader *loader = NULL;

    MUST(mh_loader_create(shard, config, &loader));
    return loader;
}

static mh_loader_config config_of(size_t rows, size_t batch_size, size_t replicas, bool shuffles)
{
    return (mh_loader_config){
        .order = {
            .deal = {rows, batch_size, replicas}, .hosted = {0, replicas}, .shuffles = shuffles, .seed = 1}};
}

static size_t row_of(const mh_batch *batch, size_t i)
{
    return (size_t)batch->features[i];
}

/* ---- batches ---- */

Test(loader, one_replica_gives_rows_in_order)
{
    mh_shard shard = shard_of((mh_span){0, 10});
    mh_loader_config config = config_of(10, 4, 1, false);
    mh_loader *loader = create(&shard, &config);
    const size_t sizes[] = {4, 4, 2};
    size_t next = 0;

    cr_assert(eq(sz, mh_deal_batches(&config.order.deal), 3));
    for (size_t b = 0; b < 3; b++) {
        mh_batch batch;

        mh_loader_batch(loader, b, 0, &batch);
        cr_assert(eq(sz, batch.rows, sizes[b]));
        cr_expect(eq(sz, mh_deal_batch_rows(&config.order.deal, b), sizes[b]));
        for (size_t i = 0; i < batch.rows; i++)
            cr_expect(eq(sz, row_of(&batch, i), next++));
    }
    cr_expect(eq(sz, next, 10));
    mh_loader_destroy(loader);
    shard_free(&shard);
}

/* For many sizes: all rows once an epoch, each from the replica that owns it, parts equal but for one row. */
static void expect_epoch(size_t rows, size_t batch_size, size_t replicas, bool shuffles)
{
    mh_shard shard = shard_of((mh_span){0, rows});
    mh_loader_config config = config_of(rows, batch_size, replicas, shuffles);
    mh_loader *loader = create(&shard, &config);
    size_t seen[64] = {0}, largest_ever = 0;

    mh_loader_start_epoch(loader, 3);
    cr_assert(eq(sz, mh_deal_batches(&config.order.deal), (rows + batch_size - 1) / batch_size));
    for (size_t b = 0; b < mh_deal_batches(&config.order.deal); b++) {
        size_t smallest = SIZE_MAX, largest = 0, total = 0;

        for (size_t r = 0; r < replicas; r++) {
            mh_span own = mh_span_part(rows, r, replicas);
            mh_batch batch;

            mh_loader_batch(loader, b, r, &batch);
            smallest = batch.rows < smallest ? batch.rows : smallest;
            largest = batch.rows > largest ? batch.rows : largest;
            total += batch.rows;
            for (size_t i = 0; i < batch.rows; i++) {
                size_t row = row_of(&batch, i);
                bool is_missing = batch.labels[i] == MH_LABEL_MISSING;

                cr_expect(row >= own.first && row < mh_span_end(own));
                cr_expect(is_missing == (row % 3 == 0));
                seen[row]++;
            }
        }
        cr_expect(le(sz, largest - smallest, 1));
        cr_expect(eq(sz, total, mh_deal_batch_rows(&config.order.deal, b)));
        cr_expect(b + 1 == mh_deal_batches(&config.order.deal) || total == batch_size);
        largest_ever = largest > largest_ever ? largest : largest_ever;
    }
    for (size_t row = 0; row < rows; row++)
        cr_expect(eq(sz, seen[row], 1), "row %zu of %zu, batch size %zu, %zu replicas", row, rows, batch_size,
                  replicas);
    cr_expect(le(sz, largest_ever, mh_deal_part_rows_max(&config.order.deal, 1)));
    mh_loader_destroy(loader);
    shard_free(&shard);
}

Test(loader, every_row_comes_once_an_epoch_in_equal_parts)
{
    for (size_t shuffles = 0; shuffles < 2; shuffles++)
        for (size_t rows = 8; rows < 24; rows += 5)
            for (size_t batch_size = 1; batch_size < 30; batch_size += 4)
                for (size_t replicas = 1; replicas <= 8; replicas++)
                    expect_epoch(rows, batch_size, replicas, shuffles == 1);
}

/* ---- hosts ---- */

/* Rank by rank, from shards that hold just the hosted rows: the parts must be those of one rank with all. */
static void expect_hosts_make_no_difference(size_t ranks, bool shuffles)
{
    enum { ROWS = 41, REPLICAS = 5, BATCH_SIZE = 12 };
    mh_shard all = shard_of((mh_span){0, ROWS});
    mh_loader_config config = config_of(ROWS, BATCH_SIZE, REPLICAS, shuffles);
    mh_loader *single = create(&all, &config);

    mh_loader_start_epoch(single, 2);
    for (size_t rank = 0; rank < ranks; rank++) {
        config.order.hosted = mh_span_part(REPLICAS, rank, ranks);

        mh_shard shard = shard_of(mh_deal_rows_of(ROWS, REPLICAS, config.order.hosted));
        mh_loader *loader = create(&shard, &config);

        mh_loader_start_epoch(loader, 2);
        for (size_t b = 0; b < mh_deal_batches(&config.order.deal); b++) {
            for (size_t r = config.order.hosted.first; r < mh_span_end(config.order.hosted); r++) {
                mh_batch part, expected;

                mh_loader_batch(loader, b, r, &part);
                mh_loader_batch(single, b, r, &expected);
                cr_assert(eq(sz, part.rows, expected.rows));
                EXPECT_SAME_BITS(part.features, expected.features, part.rows);
                EXPECT_SAME_BITS(part.labels, expected.labels, part.rows);
            }
        }
        mh_loader_destroy(loader);
        shard_free(&shard);
    }
    mh_loader_destroy(single);
    shard_free(&all);
}

Test(loader, parts_do_not_depend_on_who_hosts_them)
{
    for (size_t ranks = 1; ranks <= 5; ranks++) {
        expect_hosts_make_no_difference(ranks, false);
        expect_hosts_make_no_difference(ranks, true);
    }
}

/* ---- shuffling ---- */

/* The order of an epoch of one replica of 50 rows. */
static void order_of(uint64_t seed, size_t epochs, const size_t *epoch, float order[50])
{
    mh_shard shard = shard_of((mh_span){0, 50});
    mh_loader_config config = config_of(50, 50, 1, true);
    mh_batch batch;

    config.order.seed = seed;

    mh_loader *loader = create(&shard, &config);

    for (size_t i = 0; i < epochs; i++)
        mh_loader_start_epoch(loader, epoch[i]);
    mh_loader_batch(loader, 0, 0, &batch);
    memcpy(order, batch.features, 50 * sizeof *order);
    mh_loader_destroy(loader);
    shard_free(&shard);
}

Test(loader, order_is_a_function_of_seed_and_epoch)
{
    float first[50], other_epoch[50], other_seed[50], after_others[50], in_file[50];

    for (size_t i = 0; i < 50; i++)
        in_file[i] = (float)i;
    order_of(1, 1, (const size_t[]){4}, first);
    order_of(1, 1, (const size_t[]){5}, other_epoch);
    order_of(2, 1, (const size_t[]){4}, other_seed);
    order_of(1, 3, (const size_t[]){9, 0, 4}, after_others); /* as after a resume, or not */
    EXPECT_SAME_BITS(first, after_others, 50);
    cr_expect(ne(dbl, toy_distance(first, other_epoch, 50), 0.0));
    cr_expect(ne(dbl, toy_distance(first, other_seed, 50), 0.0));
    cr_expect(ne(dbl, toy_distance(first, in_file, 50), 0.0));
}

/* Two replicas with as many rows each do not shuffle alike. */
Test(loader, replicas_have_orders_of_their_own)
{
    mh_shard shard = shard_of((mh_span){0, 100});
    mh_loader_config config = config_of(100, 100, 2, true);
    mh_loader *loader = create(&shard, &config);
    float first[50], second[50];
    mh_batch batch;

    mh_loader_batch(loader, 0, 0, &batch);
    memcpy(first, batch.features, sizeof first);
    mh_loader_batch(loader, 0, 1, &batch);
    for (size_t i = 0; i < 50; i++)
        second[i] = batch.features[i] - 50.0f;
    cr_expect(ne(dbl, toy_distance(first, second, 50), 0.0));
    mh_loader_destroy(loader);
    shard_free(&shard);
}

/* ---- labels ---- */

Test(loader, counts_known_labels_of_the_batch)
{
    for (size_t shuffles = 0; shuffles < 2; shuffles++) {
        mh_shard shard = shard_of((mh_span){0, 31});
        mh_loader_config config = config_of(31, 8, 3, shuffles == 1);
        mh_loader *loader = create(&shard, &config);

        for (size_t b = 0; b < mh_deal_batches(&config.order.deal); b++) {
            int64_t counted = 1000, expected = 1000; /* they are added */

            for (size_t r = 0; r < 3; r++) {
                mh_batch batch;

                mh_loader_batch(loader, b, r, &batch);
                for (size_t i = 0; i < batch.rows; i++)
                    expected += batch.labels[i] != MH_LABEL_MISSING;
            }
            mh_loader_count_labels(loader, b, &counted);
            cr_expect(eq(i64, counted, expected));
        }
        mh_loader_destroy(loader);
        shard_free(&shard);
    }
}
