#include "multihead/data/shard.h"

#include "multihead/base/memory.h"

mh_status mh_shard_load(mh_dataset *dataset, mh_span rows, mh_shard *out)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);

    *out = (mh_shard){.rows = rows, .inputs = schema->inputs, .heads = schema->heads};
    MH_TRY(mh_memory_array(rows.count, schema->inputs * sizeof *out->features, &out->features));
    if (schema->heads > 0)
        MH_TRY(mh_memory_array(rows.count, schema->heads * sizeof *out->labels, &out->labels));
    MH_TRY(mh_dataset_read(dataset, rows, out->features, out->labels));
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

void mh_shard_raise_classes(const mh_shard *shard, size_t *classes)
{
    for (size_t head = 0; head < shard->heads; head++)
        classes[head] = classes[head] < 2 ? 2 : classes[head];
    for (size_t row = 0; row < shard->rows.count; row++) {
        const mh_label *labels = shard->labels + row * shard->heads;

        for (size_t head = 0; head < shard->heads; head++)
            if (labels[head] != MH_LABEL_MISSING && labels[head] >= classes[head])
                classes[head] = (size_t)labels[head] + 1;
    }
}

void mh_shard_count_classes(const mh_shard *shard, const size_t *classes, int64_t *counts)
{
    for (size_t row = 0; row < shard->rows.count; row++) {
        const mh_label *labels = shard->labels + row * shard->heads;
        size_t first = 0;

        for (size_t head = 0; head < shard->heads; head++) {
            if (labels[head] != MH_LABEL_MISSING)
                counts[first + labels[head]]++;
            first += classes[head];
        }
    }
}
