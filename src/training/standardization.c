#include "multihead/training/standardization.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/parallel/allreduce.h"

/* ---- what the columns are like ---- */

/* Bits of what a column has: each only ever comes in, so that a maximum of each over ranks joins them. */
enum { HAS_ZERO, HAS_ONE, HAS_OTHER, KINDS };

static void look_at_columns(const mh_shard *shard, int64_t *has, int64_t *zeros)
{
    for (size_t row = 0; row < shard->rows.count; row++) {
        for (size_t i = 0; i < shard->inputs; i++) {
            float x = shard->features[row * shard->inputs + i];
            int kind = x == 0.0f ? HAS_ZERO : x == 1.0f ? HAS_ONE : HAS_OTHER;

            has[i * KINDS + (size_t)kind] = 1;
            *zeros += kind == HAS_ZERO;
        }
    }
}

/* Which values columns have, over all ranks: has [inputs x KINDS]. Free with mh_memory_free. */
static mh_status find_kinds(const mh_comm *comm, const mh_shard *shard, int64_t **has, int64_t *zeros)
{
    mh_status status = MH_OK;

    *zeros = 0;
    status = mh_memory_array(shard->inputs, KINDS * sizeof **has, has);
    MH_TRY(mh_comm_agree(comm, status));
    look_at_columns(shard, *has, zeros);
    mh_comm_max(comm, *has, shard->inputs * KINDS);
    mh_comm_sum(comm, zeros, 1);
cleanup:
    return status;
}

static bool is_binary(const int64_t *has)
{
    return !has[HAS_OTHER];
}

mh_status mh_survey_columns(const mh_comm *comm, const mh_shard *shard, size_t rows, mh_column_survey *out)
{
    mh_status status = MH_OK;
    int64_t *has = NULL, zeros = 0;

    *out = (mh_column_survey){0};
    MH_TRY(find_kinds(comm, shard, &has, &zeros));
    for (size_t i = 0; i < shard->inputs; i++) {
        const int64_t *column = has + i * KINDS;

        out->binary_columns += is_binary(column) && column[HAS_ZERO] && column[HAS_ONE];
        out->constant_columns += is_binary(column) && !(column[HAS_ZERO] && column[HAS_ONE]);
    }
    out->zeros = (double)zeros / ((double)rows * (double)shard->inputs);
cleanup:
    mh_memory_free(has);
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
    int64_t *has = NULL, zeros = 0;

    *out = (mh_standardizer){0};
    if (mode == MH_STANDARDIZE_NO)
        return MH_OK;
    MH_TRY(find_kinds(comm, shard, &has, &zeros));
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
        if (mode == MH_STANDARDIZE_YES || !is_binary(has + i * KINDS))
            set_column(out, i, mean[i], sqrt(sums[i] / (double)rows));
cleanup:
    mh_memory_free(has);
    mh_memory_free(mean);
    mh_memory_free(sums);
    if (status != MH_OK)
        mh_standardizer_clear(out);
    return status;
}
