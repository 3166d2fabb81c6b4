#include <math.h>
#include <stdio.h>

#include "multihead/base/crash.h"
#include "multihead/base/memory.h"
#include "trained_model.h"

/* The file of a model, and what a checkpoint shares with it. */

static const char FORMAT[] = "multihead model";
enum { FORMAT_VERSION = 1, PACKED_SHARE = 64 };

/* ---- tensors ---- */

void mh_trained_dataset_name(const char *group, const mh_tensor *tensor, char name[MH_TRAINED_NAME_BYTES])
{
    snprintf(name, MH_TRAINED_NAME_BYTES, "%s/%s", group, tensor->name);
}

mh_status mh_trained_write_vector(const mh_layout *layout, mh_hdf5_file *file, const char *group,
                                  const float *vector)
{
    mh_status status = MH_OK;
    char name[MH_TRAINED_NAME_BYTES];

    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];

        mh_trained_dataset_name(group, tensor, name);
        MH_TRY(mh_hdf5_file_add(file, name, MH_FLOAT32, tensor->rows, tensor->columns));
        MH_TRY(mh_hdf5_file_write(file, name, (mh_span){0, tensor->rows}, MH_FLOAT32,
                                  vector + tensor->span.first));
    }
cleanup:
    return status;
}

mh_status mh_trained_read_vector(const mh_layout *layout, const mh_hdf5_file *file, const char *group,
                                 float *vector)
{
    mh_status status = MH_OK;
    char name[MH_TRAINED_NAME_BYTES];

    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];
        mh_extent extent = {0};
        size_t columns = tensor->columns == 0 ? 1 : tensor->columns;

        mh_trained_dataset_name(group, tensor, name);
        if (!mh_hdf5_file_has(file, name)) {
            status = MH_FAIL(MH_ERR_FORMAT, "%s: there is no /%s, which this model has",
                             mh_hdf5_file_path(file), name);
            goto cleanup;
        }
        MH_TRY(mh_hdf5_file_extent(file, name, &extent));
        if (extent.kind != MH_KIND_FLOAT || extent.rows != tensor->rows || extent.columns != columns ||
            extent.dimensions != (tensor->columns == 0 ? 1u : 2u)) {
            status =
                MH_FAIL(MH_ERR_FORMAT, "%s: /%s is [%zu x %zu], this model needs floats [%zu x %zu]",
                        mh_hdf5_file_path(file), name, extent.rows, extent.columns, tensor->rows, columns);
            goto cleanup;
        }
        MH_TRY(mh_hdf5_file_read(file, name, (mh_span){0, tensor->rows}, MH_FLOAT32,
                                 vector + tensor->span.first));
    }
cleanup:
    return status;
}

/* ---- writing ---- */

static mh_status write_list(mh_hdf5_file *file, const char *attribute, size_t count, const size_t *values)
{
    mh_status status = MH_OK;
    int64_t *list = NULL;

    MH_TRY(mh_memory_array(count, sizeof *list, &list));
    for (size_t i = 0; i < count; i++)
        list[i] = (int64_t)values[i];
    MH_TRY(mh_hdf5_file_set_integers(file, "model", attribute, count, list));
cleanup:
    mh_memory_free(list);
    return status;
}

static mh_status write_names(mh_hdf5_file *file, const char *attribute, size_t count, char *const *names)
{
    return names == NULL ? MH_OK : mh_hdf5_file_set_texts(file, "model", attribute, count, names);
}

static mh_status write_shape(const mh_trained *trained, mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    const mh_schema *schema = &trained->schema;
    const mh_heads *heads = mh_model_heads(trained->model);
    size_t layers = mh_model_hidden_layers(trained->model);
    size_t *list = NULL;
    size_t activation = heads->activation, has_linear_path = mh_model_has_linear_path(trained->model);

    MH_TRY(mh_memory_array(layers + heads->count, sizeof *list, &list));
    for (size_t i = 0; i < layers; i++)
        list[i] = mh_model_hidden(trained->model, i);
    MH_TRY(write_list(file, "inputs", 1, &schema->inputs));
    MH_TRY(write_list(file, "hidden", layers, list));
    for (size_t h = 0; h < heads->count; h++)
        list[h] = heads->head[h].is_binary;
    MH_TRY(write_list(file, "is_binary", heads->count, list));
    MH_TRY(write_list(file, "num_classes", heads->count, schema->classes));
    MH_TRY(write_list(file, "head_sigmoid", 1, &activation));
    MH_TRY(write_list(file, "linear_path", 1, &has_linear_path));
cleanup:
    mh_memory_free(list);
    return status;
}

