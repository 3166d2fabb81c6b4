#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/data/loader.h"
#include "multihead/data/stream.h"
#include "scratch.h"

TestSuite(stream, .init = scratch_make, .fini = scratch_remove, .timeout = 20);

enum { ROWS = 203, REPLICAS = 3, BATCH_SIZE = 10, EPOCHS = 3, MEMORY = 1000 };

/* ---- rows whose first feature is their number ---- */

static const char *write_rows(void)
{
    static float features[ROWS * 2];
    static mh_label labels[ROWS];

    for (size_t row = 0; row < ROWS; row++) {
        features[row * 2] = (float)row;
        features[row * 2 + 1] = 1;
        labels[row] = row % 3 == 0 ? MH_LABEL_MISSING : (mh_label)(row % 2);
    }
    return data_file_of(
        "a.h5", &(mh_batch){.rows = ROWS, .inputs = 2, .heads = 1, .features = features, .labels = labels});
}

static mh_row_order_config order_of(mh_span hosted, bool shuffles)
{
    mh_row_order_config order = {
        .deal = {ROWS, BATCH_SIZE, REPLICAS}, .hosted = hosted, .shuffles = shuffles, .seed = 1};

    MUST(mh_windows_plan(&order.deal, 10, MEMORY, &order.windows));
    cr_assert(ge(sz, mh_windows_count(&order.windows, &order.deal), 4));
    return order;
}

typedef struct {
    mh_dataset *dataset;
    mh_shard shard;
    mh_loader *loader;
} source;

static source open_source(const char *path, const mh_row_order_config *order, bool is_held)
{
    mh_span rows = mh_deal_rows_of(ROWS, REPLICAS, order->hosted);
    source s = {.dataset = data_file_open(path)};

    if (is_held)
        MUST(mh_shard_load(s.dataset, rows, &s.shard));
    else
        s.shard = mh_shard_leave(s.dataset, rows);
    return s;
}

/* In place: the loader keeps where the shard is. */
static void start(source *s, const mh_row_order_config *order)
{
    const mh_loader_config config = {.order = *order, .epochs = EPOCHS};

    MUST(mh_loader_create(&s->shard, &config, &s->loader));
}

static void close_source(source *s)
{
    mh_loader_destroy(s->loader);
    if (mh_shard_is_held(&s->shard))
        mh_shard_clear(&s->shard);
    mh_dataset_close(s->dataset);
}

static void expect_same_batch(source *a, source *b, const mh_row_order_config *order, size_t batch)
{
    int64_t known_a = 0, known_b = 0;

    MUST(mh_loader_reach(a->loader, batch));
    MUST(mh_loader_reach(b->loader, batch));
    for (size_t r = order->hosted.first; r < mh_span_end(order->hosted); r++) {
        mh_batch x, y;

        mh_loader_batch(a->loader, batch, r, &x);
        mh_loader_batch(b->loader, batch, r, &y);
        cr_assert(eq(sz, x.rows, y.rows));
        EXPECT_SAME_BITS(x.features, y.features, x.rows * 2);
        EXPECT_SAME_BITS(x.labels, y.labels, x.rows);
    }
    mh_loader_count_labels(a->loader, batch, &known_a);
    mh_loader_count_labels(b->loader, batch, &known_b);
    cr_expect(eq(i64, known_a, known_b));
}

/* ---- what is read is what is held ---- */

static void expect_streamed_as_held(mh_span hosted, bool shuffles)
{
    mh_row_order_config order = order_of(hosted, shuffles);
    const char *path = write_rows();
    source held = open_source(path, &order, true), read = open_source(path, &order, false);

    start(&held, &order);
    start(&read, &order);
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        mh_loader_start_epoch(held.loader, epoch);
        mh_loader_start_epoch(read.loader, epoch);
        for (size_t batch = 0; batch < mh_deal_batches(&order.deal); batch++)
            expect_same_batch(&read, &held, &order, batch);
    }
    close_source(&held);
    close_source(&read);
}

Test(stream, deals_the_rows_that_a_held_shard_deals)
{
    expect_streamed_as_held((mh_span){0, REPLICAS}, true);
    expect_streamed_as_held((mh_span){0, REPLICAS}, false);
    expect_streamed_as_held((mh_span){1, 2}, true);
    expect_streamed_as_held((mh_span){2, 1}, false);
}

/* As after a resume, and as nobody does: forth, back, over epochs. */
Test(stream, begins_anywhere)
{
    static const size_t places[][2] = {{1, 13}, {1, 14}, {0, 2}, {2, 20}, {0, 0}, {0, 20}, {1, 0}, {2, 7}};
    mh_row_order_config order = order_of((mh_span){0, REPLICAS}, true);
    const char *path = write_rows();
    source held = open_source(path, &order, true), read = open_source(path, &order, false);

    start(&held, &order);
    start(&read, &order);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        mh_loader_start_epoch(held.loader, places[i][0]);
        mh_loader_start_epoch(read.loader, places[i][0]);
        expect_same_batch(&read, &held, &order, places[i][1]);
    }
    close_source(&held);
    close_source(&read);
}

