#include "multihead/training/evaluator.h"

#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/model/loss.h"
#include "multihead/training/predictor.h"

typedef struct {
    const mh_trained *trained;
    mh_predictor *predictor;
    mh_score *model, *baseline;
    mh_tally tally;
    float *slopes;                  /* [chunk x columns] what the loss also gives and nobody wants here */
    mh_label *baseline_predictions; /* [chunk x heads] the same in every row                            */
} evaluation;

static mh_status create(evaluation *e, const mh_trained *trained, mh_dataset *dataset, size_t rank,
                        size_t ranks)
{
    mh_status status = MH_OK;
    const mh_heads *heads = mh_model_heads(trained->model);
    size_t chunk = mh_predictor_chunk_rows();

    e->trained = trained;
    MH_TRY(mh_predictor_create(trained, dataset, rank, ranks, &e->predictor));
    MH_TRY(mh_score_create(heads, &e->model));
    MH_TRY(mh_score_create(heads, &e->baseline));
    MH_TRY(mh_memory_array(heads->count, sizeof *e->tally.loss, &e->tally.loss));
    MH_TRY(mh_memory_array(heads->count, sizeof *e->tally.known, &e->tally.known));
    MH_TRY(mh_memory_array(chunk, heads->columns * sizeof *e->slopes, &e->slopes));
    MH_TRY(mh_memory_array(chunk, heads->count * sizeof(mh_label), &e->baseline_predictions));
    for (size_t row = 0; row < chunk; row++)
        mh_baseline_predict(heads, trained->base_rates, e->baseline_predictions + row * heads->count);
cleanup:
    return status;
}

static void destroy(evaluation *e)
{
    mh_predictor_destroy(e->predictor);
    mh_score_destroy(e->model);
    mh_score_destroy(e->baseline);
    mh_memory_free(e->tally.loss);
    mh_memory_free(e->tally.known);
    mh_memory_free(e->slopes);
    mh_memory_free(e->baseline_predictions);
}

static void clear_tally(evaluation *e)
{
    size_t heads = e->trained->schema.heads;

    memset(e->tally.loss, 0, heads * sizeof *e->tally.loss);
    memset(e->tally.known, 0, heads * sizeof *e->tally.known);
}

/* Chunk by chunk: the loss of a chunk is the same sum whoever makes it. */
static void add_block(evaluation *e, const mh_prediction *block)
{
    const mh_heads *heads = mh_model_heads(e->trained->model);

    for (size_t row = 0; row < block->batch.rows; row += mh_predictor_chunk_rows()) {
        mh_batch chunk = mh_batch_slice(&block->batch, row, mh_predictor_chunk_rows());

        clear_tally(e);
        mh_loss_add(heads, NULL, &chunk, block->logits + row * heads->columns, e->slopes, &e->tally);
        mh_score_add(e->model, &chunk, block->predictions + row * heads->count, &e->tally);
        clear_tally(e);
        mh_baseline_loss_add(heads, e->trained->base_rates, &chunk, &e->tally);
        mh_score_add(e->baseline, &chunk, e->baseline_predictions, &e->tally);
    }
}

static mh_status add_all_blocks(evaluation *e)
{
    mh_status status = MH_OK;
    size_t rounds = mh_predictor_rounds(e->predictor);

    for (size_t round = 0; round < rounds; round++) {
        mh_prediction block;

        MH_TRY(mh_predictor_next(e->predictor, &block));
        add_block(e, &block);
    }
cleanup:
    return status;
}

static void sum_over_ranks(const mh_comm *comm, mh_score *score)
{
    size_t count = 0;
    int64_t *counts = mh_score_counts(score, &count);

    mh_comm_sum(comm, counts, count);
}

mh_status mh_evaluate(const mh_comm *comm, const mh_trained *trained, mh_dataset *dataset, mh_metrics *model,
                      mh_metrics *baseline)
{
    mh_status status = MH_OK;
    evaluation e = {0};

    *model = *baseline = (mh_metrics){0};
    status = create(&e, trained, dataset, mh_comm_rank(comm), mh_comm_ranks(comm));
    if (status == MH_OK)
        status = add_all_blocks(&e);
    MH_TRY(mh_comm_agree(comm, status));
    sum_over_ranks(comm, e.model);
    sum_over_ranks(comm, e.baseline);
    MH_TRY(mh_score_metrics(e.model, model));
    MH_TRY(mh_score_metrics(e.baseline, baseline));
cleanup:
    destroy(&e);
    return status;
}
