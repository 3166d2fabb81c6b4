#include "multihead/training/standardization.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/data/shard_pass.h"
#include "multihead/parallel/allreduce.h"

/* ---- sums ---- */

/* What a pass over the rows adds up. */
typedef struct {
    size_t rows, replicas;
    mh_span hosted;
    const double *shift; /* [inputs], or NULL                                                        */
    double *sums;        /* [hosted x inputs] of x, or with a shift the squares of x - shift         */
    int64_t
        *has_others; /* [inputs] whether a column holds anything but 0 and 1: whole numbers, so that ranks can
                            take their maximum; NULL with a shift, when it is known                  */
} column_sums;

static void add_row(const column_sums *s, size_t inputs, const float *x, double *sum)
{
    for (size_t i = 0; i < inputs; i++) {
        double from_mean = s->shift != NULL ? (double)x[i] - s->shift[i] : 0.0;

        sum[i] += s->shift != NULL ? from_mean * from_mean : (double)x[i];
        if (s->has_others != NULL)
            s->has_others[i] |= x[i] != 0.0f && x[i] != 1.0f;
    }
}

/* Adds the rows of a piece to the sums of the replicas that own them. */
static void add_piece(const column_sums *s, const mh_shard *piece)
{
    size_t inputs = piece->inputs;

    for (size_t r = 0; r < s->hosted.count; r++) {
        mh_span own = mh_span_part(s->rows, s->hosted.first + r, s->replicas);
        size_t first = own.first > piece->rows.first ? own.first : piece->rows.first;
        size_t end =
            mh_span_end(own) < mh_span_end(piece->rows) ? mh_span_end(own) : mh_span_end(piece->rows);

        mh_phase_beat();
        for (size_t row = first; row < end; row++)
            add_row(s, inputs, piece->features + (row - piece->rows.first) * inputs, s->sums + r * inputs);
    }
}

/* The sum over all rows, in the tree's order: [inputs] in the front of `sums`. */
static mh_status sum_columns(const mh_comm *comm, const mh_shard *shard, const column_sums *s)
{
    mh_status status = MH_OK;
    mh_shard_pass *pass = NULL;
    mh_shard piece;

    memset(s->sums, 0, s->hosted.count * shard->inputs * sizeof *s->sums);
    status = mh_shard_pass_start(shard, "standardizing features", &pass);
    while (status == MH_OK && mh_shard_pass_next(pass, &piece, &status))
        add_piece(s, &piece);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(mh_allreduce_doubles(comm, s->replicas, shard->inputs, s->sums));
cleanup:
    mh_shard_pass_destroy(pass);
    return status;
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
    column_sums s = {.rows = rows, .replicas = replicas, .hosted = hosted};
    double *mean = NULL;
    int64_t *has_others = NULL;
    const char *before = mh_phase_name();

    *out = (mh_standardizer){0};
    if (mode == MH_STANDARDIZE_NO)
        return MH_OK;
    mh_phase_enter("standardizing features");
    status = mh_memory_array(shard->inputs, sizeof *mean, &mean);
    if (status == MH_OK)
        status = mh_memory_array(shard->inputs, sizeof *has_others, &has_others);
    if (status == MH_OK)
        status = mh_memory_array(hosted.count, shard->inputs * sizeof *s.sums, &s.sums);
    if (status == MH_OK)
        status = mh_standardizer_create(shard->inputs, out);
    MH_TRY(mh_comm_agree(comm, status));

    s.has_others = has_others;
    MH_TRY(sum_columns(comm, shard, &s));
    mh_comm_max(comm, has_others, shard->inputs);
    for (size_t i = 0; i < shard->inputs; i++)
        mean[i] = s.sums[i] / (double)rows;
    s.has_others = NULL;
    s.shift = mean;
    MH_TRY(sum_columns(comm, shard, &s));
    for (size_t i = 0; i < shard->inputs; i++)
        if (mode == MH_STANDARDIZE_YES || has_others[i])
            set_column(out, i, mean[i], sqrt(s.sums[i] / (double)rows));
    mh_phase_enter(before);
cleanup:
    mh_memory_free(has_others);
    mh_memory_free(mean);
    mh_memory_free(s.sums);
    if (status != MH_OK)
        mh_standardizer_clear(out);
    return status;
}
