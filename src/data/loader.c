#include "multihead/data/loader.h"

#include <assert.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/random.h"

struct mh_loader {
    mh_loader_config config;
    const mh_shard *shard;
    size_t *order;    /* [shard rows] row of the shard at each place; NULL without a shuffle */
    float *features;  /* [replica_rows_max x inputs] gathered rows; NULL without             */
    mh_label *labels; /* [replica_rows_max x heads]                                          */
};

mh_status mh_loader_create(const mh_shard *shard, const mh_loader_config *config, mh_loader **out)
{
    mh_status status = MH_OK;
    mh_loader *loader = NULL;

    MH_TRY(mh_memory_new(sizeof *loader, &loader));
    loader->config = *config;
    loader->shard = shard;
    if (config->shuffles) {
        size_t rows = mh_deal_part_rows_max(&config->deal, 1);

        MH_TRY(mh_memory_array(shard->rows.count, sizeof *loader->order, &loader->order));
        MH_TRY(mh_memory_array(rows, shard->inputs * sizeof *loader->features, &loader->features));
        MH_TRY(mh_memory_array(rows, shard->heads * sizeof *loader->labels, &loader->labels));
        mh_loader_shuffle(loader, 0);
    }
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
    mh_memory_free(loader->order);
    mh_memory_free(loader->features);
    mh_memory_free(loader->labels);
    mh_memory_free(loader);
}

/* Fisher and Yates, from the identity each time, so that no epoch depends on the one before. */
static void shuffle_rows(size_t *order, mh_span rows, const mh_random *stream)
{
    for (size_t i = 0; i < rows.count; i++)
        order[i] = rows.first + i;
    for (size_t i = rows.count; i > 1; i--) {
        size_t other = mh_random_below(stream, i, i);
        size_t row = order[i - 1];

        order[i - 1] = order[other];
        order[other] = row;
    }
}

void mh_loader_shuffle(mh_loader *loader, size_t epoch)
{
    const mh_loader_config *config = &loader->config;

    if (!config->shuffles)
        return;
    for (size_t r = config->hosted.first; r < mh_span_end(config->hosted); r++) {
        mh_random stream = mh_random_stream(config->seed, MH_RANDOM_SHUFFLE, epoch, (uint32_t)r);
        mh_span rows = mh_span_part(config->deal.rows, r, config->deal.replicas);

        rows.first -= loader->shard->rows.first;
        shuffle_rows(loader->order + rows.first, rows, &stream);
    }
}

/* The places of a replica's part of a batch in the shard: rows where nothing is shuffled. */
static mh_span places(const mh_loader *loader, size_t batch, size_t replica)
{
    const mh_deal *deal = &loader->config.deal;
    mh_span part = mh_deal_part(deal, (mh_span){batch, 1}, replica);

    part.first += mh_span_part(deal->rows, replica, deal->replicas).first - loader->shard->rows.first;
    return part;
}

void mh_loader_batch(mh_loader *loader, size_t batch, size_t replica, mh_batch *out)
{
    const mh_shard *shard = loader->shard;
    mh_span part = places(loader, batch, replica);
    size_t inputs = shard->inputs, heads = shard->heads;

    assert(replica >= loader->config.hosted.first && replica < mh_span_end(loader->config.hosted));
    *out = (mh_batch){.rows = part.count, .inputs = inputs, .heads = heads};
    if (loader->order == NULL) {
        out->features = shard->features + part.first * inputs;
        out->labels = shard->labels + part.first * heads;
        return;
    }
    for (size_t i = 0; i < part.count; i++) {
        size_t row = loader->order[part.first + i];

        memcpy(loader->features + i * inputs, shard->features + row * inputs, inputs * sizeof(float));
        memcpy(loader->labels + i * heads, shard->labels + row * heads, heads * sizeof(mh_label));
    }
    out->features = loader->features;
    out->labels = loader->labels;
}

void mh_loader_count_labels(const mh_loader *loader, size_t batch, int64_t *counts)
{
    const mh_shard *shard = loader->shard;

    for (size_t r = loader->config.hosted.first; r < mh_span_end(loader->config.hosted); r++) {
        mh_span part = places(loader, batch, r);

        for (size_t i = part.first; i < mh_span_end(part); i++) {
            size_t row = loader->order == NULL ? i : loader->order[i];

            for (size_t head = 0; head < shard->heads; head++)
                counts[head] += shard->labels[row * shard->heads + head] != MH_LABEL_MISSING;
        }
    }
}
