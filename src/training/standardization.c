#include "multihead/training/standardization.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/parallel/allreduce.h"

/* ---- what the columns are like ---- */

/* Whether a column holds anything but 0 and 1: [inputs], a whole number so that ranks can take its maximum. */
static mh_status find_others(const mh_comm *comm, const mh_shard *shard, int64_t **has_others)
{
    mh_status status = mh_memory_array(shard->inputs, sizeof **has_others, has_others);

    MH_TRY(mh_comm_agree(comm, status));
    for (size_t row = 0; row < shard->rows.count; row++) {
        const float *x = shard->features + row * shard->inputs;

        for (size_t i = 0; i < shard->inputs; i++)
            (*has_others)[i] |= x[i] != 0.0f && x[i] != 1.0f;
    }
    mh_comm_max(comm, *has_others, shard->inputs);
cleanup:
    return status;
}

/* ---- sums ---- */

/* Adds each hosted replica's rows to its own sums [hosted x inputs]: x - shift, or the square of it. */
static void add_replicas(const mh_shard *shard, size_t rows, size_t replicas, mh_span hosted,
                         const double *shift, double *sums)
{
    for (size_t r = 0; r < hosted.count; r++) {
        mh_span own = mh_span_part(rows, hosted.first + r, replicas);
        const float *x = shard->features + (own.first - shard->rows.first) * shard->inputs;
        double *sum = sums + r * shard->inputs;

        mh_phase_beat();
        for (size_t row = 0; row < own.count; row++, x += shard->inputs)
            for (size_t i = 0; i < shard->inputs; i++) {
                double from_mean = shift != NULL ? (double)x[i] - shift[i] : 0.0;

                sum[i] += shift != NULL ? from_mean * from_mean : (double)x[i];
            }
    }
}

/* The sum over all rows, in the tree's order: [inputs] in the front of `sums`. */
static mh_status sum_columns(const mh_comm *comm, const mh_shard *shard, size_t rows, size_t replicas,
                             const double *shift, double *sums)
{
    mh_span hosted = mh_allreduce_hosted(replicas, mh_comm_rank(comm), mh_comm_ranks(comm));

    memset(sums, 0, hosted.count * shard->inputs * sizeof *sums);
    add_replicas(shard, rows, replicas, hosted, shift, sums);
    return mh_allreduce_doubles(comm, replicas, shard->inputs, sums);
}

static void set_column(mh_standardizer *s, size_t column, double mean, double deviation)
{
    s->mean[column] = (float)mean;
    s->deviation[column] = (float)deviation;
    /* A column that hardly varies beside its own size is constant but for rounding, and is not blown up. */
    if (!(deviation > 1e-7 * fabs(mean)) || !(s->deviation[column] > 0.0f) || !isfinite(s->deviation[column]))
        s->deviation[column] = 1.0f;
}

mh_status mh_standardize_columns(const mh_comm *comm, mh_standardize mode, const mh_shard *shard, size_t rows,
                                 size_t replicas, mh_standardizer *out)
{
    mh_status status = MH_OK;
    mh_span hosted = mh_allreduce_hosted(replicas, mh_comm_rank(comm), mh_comm_ranks(comm));
    double *mean = NULL, *sums = NULL;
    int64_t *has_others = NULL;
    const char *before = mh_phase_name();

    *out = (mh_standardizer){0};
    if (mode == MH_STANDARDIZE_NO)
        return MH_OK;
    mh_phase_enter("standardizing features");
    MH_TRY(find_others(comm, shard, &has_others));
    status = mh_memory_array(shard->inputs, sizeof *mean, &mean);
    if (status == MH_OK)
        status = mh_memory_array(hosted.count, shard->inputs * sizeof *sums, &sums);
    if (status == MH_OK)
        status = mh_standardizer_create(shard->inputs, out);
    MH_TRY(mh_comm_agree(comm, status));

    MH_TRY(sum_columns(comm, shard, rows, replicas, NULL, sums));
    for (size_t i = 0; i < shard->inputs; i++)
        mean[i] = sums[i] / (double)rows;
    MH_TRY(sum_columns(comm, shard, rows, replicas, mean, sums));
    for (size_t i = 0; i < shard->inputs; i++)
        if (mode == MH_STANDARDIZE_YES || has_others[i])
            set_column(out, i, mean[i], sqrt(sums[i] / (double)rows));
    mh_phase_enter(before);
cleanup:
    mh_memory_free(has_others);
    mh_memory_free(mean);
    mh_memory_free(sums);
    if (status != MH_OK)
        mh_standardizer_clear(out);
    return status;
}
