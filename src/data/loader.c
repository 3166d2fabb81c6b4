#include "multihead/data/loader.h"

#include <assert.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/random.h"

struct mh_loader {
    mh_loader_config config;
    const mh_shard *shard;
    size_t *order;    /* [shard rows] row of the shard at each place; NULL without a shuffle */
    float *features;  /* [hosted x replica_rows_max x inputs] gathered rows; NULL without    */
    mh_label *labels; /* [hosted x replica_rows_max x heads]                                 */
};

mh_span mh_loader_shard_rows(size_t rows, size_t replicas, mh_span hosted)
{
    size_t first = mh_span_part(rows, hosted.first, replicas).first;
    size_t end = mh_span_end(mh_span_part(rows, mh_span_end(hosted) - 1, replicas));

    return (mh_span){first, end - first};
}

mh_status mh_loader_create(const mh_shard *shard, const mh_loader_config *config, mh_loader **out)
{
    mh_status status = MH_OK;
    mh_loader *loader = NULL;

    MH_TRY(mh_memory_new(sizeof *loader, &loader));
    loader->config = *config;
    loader->shard = shard;
    if (config->shuffles) {
        size_t rows = config->hosted.count * mh_loader_replica_rows_max(loader);

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
        mh_span rows = mh_span_part(config->rows, r, config->replicas);

        rows.first -= loader->shard->rows.first;
        shuffle_rows(loader->order + rows.first, rows, &stream);
    }
}

size_t mh_loader_batches(const mh_loader *loader)
{
    return (loader->config.rows + loader->config.batch_size - 1) / loader->config.batch_size;
}

/* Rows dealt out before global batch `batch`. */
static size_t dealt_before(const mh_loader *loader, size_t batch)
{
    size_t dealt = batch * loader->config.batch_size;

    return dealt < loader->config.rows ? dealt : loader->config.rows;
}

size_t mh_loader_batch_rows(const mh_loader *loader, size_t batch)
{
    return dealt_before(loader, batch + 1) - dealt_before(loader, batch);
}

size_t mh_loader_replica_rows_max(const mh_loader *loader)
{
    size_t batch =
        loader->config.batch_size < loader->config.rows ? loader->config.batch_size : loader->config.rows;

    return (batch + loader->config.replicas - 1) / loader->config.replicas;
}

/* Of the first `dealt` rows, dealt in turn, those that went to `replica`. */
static size_t dealt_to(const mh_loader *loader, size_t dealt, size_t replica)
{
    size_t replicas = loader->config.replicas;

    return dealt / replicas + (replica < dealt % replicas ? 1 : 0);
}

/* The places of a replica's part of a batch in the shard: rows where nothing is shuffled. */
static mh_span places(const mh_loader *loader, size_t batch, size_t replica)
{
    size_t first = dealt_to(loader, dealt_before(loader, batch), replica);
    size_t end = dealt_to(loader, dealt_before(loader, batch + 1), replica);
    size_t own = mh_span_part(loader->config.rows, replica, loader->config.replicas).first;

    return (mh_span){own - loader->shard->rows.first + first, end - first};
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
    size_t place = (replica - loader->config.hosted.first) * mh_loader_replica_rows_max(loader);
    float *features = loader->features + place * inputs;
    mh_label *labels = loader->labels + place * heads;

    for (size_t i = 0; i < part.count; i++) {
        size_t row = loader->order[part.first + i];

        memcpy(features + i * inputs, shard->features + row * inputs, inputs * sizeof(float));
        memcpy(labels + i * heads, shard->labels + row * heads, heads * sizeof(mh_label));
    }
    out->features = features;
    out->labels = labels;
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
