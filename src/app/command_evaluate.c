#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "multihead/base/memory.h"
#include "multihead/tensor/matrix.h"
#include "multihead/training/evaluator.h"
#include "report.h"

mh_status command_evaluate_check(const options *o)
{
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

/* On rank 0: results to stdout, or nothing but the JSON object there. */
static mh_status tell(const options *o, const mh_schema *schema, const mh_metrics *model,
                      const mh_metrics *baseline)
{
    mh_status status = MH_OK;

    if (o->json == NULL || strcmp(o->json, "-") != 0)
        report_print(model, baseline, schema);
    if (o->json != NULL)
        MH_TRY(report_write_json(o->json, model, baseline, schema));
    MH_TRY(warn_of_heads(schema, model, baseline));
cleanup:
    return status;
}

mh_status command_evaluate(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    mh_ensemble ensemble = {0};
    mh_dataset *dataset = NULL;
    mh_metrics model = {0}, baseline = {0};

    mh_matrix_set_threads(o->threads);
    MH_TRY(mh_comm_agree(comm, open_both(o, &ensemble, &dataset)));
    MH_TRY(mh_evaluate(comm, &ensemble, dataset, &model, &baseline, NULL));
    if (mh_comm_rank(comm) == 0)
        status = tell(o, &ensemble.common.schema, &model, &baseline);
    status = mh_comm_agree(comm, status);
cleanup:
    mh_metrics_clear(&model);
    mh_metrics_clear(&baseline);
    mh_dataset_close(dataset);
    mh_ensemble_clear(&ensemble);
    return status;
}
