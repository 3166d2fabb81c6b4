#include "multihead/data/shard_pass.h"

#include "multihead/base/clock.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/data/windows.h"

enum {
    PIECE_BYTES = 1 << 22,
    RESERVED_PIECE_BYTES =
        1 << 24 /* into the shard's own memory: as long as it stays in the cache, the more the better */
};

static const double TOLD_EVERY_SECONDS = 10;

struct mh_shard_pass {
    const mh_shard *shard;
    const char *purpose;
    size_t done;       /* rows given out                                            */
    size_t piece_rows; /* of what is read at a time, a power of two                 */
    float *features;   /* [piece_rows x inputs], NULL where the shard has memory    */
    mh_label *labels;  /* [piece_rows x heads]                                      */
    double last_told;  /* the clock when somebody last heard how far it is          */
};

mh_status mh_shard_pass_start(const mh_shard *shard, const char *purpose, mh_shard_pass **out)
{
    mh_status status = MH_OK;
    mh_shard_pass *pass = NULL;

    MH_TRY(mh_memory_new(sizeof *pass, &pass));
    pass->shard = shard;
    pass->purpose = purpose;
    pass->last_told = mh_clock_seconds();
    if (mh_shard_is_held(shard))
        goto cleanup;
    pass->piece_rows =
        mh_windows_block_rows((mh_shard_is_reserved(shard) ? RESERVED_PIECE_BYTES : PIECE_BYTES) /
                              mh_shard_row_bytes(mh_dataset_schema(shard->dataset)));
    if (mh_shard_is_reserved(shard))
        goto cleanup;
    MH_TRY(mh_memory_array(pass->piece_rows, shard->inputs * sizeof *pass->features, &pass->features));
    MH_TRY(mh_memory_array(pass->piece_rows, shard->heads * sizeof *pass->labels, &pass->labels));
cleanup:
    if (status != MH_OK) {
        mh_shard_pass_destroy(pass);
        pass = NULL;
    }
    *out = pass;
    return status;
}

void mh_shard_pass_destroy(mh_shard_pass *pass)
{
    if (pass == NULL)
        return;
    mh_memory_free(pass->features);
    mh_memory_free(pass->labels);
    mh_memory_free(pass);
}

static void tell_progress(mh_shard_pass *pass)
{
    double now = mh_clock_seconds();

    if (now - pass->last_told < TOLD_EVERY_SECONDS)
        return;
    pass->last_told = now;
    mh_log_info("  %s: %.0f %%", pass->purpose, 100.0 * (double)pass->done / (double)pass->shard->rows.count);
}

bool mh_shard_pass_next(mh_shard_pass *pass, mh_shard *piece, mh_status *status)
{
    const mh_shard *shard = pass->shard;
    size_t left = shard->rows.count - pass->done, first = shard->rows.first + pass->done;

    *status = MH_OK;
    if (left == 0)
        return false;
    if (mh_shard_is_held(shard)) {
        *piece = *shard;
        pass->done = shard->rows.count;
        return true;
    }
    tell_progress(pass);
    /* Pieces end where those of any other reader do, so that a chunk of the file is seldom decoded twice. */
    size_t count = pass->piece_rows - first % pass->piece_rows;
    *piece = (mh_shard){.rows = {first, count < left ? count : left},
                        .inputs = shard->inputs,
                        .heads = shard->heads,
                        .features = pass->features,
                        .labels = pass->labels};
    if (mh_shard_is_reserved(shard)) {
        piece->features = shard->features + pass->done * shard->inputs;
        if (shard->heads > 0)
            piece->labels = shard->labels + pass->done * shard->heads;
    }
    pass->done += piece->rows.count;
    *status = mh_dataset_read(shard->dataset, piece->rows, piece->features, piece->labels);
    return *status == MH_OK;
}
