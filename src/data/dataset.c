#include "multihead/data/dataset.h"

#include <assert.h>
#include <stdio.h>

#include "column_match.h"
#include "dataset_parts.h"
#include "multihead/base/crash.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"

enum { BLOCK_LABELS = 1 << 16 }; /* labels converted at a time */

/* ---- opening ---- */

/* The first of the accepted names that the file has; "" when none. */
static const char *find_name(const mh_hdf5_file *file, const char *const names[3])
{
    for (size_t i = 0; i < 3; i++)
        if (mh_hdf5_file_has(file, names[i]))
            return names[i];
    return "";
}

static mh_status find_columns(const mh_dataset_config *config, const mh_hdf5_file *file, file_part *part)
{
    static const char *const features_names[3] = {"features", "x", "X"};
    static const char *const labels_names[3] = {"labels", "y", "Y"};
    const char *features =
        config->features_name != NULL ? config->features_name : find_name(file, features_names);
    const char *labels = config->labels_name != NULL ? config->labels_name : find_name(file, labels_names);
    const char *path = mh_hdf5_file_path(file);

    if (features[0] == '\0')
        return MH_FAIL(MH_ERR_FORMAT,
                       "%s: there is no /features (nor /x, /X); --features-name says another name", path);
    if (!mh_hdf5_file_has(file, features))
        return MH_FAIL(MH_ERR_FORMAT, "%s: there is no /%s (--features-name)", path, features);
    if (config->labels_name != NULL && !mh_hdf5_file_has(file, labels))
        return MH_FAIL(MH_ERR_FORMAT, "%s: there is no /%s (--labels-name)", path, labels);
    snprintf(part->features_name, sizeof part->features_name, "%s", features);
    snprintf(part->labels_name, sizeof part->labels_name, "%s", labels);
    return MH_OK;
}

static mh_status read_names(const mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                            char ***out)
{
    mh_status status = MH_OK;

    if (!mh_hdf5_file_has_attribute(file, name, attribute))
        return MH_OK;
    MH_TRY(mh_schema_names_create(count, out));
    MH_TRY(mh_hdf5_file_get_texts(file, name, attribute, count, *out));
cleanup:
    return status;
}

static mh_status read_classes(const mh_hdf5_file *file, const char *name, mh_schema *schema)
{
    mh_status status = MH_OK;
    int64_t *classes = NULL;

    if (!mh_hdf5_file_has_attribute(file, name, "num_classes"))
        return MH_OK;
    MH_TRY(mh_memory_array(schema->heads, sizeof *classes, &classes));
    MH_TRY(mh_hdf5_file_get_integers(file, name, "num_classes", schema->heads, classes));
    for (size_t head = 0; head < schema->heads; head++) {
        if (classes[head] < 1 || classes[head] > MH_CLASSES_MAX) {
            status =
                MH_FAIL(MH_ERR_FORMAT, "%s: attribute num_classes of /%s says %lld classes for label %zu",
                        mh_hdf5_file_path(file), name, (long long)classes[head], head);
            goto cleanup;
        }
        /* A label that is the same everywhere is still a yes-no question. */
        schema->classes[head] = classes[head] < 2 ? 2 : (size_t)classes[head];
    }
cleanup:
    mh_memory_free(classes);
    return status;
}

/* The columns of one file, and how many rows it has. */
static mh_status read_schema(const mh_hdf5_file *file, file_part *part, mh_schema *schema)
{
    mh_status status = MH_OK;
    const char *path = mh_hdf5_file_path(file);
    const char *features = part->features_name, *labels = part->labels_name;
    mh_extent x = {0}, y = {0};

    MH_TRY(mh_hdf5_file_extent(file, features, &x));
    if (x.kind == MH_KIND_OTHER) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s holds neither floats nor integers", path, features);
        goto cleanup;
    }
    if (labels[0] != '\0') {
        MH_TRY(mh_hdf5_file_extent(file, labels, &y));
        if (y.kind != MH_KIND_INTEGER) {
            status =
                MH_FAIL(MH_ERR_FORMAT, "%s: /%s must hold integers (class indices from 0)", path, labels);
            goto cleanup;
        }
        if (y.rows != x.rows) {
            status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s has %zu rows but /%s has %zu", path, features, x.rows,
                             labels, y.rows);
            goto cleanup;
        }
    }
    if (x.columns == 0 || (labels[0] != '\0' && y.columns == 0)) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s has no columns", path, x.columns == 0 ? features : labels);
        goto cleanup;
    }
    part->rows.count = x.rows;
    MH_TRY(mh_schema_create(x.columns, y.columns, schema));
    MH_TRY(read_names(file, features, "feature_names", schema->inputs, &schema->feature_names));
    if (labels[0] != '\0') {
        MH_TRY(read_classes(file, labels, schema));
        MH_TRY(read_names(file, labels, "label_names", schema->heads, &schema->label_names));
        MH_TRY(read_names(file, labels, "class_names", schema->heads, &schema->class_names));
    }
