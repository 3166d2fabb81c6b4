#include "multihead/training/validator.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/data/shard.h"
#include "multihead/model/loss.h"
#include "multihead/training/predictor.h"

/* Of one head; nothing but int64, so that all of it is summed over ranks as one array. */
typedef struct {
    int64_t known;
    mh_exact_sum loss;
} head_sum;

struct mh_validator {
    const mh_trained *trained;
    size_t rows; /* of all ranks */
    mh_shard shard;
    mh_workspace *workspace;
    float *scratch; /* of the loss */
    mh_tally tally;
    head_sum *sums; /* [heads] */
};

static mh_status load(mh_validator *v, mh_dataset *dataset, size_t rank, size_t ranks)
{
    mh_status status = MH_OK;
    const mh_heads *heads = mh_model_heads(v->trained->model);
    mh_span rows = {0};
    size_t chunk = mh_predictor_chunk_rows();

    MH_TRY(mh_dataset_expect(dataset, &v->trained->schema));
    if (mh_dataset_schema(dataset)->heads == 0)
        return MH_FAIL(MH_ERR_FORMAT, "%s: there is no /labels to validate against",
                       mh_dataset_name(dataset));
    v->rows = mh_dataset_rows(dataset);
    mh_span chunks = mh_span_part((v->rows + chunk - 1) / chunk, rank, ranks);
    rows.first = chunks.first * chunk < v->rows ? chunks.first * chunk : v->rows;
    rows.count = mh_span_end(chunks) * chunk < v->rows ? mh_span_end(chunks) * chunk : v->rows;
    rows.count -= rows.first;
    MH_TRY(mh_shard_load(dataset, rows, &v->shard));
    if (v->trained->standardizer.inputs > 0)
        mh_standardizer_apply(&v->trained->standardizer, rows.count, v->shard.features);
    MH_TRY(mh_workspace_create(v->trained->model, chunk, &v->workspace));
    MH_TRY(mh_memory_array(mh_heads_scratch(heads), sizeof *v->scratch, &v->scratch));
    MH_TRY(mh_memory_array(heads->count, sizeof *v->tally.loss, &v->tally.loss));
    MH_TRY(mh_memory_array(heads->count, sizeof *v->tally.known, &v->tally.known));
    MH_TRY(mh_memory_array(heads->count, sizeof *v->sums, &v->sums));
cleanup:
    return status;
}

mh_status mh_validator_create(const mh_comm *comm, mh_dataset *dataset, const mh_trained *trained,
                              mh_validator **out)
{
    mh_status status = MH_OK;
    mh_validator *v = NULL;

    status = mh_memory_new(sizeof *v, &v);
    if (status == MH_OK) {
        v->trained = trained;
        status = load(v, dataset, mh_comm_rank(comm), mh_comm_ranks(comm));
    }
    MH_TRY(mh_comm_agree(comm, status));
cleanup:
    if (status != MH_OK) {
        mh_validator_destroy(v);
        v = NULL;
    }
    *out = v;
    return status;
}

void mh_validator_destroy(mh_validator *v)
{
    if (v == NULL)
        return;
    mh_shard_clear(&v->shard);
    mh_workspace_destroy(v->workspace);
    mh_memory_free(v->scratch);
    mh_memory_free(v->tally.loss);
    mh_memory_free(v->tally.known);
    mh_memory_free(v->sums);
    mh_memory_free(v);
}

size_t mh_validator_rows(const mh_validator *v)
{
    return v->rows;
}

/* Chunk by chunk: a chunk's loss is the same sum whoever makes it. */
static void add_chunks(mh_validator *v)
{
    const mh_heads *heads = mh_model_heads(v->trained->model);
    mh_batch all = {.rows = v->shard.rows.count,
                    .inputs = v->shard.inputs,
                    .heads = v->shard.heads,
                    .features = v->shard.features,
                    .labels = v->shard.labels};

    memset(v->sums, 0, heads->count * sizeof *v->sums);
    mh_workspace_prepare(v->workspace, v->trained->model);
    for (size_t row = 0; row < all.rows; row += mh_predictor_chunk_rows()) {
        mh_batch chunk = mh_batch_slice(&all, row, mh_predictor_chunk_rows());

        mh_phase_beat();
        memset(v->tally.loss, 0, heads->count * sizeof *v->tally.loss);
        memset(v->tally.known, 0, heads->count * sizeof *v->tally.known);
        mh_loss_add_rows(heads, NULL, &chunk, mh_model_logits(v->trained->model, &chunk, v->workspace), NULL,
                         v->scratch, &v->tally);
        for (size_t h = 0; h < heads->count; h++) {
            v->sums[h].known += v->tally.known[h];
            mh_exact_sum_add(&v->sums[h].loss, v->tally.loss[h]);
        }
    }
}

double mh_validator_loss(const mh_comm *comm, mh_validator *v, double *head_loss)
{
    size_t heads = mh_model_heads(v->trained->model)->count;
    double sum = 0;
    const char *before = mh_phase_name();

    mh_phase_enter("validating");
    add_chunks(v);
    mh_comm_sum(comm, (int64_t *)v->sums, heads * sizeof *v->sums / sizeof(int64_t));
    for (size_t h = 0; h < heads; h++) {
        double known = (double)v->sums[h].known;
        double loss = known > 0 ? mh_exact_sum_value(&v->sums[h].loss) / known : 0.0;

        if (head_loss != NULL)
            head_loss[h] = loss;
        sum += loss;
    }
    mh_phase_enter(before); /* of training, which goes on */
    return sum / (double)heads;
}
