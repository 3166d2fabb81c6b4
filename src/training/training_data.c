#include "multihead/training/training_data.h"

#include "multihead/base/checksum.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/data/class_counts.h"
#include "multihead/data/deal.h"
#include "multihead/data/shard_pass.h"
#include "multihead/parallel/allreduce.h"

/* Makes room for the rows, which are read when they are looked at, or leaves them. */
static mh_status place_shard(mh_dataset *dataset, size_t replicas, mh_span hosted, size_t memory,
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
    mh_span rows = mh_deal_rows_of(data->rows, replicas, hosted);
    MH_TRY(mh_schema_copy(mh_dataset_schema(dataset), &data->schema));
    if (memory == 0 || rows.count <= memory / mh_shard_row_bytes(&data->schema))
        MH_TRY(mh_shard_reserve(dataset, rows, &data->shard));
    else
        data->shard = mh_shard_leave(dataset, rows);
cleanup:
    return status;
}

/* ---- the pass over this rank's rows ---- */

/* What tells the rows of a run from those of another: whoever holds a replica, it has the same rows. */
typedef struct {
    mh_checksum_stream *features, *labels;
} replica_checksum;

static mh_status start_checksum(replica_checksum *sum)
{
    mh_status status = MH_OK;

    *sum = (replica_checksum){0};
    MH_TRY(mh_checksum_stream_create(&sum->features));
    MH_TRY(mh_checksum_stream_create(&sum->labels));
cleanup:
    return status;
}

static uint64_t end_checksum(replica_checksum *sum)
{
    const uint64_t both[2] = {mh_checksum_stream_value(sum->features), mh_checksum_stream_value(sum->labels)};

    return mh_checksum(both, sizeof both);
}

static void clear_checksum(replica_checksum *sum)
{
    mh_checksum_stream_destroy(sum->features);
    mh_checksum_stream_destroy(sum->labels);
    *sum = (replica_checksum){0};
}

static void add_to_checksum(replica_checksum *sum, const mh_shard *piece, mh_span rows)
{
    size_t first = rows.first - piece->rows.first;

    mh_checksum_stream_add(sum->features, piece->features + first * piece->inputs,
                           rows.count * piece->inputs * sizeof *piece->features);
    mh_checksum_stream_add(sum->labels, piece->labels + first * piece->heads,
                           rows.count * piece->heads * sizeof *piece->labels);
}

/* Goes over the replicas in their order, as the pieces do over their rows. */
typedef struct {
    size_t rows, replicas;
    mh_span hosted;
    size_t replica; /* the one under way, of those hosted */
    replica_checksum sum;
    uint64_t *checksum; /* [hosted] */
} checksum_walk;

static mh_status walk_on(checksum_walk *walk, const mh_shard *piece)
{
    mh_status status = MH_OK;

    for (size_t row = piece->rows.first; row < mh_span_end(piece->rows);) {
        mh_span own = mh_span_part(walk->rows, walk->hosted.first + walk->replica, walk->replicas);
        size_t end =
            mh_span_end(own) < mh_span_end(piece->rows) ? mh_span_end(own) : mh_span_end(piece->rows);

        if (row == own.first)
            MH_TRY(start_checksum(&walk->sum));
        add_to_checksum(&walk->sum, piece, (mh_span){row, end - row});
        if (end == mh_span_end(own)) {
            walk->checksum[walk->replica++] = end_checksum(&walk->sum);
            clear_checksum(&walk->sum);
        }
        row = end;
    }
cleanup:
    return status;
}

static mh_status look_at_rows(size_t replicas, mh_span hosted, mh_training_data *data,
                              mh_class_counts *counts)
{
    mh_status status = MH_OK;
    checksum_walk walk = {.rows = data->rows, .replicas = replicas, .hosted = hosted};
    mh_shard_pass *pass = NULL;
    mh_shard piece;

    MH_TRY(mh_class_counts_create(&data->schema, counts));
    MH_TRY(mh_memory_array(hosted.count, sizeof *data->row_checksum, &data->row_checksum));
    walk.checksum = data->row_checksum;
    MH_TRY(mh_shard_pass_start(&data->shard, "reading the rows", &pass));
    while (mh_shard_pass_next(pass, &piece, &status)) {
        mh_phase_beat();
        MH_TRY(walk_on(&walk, &piece));
        MH_TRY(mh_class_counts_add(counts, &piece));
    }
    if (status == MH_OK && mh_shard_is_reserved(&data->shard))
        mh_shard_hold(&data->shard);
cleanup:
    clear_checksum(&walk.sum);
    mh_shard_pass_destroy(pass);
    return status;
}

/* ---- what all ranks know together ---- */

/* The largest label of any rank says how many classes there are, where nothing else does. */
static mh_status agree_on_classes(const mh_comm *comm, mh_class_counts *counts, mh_training_data *data)
{
    mh_status status = MH_OK;
    size_t heads = data->schema.heads;
    int64_t *classes = NULL;

    status = mh_memory_array(heads, sizeof *classes, &classes);
    MH_TRY(mh_comm_agree(comm, status));
    for (size_t head = 0; head < heads; head++)
        classes[head] = (int64_t)counts->classes[head];
    mh_comm_max(comm, classes, heads);
    for (size_t head = 0; head < heads; head++)
        data->schema.classes[head] = (size_t)classes[head];
    MH_TRY(mh_comm_agree(comm, mh_class_counts_widen(counts, data->schema.classes)));
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

static mh_status sum_counts(const mh_comm *comm, mh_class_counts *counts, mh_training_data *data)
{
    mh_status status = MH_OK;
    size_t classes = mh_class_counts_length(counts);

    status = mh_memory_array(classes, sizeof *data->base_rates, &data->base_rates);
    if (status == MH_OK)
        status = mh_memory_array(data->schema.heads, sizeof *data->known, &data->known);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_sum(comm, counts->counts, classes);
    rates_from_counts(&data->schema, counts->counts, data->base_rates, data->known);
    data->missing_labels = (int64_t)(data->rows * data->schema.heads);
    for (size_t head = 0; head < data->schema.heads; head++)
        data->missing_labels -= data->known[head];
cleanup:
    return status;
}

mh_status mh_training_data_load(const mh_comm *comm, mh_dataset *dataset, size_t replicas, size_t memory,
                                mh_training_data *out)
{
    mh_status status = MH_OK;
    mh_span hosted = mh_allreduce_hosted(replicas, mh_comm_rank(comm), mh_comm_ranks(comm));
    mh_class_counts counts = {0};
    const char *before = mh_phase_name();

    *out = (mh_training_data){0};
    status = place_shard(dataset, replicas, hosted, memory, out);
    if (status == MH_OK)
        status = look_at_rows(replicas, hosted, out, &counts);
    MH_TRY(mh_comm_agree(comm, status));
    mh_phase_enter("counting labels");
    MH_TRY(agree_on_classes(comm, &counts, out));
    MH_TRY(sum_counts(comm, &counts, out));
    mh_phase_enter(before);
cleanup:
    mh_class_counts_clear(&counts);
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
    if (data->standardizer.inputs > 0 && mh_shard_is_held(&data->shard))
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
