#include <math.h>
#include <string.h>

#include "dataset_parts.h"
#include "multihead/base/crash.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/kernel/kernel.h"

enum {
    SCRATCH_BYTES = 1 << 22, /* or one row: what is read to pick rows out of */
    READ_BYTES = 1 << 24     /* or one row: so much between two signs of life */
};

/* Rows that are read at once, from one file or made, and the ones of them that are wanted. */
typedef struct {
    mh_span rows;        /* of the data set                        */
    const size_t *picks; /* [count] those wanted; NULL: all of them */
    size_t count;
} stretch;

/* Row of the data set that is the i-th of those wanted. */
static size_t stretch_row(const stretch *s, size_t i)
{
    return s->picks != NULL ? s->picks[i] : s->rows.first + i;
}

static bool is_dense(const stretch *s)
{
    return s->count == s->rows.count;
}

static size_t scratch_rows(const mh_dataset *dataset)
{
    size_t rows = SCRATCH_BYTES / sizeof(float) / dataset->schema.inputs;

    return rows > 0 ? rows : 1;
}

static mh_status need_scratch(mh_dataset *dataset)
{
    if (dataset->scratch != NULL)
        return MH_OK;
    return mh_memory_array(scratch_rows(dataset), dataset->schema.inputs * sizeof(float), &dataset->scratch);
}

static size_t most_rows(const mh_dataset *dataset)
{
    size_t rows = READ_BYTES / sizeof(float) / dataset->schema.inputs;

    return rows > 0 ? rows : 1;
}

static size_t find_part(const mh_dataset *dataset, size_t row)
{
    size_t index = 0;

    while (row >= mh_span_end(dataset->parts[index].rows))
        index++;
    return index;
}

/* As many of rows first..first+count-1 of the selection as one read gives. */
static stretch next_stretch(const mh_dataset *dataset, size_t first, size_t count)
{
    bool is_made = dataset->generator != NULL;
    size_t row = mh_dataset_row_number(dataset, first);
    size_t end = is_made ? dataset->total : mh_span_end(dataset->parts[find_part(dataset, row)].rows);

    if ((is_made || dataset->picks != NULL) && end - row > scratch_rows(dataset))
        end = row + scratch_rows(dataset);
    if (dataset->picks == NULL) {
        count = count < end - row ? count : end - row;
        count = count < most_rows(dataset) ? count : most_rows(dataset);
        return (stretch){.rows = {row, count}, .count = count};
    }

    const size_t *picks = dataset->picks + first;
    size_t taken = 1;

    /* Reading the rows between is cheaper than reading one by one; making them is not. */
    while (taken < count && picks[taken] < end && (!is_made || picks[taken] == row + taken))
        taken++;
    return (stretch){.rows = {row, picks[taken - 1] + 1 - row}, .picks = picks, .count = taken};
}

/* ---- files ---- */

/* Tells of the first value that is not finite; there is one. */
static mh_status tell_of_value(const mh_dataset *dataset, size_t index, const stretch *s,
                               const float *features)
{
    size_t inputs = dataset->schema.inputs, i = 0;

    while (isfinite(features[i]))
        i++;
    return MH_FAIL(MH_ERR_FORMAT, "%s: /%s: row %zu, column %zu is %s", dataset->files.path[index],
                   dataset->parts[index].features_name,
                   stretch_row(s, i / inputs) - dataset->parts[index].rows.first, i % inputs,
                   isnan(features[i]) ? "not a number" : "infinite or too large for float32");
}

/* One row's class indices out of integers of any type; `row` of file `index` is for the message. */
static mh_status convert_row(const mh_dataset *dataset, size_t index, size_t row, const int64_t *values,
                             mh_label *labels)
{
    const file_part *part = &dataset->parts[index];
    const mh_schema *schema = &dataset->schema;

    if (dataset->head_of != NULL)
        for (size_t head = 0; head < schema->heads; head++)
            labels[head] = MH_LABEL_MISSING;
    for (size_t column = 0; column < dataset->file_labels; column++) {
        size_t head = dataset->head_of != NULL ? dataset->head_of[column] : column;
        int64_t value = values[column];
        /* Without a word on how many classes there are, the largest label will tell. */
        size_t classes = schema->classes[head] != 0 ? schema->classes[head] : MH_CLASSES_MAX;

        if (value < 0 || (part->has_missing_value && value == part->missing_value))
            labels[head] = MH_LABEL_MISSING;
        else if ((uint64_t)value >= classes)
            return MH_FAIL(
                MH_ERR_FORMAT, "%s: /%s: row %zu, column %zu is %lld, expected a class from 0 to %zu",
                dataset->files.path[index], part->labels_name, row, column, (long long)value, classes - 1);
        else
            labels[head] = (mh_label)value;
    }
    return MH_OK;
}