static mh_status write_standardizer(const mh_standardizer *standardizer, mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    mh_span all = {0, standardizer->inputs};
    double limit = (double)standardizer->limit;

    if (standardizer->inputs == 0)
        return MH_OK;
    MH_TRY(mh_hdf5_file_add(file, "standardization/mean", MH_FLOAT32, all.count, 0));
    MH_TRY(mh_hdf5_file_write(file, "standardization/mean", all, MH_FLOAT32, standardizer->mean));
    if (standardizer->limit > 0)
        MH_TRY(mh_hdf5_file_set_doubles(file, "standardization", "limit", 1, &limit));
    MH_TRY(mh_hdf5_file_add(file, "standardization/deviation", MH_FLOAT32, all.count, 0));
    MH_TRY(mh_hdf5_file_write(file, "standardization/deviation", all, MH_FLOAT32, standardizer->deviation));
cleanup:
    return status;
}

static mh_status write_fold(const mh_fold *fold, mh_hdf5_file *file)
{
    const int64_t numbers[4] = {(int64_t)fold->index, (int64_t)fold->count, (int64_t)fold->seed,
                                (int64_t)fold->rows};

    return fold->count == 0 ? MH_OK : mh_hdf5_file_set_integers(file, "model", "validation_fold", 4, numbers);
}

mh_status mh_trained_write(const mh_trained *trained, mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    const mh_schema *schema = &trained->schema;
    size_t rates = mh_trained_rates(trained), version = FORMAT_VERSION;
    char *format[1] = {(char *)FORMAT};

    MH_TRY(mh_trained_write_vector(mh_model_layout(trained->model), file, "model",
                                   mh_model_parameters(trained->model)));
    MH_TRY(mh_hdf5_file_set_texts(file, "model", "format", 1, format));
    MH_TRY(write_list(file, "format_version", 1, &version));
    MH_TRY(write_shape(trained, file));
    MH_TRY(write_fold(&trained->fold, file));
    MH_TRY(write_names(file, "feature_names", schema->inputs, schema->feature_names));
    MH_TRY(write_names(file, "label_names", schema->heads, schema->label_names));
    MH_TRY(write_names(file, "class_names", schema->heads, schema->class_names));
    MH_TRY(mh_hdf5_file_add(file, "base_rates", MH_FLOAT64, rates, 0));
    MH_TRY(mh_hdf5_file_write(file, "base_rates", (mh_span){0, rates}, MH_FLOAT64, trained->base_rates));
    MH_TRY(write_standardizer(&trained->standardizer, file));
    if (trained->thresholds != NULL) {
        MH_TRY(mh_hdf5_file_add(file, "thresholds", MH_FLOAT32, schema->heads, 0));
        MH_TRY(mh_hdf5_file_write(file, "thresholds", (mh_span){0, schema->heads}, MH_FLOAT32,
                                  trained->thresholds));
    }
cleanup:
    return status;
}

mh_status mh_trained_save(const mh_trained *trained, const char *path)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    MH_TRY(mh_hdf5_file_create_in_memory(path, &file));
    MH_TRY(mh_trained_write(trained, file));
    MH_TRY(mh_hdf5_file_commit(file));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}

/* ---- reading ---- */

static mh_status read_list(const mh_hdf5_file *file, const char *attribute, size_t count, size_t *values)
{
    mh_status status = MH_OK;
    int64_t *list = NULL;

    MH_TRY(mh_memory_array(count, sizeof *list, &list));
    MH_TRY(mh_hdf5_file_get_integers(file, "model", attribute, count, list));
    for (size_t i = 0; i < count; i++) {
        if (list[i] < 0) {
            status = MH_FAIL(MH_ERR_FORMAT, "%s: attribute %s of /model has a negative entry",
                             mh_hdf5_file_path(file), attribute);
            goto cleanup;
        }
        values[i] = (size_t)list[i];
    }
cleanup:
    mh_memory_free(list);
    return status;
}

