#include "multihead/training/predictor.h"

#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"

enum {
    CHUNK_ROWS = 256,        /* a row's last bits may depend on the shape of the product it is in */
    BLOCK_ROWS = 16 * 256,   /* so many are read at a time,                                      */
    BLOCK_ELEMENTS = 1 << 22 /* or fewer, when rows are long                                     */
};

struct mh_predictor {
    const mh_ensemble *ensemble;
    const mh_heads *heads; /* of every member */
    mh_dataset *dataset;
    size_t rank, ranks;
    size_t round;
    size_t block_rows;
    size_t columns;
    mh_workspace **workspace; /* [members]              */
    float *features;          /* [block_rows x inputs]  */
    float *standardized;      /* [CHUNK_ROWS x inputs] of the chunk and member at hand      */
    mh_label *labels;         /* [block_rows x heads]   */
    float *logits;            /* [block_rows x columns] of the member that ran last        */
    float *chosen_logits;     /* [block_rows x columns] of each row's own member, or NULL  */
    double *sums;             /* [block_rows x columns] over members, or NULL              */
    float *probabilities;     /* [block_rows x columns] */
    float *scratch;           /* of the probabilities   */
    mh_label *predictions;    /* [block_rows x heads]   */
};

static size_t choose_block_rows(size_t longest)
{
    size_t chunks = BLOCK_ELEMENTS / longest / CHUNK_ROWS;

    if (chunks > BLOCK_ROWS / CHUNK_ROWS)
        chunks = BLOCK_ROWS / CHUNK_ROWS;
    return (chunks > 0 ? chunks : 1) * CHUNK_ROWS;
}

static mh_status create_workspaces(mh_predictor *p)
{
    mh_status status = MH_OK;
    const mh_ensemble *e = p->ensemble;

    MH_TRY(mh_memory_array(e->count, sizeof(mh_workspace *), &p->workspace));
    for (size_t m = 0; m < e->count; m++)
        MH_TRY(mh_workspace_create(e->member[m].model, CHUNK_ROWS, &p->workspace[m]));
cleanup:
    return status;
}

static mh_status create_arrays(mh_predictor *p)
{
    mh_status status = MH_OK;
    size_t rows = p->block_rows, columns = p->columns, heads = p->heads->count;

    MH_TRY(mh_memory_array(rows, p->ensemble->common.schema.inputs * sizeof(float), &p->features));
    MH_TRY(mh_memory_array(CHUNK_ROWS, p->ensemble->common.schema.inputs * sizeof(float), &p->standardized));
    MH_TRY(mh_memory_array(rows, heads * sizeof(mh_label), &p->labels));
    MH_TRY(mh_memory_array(rows, columns * sizeof(float), &p->logits));
    if (p->ensemble->chosen != NULL)
        MH_TRY(mh_memory_array(rows, columns * sizeof(float), &p->chosen_logits));
    else if (p->ensemble->count > 1)
        MH_TRY(mh_memory_array(rows, columns * sizeof(double), &p->sums));
    MH_TRY(mh_memory_array(rows, columns * sizeof(float), &p->probabilities));
    MH_TRY(mh_memory_array(mh_heads_scratch(p->heads), sizeof(float), &p->scratch));
    MH_TRY(mh_memory_array(rows, heads * sizeof(mh_label), &p->predictions));
cleanup:
    return status;
}

