#include "multihead/data/importer.h"

#include <unistd.h>

#include "multihead/base/memory.h"
#include "multihead/data/hdf5_file.h"

static const double MOSTLY_ZERO = 0.9; /* deflate makes some 100 MB/s: below, it costs more than it saves */

/* A file that is being written. */
typedef struct {
    mh_hdf5_file *file;
    size_t heads;
    bool is_wide;   /* labels of two bytes                  */
    uint8_t *bytes; /* [block_rows x heads], NULL where wide */
} output;

static bool has_wide_labels(const mh_schema *schema)
{
    for (size_t head = 0; head < schema->heads; head++)
        if (schema->classes[head] >= UINT8_MAX)
            return true;
    return false;
}

/* ---- what stands beside the rows ---- */

static mh_status add_dataset(const mh_text_source *source, mh_hdf5_file *file, const char *name,
                             mh_element element, size_t rows, size_t columns, double zero_share)
{
    if (zero_share < MOSTLY_ZERO)
        return mh_hdf5_file_add(file, name, element, rows, columns);
    return mh_hdf5_file_add_compressed(file, name, element, rows, columns, mh_text_source_block_rows(source));
}

static mh_status add_names(mh_hdf5_file *file, const char *dataset, const char *attribute, size_t count,
                           char *const *names)
{
    return names == NULL ? MH_OK : mh_hdf5_file_set_texts(file, dataset, attribute, count, names);
}

static mh_status add_labels(const mh_text_source *source, const output *output, size_t rows)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_text_source_schema(source);
    const int64_t missing = output->is_wide ? UINT16_MAX : UINT8_MAX;
    int64_t *classes = NULL;

    MH_TRY(mh_memory_array(schema->heads, sizeof *classes, &classes));
    for (size_t head = 0; head < schema->heads; head++)
        classes[head] = (int64_t)schema->classes[head];
    MH_TRY(add_dataset(source, output->file, "labels", output->is_wide ? MH_UINT16 : MH_UINT8, rows,
                       schema->heads, mh_text_source_zero_label_share(source)));
    MH_TRY(mh_hdf5_file_set_integers(output->file, "labels", "num_classes", schema->heads, classes));
    MH_TRY(mh_hdf5_file_set_integers(output->file, "labels", "missing_value", 1, &missing));
    MH_TRY(add_names(output->file, "labels", "label_names", schema->heads, schema->label_names));
    MH_TRY(add_names(output->file, "labels", "class_names", schema->heads, schema->class_names));
cleanup:
    mh_memory_free(classes);
    return status;
}

static mh_status create_output(const mh_text_source *source, size_t file, const char *path, output *out)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_text_source_schema(source);
    size_t rows = mh_text_source_rows(source, file);

    out->heads = schema->heads;
    out->is_wide = has_wide_labels(schema);
    MH_TRY(mh_hdf5_file_create(path, &out->file));
    MH_TRY(add_dataset(source, out->file, "features", MH_FLOAT32, rows, schema->inputs,
                       mh_text_source_zero_share(source)));
    MH_TRY(add_names(out->file, "features", "feature_names", schema->inputs, schema->feature_names));
    if (schema->heads > 0)
        MH_TRY(add_labels(source, out, rows));
    if (!out->is_wide)
        MH_TRY(mh_memory_array(mh_text_source_block_rows(source), schema->heads, &out->bytes));
cleanup:
    return status;
}

/* ---- rows ---- */

static mh_status write_labels(output *output, mh_span rows, const mh_label *labels)
{
    if (output->is_wide) /* MH_LABEL_MISSING is the missing_value of wide labels */
        return mh_hdf5_file_write(output->file, "labels", rows, MH_UINT16, labels);
    for (size_t i = 0; i < rows.count * output->heads; i++)
        output->bytes[i] = labels[i] == MH_LABEL_MISSING ? UINT8_MAX : (uint8_t)labels[i];
    return mh_hdf5_file_write(output->file, "labels", rows, MH_UINT8, output->bytes);
}

static mh_status write_block(void *context, mh_span rows, const float *features, const mh_label *labels)
{
    mh_status status = MH_OK;
    output *output = context;

    MH_TRY(mh_hdf5_file_write(output->file, "features", rows, MH_FLOAT32, features));
    if (output->heads > 0)
        MH_TRY(write_labels(output, rows, labels));
cleanup:
    return status;
}

/* ---- all or none ---- */

static mh_status commit_all(output *outputs, size_t files, char *const *paths)
{
    mh_status status = MH_OK;
    size_t done = 0;

    for (; done < files && status == MH_OK; done++)
        status = mh_hdf5_file_commit(outputs[done].file);
    for (size_t i = 0; status != MH_OK && i + 1 < done; i++)
        unlink(paths[i]);
    return status;
}

mh_status mh_importer_write(mh_text_source *source, char *const *paths)
{
    mh_status status = MH_OK;
    size_t files = mh_text_source_files(source);
    output *outputs = NULL;

    MH_TRY(mh_memory_array(files, sizeof *outputs, &outputs));
    for (size_t i = 0; i < files; i++) {
        MH_TRY(create_output(source, i, paths[i], &outputs[i]));
        MH_TRY(mh_text_source_read(source, i, write_block, &outputs[i]));
    }
    MH_TRY(commit_all(outputs, files, paths));
cleanup:
    for (size_t i = 0; outputs != NULL && i < files; i++) {
        mh_hdf5_file_close(outputs[i].file);
        mh_memory_free(outputs[i].bytes);
    }
    mh_memory_free(outputs);
    return status;
}