Test(stream, standardizes_what_it_reads)
{
    float mean[] = {100, 0}, deviation[] = {2, 1};
    const mh_standardizer standardizer = {.inputs = 2, .mean = mean, .deviation = deviation};
    mh_row_order_config order = order_of((mh_span){0, REPLICAS}, false);
    const mh_loader_config config = {.order = order, .epochs = 1, .standardizer = &standardizer};
    source s = open_source(write_rows(), &order, false);
    mh_batch part;

    MUST(mh_loader_create(&s.shard, &config, &s.loader));
    MUST(mh_loader_reach(s.loader, 1));
    mh_loader_batch(s.loader, 1, 0, &part);
    cr_expect(eq(flt, part.features[0],
                 (4.0f - 100.0f) / 2.0f)); /* its first row is 4: the batch before had four */
    cr_expect(eq(flt, part.features[1], 1.0f));
    close_source(&s);
}

Test(stream, allocates_nothing_but_when_it_is_made)
{
    mh_row_order_config order = order_of((mh_span){0, REPLICAS}, true);
    source s = open_source(write_rows(), &order, false);

    start(&s, &order);
    MUST(mh_loader_reach(s.loader, 0)); /* which opens the file */
    MUST(mh_loader_reach(s.loader, mh_windows_batches(&order.windows, &order.deal, 1).first));
    uint64_t before = mh_memory_allocations();
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        mh_loader_start_epoch(s.loader, epoch);
        for (size_t batch = 0; batch < mh_deal_batches(&order.deal); batch++)
            MUST(mh_loader_reach(s.loader, batch));
    }
    cr_expect(eq(u64, mh_memory_allocations(), before));
    close_source(&s);
}

Test(stream, no_memory_is_a_failure_wherever_it_is_missing)
{
    mh_row_order_config order = order_of((mh_span){0, REPLICAS}, true);
    const mh_stream_config config = {.order = order, .epochs = 1};
    source s = open_source(write_rows(), &order, false);
    mh_stream *stream = NULL;
    size_t failures = 0;

    for (uint64_t n = 1; n < 100; n++) {
        mh_memory_fail_at(n);
        if (mh_stream_create(&s.shard, &config, &stream) == MH_OK)
            break;
        EXPECT_SAYS("out of memory");
        cr_expect(stream == NULL);
        failures++;
    }
    mh_memory_fail_at(0);
    cr_expect(ge(sz, failures, 10));
    MUST(mh_stream_reach(stream, 0, 0)); /* without a thread, the last one to fail, it does as well */
    mh_stream_destroy(stream);
    close_source(&s);
}

/* ---- what goes wrong in the thread ---- */

/* Where the features of a row are in the file. */
static void spoil_row(const char *path, size_t row)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT),
          dataset = H5Dopen2(file, "features", H5P_DEFAULT);
    off_t place = (off_t)H5Dget_offset(dataset) + (off_t)(row * 2 * sizeof(float));
    float nan = NAN;

    H5Dclose(dataset);
    H5Fclose(file);
    int descriptor = open(path, O_WRONLY);
    cr_assert(pwrite(descriptor, &nan, sizeof nan, place) == sizeof nan);
    close(descriptor);
}

/* Row 33 is read in the middle of the first replica, which owns 68. */
Test(stream, a_row_that_is_wrong_is_told_when_its_window_is_wanted_and_from_then_on)
{
    mh_row_order_config order = order_of((mh_span){0, REPLICAS}, false);
    const char *path = write_rows();
    source s = open_source(path, &order, false);
    size_t batch = 0;

    spoil_row(path, 33);
    start(&s, &order);
    while (batch < mh_deal_batches(&order.deal) && mh_loader_reach(s.loader, batch) == MH_OK)
        batch++;
    cr_expect(eq(sz, batch / order.windows.batches, 33 / (order.windows.batches * BATCH_SIZE / REPLICAS)));
    for (size_t again = 0; again < 3; again++) {
        EXPECT_FAILURE(mh_loader_reach(s.loader, batch + again), MH_ERR_FORMAT,
                       "a.h5: /features: row 33, column 0");
        EXPECT_SAYS("not a number");
    }
    close_source(&s);
}

Test(stream, a_file_that_is_cut_off_is_told)
{
    mh_row_order_config order = order_of((mh_span){0, REPLICAS}, true);
    const char *path = write_rows();
    source s = open_source(path, &order, false);
    mh_status status = MH_OK;

    cr_assert(truncate(path, 1000) == 0);
    start(&s, &order);
    for (size_t batch = 0; batch < mh_deal_batches(&order.deal) && status == MH_OK; batch++)
        status = mh_loader_reach(s.loader, batch);
    cr_expect(status == MH_ERR_IO, "%s", mh_status_message());
    EXPECT_SAYS("a.h5");
    close_source(&s);
}
