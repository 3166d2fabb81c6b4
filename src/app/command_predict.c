#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/tensor/matrix.h"
#include "multihead/training/predictor.h"
#include "prediction_writer.h"

mh_status command_predict_check(const options *o)
{
    if (o->output != NULL && prediction_writer_form(o->output) == PREDICTIONS_AS_TEXT)
        return MH_FAIL(MH_ERR_USAGE, "--output %s: expected a name that ends in .h5 or .csv", o->output);
    return data_source_check_with_model(o);
}

/*
 * Rank 0 writes all blocks in the order of rows. Each round every rank predicts one block; rank 0 takes them in
 * turn, into its own block's memory once that is written.
 */
static mh_status write_round(const mh_comm *comm, size_t heads, size_t columns, mh_prediction *block,
                             size_t block_rows, size_t rows, prediction_writer *writer)
{
    mh_status status = MH_OK;
    size_t ranks = mh_comm_ranks(comm), base = block->first_row - mh_comm_rank(comm) * block_rows;

    for (size_t rank = 0; rank < ranks; rank++) {
        size_t first = base + rank * block_rows;
        size_t count = first < rows ? (rows - first < block_rows ? rows - first : block_rows) : 0;

        if (count == 0)
            break;
        mh_comm_hand_to_root(comm, rank, (void *)block->probabilities, count * columns * sizeof(float));
        mh_comm_hand_to_root(comm, rank, (void *)block->predictions, count * heads * sizeof(mh_label));
        if (block->batch.labels != NULL)
            mh_comm_hand_to_root(comm, rank, (void *)block->batch.labels, count * heads * sizeof(mh_label));
        if (writer != NULL && status == MH_OK)
            status = prediction_writer_add(writer, first, count, block);
    }
    return status;
}

static mh_status run(const mh_comm *comm, const mh_trained *common, mh_dataset *dataset,
                     mh_predictor *predictor, prediction_writer *writer)
{
    mh_status status = MH_OK;
    size_t heads = common->schema.heads, columns = mh_model_heads(common->model)->columns;
    size_t rounds = mh_predictor_rounds(predictor), block_rows = mh_predictor_block_rows(predictor);
    mh_prediction block = {0};

    for (size_t round = 0; round < rounds; round++) {
        MH_TRY(mh_comm_agree(comm, mh_predictor_next(predictor, &block)));
        status = write_round(comm, heads, columns, &block, block_rows, mh_dataset_rows(dataset), writer);
        MH_TRY(mh_comm_agree(comm, status));
    }
cleanup:
    return status;
}

mh_status command_predict(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    mh_ensemble ensemble = {0};
    mh_dataset *dataset = NULL;
    mh_predictor *predictor = NULL;
    prediction_writer *writer = NULL;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);

    mh_matrix_set_threads(o->threads);
    MH_TRY(data_source_verify(comm, o));
    status = data_source_open_for_model(o, &ensemble, &dataset);
    if (status == MH_OK)
        status = mh_predictor_create(&ensemble, dataset, rank, ranks, &predictor);
    if (status == MH_OK && rank == 0)
        status = prediction_writer_open(o->output, &ensemble.common, dataset, &writer);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(run(comm, &ensemble.common, dataset, predictor, writer));
    if (rank == 0)
        status = prediction_writer_commit(writer);
    status = mh_comm_agree(comm, status);
cleanup:
    prediction_writer_close(writer);
    mh_predictor_destroy(predictor);
    mh_dataset_close(dataset);
    mh_ensemble_clear(&ensemble);
    return status;
}