cleanup:
    return status;
}

static mh_status read_missing_value(const mh_hdf5_file *file, file_part *part)
{
    mh_status status = MH_OK;
    const char *labels = part->labels_name;

    part->has_missing_value = labels[0] != '\0' && mh_hdf5_file_has_attribute(file, labels, "missing_value");
    if (part->has_missing_value)
        MH_TRY(mh_hdf5_file_get_integers(file, labels, "missing_value", 1, &part->missing_value));
cleanup:
    return status;
}

/* The first file says what the columns are; the others must have the same ones. */
static mh_status join_schema(mh_dataset *dataset, const mh_schema *schema, const char *path)
{
    mh_status status = MH_OK;
    mh_schema *known = &dataset->schema;

    if (schema->inputs != known->inputs || schema->heads != known->heads)
        return MH_FAIL(MH_ERR_FORMAT, "%s: has %zu features and %zu labels, but %s has %zu and %zu", path,
                       schema->inputs, schema->heads, dataset->files.path[0], known->inputs, known->heads);
    MH_TRY(column_match_files(path, schema, dataset->files.path[0], known));
    for (size_t head = 0; head < known->heads; head++)
        if (schema->classes[head] > known->classes[head])
            known->classes[head] = schema->classes[head];
cleanup:
    return status;
}

static mh_status scan_file(mh_dataset *dataset, const mh_dataset_config *config, size_t index)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    mh_schema schema = {0};
    file_part *part = &dataset->parts[index];

    mh_phase_enter("looking into files");
    mh_crash_expect(dataset->files.path[index]); /* somebody else's, of which there is no checksum */
    MH_TRY(mh_hdf5_file_open(dataset->files.path[index], &file));
    MH_TRY(find_columns(config, file, part));
    MH_TRY(read_schema(file, part, &schema));
    MH_TRY(read_missing_value(file, part));
    part->rows.first = dataset->total;
    dataset->total += part->rows.count;
    if (index == 0) {
        dataset->schema = schema;
        schema = (mh_schema){0};
    } else {
        MH_TRY(join_schema(dataset, &schema, dataset->files.path[index]));
    }
cleanup:
    mh_hdf5_file_close(file);
    mh_crash_expect(NULL);
    mh_schema_clear(&schema);
    return status;
}

static mh_status open_files(mh_dataset *dataset, const mh_dataset_config *config)
{
    mh_status status = MH_OK;

    MH_TRY(mh_file_list_create(config->paths, config->path_count, &dataset->files));
    MH_TRY(mh_memory_array(dataset->files.count, sizeof *dataset->parts, &dataset->parts));
    for (size_t i = 0; i < dataset->files.count; i++)
        MH_TRY(scan_file(dataset, config, i));
    if (config->path_count == 1 && dataset->files.count == 1)
        snprintf(dataset->name, sizeof dataset->name, "%s", config->paths[0]);
    else
        snprintf(dataset->name, sizeof dataset->name, "%.200s%s (%zu files)", config->paths[0],
                 config->path_count > 1 ? " ..." : "", dataset->files.count);
    dataset->block_labels =
        dataset->schema.heads > BLOCK_LABELS ? dataset->schema.heads : (size_t)BLOCK_LABELS;
    MH_TRY(mh_memory_array(dataset->block_labels, sizeof *dataset->block, &dataset->block));
cleanup:
    return status;
}

static mh_status open_generator(mh_dataset *dataset, const mh_generator_config *config)
{
    mh_status status = MH_OK;

    MH_TRY(mh_generator_create(config, &dataset->generator));
    MH_TRY(mh_schema_create(config->features, config->labels, &dataset->schema));
    for (size_t head = 0; head < config->labels; head++)
        dataset->schema.classes[head] = config->categories;
    dataset->total = config->samples;
    snprintf(dataset->name, sizeof dataset->name, "generated (%s, seed %llu)",
             config->method == MH_GENERATOR_SKLEARN ? "sklearn" : "rowwise",
             (unsigned long long)config->seed);
cleanup:
    return status;
}

