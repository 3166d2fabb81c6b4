#include "multihead/training/evaluator.h"

#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/model/baseline.h"
#include "multihead/model/loss.h"
#include "multihead/training/label_scores.h"
#include "multihead/training/predictor.h"

typedef struct {
    const mh_trained *trained;
    const mh_heads *heads;
    mh_predictor *predictor;
    mh_score *model, *baseline;
    mh_label_scores *scores;
    mh_tally tally;
    float *scratch; /* of the loss */

    /* What the baseline says, the same in every row of a chunk. */
    mh_label *baseline_predictions; /* [chunk x heads]   */
    float *baseline_probabilities;  /* [chunk x columns] */

    double *roc_auc, *average_precision; /* [heads] */
} evaluation;

static mh_status create_baseline(evaluation *e)
{
    mh_status status = MH_OK;
    const mh_heads *heads = e->heads;
    const double *rates = e->trained->base_rates;
    size_t chunk = mh_predictor_chunk_rows();

    MH_TRY(mh_score_create(heads, &e->baseline));
    MH_TRY(mh_memory_array(chunk, heads->count * sizeof(mh_label), &e->baseline_predictions));
    MH_TRY(mh_memory_array(chunk, heads->columns * sizeof(float), &e->baseline_probabilities));
    for (size_t row = 0; row < chunk; row++) {
        mh_baseline_predict(heads, rates, e->baseline_predictions + row * heads->count);
        mh_baseline_probabilities(heads, rates, e->baseline_probabilities + row * heads->columns);
    }
cleanup:
    return status;
}

static mh_status create(evaluation *e, const mh_ensemble *ensemble, mh_dataset *dataset, size_t rank,
                        size_t ranks)
{
    mh_status status = MH_OK;
    const mh_heads *heads = mh_model_heads(ensemble->common.model);

    e->trained = &ensemble->common;
    e->heads = heads;
    MH_TRY(mh_predictor_create(ensemble, dataset, rank, ranks, &e->predictor));
    MH_TRY(mh_score_create(heads, &e->model));
    MH_TRY(mh_label_scores_create(heads, mh_predictor_rows(e->predictor), &e->scores));
    MH_TRY(mh_memory_array(heads->count, sizeof *e->tally.loss, &e->tally.loss));
    MH_TRY(mh_memory_array(heads->count, sizeof *e->tally.known, &e->tally.known));
    MH_TRY(mh_memory_array(mh_heads_scratch(heads), sizeof *e->scratch, &e->scratch));
    MH_TRY(mh_memory_array(heads->count, sizeof *e->roc_auc, &e->roc_auc));
    MH_TRY(mh_memory_array(heads->count, sizeof *e->average_precision, &e->average_precision));
    MH_TRY(create_baseline(e));
cleanup:
    return status;
}

static void destroy(evaluation *e)
{
    mh_predictor_destroy(e->predictor);
    mh_score_destroy(e->model);
    mh_score_destroy(e->baseline);
    mh_label_scores_destroy(e->scores);
    mh_memory_free(e->tally.loss);
    mh_memory_free(e->tally.known);
    mh_memory_free(e->scratch);
    mh_memory_free(e->baseline_predictions);
    mh_memory_free(e->baseline_probabilities);
    mh_memory_free(e->roc_auc);
    mh_memory_free(e->average_precision);
}

/* ---- row by row ---- */

static void clear_tally(evaluation *e)
{
    memset(e->tally.loss, 0, e->heads->count * sizeof *e->tally.loss);
    memset(e->tally.known, 0, e->heads->count * sizeof *e->tally.known);
}