static mh_status read_names(const mh_hdf5_file *file, const char *attribute, size_t count, char ***out)
{
    mh_status status = MH_OK;

    if (!mh_hdf5_file_has_attribute(file, "model", attribute))
        return MH_OK;
    MH_TRY(mh_schema_names_create(count, out));
    MH_TRY(mh_hdf5_file_get_texts(file, "model", attribute, count, *out));
cleanup:
    return status;
}

static mh_status read_schema(const mh_hdf5_file *file, mh_schema *schema)
{
    mh_status status = MH_OK;
    size_t inputs = 0, heads = 0;

    MH_TRY(read_list(file, "inputs", 1, &inputs));
    MH_TRY(mh_hdf5_file_attribute_count(file, "model", "num_classes", &heads));
    if (inputs == 0 || heads == 0) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: the model has no inputs or no heads", mh_hdf5_file_path(file));
        goto cleanup;
    }
    if (inputs > mh_hdf5_file_bytes(file)) {
        status = MH_FAIL(
            MH_ERR_FORMAT,
            "%s: the model says that it has %zu inputs, more than the file has room for: it may be damaged",
            mh_hdf5_file_path(file), inputs);
        goto cleanup;
    }
    MH_TRY(mh_schema_create(inputs, heads, schema));
    MH_TRY(read_list(file, "num_classes", heads, schema->classes));
    MH_TRY(read_names(file, "feature_names", inputs, &schema->feature_names));
    MH_TRY(read_names(file, "label_names", heads, &schema->label_names));
    MH_TRY(read_names(file, "class_names", heads, &schema->class_names));
cleanup:
    return status;
}

/* The heads as they were, which may mix both kinds. */
static mh_status read_heads(const mh_hdf5_file *file, const mh_schema *schema, mh_heads *heads)
{
    mh_status status = MH_OK;
    size_t *is_binary = NULL, sigmoid = 0;

    MH_TRY(mh_memory_array(schema->heads, sizeof *is_binary, &is_binary));
    MH_TRY(read_list(file, "is_binary", schema->heads, is_binary));
    MH_TRY(read_list(file, "head_sigmoid", 1, &sigmoid));
    MH_TRY(mh_heads_restore(schema, is_binary,
                            sigmoid != 0 ? MH_HEAD_ACTIVATION_SIGMOID : MH_HEAD_ACTIVATION_NONE, heads));
cleanup:
    mh_memory_free(is_binary);
    return status;
}

/* Nobody asks for memory on the word of a damaged file. Packed parameters take less room, but not that much less. */
static mh_status check_size(const mh_hdf5_file *file, const mh_schema *schema, const mh_heads *heads,
                            const mh_trained_config *config)
{
    double parameters = (double)heads->columns, inputs = (double)schema->inputs;
    double most = (double)mh_hdf5_file_bytes(file) * PACKED_SHARE / sizeof(float);

    for (size_t i = 0; i < config->hidden_layers; i++) {
        parameters += inputs * (double)config->hidden[i];
        inputs = (double)config->hidden[i];
    }
    parameters += inputs * (double)heads->columns;
    if (config->has_linear_path)
        parameters += (double)schema->inputs * (double)heads->columns;
    if (parameters <= most)
        return MH_OK;
    return MH_FAIL(
        MH_ERR_FORMAT,
        "%s: the model says that it has %.0f parameters, more than the file has room for: it may be damaged",
        mh_hdf5_file_path(file), parameters);
}

static mh_status read_model(const mh_hdf5_file *file, mh_trained *trained)
{
    mh_status status = MH_OK;
    mh_heads heads = {0};
    size_t layers = 0, *hidden = NULL, has_linear_path = 0;

    MH_TRY(read_heads(file, &trained->schema, &heads));
    MH_TRY(mh_hdf5_file_attribute_count(file, "model", "hidden", &layers));
    MH_TRY(mh_memory_array(layers, sizeof *hidden, &hidden));
    if (layers > 0)
        MH_TRY(read_list(file, "hidden", layers, hidden));
    if (mh_hdf5_file_has_attribute(file, "model", "linear_path"))
        MH_TRY(read_list(file, "linear_path", 1, &has_linear_path));
    mh_trained_config config = {
        .hidden = hidden, .hidden_layers = layers, .has_linear_path = has_linear_path != 0};
    MH_TRY(check_size(file, &trained->schema, &heads, &config));
    MH_TRY(mh_trained_create_model(&heads, &config, trained));
cleanup:
    mh_heads_clear(&heads);
    mh_memory_free(hidden);
    return status;
}