mh_status mh_dataset_open(const mh_dataset_config *config, mh_dataset **out)
{
    mh_status status = MH_OK;
    mh_dataset *dataset = NULL;
    const char *before = mh_phase_name();

    MH_TRY(mh_memory_new(sizeof *dataset, &dataset));
    if (config->generator != NULL)
        MH_TRY(open_generator(dataset, config->generator));
    else
        MH_TRY(open_files(dataset, config));
    mh_phase_enter(before);
    if (dataset->total == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: there are no rows", dataset->name);
    dataset->selection = (mh_span){0, dataset->total};
    dataset->file_labels = dataset->schema.heads;
cleanup:
    if (status != MH_OK) {
        mh_dataset_close(dataset);
        dataset = NULL;
    }
    *out = dataset;
    return status;
}

void mh_dataset_close(mh_dataset *dataset)
{
    if (dataset == NULL)
        return;
    mh_generator_destroy(dataset->generator);
    mh_hdf5_file_close(dataset->open_file);
    mh_file_list_clear(&dataset->files);
    mh_schema_clear(&dataset->schema);
    mh_memory_free(dataset->parts);
    mh_memory_free(dataset->block);
    mh_memory_free(dataset->picks);
    mh_memory_free(dataset->scratch);
    mh_memory_free(dataset->head_of);
    mh_memory_free(dataset);
}

/* ---- what it is ---- */

/* `picks` becomes the data set's. */
static void set_picks(mh_dataset *dataset, size_t *picks, size_t count)
{
    mh_memory_free(dataset->picks);
    dataset->picks = picks;
    dataset->pick_count = count;
}

mh_status mh_dataset_select(mh_dataset *dataset, const mh_slice *slice)
{
    int64_t total = (int64_t)dataset->total;
    int64_t first = slice->has_first ? slice->first : 0;
    int64_t last = slice->has_last ? slice->last : total;

    first = first < 0 ? first + total : first;
    last = last < 0 ? last + total : last;
    first = first < 0 ? 0 : first;
    last = last > total ? total : last;
    if (first >= last)
        return MH_FAIL(MH_ERR_FORMAT, "%s: no row is selected (--rows): there are %zu rows", dataset->name,
                       dataset->total);
    set_picks(dataset, NULL, 0);
    dataset->selection = (mh_span){(size_t)first, (size_t)(last - first)};
    return MH_OK;
}

mh_status mh_dataset_pick(mh_dataset *dataset, const size_t *rows, size_t count)
{
    mh_status status = MH_OK;
    size_t *picks = NULL;

    if (count == 0)
        return MH_FAIL(MH_ERR_FORMAT, "%s: no row is selected", dataset->name);
    MH_TRY(mh_memory_array(count, sizeof *picks, &picks));
    for (size_t i = 0; i < count; i++) {
        assert(rows[i] < mh_dataset_rows(dataset) && (i == 0 || rows[i] > rows[i - 1]));
        picks[i] = mh_dataset_row_number(dataset, rows[i]);
    }
    set_picks(dataset, picks, count);
cleanup:
    return status;
}

/* From now on the columns are the model's; labels that the files do not have are missing. */
static mh_status adopt(mh_dataset *dataset, const mh_schema *model, size_t *head_of)
{
    mh_status status = MH_OK;
    mh_schema adopted = {0};

    MH_TRY(mh_schema_copy(model, &adopted));
    mh_schema_clear(&dataset->schema);
    dataset->schema = adopted;
    dataset->head_of = head_of;
cleanup:
    if (status != MH_OK)
        mh_memory_free(head_of);
    return status;
}

mh_status mh_dataset_expect(mh_dataset *dataset, const mh_schema *model)
{
    mh_status status = MH_OK;
    mh_schema *known = &dataset->schema;
    size_t *head_of = NULL;

    MH_TRY(column_match_features(dataset->name, known, model));
    if (known->heads == 0)
        return MH_OK;
    MH_TRY(column_match_labels(dataset->name, known, model, &head_of));
    if (head_of != NULL && dataset->head_of != NULL) {
        mh_memory_free(head_of);
        status = MH_FAIL(MH_ERR_FORMAT, "%s: the models have other labels or another order of them",
                         dataset->name);
        goto cleanup;
    }
    if (head_of != NULL)
        return adopt(dataset, model, head_of);
    for (size_t head = 0; head < known->heads; head++)
        known->classes[head] = model->classes[head];
cleanup:
    return status;
}

size_t mh_dataset_labels(const mh_dataset *dataset)
{
    return dataset->file_labels;
}

bool mh_dataset_labels_are_matched(const mh_dataset *dataset)
{
    return dataset->head_of != NULL;
}

void mh_dataset_tell_classes(mh_dataset *dataset, const size_t *classes)
{
    for (size_t h = 0; h < dataset->schema.heads; h++)
        if (dataset->schema.classes[h] == 0)
            dataset->schema.classes[h] = classes[h];
}

size_t mh_dataset_rows(const mh_dataset *dataset)
{
    return dataset->picks != NULL ? dataset->pick_count : dataset->selection.count;
}

size_t mh_dataset_row_number(const mh_dataset *dataset, size_t row)
{
    return dataset->picks != NULL ? dataset->picks[row] : dataset->selection.first + row;
}

size_t mh_dataset_first_row(const mh_dataset *dataset)
{
    return mh_dataset_row_number(dataset, 0);
}

size_t mh_dataset_files(const mh_dataset *dataset)
{
    return dataset->files.count;
}

const mh_schema *mh_dataset_schema(const mh_dataset *dataset)
{
    return &dataset->schema;
}

const char *mh_dataset_name(const mh_dataset *dataset)
{
    return dataset->name;
}
