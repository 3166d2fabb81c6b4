#include "row_memory.h"

#include <stdio.h>

#include "byte_size.h"
#include "multihead/base/log.h"
#include "multihead/base/text.h"
#include "multihead/data/shard.h"

static mh_deal deal_of(const options *o, size_t rows)
{
    return (mh_deal){rows, o->batch_size, o->replicas};
}

/* ---- a run that goes on ---- */

static void describe(size_t memory, char *text, size_t bytes)
{
    FILE *stream = fmemopen(text, bytes, "w");

    text[0] = '\0';
    if (stream == NULL)
        return;
    byte_size_print(memory, stream);
    fclose(stream);
}

/* Whether so many rows come in the order that they had when the run began. */
static bool is_same_order(const options *o, size_t memory_before, size_t rows, size_t row_bytes)
{
    mh_deal deal = deal_of(o, rows);
    mh_windows before, now;

    return mh_windows_plan(&deal, row_bytes, memory_before, &before) == MH_OK &&
           mh_windows_plan(&deal, row_bytes, o->memory, &now) == MH_OK && mh_windows_are_same(&before, &now);
}

static mh_status expect_same_order(const options *o, const training_plan *plan, const run_folder *folder,
                                   size_t rows, size_t row_bytes)
{
    char before[32], now[32];

    if (!o->shuffle || folder == NULL || folder->state != RUN_IS_STOPPED ||
        (is_same_order(o, folder->memory, rows, row_bytes) &&
         (!plan->refits || is_same_order(o, folder->memory, plan->rows, row_bytes))))
        return MH_OK;
    describe(folder->memory, before, sizeof before);
    describe(o->memory, now, sizeof now);
    return MH_FAIL(MH_ERR_USAGE,
                   "%s was made with other options: memory %s (now %s), and these shuffle the rows in other "
                   "windows; take another --run, or --resume none to start afresh",
                   folder->checkpoint, before, now);
}

/* ---- windows ---- */

mh_status row_memory_plan(const options *o, const training_plan *plan, const run_folder *folder,
                          const mh_dataset *dataset, mh_windows *out)
{
    mh_status status = MH_OK;
    mh_deal deal = deal_of(o, mh_dataset_rows(dataset));
    size_t row_bytes = mh_shard_row_bytes(mh_dataset_schema(dataset));

    MH_TRY(mh_windows_plan(&deal, row_bytes, o->memory, out));
    if (out->batches > 0 && o->generate && o->method == MH_GENERATOR_SKLEARN)
        return MH_FAIL(
            MH_ERR_USAGE,
            "--memory: rows of --method sklearn are made one after another, from the first one on "
            "for each window: write them to a file (multihead generate), or take --method rowwise");
    MH_TRY(expect_same_order(o, plan, folder, deal.rows, row_bytes));
cleanup:
    return status;
}

/* ---- telling ---- */

void row_memory_tell(const options *o, const mh_windows *windows, const mh_deal *deal,
                     const mh_schema *schema)
{
    char memory[MH_TEXT_BYTES], rows[MH_TEXT_BYTES], blocks[MH_TEXT_BYTES], window[MH_TEXT_BYTES],
        held[MH_TEXT_BYTES];
    size_t window_rows = windows->batches * deal->batch_size;

    if (o->memory == 0)
        return;
    mh_text_bytes(o->memory, memory);
    if (windows->batches == 0) {
        mh_log_info("  memory   %s a rank hold all rows", memory);
        return;
    }
    window_rows = window_rows < deal->rows ? window_rows : deal->rows;
    mh_log_info("  memory   streamed in %s blocks of %s rows, window %s rows (%s; two are held)",
                mh_text_count((deal->rows + windows->block_rows - 1) / windows->block_rows, blocks),
                mh_text_count(windows->block_rows, rows), mh_text_count(window_rows, window),
                mh_text_bytes(window_rows * mh_shard_row_bytes(schema), held));
}

void row_memory_warn_of_validation(const options *o, size_t rows, size_t ranks, const mh_schema *schema)
{
    char memory[MH_TEXT_BYTES], held[MH_TEXT_BYTES];
    size_t bytes = (rows + ranks - 1) / ranks * mh_shard_row_bytes(schema);

    if (o->memory > 0 && bytes > o->memory)
        mh_log_warning("the rows to validate on are held in memory, %s a rank: more than --memory, %s, which "
                       "is about the rows to train on",
                       mh_text_bytes(bytes, held), mh_text_bytes(o->memory, memory));
}