mh_status mh_predictor_create(const mh_ensemble *ensemble, mh_dataset *dataset, size_t rank, size_t ranks,
                              mh_predictor **out)
{
    mh_status status = MH_OK;
    mh_predictor *p = NULL;
    size_t inputs = ensemble->common.schema.inputs;

    MH_TRY(mh_memory_new(sizeof *p, &p));
    p->ensemble = ensemble;
    p->heads = mh_model_heads(ensemble->common.model);
    p->dataset = dataset;
    p->rank = rank;
    p->ranks = ranks;
    p->columns = p->heads->columns;
    p->block_rows = choose_block_rows(inputs > p->columns ? inputs : p->columns);
    MH_TRY(create_workspaces(p));
    MH_TRY(create_arrays(p));
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
    for (size_t m = 0; p->workspace != NULL && m < p->ensemble->count; m++)
        mh_workspace_destroy(p->workspace[m]);
    mh_memory_free(p->workspace);
    mh_memory_free(p->features);
    mh_memory_free(p->standardized);
    mh_memory_free(p->labels);
    mh_memory_free(p->logits);
    mh_memory_free(p->chosen_logits);
    mh_memory_free(p->sums);
    mh_memory_free(p->probabilities);
    mh_memory_free(p->scratch);
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

/* The chunk's features as the member wants them, in a place of their own. */
static void standardize(mh_predictor *p, const mh_trained *trained, mh_batch *chunk)
{
    if (trained->standardizer.inputs == 0)
        return;
    memcpy(p->standardized, chunk->features, chunk->rows * chunk->inputs * sizeof *chunk->features);
    mh_standardizer_apply(&trained->standardizer, chunk->rows, p->standardized);
    chunk->features = p->standardized;
}

/* Features are as they were given: a member makes of them what it needs. */
static void run_member(mh_predictor *p, size_t member, const mh_batch *block)
{
    const mh_trained *trained = &p->ensemble->member[member];

    mh_workspace_prepare(p->workspace[member], trained->model);
    for (size_t row = 0; row < block->rows; row += CHUNK_ROWS) {
        mh_batch chunk = mh_batch_slice(block, row, CHUNK_ROWS);

        mh_phase_beat();
        standardize(p, trained, &chunk);
        const float *logits = mh_model_logits(trained->model, &chunk, p->workspace[member]);

        memcpy(p->logits + row * p->columns, logits, chunk.rows * p->columns * sizeof *logits);
    }
}

static void average_members(mh_predictor *p, const mh_batch *block)
{
    size_t count = block->rows * p->columns;

    memset(p->sums, 0, count * sizeof *p->sums);
    for (size_t m = 0; m < p->ensemble->count; m++) {
        run_member(p, m, block);
        mh_heads_probabilities(p->heads, block->rows, p->logits, p->probabilities, p->scratch);
        for (size_t i = 0; i < count; i++)
            p->sums[i] += (double)p->probabilities[i];
    }
    for (size_t i = 0; i < count; i++)
        p->probabilities[i] = (float)(p->sums[i] / (double)p->ensemble->count);
}

/* Every member sees every row, so that a row's bits are those that its member gives it alone. */
static void choose_members(mh_predictor *p, const mh_batch *block, const uint8_t *chosen)
{
    size_t columns = p->columns;

    for (size_t m = 0; m < p->ensemble->count; m++) {
        run_member(p, m, block);
        for (size_t row = 0; row < block->rows; row++)
            if (chosen[row] == m)
                memcpy(p->chosen_logits + row * columns, p->logits + row * columns,
                       columns * sizeof *p->logits);
    }
    mh_heads_probabilities(p->heads, block->rows, p->chosen_logits, p->probabilities, p->scratch);
}

static void predict(mh_predictor *p, mh_prediction *out)
{
    const mh_ensemble *e = p->ensemble;

    mh_phase_enter("predicting");
    if (e->chosen != NULL) {
        choose_members(p, &out->batch, e->chosen + out->first_row);
        out->logits = p->chosen_logits;
    } else if (e->count > 1) {
        average_members(p, &out->batch);
    } else {
        run_member(p, 0, &out->batch);
        mh_heads_probabilities(p->heads, out->batch.rows, p->logits, p->probabilities, p->scratch);
        out->logits = p->logits;
    }
    mh_heads_predict(p->heads, out->batch.rows, p->probabilities, e->common.thresholds, p->predictions);
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
                  .inputs = p->ensemble->common.schema.inputs,
                  .heads = p->ensemble->common.schema.heads,
                  .features = p->features,
                  .labels = has_labels ? p->labels : NULL},
        .probabilities = p->probabilities,
        .predictions = p->predictions,
    };
    if (out->batch.rows == 0)
        return MH_OK;
    MH_TRY(mh_dataset_read(p->dataset, rows, p->features, p->labels));
    predict(p, out);
cleanup:
    return status;
}