/* Of the open file, which is somebody else's: there is no checksum that says whether it is whole. */
static mh_status read_block(const mh_dataset *dataset, const char *name, mh_span rows, mh_element element,
                            void *out)
{
    mh_phase_beat();
    mh_crash_expect(dataset->files.path[dataset->open_index]);
    mh_status status = mh_hdf5_file_read(dataset->open_file, name, rows, element, out);
    mh_crash_expect(NULL);
    return status;
}

static mh_status read_features(mh_dataset *dataset, size_t index, const stretch *s, float *features)
{
    mh_status status = MH_OK;
    const file_part *part = &dataset->parts[index];
    mh_span rows = {s->rows.first - part->rows.first, s->rows.count};
    size_t inputs = dataset->schema.inputs;
    float *read = features;

    if (!is_dense(s)) {
        MH_TRY(need_scratch(dataset));
        read = dataset->scratch;
    }
    MH_TRY(read_block(dataset, part->features_name, rows, MH_FLOAT32, read));
    for (size_t i = 0; i < s->count && read != features; i++)
        memcpy(features + i * inputs, read + (stretch_row(s, i) - s->rows.first) * inputs,
               inputs * sizeof *read);
    if (!mh_kernel_now()->is_finite(s->count * inputs, features))
        status = tell_of_value(dataset, index, s, features);
cleanup:
    return status;
}

/*
 * Class indices as they are where all is as it should be, without a branch in the loop; true if so. `values` may be cut to
 * int32's range: what is beyond is no class.
 *
 *   missing   stands for a missing label, as negative values do
 */
static bool take_labels(const int32_t *restrict values, size_t count, int32_t missing, size_t classes,
                        mh_label *restrict labels)
{
    uint32_t largest = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_missing = (values[i] < 0) | (values[i] == missing);
        uint32_t ones = -(uint32_t)is_missing, known = (uint32_t)values[i] & ~ones;

        largest = known > largest ? known : largest;
        labels[i] = (mh_label)(known | ones);
    }
    return largest < classes;
}

/* What every label of the files is below; 0 where each has to be looked at by itself. */
static size_t common_classes(const mh_dataset *dataset, const file_part *part)
{
    const mh_schema *schema = &dataset->schema;
    size_t least = MH_CLASSES_MAX;
    bool is_cut = part->has_missing_value && part->missing_value >= INT32_MAX;

    for (size_t head = 0; head < schema->heads; head++)
        if (schema->classes[head] != 0 && schema->classes[head] < least)
            least = schema->classes[head];
    return dataset->head_of != NULL || is_cut ? 0 : least;
}

/* Reads a block of the wanted rows from the i-th on, if nothing is odd about it; moves i on if so. */
static mh_status read_plain_labels(mh_dataset *dataset, size_t index, const stretch *s, mh_span block,
                                   size_t *i, mh_label *labels)
{
    mh_status status = MH_OK;
    const file_part *part = &dataset->parts[index];
    size_t columns = dataset->file_labels, classes = common_classes(dataset, part), row = *i;
    size_t end = part->rows.first + mh_span_end(block);
    int32_t missing = part->has_missing_value && part->missing_value >= 0 ? (int32_t)part->missing_value : -1;
    int32_t *values = (int32_t *)dataset->block;

    if (classes == 0)
        return MH_OK;
    MH_TRY(read_block(dataset, part->labels_name, block, MH_INT32, values));
    while (row < s->count && stretch_row(s, row) < end) {
        size_t first = stretch_row(s, row) - part->rows.first - block.first, run = 1;

        /* Rows that follow each other are one run. */
        while (row + run < s->count && stretch_row(s, row + run) < end &&
               stretch_row(s, row + run) == stretch_row(s, row) + run)
            run++;
        if (!take_labels(values + first * columns, run * columns, missing, classes, labels + row * columns))
            return MH_OK;
        row += run;
    }
    *i = row;
cleanup:
    return status;
}

