#include "multihead/data/shard.h"

#include "multihead/base/memory.h"

mh_status mh_shard_reserve(mh_dataset *dataset, mh_span rows, mh_shard *out)
{
    mh_status status = MH_OK;

    *out = mh_shard_leave(dataset, rows);
    MH_TRY(mh_memory_array(rows.count, out->inputs * sizeof *out->features, &out->features));
    if (out->heads > 0)
        MH_TRY(mh_memory_array(rows.count, out->heads * sizeof *out->labels, &out->labels));
cleanup:
    if (status != MH_OK)
        mh_shard_clear(out);
    return status;
}

void mh_shard_hold(mh_shard *shard)
{
    shard->dataset = NULL;
}

mh_status mh_shard_load(mh_dataset *dataset, mh_span rows, mh_shard *out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_shard_reserve(dataset, rows, out));
    MH_TRY(mh_dataset_read(dataset, rows, out->features, out->labels));
    mh_shard_hold(out);
cleanup:
    if (status != MH_OK)
        mh_shard_clear(out);
    return status;
}

mh_shard mh_shard_leave(mh_dataset *dataset, mh_span rows)
{
    const mh_schema *schema = mh_dataset_schema(dataset);

    return (mh_shard){.rows = rows, .inputs = schema->inputs, .heads = schema->heads, .dataset = dataset};
}

bool mh_shard_is_held(const mh_shard *shard)
{
    return shard->dataset == NULL;
}

bool mh_shard_is_reserved(const mh_shard *shard)
{
    return shard->dataset != NULL && shard->features != NULL;
}

size_t mh_shard_row_bytes(const mh_schema *schema)
{
    return schema->inputs * sizeof(float) + schema->heads * sizeof(mh_label);
}

void mh_shard_clear(mh_shard *shard)
{
    mh_memory_free(shard->features);
    mh_memory_free(shard->labels);
    *shard = (mh_shard){0};
}

size_t mh_shard_missing_labels(const mh_shard *shard)
{
    size_t missing = 0;

    for (size_t i = 0; i < shard->rows.count * shard->heads; i++)
        missing += shard->labels[i] == MH_LABEL_MISSING;
    return missing;
}

/* ---- classes ---- */

/*
 * Loops over a row's labels without a branch, on counters as wide as labels, are vectors, and these need no memory of their
 * own: so many heads and rows at a time.
 */
enum { BLOCK_HEADS = 64, BLOCK_ROWS = UINT16_MAX };

static void raise_heads(const mh_shard *shard, mh_span heads, size_t *classes)
{
    uint16_t needed[BLOCK_HEADS] = {0};

    for (size_t row = 0; row < shard->rows.count; row++) {
        const mh_label *labels = shard->labels + row * shard->heads + heads.first;

        /* A missing label needs 0. */
        for (size_t i = 0; i < heads.count; i++) {
            uint16_t needs = (uint16_t)(labels[i] + 1);

            needed[i] = needs > needed[i] ? needs : needed[i];
        }
    }
    for (size_t i = 0; i < heads.count; i++)
        classes[i] = needed[i] > classes[i] ? needed[i] : classes[i];
}

void mh_shard_raise_classes(const mh_shard *shard, size_t *classes)
{
    _Static_assert((uint16_t)(MH_LABEL_MISSING + 1) == 0 && MH_CLASSES_MAX <= UINT16_MAX, "see raise_heads");

    for (size_t head = 0; head < shard->heads; head++)
        classes[head] = classes[head] < 2 ? 2 : classes[head];
    for (size_t head = 0; head < shard->heads; head += BLOCK_HEADS) {
        size_t left = shard->heads - head;

        raise_heads(shard, (mh_span){head, left < BLOCK_HEADS ? left : BLOCK_HEADS}, classes + head);
    }
}

/* counts [heads.count x 2] */
static void count_binary(const mh_shard *shard, mh_span rows, mh_span heads, int64_t *counts)
{
    uint16_t zeros[BLOCK_HEADS] = {0}, ones[BLOCK_HEADS] = {0};

    for (size_t row = rows.first; row < mh_span_end(rows); row++) {
        const mh_label *labels = shard->labels + row * shard->heads + heads.first;

        for (size_t i = 0; i < heads.count; i++) {
            zeros[i] = (uint16_t)(zeros[i] + (labels[i] == 0));
            ones[i] = (uint16_t)(ones[i] + (labels[i] == 1));
        }
    }
    for (size_t i = 0; i < heads.count; i++) {
        counts[2 * i] += zeros[i];
        counts[2 * i + 1] += ones[i];
    }
}

/* classes [heads.count]; counts [sum of classes] */
static void count_any(const mh_shard *shard, mh_span rows, mh_span heads, const size_t *classes,
                      int64_t *counts)
{
    for (size_t row = rows.first; row < mh_span_end(rows); row++) {
        const mh_label *labels = shard->labels + row * shard->heads + heads.first;
        size_t first = 0;

        for (size_t i = 0; i < heads.count; i++) {
            if (labels[i] != MH_LABEL_MISSING)
                counts[first + labels[i]]++;
            first += classes[i];
        }
    }
}

void mh_shard_count_classes(const mh_shard *shard, const size_t *classes, int64_t *counts)
{
    for (size_t head = 0; head < shard->heads; head += BLOCK_HEADS) {
        mh_span heads = {head, shard->heads - head < BLOCK_HEADS ? shard->heads - head : BLOCK_HEADS};
        size_t sum = 0;

        for (size_t i = 0; i < heads.count; i++)
            sum += classes[head + i];
        for (size_t row = 0; row < shard->rows.count; row += BLOCK_ROWS) {
            mh_span rows = {row, shard->rows.count - row < BLOCK_ROWS ? shard->rows.count - row : BLOCK_ROWS};

            if (sum == 2 * heads.count)
                count_binary(shard, rows, heads, counts);
            else
                count_any(shard, rows, heads, classes + head, counts);
        }
        counts += sum;
    }
}
