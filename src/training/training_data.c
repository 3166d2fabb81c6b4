#include "multihead/training/training_data.h"

#include "multihead/base/checksum.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/data/deal.h"
#include "multihead/parallel/allreduce.h"

static mh_status load_shard(mh_dataset *dataset, size_t replicas, size_t rank, size_t ranks,
                            mh_training_data *data)
{
    mh_status status = MH_OK;

    data->rows = mh_dataset_rows(dataset);
    if (mh_dataset_schema(dataset)->heads == 0)
        return MH_FAIL(MH_ERR_FORMAT,
                       "%s: there is no /labels (nor /y, /Y), which training needs; --labels-name "
                       "says another name",
                       mh_dataset_name(dataset));
    if (data->rows < replicas)
        return MH_FAIL(MH_ERR_FORMAT,
                       "%s: %zu rows are fewer than the %zu replicas; --replicas says how many",
                       mh_dataset_name(dataset), data->rows, replicas);
    mh_span hosted = mh_allreduce_hosted(replicas, rank, ranks);
    MH_TRY(mh_shard_load(dataset, mh_deal_rows_of(data->rows, replicas, hosted), &data->shard));
    MH_TRY(mh_schema_copy(mh_dataset_schema(dataset), &data->schema));
cleanup:
    return status;
}

/* The largest label of any rank says how many classes there are, where nothing else does. */
static mh_status agree_on_classes(const mh_comm *comm, mh_training_data *data)
{
    mh_status status = MH_OK;
    size_t heads = data->schema.heads;
    int64_t *classes = NULL;

    status = mh_memory_array(heads, sizeof *classes, &classes);
    MH_TRY(mh_comm_agree(comm, status));
    mh_shard_raise_classes(&data->shard, data->schema.classes);
    for (size_t head = 0; head < heads; head++)
        classes[head] = (int64_t)data->schema.classes[head];
    mh_comm_max(comm, classes, heads);
    for (size_t head = 0; head < heads; head++)
        data->schema.classes[head] = (size_t)classes[head];
cleanup:
    mh_memory_free(classes);
    return status;
}

static void rates_from_counts(const mh_schema *schema, const int64_t *counts, double *rates,
                              int64_t *known_labels)
{
    for (size_t head = 0; head < schema->heads; head++) {
        size_t classes = schema->classes[head];
        int64_t known = 0;

        for (size_t c = 0; c < classes; c++)
            known += counts[c];
        for (size_t c = 0; c < classes; c++)
            rates[c] = known > 0 ? (double)counts[c] / (double)known : 0.0;
        known_labels[head] = known;
        counts += classes;
        rates += classes;
    }
}

static mh_status count_labels(const mh_comm *comm, mh_training_data *data)
{
    mh_status status = MH_OK;
    int64_t *counts = NULL;
    size_t classes = 0;

    for (size_t head = 0; head < data->schema.heads; head++)
        classes += data->schema.classes[head];
    status = mh_memory_array(classes, sizeof *counts, &counts);
    if (status == MH_OK)
        status = mh_memory_array(classes, sizeof *data->base_rates, &data->base_rates);
    if (status == MH_OK)
        status = mh_memory_array(data->schema.heads, sizeof *data->known, &data->known);
    MH_TRY(mh_comm_agree(comm, status));
    mh_shard_count_classes(&data->shard, data->schema.classes, counts);
    mh_comm_sum(comm, counts, classes);
    rates_from_counts(&data->schema, counts, data->base_rates, data->known);
    data->missing_labels = (int64_t)data->shard.missing_labels;
    mh_comm_sum(comm, &data->missing_labels, 1);
cleanup:
    mh_memory_free(counts);
    return status;
}

/* What tells the rows of a run from those of another: whoever holds a replica, it has the same rows. */
static mh_status take_checksums(size_t replicas, size_t rank, size_t ranks, mh_training_data *data)
{
    mh_status status = MH_OK;
    const mh_shard *shard = &data->shard;
    mh_span hosted = mh_allreduce_hosted(replicas, rank, ranks);

    MH_TRY(mh_memory_array(hosted.count, sizeof *data->row_checksum, &data->row_checksum));
    for (size_t r = 0; r < hosted.count; r++) {
        mh_span rows = mh_deal_rows_of(data->rows, replicas, (mh_span){hosted.first + r, 1});
        size_t first = rows.first - shard->rows.first;
        const uint64_t both[2] = {mh_checksum(shard->features + first * shard->inputs,
                                              rows.count * shard->inputs * sizeof *shard->features),
                                  mh_checksum(shard->labels + first * shard->heads,
                                              rows.count * shard->heads * sizeof *shard->labels)};

        data->row_checksum[r] = mh_checksum(both, sizeof both);
    }
cleanup:
    return status;
}

mh_status mh_training_data_load(const mh_comm *comm, mh_dataset *dataset, size_t replicas,
                                mh_training_data *out)
{
    mh_status status = MH_OK;
    const char *before = mh_phase_name();

    *out = (mh_training_data){0};
    status = load_shard(dataset, replicas, mh_comm_rank(comm), mh_comm_ranks(comm), out);
    if (status == MH_OK)
        status = take_checksums(replicas, mh_comm_rank(comm), mh_comm_ranks(comm), out);
    MH_TRY(mh_comm_agree(comm, status));
    mh_phase_enter("counting labels");
    MH_TRY(agree_on_classes(comm, out));
    MH_TRY(count_labels(comm, out));
    mh_phase_enter(before);
cleanup:
    if (status != MH_OK)
        mh_training_data_clear(out);
    return status;
}

mh_status mh_training_data_standardize(const mh_comm *comm, mh_standardize mode, float limit, size_t replicas,
                                       mh_training_data *data)
{
    mh_status status = MH_OK;

    MH_TRY(mh_standardize_columns(comm, mode, &data->shard, data->rows, replicas, &data->standardizer));
    data->standardizer.limit = limit;
    if (data->standardizer.inputs > 0)
        mh_standardizer_apply(&data->standardizer, data->shard.rows.count, data->shard.features);
cleanup:
    return status;
}

void mh_training_data_clear(mh_training_data *data)
{
    mh_shard_clear(&data->shard);
    mh_schema_clear(&data->schema);
    mh_memory_free(data->base_rates);
    mh_memory_free(data->known);
    mh_memory_free(data->row_checksum);
    mh_standardizer_clear(&data->standardizer);
    *data = (mh_training_data){0};
}
