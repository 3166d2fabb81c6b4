#include "multihead/data/loader.h"

#include <assert.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/data/stream.h"

struct mh_loader {
    mh_loader_config config;
    const mh_shard *shard;
    size_t epoch;
    mh_stream *stream; /* where the shard is not held; then the others are NULL */

    mh_row_order *order;
    size_t *row;      /* [shard rows] row of the data set at each place; NULL without a shuffle */
    float *features;  /* [hosted x part_rows_max x inputs] gathered rows; NULL without          */
    mh_label *labels; /* [hosted x part_rows_max x heads]                                       */
};

static mh_status create_stream(mh_loader *loader)
{
    const mh_loader_config *config = &loader->config;
    const mh_stream_config stream = {config->order, config->epochs, config->standardizer};

    return mh_stream_create(loader->shard, &stream, &loader->stream);
}

static mh_status create_order(mh_loader *loader)
{
    mh_status status = MH_OK;
    const mh_shard *shard = loader->shard;
    size_t rows = loader->config.order.hosted.count * mh_deal_part_rows_max(&loader->config.order.deal, 1);

    MH_TRY(mh_row_order_create(&loader->config.order, &loader->order));
    MH_TRY(mh_memory_array(shard->rows.count, sizeof *loader->row, &loader->row));
    MH_TRY(mh_memory_array(rows, shard->inputs * sizeof *loader->features, &loader->features));
    MH_TRY(mh_memory_array(rows, shard->heads * sizeof *loader->labels, &loader->labels));
    mh_loader_start_epoch(loader, 0);
cleanup:
    return status;
}

mh_status mh_loader_create(const mh_shard *shard, const mh_loader_config *config, mh_loader **out)
{
    mh_status status = MH_OK;
    mh_loader *loader = NULL;

    MH_TRY(mh_memory_new(sizeof *loader, &loader));
    loader->config = *config;
    loader->shard = shard;
    if (!mh_shard_is_held(shard))
        MH_TRY(create_stream(loader));
    else if (config->order.shuffles)
        MH_TRY(create_order(loader));
cleanup:
    if (status != MH_OK) {
        mh_loader_destroy(loader);
        loader = NULL;
    }
    *out = loader;
    return status;
}

void mh_loader_destroy(mh_loader *loader)
{
    if (loader == NULL)
        return;
    mh_stream_destroy(loader->stream);
    mh_row_order_destroy(loader->order);
    mh_memory_free(loader->row);
    mh_memory_free(loader->features);
    mh_memory_free(loader->labels);
    mh_memory_free(loader);
}

void mh_loader_start_epoch(mh_loader *loader, size_t epoch)
{
    const mh_row_order_config *order = &loader->config.order;

    loader->epoch = epoch;
    if (loader->order == NULL)
        return;
    mh_row_order_start(loader->order, epoch);
    for (size_t r = order->hosted.first; r < mh_span_end(order->hosted); r++) {
        mh_span own = mh_span_part(order->deal.rows, r, order->deal.replicas);

        mh_row_order_list(loader->order, r, loader->row + (own.first - loader->shard->rows.first));
    }
}

mh_status mh_loader_reach(mh_loader *loader, size_t batch)
{
    if (loader->stream == NULL)
        return MH_OK;
    return mh_stream_reach(loader->stream, loader->epoch,
                           mh_windows_of_batch(&loader->config.order.windows, batch));
}

/* The places of a replica's part of a batch in a shard that is held: rows of it where nothing is shuffled. */
static mh_span places(const mh_loader *loader, size_t batch, size_t replica)
{
    const mh_deal *deal = &loader->config.order.deal;
    mh_span part = mh_deal_part(deal, (mh_span){batch, 1}, replica);

    part.first += mh_span_part(deal->rows, replica, deal->replicas).first - loader->shard->rows.first;
    return part;
}

/* The row of the shard at a place. */
static size_t row_at(const mh_loader *loader, size_t place)
{
    return loader->row == NULL ? place : loader->row[place] - loader->shard->rows.first;
}

/* Each hosted replica has a place of its own, so that all parts of a batch are there at the same time. */
static void gather(mh_loader *loader, size_t replica, mh_span part, mh_batch *out)
{
    const mh_shard *shard = loader->shard;
    const mh_row_order_config *order = &loader->config.order;
    size_t inputs = shard->inputs, heads = shard->heads;
    size_t place = (replica - order->hosted.first) * mh_deal_part_rows_max(&order->deal, 1);
    float *features = loader->features + place * inputs;
    mh_label *labels = loader->labels + place * heads;

    for (size_t i = 0; i < part.count; i++) {
        size_t row = row_at(loader, part.first + i);

        memcpy(features + i * inputs, shard->features + row * inputs, inputs * sizeof *features);
        memcpy(labels + i * heads, shard->labels + row * heads, heads * sizeof *labels);
    }
    out->features = features;
    out->labels = labels;
}

void mh_loader_batch(mh_loader *loader, size_t batch, size_t replica, mh_batch *out)
{
    const mh_shard *shard = loader->shard;

    assert(replica >= loader->config.order.hosted.first &&
           replica < mh_span_end(loader->config.order.hosted));
    if (loader->stream != NULL) {
        mh_stream_batch(loader->stream, batch, replica, out);
        return;
    }

    mh_span part = places(loader, batch, replica);

    *out = (mh_batch){.rows = part.count, .inputs = shard->inputs, .heads = shard->heads};
    if (loader->row != NULL) {
        gather(loader, replica, part, out);
        return;
    }
    out->features = shard->features + part.first * shard->inputs;
    out->labels = shard->labels + part.first * shard->heads;
}

static void count_row(const mh_label *labels, size_t heads, int64_t *counts)
{
    for (size_t head = 0; head < heads; head++)
        counts[head] += labels[head] != MH_LABEL_MISSING;
}

void mh_loader_count_labels(const mh_loader *loader, size_t batch, int64_t *counts)
{
    mh_span hosted = loader->config.order.hosted;
    size_t heads = loader->shard->heads;

    for (size_t r = hosted.first; r < mh_span_end(hosted); r++) {
        if (loader->stream != NULL) {
            mh_batch part;

            mh_stream_batch(loader->stream, batch, r, &part);
            for (size_t i = 0; i < part.rows; i++)
                count_row(part.labels + i * heads, heads, counts);
        } else {
            mh_span part = places(loader, batch, r);

            for (size_t i = part.first; i < mh_span_end(part); i++)
                count_row(loader->shard->labels + row_at(loader, i) * heads, heads, counts);
        }
    }
}