static mh_status read_labels(mh_dataset *dataset, size_t index, const stretch *s, mh_label *labels)
{
    mh_status status = MH_OK;
    const file_part *part = &dataset->parts[index];
    size_t heads = dataset->schema.heads, columns = dataset->file_labels;
    size_t block_rows = dataset->block_labels / columns;
    size_t end = mh_span_end(s->rows) - part->rows.first;

    for (size_t i = 0; i < s->count;) {
        mh_span block = {stretch_row(s, i) - part->rows.first, block_rows};
        size_t before = i;

        if (block.count > end - block.first)
            block.count = end - block.first;
        MH_TRY(read_plain_labels(dataset, index, s, block, &i, labels));
        if (i > before)
            continue;
        MH_TRY(read_block(dataset, part->labels_name, block, MH_INT64, dataset->block));
        for (; i < s->count && stretch_row(s, i) - part->rows.first < mh_span_end(block); i++) {
            size_t row = stretch_row(s, i) - part->rows.first;

            MH_TRY(convert_row(dataset, index, row, dataset->block + (row - block.first) * columns,
                               labels + i * heads));
        }
    }
cleanup:
    return status;
}

/* Reading trusts the shape that was found when the data set was opened. */
static mh_status expect_shape(const mh_hdf5_file *file, const char *name, size_t rows, size_t columns)
{
    mh_status status = MH_OK;
    mh_extent extent = {0};

    if (name[0] == '\0')
        return MH_OK;
    MH_TRY(mh_hdf5_file_extent(file, name, &extent));
    if (extent.rows != rows || extent.columns != columns)
        status =
            MH_FAIL(MH_ERR_IO, "%s: has changed since it was opened: /%s is [%zu x %zu], it was [%zu x %zu]",
                    mh_hdf5_file_path(file), name, extent.rows, extent.columns, rows, columns);
cleanup:
    return status;
}

static mh_status open_part(mh_dataset *dataset, size_t index)
{
    mh_status status = MH_OK;
    const file_part *part = &dataset->parts[index];

    if (dataset->open_file != NULL && dataset->open_index == index)
        return MH_OK;
    mh_hdf5_file_close(dataset->open_file);
    dataset->open_index = index;
    mh_crash_expect(dataset->files.path[index]);
    MH_TRY(mh_hdf5_file_open(dataset->files.path[index], &dataset->open_file));
    MH_TRY(expect_shape(dataset->open_file, part->features_name, part->rows.count, dataset->schema.inputs));
    MH_TRY(expect_shape(dataset->open_file, part->labels_name, part->rows.count, dataset->file_labels));
cleanup:
    mh_crash_expect(NULL);
    if (status != MH_OK) {
        mh_hdf5_file_close(dataset->open_file);
        dataset->open_file = NULL;
    }
    return status;
}

static mh_status read_file(mh_dataset *dataset, const stretch *s, float *features, mh_label *labels)
{
    mh_status status = MH_OK;
    size_t index = find_part(dataset, s->rows.first);

    MH_TRY(open_part(dataset, index));
    if (features != NULL)
        MH_TRY(read_features(dataset, index, s, features));
    if (labels != NULL && dataset->schema.heads > 0)
        MH_TRY(read_labels(dataset, index, s, labels));
cleanup:
    return status;
}

/* ---- files or the generator ---- */

/* The generator cannot make labels without the features; those that nobody wants go to the scratch. */
static mh_status make_rows(mh_dataset *dataset, mh_span rows, float *features, mh_label *labels)
{
    mh_status status = MH_OK;

    if (features == NULL)
        MH_TRY(need_scratch(dataset));
    status = mh_generator_rows(dataset->generator, rows.first, rows.count,
                               features != NULL ? features : dataset->scratch, labels);
cleanup:
    return status;
}

static mh_status read_rows(mh_dataset *dataset, mh_span rows, float *features, mh_label *labels)
{
    mh_status status = MH_OK;
    size_t inputs = dataset->schema.inputs, heads = dataset->schema.heads;
    const char *before = mh_phase_name();

    for (size_t done = 0; done < rows.count;) {
        stretch s = next_stretch(dataset, rows.first + done, rows.count - done);
        float *x = features != NULL ? features + done * inputs : NULL;
        mh_label *y = labels != NULL ? labels + done * heads : NULL;

        mh_phase_enter(dataset->generator != NULL ? "making rows" : "reading rows");
        if (dataset->generator != NULL)
            MH_TRY(make_rows(dataset, s.rows, x, y));
        else
            MH_TRY(read_file(dataset, &s, x, y));
        done += s.count;
    }
    mh_phase_enter(before);
cleanup:
    return status;
}

mh_status mh_dataset_read(mh_dataset *dataset, mh_span rows, float *features, mh_label *labels)
{
    return read_rows(dataset, rows, features, labels);
}

mh_status mh_dataset_read_labels(mh_dataset *dataset, mh_span rows, mh_label *labels)
{
    return read_rows(dataset, rows, NULL, labels);
}