/* Chunk by chunk: the loss of a chunk is the same sum whoever makes it. */
static void add_block(evaluation *e, const mh_prediction *block)
{
    const mh_heads *heads = e->heads;

    mh_phase_enter("evaluating");
    for (size_t row = 0; row < block->batch.rows; row += mh_predictor_chunk_rows()) {
        mh_batch chunk = mh_batch_slice(&block->batch, row, mh_predictor_chunk_rows());

        mh_phase_beat();
        clear_tally(e);
        if (block->logits != NULL)
            mh_loss_add_rows(heads, NULL, &chunk, block->logits + row * heads->columns, NULL, e->scratch,
                             &e->tally);
        else
            mh_loss_add_probabilities(heads, &chunk, block->probabilities + row * heads->columns, &e->tally);
        mh_score_add(e->model, &chunk, block->predictions + row * heads->count,
                     block->probabilities + row * heads->columns, &e->tally);
        clear_tally(e);
        mh_baseline_loss_add(heads, e->trained->base_rates, &chunk, &e->tally);
        mh_score_add(e->baseline, &chunk, e->baseline_predictions, e->baseline_probabilities, &e->tally);
    }
    mh_label_scores_add(e->scores, block->batch.rows, block->probabilities, block->batch.labels);
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

/* ---- label by label ---- */

/* The heads with most positive rows; of equals the first ones. */
static void choose_heads(const evaluation *e, const mh_metrics *model, mh_evaluation_curves *curves)
{
    for (size_t h = 0; h < e->heads->count; h++) {
        size_t at = curves->count;

        if (e->heads->head[h].classes != 2 || model->head[h].support == 0)
            continue;
        while (at > 0 && model->head[curves->head[at - 1]].support < model->head[h].support)
            at--;
        if (at == MH_CURVES_MOST)
            continue;
        curves->count += curves->count < MH_CURVES_MOST;
        memmove(curves->head + at + 1, curves->head + at, (curves->count - at - 1) * sizeof *curves->head);
        curves->head[at] = h;
    }
}

static mh_status read_columns(const mh_comm *comm, evaluation *e, mh_evaluation_curves *curves)
{
    mh_status status = MH_OK;
    size_t rounds = mh_label_scores_rounds(comm, e->scores);

    for (size_t round = 0; round < rounds; round++) {
        mh_gathered g;

        MH_TRY(mh_label_scores_gather(comm, e->scores, round, &g));
        if (g.head < e->heads->count) {
            e->roc_auc[g.head] = g.is_mine ? mh_curve_roc_auc(&g.curve) : NAN;
            e->average_precision[g.head] = g.is_mine ? mh_curve_average_precision(&g.curve) : NAN;
        }
        for (size_t i = 0; g.is_mine && curves != NULL && i < curves->count; i++)
            if (curves->head[i] == g.head)
                mh_curve_points(&g.curve, MH_CURVE_POINTS, curves->point[i]);
    }
    mh_share_numbers(comm, e->roc_auc, e->heads->count);
    mh_share_numbers(comm, e->average_precision, e->heads->count);
    if (curves != NULL)
        mh_share_numbers(comm, (double *)(void *)curves->point, sizeof curves->point / sizeof(double));
cleanup:
    return status;
}

/* All labels in one curve, from the most probable bin down. */
static mh_status micro_curve(const mh_comm *comm, const evaluation *e, mh_evaluation_curves *curves)
{
    mh_status status = MH_OK;
    int64_t *known = NULL, *positives = NULL, all = 0, seen = 0, found = 0;
    size_t made = 0;

    status = mh_memory_array(2 * MH_BINS, sizeof *known, &known);
    MH_TRY(mh_comm_agree(comm, status));
    positives = known + MH_BINS;
    mh_label_scores_count(comm, e->scores, known, positives);
    for (size_t bin = 0; bin < MH_BINS; bin++)
        all += positives[bin];
    for (size_t bin = MH_BINS; bin-- > 0;) {
        seen += known[bin];
        found += positives[bin];
        for (; made < MH_CURVE_POINTS && all > 0 && found * MH_CURVE_POINTS >= (int64_t)(made + 1) * all;
             made++)
            curves->micro[made] = (mh_curve_point){(double)found / (double)all, (double)found / (double)seen};
    }
    for (; made < MH_CURVE_POINTS; made++)
        curves->micro[made] = (mh_curve_point){NAN, NAN};
cleanup:
    mh_memory_free(known);
    return status;
}

mh_status mh_evaluate(const mh_comm *comm, const mh_ensemble *ensemble, mh_dataset *dataset,
                      mh_metrics *model, mh_metrics *baseline, mh_evaluation_curves *curves)
{
    mh_status status = MH_OK;
    evaluation e = {0};
    bool is_yes_no = mh_heads_are_yes_no(mh_model_heads(ensemble->common.model));

    *model = *baseline = (mh_metrics){0};
    status = create(&e, ensemble, dataset, mh_comm_rank(comm), mh_comm_ranks(comm));
    if (status == MH_OK)
        status = add_all_blocks(&e);
    MH_TRY(mh_comm_agree(comm, status));
    sum_over_ranks(comm, e.model);
    sum_over_ranks(comm, e.baseline);
    status = mh_score_metrics(e.model, model);
    if (status == MH_OK)
        status = mh_score_metrics(e.baseline, baseline);
    MH_TRY(mh_comm_agree(comm, status));
    if (curves != NULL) {
        memset(curves, 0, sizeof *curves);
        choose_heads(&e, model, curves);
        MH_TRY(micro_curve(comm, &e, curves));
    }
    MH_TRY(read_columns(comm, &e, curves));
    mh_metrics_set_columns(model, is_yes_no, e.roc_auc, e.average_precision);
    mh_baseline_columns(e.heads, baseline, e.roc_auc, e.average_precision);
    mh_metrics_set_columns(baseline, is_yes_no, e.roc_auc, e.average_precision);
cleanup:
    destroy(&e);
    return status;
}