static mh_status read_thresholds(const mh_hdf5_file *file, mh_trained *trained)
{
    mh_status status = MH_OK;
    size_t heads = trained->schema.heads;

    if (!mh_hdf5_file_has(file, "thresholds"))
        return MH_OK;
    MH_TRY(mh_memory_array(heads, sizeof *trained->thresholds, &trained->thresholds));
    MH_TRY(mh_hdf5_file_read_list(file, "thresholds", heads, MH_FLOAT32, trained->thresholds));
cleanup:
    return status;
}

static mh_status read_standardizer(const mh_hdf5_file *file, mh_trained *trained)
{
    mh_status status = MH_OK;
    mh_standardizer *standardizer = &trained->standardizer;
    size_t inputs = trained->schema.inputs;
    double limit = 0;

    if (!mh_hdf5_file_has(file, "standardization/mean"))
        return MH_OK;
    MH_TRY(mh_standardizer_create(inputs, standardizer));
    MH_TRY(mh_hdf5_file_read_list(file, "standardization/mean", inputs, MH_FLOAT32, standardizer->mean));
    MH_TRY(mh_hdf5_file_read_list(file, "standardization/deviation", inputs, MH_FLOAT32,
                                  standardizer->deviation));
    if (mh_hdf5_file_has_attribute(file, "standardization", "limit"))
        MH_TRY(mh_hdf5_file_get_doubles(file, "standardization", "limit", 1, &limit));
    standardizer->limit = (float)limit;
    for (size_t i = 0; i < inputs; i++)
        if (!isfinite(standardizer->mean[i]) || !(standardizer->deviation[i] > 0.0f))
            return MH_FAIL(MH_ERR_FORMAT, "%s: /standardization: column %zu has mean %g and deviation %g",
                           mh_hdf5_file_path(file), i, (double)standardizer->mean[i],
                           (double)standardizer->deviation[i]);
cleanup:
    return status;
}

static mh_status read_fold(const mh_hdf5_file *file, mh_fold *fold)
{
    mh_status status = MH_OK;
    int64_t numbers[4] = {0};

    if (!mh_hdf5_file_has_attribute(file, "model", "validation_fold"))
        return MH_OK;
    MH_TRY(mh_hdf5_file_get_integers(file, "model", "validation_fold", 4, numbers));
    if (numbers[0] < 1 || numbers[0] > numbers[1] || numbers[1] > MH_SPLIT_GROUPS_MAX || numbers[3] < 1) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: attribute validation_fold of /model is no fold",
                         mh_hdf5_file_path(file));
        goto cleanup;
    }
    *fold = (mh_fold){.index = (size_t)numbers[0],
                      .count = (size_t)numbers[1],
                      .seed = (uint64_t)numbers[2],
                      .rows = (size_t)numbers[3]};
cleanup:
    return status;
}

mh_status mh_trained_load(const char *path, mh_trained *out)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    *out = (mh_trained){0};
    mh_crash_expect(path); /* one that another program wrote has no seal */
    MH_TRY(mh_hdf5_file_open_whole(path, &file));
    if (!mh_hdf5_file_has_attribute(file, "model", "format")) {
        status =
            MH_FAIL(MH_ERR_FORMAT, "%s: is not a model of multihead (no /model with attribute format)", path);
        goto cleanup;
    }
    MH_TRY(read_schema(file, &out->schema));
    MH_TRY(read_model(file, out));
    MH_TRY(
        mh_trained_read_vector(mh_model_layout(out->model), file, "model", mh_model_parameters(out->model)));
    MH_TRY(mh_hdf5_file_read_list(file, "base_rates", mh_trained_rates(out), MH_FLOAT64, out->base_rates));
    MH_TRY(read_standardizer(file, out));
    MH_TRY(read_fold(file, &out->fold));
    MH_TRY(read_thresholds(file, out));
cleanup:
    mh_hdf5_file_close(file);
    mh_crash_expect(NULL);
    if (status != MH_OK)
        mh_trained_clear(out);
    return status;
}

mh_status mh_trained_load_parameters(mh_trained *trained, const char *path)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    MH_TRY(mh_hdf5_file_open_whole(path, &file));
    MH_TRY(mh_trained_read_vector(mh_model_layout(trained->model), file, "model",
                                  mh_model_parameters(trained->model)));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}
