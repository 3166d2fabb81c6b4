#include "data_source.h"

#include "model_list.h"
#include "multihead/base/log.h"

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

mh_status data_source_check_with_model(const options *o)
{
    if (o->model.count == 0)
        return MH_FAIL(MH_ERR_USAGE, "say which model: --model outputs/<run>");
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

mh_status data_source_open_for_model(const options *o, mh_ensemble *ensemble, mh_dataset **dataset)
{
    mh_status status = MH_OK;
    mh_file_list files = {0};

    MH_TRY(model_list_create(&o->model, &files));
    MH_TRY(mh_ensemble_load(files.path, files.count, ensemble));
    MH_TRY(data_source_open(o, dataset));
    MH_TRY(mh_dataset_expect(*dataset, &ensemble->common.schema));
    tell_members(&files, !o->out_of_fold);
cleanup:
    mh_file_list_clear(&files);
    return status;
}
