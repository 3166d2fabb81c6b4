#include "data_source.h"

#include <stdlib.h>
#include <string.h>

#include "model_list.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/data/seal.h"
#include "multihead/parallel/placement.h"
#include "weight_list.h"

mh_generator_config data_source_generator(const options *o)
{
    return (mh_generator_config){
        .method = (mh_generator_method)o->method,
        .samples = o->samples,
        .features = o->features,
        .labels = o->labels,
        .categories = o->categories,
        .mean_labels = o->mean_labels,
        .length = o->length,
        .allow_unlabeled = !o->no_unlabeled,
        .seed = o->data_seed,
    };
}

mh_status data_source_check(const options *o)
{
    const char *odd =
        o->generate
            ? options_first_given(o, (const char *const[]){"data", "features-name", "labels-name", NULL})
            : options_given_of_generator(o);

    if (odd != NULL && o->generate)
        return MH_FAIL(MH_ERR_USAGE, "--generate and --%s contradict each other: rows are made or read", odd);
    if (odd != NULL)
        return MH_FAIL(MH_ERR_USAGE, "--%s is for generated rows: add --generate, or leave it out", odd);
    if (!o->generate && o->data.count == 0)
        return MH_FAIL(MH_ERR_USAGE, "say where the rows are: --data PATH, or --generate");
    return MH_OK;
}

static mh_status open_source(const options *o, const text_list *paths, bool is_generated,
                             const mh_slice *rows, mh_dataset **out)
{
    mh_status status = MH_OK;
    mh_generator_config generator = data_source_generator(o);
    mh_dataset_config config = {
        .paths = paths->text,
        .path_count = paths->count,
        .generator = is_generated ? &generator : NULL,
        .features_name = o->features_name,
        .labels_name = o->labels_name,
    };

    MH_TRY(mh_dataset_open(&config, out));
    MH_TRY(mh_dataset_select(*out, rows));
cleanup:
    if (status != MH_OK) {
        mh_dataset_close(*out);
        *out = NULL;
    }
    return status;
}

mh_status data_source_open(const options *o, mh_dataset **out)
{
    return open_source(o, &o->data, o->generate, &o->rows, out);
}

mh_status data_source_open_validation(const options *o, mh_dataset **out)
{
    bool has_own = o->validation_data.count > 0;

    return open_source(o, has_own ? &o->validation_data : &o->data, !has_own && o->generate,
                       &o->validation_rows, out);
}

/* ---- seals ---- */

static mh_status verify(const text_list *paths, size_t rank, size_t ranks)
{
    mh_status status = MH_OK;
    mh_file_list files = {0};

    MH_TRY(mh_file_list_create(paths->text, paths->count, &files));
    for (size_t i = 0; i < files.count; i++)
        MH_TRY(mh_seal_expect(files.path[i], rank, ranks, NULL));
cleanup:
    mh_file_list_clear(&files);
    return status;
}

mh_status data_source_verify(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);

    mh_hdf5_file_set_decoders(mh_placement_share(comm));
    mh_phase_enter("checking the data");
    MH_TRY(verify(&o->data, rank, ranks));
    MH_TRY(verify(&o->validation_data, rank, ranks));
cleanup:
    return mh_comm_agree(comm, status);
}

/* ---- a model's data ---- */

/* --thresholds: the models' own, one number for all labels, or a file of one for each. */
static mh_status set_thresholds(const options *o, mh_ensemble *ensemble)
{
    mh_status status = MH_OK;
    const mh_schema *schema = &ensemble->common.schema;
    double *thresholds = NULL;

    if (strcmp(o->thresholds, "model") == 0)
        return MH_OK;
    MH_TRY(weight_list_read("thresholds", o->thresholds, schema, &thresholds, NULL));
    for (size_t h = 0; h < schema->heads; h++) {
        if (thresholds[h] > 1) {
            status =
                MH_FAIL(MH_ERR_USAGE, "--thresholds %s: %g is no probability", o->thresholds, thresholds[h]);
            goto cleanup;
        }
    }
    MH_TRY(mh_ensemble_set_thresholds(ensemble, thresholds));
cleanup:
    mh_memory_free(thresholds);
    return status;
}

static bool is_number(const char *text, double *out)
{
    char *end = NULL;

    *out = strtod(text, &end);
    return end != text && *end == '\0';
}

mh_status data_source_check_with_model(const options *o)
{
    double threshold = 0;

    if (o->model.count == 0)
        return MH_FAIL(MH_ERR_USAGE, "say which model: --model outputs/<run>");
    if (is_number(o->thresholds, &threshold) && !(threshold >= 0 && threshold <= 1))
        return MH_FAIL(MH_ERR_USAGE,
                       "--thresholds %s: expected model, a number from 0 to 1, or a file of them",
                       o->thresholds);
    return data_source_check(o);
}

static void tell_members(const mh_file_list *files, bool are_averaged)
{
    const char *first = files->path[0], *last = files->path[files->count - 1];

    if (files->count == 2)
        mh_log_info("%s 2 models: %s and %s", are_averaged ? "averaging" : "out of fold:", first, last);
    else if (files->count > 2)
        mh_log_info("%s %zu models: %s to %s", are_averaged ? "averaging" : "out of fold:", files->count,
                    first, last);
}

static void tell_of_labels(const mh_dataset *dataset)
{
    size_t labels = mh_dataset_labels(dataset), heads = mh_dataset_schema(dataset)->heads;

    if (!mh_dataset_labels_are_matched(dataset))
        return;
    if (labels < heads)
        mh_log_info("%s has %zu of the model's %zu labels, found by name; the others count as missing",
                    mh_dataset_name(dataset), labels, heads);
    else
        mh_log_info("%s has the model's labels in another order; they are found by name",
                    mh_dataset_name(dataset));
}

mh_status data_source_open_for_model(const options *o, mh_ensemble *ensemble, mh_dataset **dataset)
{
    mh_status status = MH_OK;
    mh_file_list files = {0};

    MH_TRY(model_list_create(&o->model, &files));
    MH_TRY(mh_ensemble_load(files.path, files.count, ensemble));
    MH_TRY(set_thresholds(o, ensemble));
    MH_TRY(data_source_open(o, dataset));
    MH_TRY(mh_dataset_expect(*dataset, &ensemble->common.schema));
    tell_of_labels(*dataset);
    tell_members(&files, !o->out_of_fold);
cleanup:
    mh_file_list_clear(&files);
    return status;
}
