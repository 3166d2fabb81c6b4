#include <math.h>

#include "dataset_parts.h"

static mh_status check_features(const mh_dataset *dataset, size_t index, size_t first_row, size_t rows,
                                const float *features)
{
    size_t inputs = dataset->schema.inputs;

    for (size_t i = 0; i < rows * inputs; i++)
        if (!isfinite(features[i]))
            return MH_FAIL(MH_ERR_FORMAT, "%s: /%s: row %zu, column %zu is %s", dataset->files.path[index],
                           dataset->parts[index].features_name, first_row + i / inputs, i % inputs,
                           isnan(features[i]) ? "not a number" : "infinite or too large for float32");
    return MH_OK;
}

/* One row's class indices out of integers of any type; `row` of file `index` is for the message. */
static mh_status convert_row(const mh_dataset *dataset, size_t index, size_t row, const int64_t *values,
                             mh_label *labels)
{
    const file_part *part = &dataset->parts[index];
    const mh_schema *schema = &dataset->schema;

    for (size_t head = 0; head < schema->heads; head++) {
        int64_t value = values[head];
        /* Without a word on how many classes there are, the largest label will tell. */
        size_t classes = schema->classes[head] != 0 ? schema->classes[head] : MH_CLASSES_MAX;

        if (value < 0 || (part->has_missing_value && value == part->missing_value))
            labels[head] = MH_LABEL_MISSING;
        else if ((uint64_t)value >= classes)
            return MH_FAIL(
                MH_ERR_FORMAT, "%s: /%s: row %zu, column %zu is %lld, expected a class from 0 to %zu",
                dataset->files.path[index], part->labels_name, row, head, (long long)value, classes - 1);
        else
            labels[head] = (mh_label)value;
    }
    return MH_OK;
}

static mh_status read_labels(mh_dataset *dataset, size_t index, mh_span rows, mh_label *labels)
{
    mh_status status = MH_OK;
    const char *name = dataset->parts[index].labels_name;
    size_t heads = dataset->schema.heads;
    size_t block_rows = dataset->block_labels / heads;

    for (size_t done = 0; done < rows.count; done += block_rows) {
        size_t count = rows.count - done < block_rows ? rows.count - done : block_rows;
        mh_span block = {rows.first + done, count};

        MH_TRY(mh_hdf5_file_read(dataset->open_file, name, block, MH_INT64, dataset->block));
        for (size_t row = 0; row < count; row++)
            MH_TRY(convert_row(dataset, index, block.first + row, dataset->block + row * heads,
                               labels + (done + row) * heads));
    }
cleanup:
    return status;
}

static mh_status open_part(mh_dataset *dataset, size_t index)
{
    if (dataset->open_file != NULL && dataset->open_index == index)
        return MH_OK;
    mh_hdf5_file_close(dataset->open_file);
    dataset->open_index = index;
    return mh_hdf5_file_open(dataset->files.path[index], &dataset->open_file);
}

/* `rows` are the data set's; reads those of them that the file has. */
static mh_status read_part(mh_dataset *dataset, size_t index, mh_span rows, float *features, mh_label *labels)
{
    mh_status status = MH_OK;
    mh_span part = dataset->parts[index].rows;
    size_t first = rows.first > part.first ? rows.first : part.first;
    size_t end = mh_span_end(rows) < mh_span_end(part) ? mh_span_end(rows) : mh_span_end(part);

    if (first >= end)
        return MH_OK;
    mh_span local = {first - part.first, end - first};
    float *x = features + (first - rows.first) * dataset->schema.inputs;

    MH_TRY(open_part(dataset, index));
    MH_TRY(mh_hdf5_file_read(dataset->open_file, dataset->parts[index].features_name, local, MH_FLOAT32, x));
    MH_TRY(check_features(dataset, index, local.first, local.count, x));
    if (labels != NULL && dataset->schema.heads > 0)
        MH_TRY(read_labels(dataset, index, local, labels + (first - rows.first) * dataset->schema.heads));
cleanup:
    return status;
}

mh_status mh_dataset_read(mh_dataset *dataset, mh_span rows, float *features, mh_label *labels)
{
    mh_status status = MH_OK;

    rows.first += dataset->selection.first;
    if (dataset->generator != NULL)
        return mh_generator_rows(dataset->generator, rows.first, rows.count, features, labels);
    for (size_t i = 0; i < dataset->files.count; i++)
        MH_TRY(read_part(dataset, i, rows, features, labels));
cleanup:
    return status;
}
