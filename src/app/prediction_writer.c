#include "prediction_writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"
#include "multihead/data/hdf5_file.h"

struct prediction_writer {
    prediction_form form;
    const mh_trained *trained;
    const mh_dataset *dataset;
    bool has_labels;
    const char *path;
    char partial[MH_WHOLE_FILE_PATH_BYTES]; /* of CSV, "" once it has its own name */
    FILE *text;
    mh_hdf5_file *file;
};

prediction_form prediction_writer_form(const char *path)
{
    const char *dot = path != NULL ? strrchr(path, '.') : NULL;

    if (dot == NULL)
        return PREDICTIONS_AS_TEXT;
    if (strcasecmp(dot, ".csv") == 0)
        return PREDICTIONS_AS_CSV;
    return strcasecmp(dot, ".h5") == 0 || strcasecmp(dot, ".hdf5") == 0 ? PREDICTIONS_AS_HDF5
                                                                        : PREDICTIONS_AS_TEXT;
}

static mh_status failed(const prediction_writer *w)
{
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", w->path != NULL ? w->path : "stdout",
                   strerror(errno));
}

/* ---- CSV ---- */

/* A field in quotes where it needs them (RFC 4180). */
static void print_field(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\n\r") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_column(FILE *out, const char *what, const char *name, size_t class, bool has_class)
{
    char text[MH_LABEL_NAME_BYTES + 64];

    if (has_class)
        snprintf(text, sizeof text, "%s %s %zu", what, name, class);
    else
        snprintf(text, sizeof text, "%s %s", what, name);
    fputc(',', out);
    print_field(out, text);
}

static void print_header(const prediction_writer *w)
{
    const mh_schema *schema = &w->trained->schema;
    const mh_heads *heads = mh_model_heads(w->trained->model);
    char name[MH_LABEL_NAME_BYTES];

    fputs("row", w->text);
    for (size_t h = 0; h < heads->count; h++)
        print_column(w->text, "prediction", mh_schema_label_name(schema, h, name), 0, false);
    for (size_t h = 0; h < heads->count && w->has_labels; h++)
        print_column(w->text, "truth", mh_schema_label_name(schema, h, name), 0, false);
    for (size_t h = 0; h < heads->count; h++)
        for (size_t c = 0; c < heads->head[h].columns.count; c++)
            print_column(w->text, "probability", mh_schema_label_name(schema, h, name), c,
                         !heads->head[h].is_binary);
    fputc('\n', w->text);
}

static void print_labels(FILE *out, const mh_label *labels, size_t count)
{
    for (size_t h = 0; h < count; h++) {
        fputc(',', out);
        if (labels[h] != MH_LABEL_MISSING) /* a missing one is an empty field */
            fprintf(out, "%u", labels[h]);
    }
}

static void print_csv_row(const prediction_writer *w, size_t row, size_t at, const mh_prediction *block)
{
    const mh_heads *heads = mh_model_heads(w->trained->model);

    fprintf(w->text, "%zu", row);
    print_labels(w->text, block->predictions + at * heads->count, heads->count);
    if (w->has_labels)
        print_labels(w->text, block->batch.labels + at * heads->count, heads->count);
    for (size_t c = 0; c < heads->columns; c++)
        fprintf(w->text, ",%.9g", (double)block->probabilities[at * heads->columns + c]);
    fputc('\n', w->text);
}

/* ---- text, as the tutorial prints it ---- */

static void print_list(FILE *out, const mh_label *labels, size_t count)
{
    fputc('[', out);
    for (size_t h = 0; h < count; h++) {
        if (labels[h] == MH_LABEL_MISSING)
            fprintf(out, "%s?", h > 0 ? ", " : "");
        else
            fprintf(out, "%s%u", h > 0 ? ", " : "", labels[h]);
    }
    fputc(']', out);
}

static void print_text_row(const prediction_writer *w, size_t row, size_t at, const mh_prediction *block)
{
    size_t heads = w->trained->schema.heads;

    fprintf(w->text, "SAMPLE %zu  PREDICTIONS: ", row);
    print_list(w->text, block->predictions + at * heads, heads);
    if (w->has_labels) {
        fputs("  GROUND TRUTHS: ", w->text);
        print_list(w->text, block->batch.labels + at * heads, heads);
    }
    fputc('\n', w->text);
}

/* ---- HDF5 ---- */

static mh_status add_datasets(prediction_writer *w, size_t rows)
{
    mh_status status = MH_OK;
    const mh_heads *heads = mh_model_heads(w->trained->model);
    const int64_t missing = MH_LABEL_MISSING;

    MH_TRY(mh_hdf5_file_add(w->file, "probabilities", MH_FLOAT32, rows, heads->columns));
    MH_TRY(mh_hdf5_file_add(w->file, "predictions", MH_UINT16, rows, heads->count));
    if (w->has_labels) {
        MH_TRY(mh_hdf5_file_add(w->file, "labels", MH_UINT16, rows, heads->count));
        MH_TRY(mh_hdf5_file_set_integers(w->file, "labels", "missing_value", 1, &missing));
    }
cleanup:
    return status;
}

static mh_status write_rows(prediction_writer *w, mh_span rows, const mh_prediction *block)
{
    mh_status status = MH_OK;

    MH_TRY(mh_hdf5_file_write(w->file, "probabilities", rows, MH_FLOAT32, block->probabilities));
    MH_TRY(mh_hdf5_file_write(w->file, "predictions", rows, MH_UINT16, block->predictions));
    if (w->has_labels)
        MH_TRY(mh_hdf5_file_write(w->file, "labels", rows, MH_UINT16, block->batch.labels));
cleanup:
    return status;
}

/* ---- all forms ---- */

static mh_status open_csv(prediction_writer *w)
{
    char partial[MH_WHOLE_FILE_PATH_BYTES];

    if (!mh_whole_file_partial(w->path, partial))
        return MH_FAIL(MH_ERR_IO, "%s: the path is too long", w->path);
    w->text = fopen(partial, "w");
    if (w->text == NULL)
        return failed(w);
    memcpy(w->partial, partial, sizeof partial);
    print_header(w);
    return MH_OK;
}

static mh_status commit_csv(prediction_writer *w)
{
    bool is_whole = fflush(w->text) == 0 && !ferror(w->text);
    mh_status status = MH_OK;

    is_whole = fclose(w->text) == 0 && is_whole;
    w->text = NULL;
    if (!is_whole)
        return failed(w);
    status = mh_whole_file_commit(w->partial, w->path);
    w->partial[0] = '\0';
    return status;
}

static mh_status open_form(prediction_writer *w, size_t rows)
{
    mh_status status = MH_OK;

    switch (w->form) {
    case PREDICTIONS_AS_TEXT:
        w->text = stdout;
        break;
    case PREDICTIONS_AS_CSV:
        MH_TRY(open_csv(w));
        break;
    case PREDICTIONS_AS_HDF5:
        MH_TRY(mh_hdf5_file_create(w->path, &w->file));
        MH_TRY(add_datasets(w, rows));
        break;
    }
cleanup:
    return status;
}

mh_status prediction_writer_open(const char *path, const mh_trained *trained, const mh_dataset *dataset,
                                 prediction_writer **out)
{
    mh_status status = MH_OK;
    prediction_writer *w = NULL;

    MH_TRY(mh_memory_new(sizeof *w, &w));
    w->form = prediction_writer_form(path);
    w->trained = trained;
    w->dataset = dataset;
    w->has_labels = mh_dataset_schema(dataset)->heads > 0;
    w->path = path;
    MH_TRY(open_form(w, mh_dataset_rows(dataset)));
cleanup:
    if (status != MH_OK) {
        prediction_writer_close(w);
        w = NULL;
    }
    *out = w;
    return status;
}

mh_status prediction_writer_add(prediction_writer *w, size_t first, size_t count, const mh_prediction *block)
{
    if (w->form == PREDICTIONS_AS_HDF5)
        return write_rows(w, (mh_span){first, count}, block);
    for (size_t i = 0; i < count; i++) {
        if (w->form == PREDICTIONS_AS_CSV)
            print_csv_row(w, mh_dataset_row_number(w->dataset, first + i), i, block);
        else
            print_text_row(w, mh_dataset_row_number(w->dataset, first + i), i, block);
    }
    return ferror(w->text) ? failed(w) : MH_OK;
}

mh_status prediction_writer_commit(prediction_writer *w)
{
    mh_status status = MH_OK;

    switch (w->form) {
    case PREDICTIONS_AS_TEXT:
        status = fflush(stdout) != 0 ? failed(w) : MH_OK;
        break;
    case PREDICTIONS_AS_CSV:
        status = commit_csv(w);
        break;
    case PREDICTIONS_AS_HDF5:
        status = mh_hdf5_file_commit(w->file);
        break;
    }
    return status;
}

void prediction_writer_close(prediction_writer *w)
{
    if (w == NULL)
        return;
    if (w->text != NULL && w->text != stdout)
        fclose(w->text);
    if (w->partial[0] != '\0')
        unlink(w->partial);
    mh_hdf5_file_close(w->file);
    mh_memory_free(w);
}
