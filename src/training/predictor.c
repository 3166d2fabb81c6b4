#include "multihead/training/predictor.h"

#include <string.h>

#include "multihead/base/memory.h"

enum {
    CHUNK_ROWS = 256,        /* a row's last bits may depend on the shape of the product it is in */
    BLOCK_ROWS = 16 * 256,   /* so many are read at a time,                                      */
    BLOCK_ELEMENTS = 1 << 22 /* or fewer, when rows are long                                     */
};

struct mh_predictor {
    const mh_trained *trained;
    mh_dataset *dataset;
    size_t rank, ranks;
    size_t round;
    size_t block_rows;
    size_t columns;
    mh_workspace *workspace;
    float *features;       /* [block_rows x inputs]  */
    mh_label *labels;      /* [block_rows x heads]   */
    float *logits;         /* [block_rows x columns] */
    float *probabilities;  /* [block_rows x columns] */
    mh_label *predictions; /* [block_rows x heads]   */
};

static size_t choose_block_rows(size_t longest)
{
    size_t chunks = BLOCK_ELEMENTS / longest / CHUNK_ROWS;

    if (chunks > BLOCK_ROWS / CHUNK_ROWS)
        chunks = BLOCK_ROWS / CHUNK_ROWS;
    return (chunks > 0 ? chunks : 1) * CHUNK_ROWS;
}

mh_status mh_predictor_create(const mh_trained *trained, mh_dataset *dataset, size_t rank, size_t ranks,
                              mh_predictor **out)
{
    mh_status status = MH_OK;
    mh_predictor *p = NULL;
    const mh_heads *heads = mh_model_heads(trained->model);
    size_t inputs = trained->schema.inputs;

    MH_TRY(mh_memory_new(sizeof *p, &p));
    p->trained = trained;
    p->dataset = dataset;
    p->rank = rank;
    p->ranks = ranks;
    p->columns = heads->columns;
    p->block_rows = choose_block_rows(inputs > heads->columns ? inputs : heads->columns);
    MH_TRY(mh_workspace_create(trained->model, CHUNK_ROWS, &p->workspace));
    MH_TRY(mh_memory_array(p->block_rows, inputs * sizeof(float), &p->features));
    MH_TRY(mh_memory_array(p->block_rows, heads->count * sizeof(mh_label), &p->labels));
    MH_TRY(mh_memory_array(p->block_rows, heads->columns * sizeof(float), &p->logits));
    MH_TRY(mh_memory_array(p->block_rows, heads->columns * sizeof(float), &p->probabilities));
    MH_TRY(mh_memory_array(p->block_rows, heads->count * sizeof(mh_label), &p->predictions));
cleanup:
    if (status != MH_OK) {
        mh_predictor_destroy(p);
        p = NULL;
    }
    *out = p;
    return status;
}

void mh_predictor_destroy(mh_predictor *p)
{
    if (p == NULL)
        return;
    mh_workspace_destroy(p->workspace);
    mh_memory_free(p->features);
    mh_memory_free(p->labels);
    mh_memory_free(p->logits);
    mh_memory_free(p->probabilities);
    mh_memory_free(p->predictions);
    mh_memory_free(p);
}

size_t mh_predictor_block_rows(const mh_predictor *p)
{
    return p->block_rows;
}

size_t mh_predictor_chunk_rows(void)
{
    return CHUNK_ROWS;
}

/* Of the selection, those of this rank in a round; 0 rows when they ran out. */
static mh_span rows_of_round(const mh_predictor *p, size_t round)
{
    size_t rows = mh_dataset_rows(p->dataset);
    size_t first = (round * p->ranks + p->rank) * p->block_rows;
    size_t left = first < rows ? rows - first : 0;

    return (mh_span){first, left < p->block_rows ? left : p->block_rows};
}

size_t mh_predictor_rows(const mh_predictor *p)
{
    size_t rows = 0, rounds = mh_predictor_rounds(p);

    for (size_t round = 0; round < rounds; round++)
        rows += rows_of_round(p, round).count;
    return rows;
}

size_t mh_predictor_rounds(const mh_predictor *p)
{
    size_t round_rows = p->block_rows * p->ranks;

    return (mh_dataset_rows(p->dataset) + round_rows - 1) / round_rows;
}

static void run_model(mh_predictor *p, const mh_batch *block)
{
    const mh_heads *heads = mh_model_heads(p->trained->model);

    for (size_t row = 0; row < block->rows; row += CHUNK_ROWS) {
        mh_batch chunk = mh_batch_slice(block, row, CHUNK_ROWS);
        const float *logits = mh_model_logits(p->trained->model, &chunk, p->workspace);

        memcpy(p->logits + row * p->columns, logits, chunk.rows * p->columns * sizeof *logits);
    }
    mh_heads_probabilities(heads, block->rows, p->logits, p->probabilities);
    mh_heads_predict(heads, block->rows, p->probabilities, p->trained->thresholds, p->predictions);
}

mh_status mh_predictor_next(mh_predictor *p, mh_prediction *out)
{
    mh_status status = MH_OK;
    mh_span rows = rows_of_round(p, p->round);
    bool has_labels = mh_dataset_schema(p->dataset)->heads > 0;

    p->round++;
    *out = (mh_prediction){
        .first_row = rows.first,
        .batch = {.rows = rows.count,
                  .inputs = p->trained->schema.inputs,
                  .heads = p->trained->schema.heads,
                  .features = p->features,
                  .labels = has_labels ? p->labels : NULL},
        .logits = p->logits,
        .probabilities = p->probabilities,
        .predictions = p->predictions,
    };
    if (out->batch.rows == 0)
        return MH_OK;
    MH_TRY(mh_dataset_read(p->dataset, rows, p->features, p->labels));
    run_model(p, &out->batch);
cleanup:
    return status;
}
