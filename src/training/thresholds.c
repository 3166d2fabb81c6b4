#include "multihead/training/thresholds.h"

#include <math.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/training/predictor.h"

/* Micro-F1 at the lower edge of each bin; of several the edge nearest 0.5, which is also what nothing gives. */
static float best_edge(const int64_t *known, const int64_t *positives, double *best_f1)
{
    int64_t all = 0, predicted = 0, found = 0;
    float best = 0.5f;

    *best_f1 = 0;
    for (size_t bin = 0; bin < MH_BINS; bin++)
        all += positives[bin];
    /* Not below the lowest bin: p > t is never true of 0. */
    for (size_t bin = MH_BINS - 1; bin > 0; bin--) {
        predicted += known[bin];
        found += positives[bin];
        if (found == 0)
            continue;
        /* The largest number that is below the bin, so that p > threshold takes in all of it. */
        float edge = nextafterf(mh_bin_probability(bin), 0.0f);
        double f1 = 2.0 * (double)found / (double)(predicted + all);

        if (f1 > *best_f1 || (f1 == *best_f1 && fabsf(edge - 0.5f) < fabsf(best - 0.5f))) {
            *best_f1 = f1;
            best = edge;
        }
    }
    return best;
}

static mh_status tune_global(const mh_comm *comm, const mh_label_scores *scores, float *out, double *micro_f1)
{
    mh_status status = MH_OK;
    int64_t *known = NULL;

    status = mh_memory_array(2 * MH_BINS, sizeof *known, &known);
    MH_TRY(mh_comm_agree(comm, status));
    mh_label_scores_count(comm, scores, known, known + MH_BINS);
    *out = best_edge(known, known + MH_BINS, micro_f1);
cleanup:
    mh_memory_free(known);
    return status;
}

/* own [heads]: a head's threshold on the rank that owns the head, 0 elsewhere and where it has none of its own. */
static mh_status tune_own(const mh_comm *comm, mh_label_scores *scores, const mh_threshold_config *config,
                          double micro_f1, double *own)
{
    mh_status status = MH_OK;
    size_t rounds = mh_label_scores_rounds(comm, scores);

    for (size_t round = 0; round < rounds; round++) {
        mh_gathered g;

        MH_TRY(mh_label_scores_gather(comm, scores, round, &g));
        if (g.is_mine && g.curve.positives > 0 && (size_t)g.curve.positives >= config->least_positives)
            own[g.head] = (double)(config->objective == MH_THRESHOLDS_MICRO
                                       ? mh_curve_priced_threshold(&g.curve, micro_f1)
                                       : mh_curve_best_threshold(&g.curve));
    }
cleanup:
    return status;
}

mh_status mh_thresholds_tune(const mh_comm *comm, mh_label_scores *scores, const mh_threshold_config *config,
                             float *thresholds, mh_threshold_summary *summary)
{
    mh_status status = MH_OK;
    size_t heads = mh_label_scores_heads(scores);
    mh_threshold_summary result = {0};
    double *own = NULL, micro_f1 = 0;
    const char *before = mh_phase_name();

    mh_phase_enter("tuning thresholds");
    status = mh_memory_array(heads, sizeof *own, &own);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(tune_global(comm, scores, &result.global, &micro_f1));
    if (config->objective != MH_THRESHOLDS_GLOBAL)
        MH_TRY(tune_own(comm, scores, config, micro_f1, own));
    mh_share_numbers(comm, own, heads);
    for (size_t h = 0; h < heads; h++) {
        bool has_own = own[h] > 0;

        result.own += has_own;
        thresholds[h] = !mh_label_scores_has_two(scores, h) ? 0.5f : has_own ? (float)own[h] : result.global;
    }
    if (summary != NULL)
        *summary = result;
    mh_phase_enter(before);
cleanup:
    mh_memory_free(own);
    return status;
}

/* ---- a whole data set ---- */

static mh_status predict_rows(mh_predictor *predictor, mh_label_scores *scores)
{
    mh_status status = MH_OK;
    size_t rounds = mh_predictor_rounds(predictor);

    for (size_t round = 0; round < rounds; round++) {
        mh_prediction block;

        MH_TRY(mh_predictor_next(predictor, &block));
        mh_label_scores_add(scores, block.batch.rows, block.probabilities, block.batch.labels);
    }
cleanup:
    return status;
}

mh_status mh_ensemble_tune(const mh_comm *comm, const mh_ensemble *ensemble, mh_dataset *dataset,
                           const mh_threshold_config *config, float *thresholds,
                           mh_threshold_summary *summary)
{
    mh_status status = MH_OK;
    const mh_heads *heads = mh_model_heads(ensemble->common.model);
    mh_predictor *predictor = NULL;
    mh_label_scores *scores = NULL;

    status = mh_predictor_create(ensemble, dataset, mh_comm_rank(comm), mh_comm_ranks(comm), &predictor);
    if (status == MH_OK)
        status = mh_label_scores_create(heads, mh_predictor_rows(predictor), &scores);
    if (status == MH_OK)
        status = predict_rows(predictor, scores);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(mh_thresholds_tune(comm, scores, config, thresholds, summary));
cleanup:
    mh_predictor_destroy(predictor);
    mh_label_scores_destroy(scores);
    return status;
}

mh_status mh_trained_tune(const mh_comm *comm, mh_trained *trained, const mh_ensemble *ensemble,
                          mh_dataset *dataset, const mh_threshold_config *config,
                          mh_threshold_summary *summary)
{
    mh_status status = MH_OK;

    MH_TRY(mh_comm_agree(comm, mh_trained_set_threshold(trained, 0.5f)));
    MH_TRY(mh_ensemble_tune(comm, ensemble, dataset, config, trained->thresholds, summary));
cleanup:
    return status;
}
