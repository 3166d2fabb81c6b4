#include "multihead/data/class_counts.h"

#include <string.h>

#include "multihead/base/memory.h"

static size_t sum_of(const size_t *classes, size_t heads)
{
    size_t sum = 0;

    for (size_t head = 0; head < heads; head++)
        sum += classes[head];
    return sum;
}

mh_status mh_class_counts_create(const mh_schema *schema, mh_class_counts *out)
{
    mh_status status = MH_OK;

    *out = (mh_class_counts){.heads = schema->heads};
    MH_TRY(mh_memory_array(schema->heads, sizeof *out->classes, &out->classes));
    for (size_t head = 0; head < schema->heads; head++)
        out->classes[head] = schema->classes[head] < 2 ? 2 : schema->classes[head];
    MH_TRY(mh_memory_array(mh_class_counts_length(out), sizeof *out->counts, &out->counts));
cleanup:
    if (status != MH_OK)
        mh_class_counts_clear(out);
    return status;
}

void mh_class_counts_clear(mh_class_counts *counts)
{
    mh_memory_free(counts->classes);
    mh_memory_free(counts->counts);
    *counts = (mh_class_counts){0};
}

size_t mh_class_counts_length(const mh_class_counts *counts)
{
    return sum_of(counts->classes, counts->heads);
}

mh_status mh_class_counts_widen(mh_class_counts *counts, const size_t *classes)
{
    mh_status status = MH_OK;
    int64_t *wider = NULL;
    size_t bytes = counts->heads * sizeof *classes, from = 0, to = 0;

    if (memcmp(classes, counts->classes, bytes) == 0)
        return MH_OK;
    MH_TRY(mh_memory_array(sum_of(classes, counts->heads), sizeof *wider, &wider));
    for (size_t head = 0; head < counts->heads; head++) {
        memcpy(wider + to, counts->counts + from, counts->classes[head] * sizeof *wider);
        from += counts->classes[head];
        to += classes[head];
    }
    mh_memory_free(counts->counts);
    counts->counts = wider;
    memcpy(counts->classes, classes, bytes);
cleanup:
    return status;
}

mh_status mh_class_counts_add(mh_class_counts *counts, const mh_shard *shard)
{
    mh_status status = MH_OK;
    size_t *classes = NULL;

    MH_TRY(mh_memory_array(counts->heads, sizeof *classes, &classes));
    memcpy(classes, counts->classes, counts->heads * sizeof *classes);
    mh_shard_raise_classes(shard, classes);
    MH_TRY(mh_class_counts_widen(counts, classes));
    mh_shard_count_classes(shard, counts->classes, counts->counts);
cleanup:
    mh_memory_free(classes);
    return status;
}
