#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/tensor/matrix.h"
#include "multihead/training/evaluator.h"
#include "multihead/training/thresholds.h"
#include "plot_evaluation.h"
#include "report.h"
#include "text_file.h"

mh_status command_evaluate_check(const options *o)
{
    size_t length = o->evaluation_plot != NULL ? strlen(o->evaluation_plot) : 0;

    if (o->evaluation_plot != NULL && (length < 5 || strcmp(o->evaluation_plot + length - 4, ".png") != 0))
        return MH_FAIL(MH_ERR_USAGE, "--plot %s: expected a name that ends in .png", o->evaluation_plot);
    return data_source_check_with_model(o);
}

static mh_status open_both(const options *o, mh_ensemble *ensemble, mh_dataset **dataset)
{
    mh_status status = MH_OK;

    MH_TRY(data_source_open_for_model(o, ensemble, dataset));
    if (mh_dataset_schema(*dataset)->heads == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: there is no /labels to evaluate against; predict needs none",
                         mh_dataset_name(*dataset));
    else if (o->out_of_fold)
        status = mh_ensemble_choose_out_of_fold(ensemble, *dataset);
cleanup:
    return status;
}

static mh_status warn_of_heads(const mh_schema *schema, const mh_metrics *model, const mh_metrics *baseline)
{
    mh_status status = MH_OK;
    double *loss = NULL;

    MH_TRY(mh_memory_array(2 * schema->heads, sizeof *loss, &loss));
    for (size_t h = 0; h < schema->heads; h++) {
        loss[h] = model->head[h].loss;
        loss[schema->heads + h] = baseline->head[h].loss;
    }
    report_warn_of_heads(schema, loss, loss + schema->heads);
cleanup:
    mh_memory_free(loss);
    return status;
}

/* A number a line, in the order of the labels. */
static mh_status write_thresholds(const char *path, const float *thresholds, size_t heads)
{
    mh_status status = MH_OK;
    char *text = NULL, number[MH_TEXT_BYTES];
    size_t used = 0;

    MH_TRY(mh_memory_array(heads, MH_TEXT_BYTES, &text));
    for (size_t h = 0; h < heads; h++)
        used += (size_t)sprintf(text + used, "%s\n", mh_text_number((double)thresholds[h], number));
    MH_TRY(text_file_write(path, text));
cleanup:
    mh_memory_free(text);
    return status;
}

/* Collective over comm. */
static mh_status tune_thresholds(const mh_comm *comm, const options *o, const mh_ensemble *ensemble,
                                 mh_dataset *dataset)
{
    mh_status status = MH_OK;
    const mh_threshold_config config = {.least_positives = MH_THRESHOLD_LEAST_POSITIVES};
    mh_threshold_summary summary = {0};
    size_t heads = ensemble->common.schema.heads;
    float *thresholds = NULL;

    if (o->write_thresholds == NULL)
        return MH_OK;
    status = mh_memory_array(heads, sizeof *thresholds, &thresholds);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(mh_ensemble_tune(comm, ensemble, dataset, &config, thresholds, &summary));
    if (mh_comm_rank(comm) == 0)
        status = write_thresholds(o->write_thresholds, thresholds, heads);
    MH_TRY(mh_comm_agree(comm, status));
    mh_log_info("thresholds of %zu labels (%zu their own, the others %.3f): %s", heads, summary.own,
                (double)summary.global, o->write_thresholds);
cleanup:
    mh_memory_free(thresholds);
    return status;
}

typedef struct {
    mh_ensemble ensemble;
    mh_dataset *dataset;
    mh_metrics model, baseline;
    mh_evaluation_curves *curves; /* NULL unless they are drawn */
} evaluation;

/* On rank 0: results to stdout, or nothing but the JSON object there. */
static mh_status tell(const options *o, const evaluation *e)
{
    mh_status status = MH_OK;
    const mh_schema *schema = &e->ensemble.common.schema;

    if (o->json == NULL || strcmp(o->json, "-") != 0)
        report_print(&e->model, &e->baseline, schema);
    if (o->json != NULL)
        MH_TRY(report_write_json(o->json, &e->model, &e->baseline, schema));
    MH_TRY(warn_of_heads(schema, &e->model, &e->baseline));
    if (o->evaluation_plot != NULL)
        MH_TRY(
            plot_evaluation(&e->model, e->curves, schema, mh_dataset_name(e->dataset), o->evaluation_plot));
cleanup:
    return status;
}

static mh_status prepare(const options *o, evaluation *e)
{
    mh_status status = MH_OK;

    MH_TRY(open_both(o, &e->ensemble, &e->dataset));
    if (o->evaluation_plot != NULL)
        MH_TRY(mh_memory_new(sizeof *e->curves, &e->curves));
cleanup:
    return status;
}

mh_status command_evaluate(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    evaluation e = {0};

    mh_matrix_set_threads(o->threads);
    MH_TRY(data_source_verify(comm, o));
    MH_TRY(mh_comm_agree(comm, prepare(o, &e)));
    MH_TRY(mh_evaluate(comm, &e.ensemble, e.dataset, &e.model, &e.baseline, e.curves));
    if (mh_comm_rank(comm) == 0)
        status = tell(o, &e);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(tune_thresholds(comm, o, &e.ensemble, e.dataset));
cleanup:
    mh_metrics_clear(&e.model);
    mh_metrics_clear(&e.baseline);
    mh_dataset_close(e.dataset);
    mh_ensemble_clear(&e.ensemble);
    mh_memory_free(e.curves);
    return status;
}
