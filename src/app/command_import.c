#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "commands.h"
#include "dataset_view.h"
#include "folder.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/data/importer.h"

enum { PATH_BYTES = 4096 };

/* ---- where it goes ---- */

/* data/train.csv.gz -> train */
static void stem_of(const char *path, char stem[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');

    snprintf(stem, PATH_BYTES, "%s", slash != NULL ? slash + 1 : path);
    size_t length = strlen(stem);
    if (length > 3 && strcasecmp(stem + length - 3, ".gz") == 0)
        stem[length - 3] = '\0';
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* One input becomes the file that is named, unless that is a folder. */
static bool goes_into_folder(const options *o)
{
    return o->files.count > 1 || o->output[strlen(o->output) - 1] == '/' || is_folder(o->output);
}

static void output_path(const options *o, size_t file, char path[PATH_BYTES])
{
    char stem[PATH_BYTES];

    stem_of(o->files.text[file], stem);
    if (goes_into_folder(o))
        snprintf(path, PATH_BYTES, "%.2000s/%.2000s.h5", o->output, stem);
    else
        snprintf(path, PATH_BYTES, "%s", o->output);
}

mh_status command_import_check(const options *o)
{
    char path[PATH_BYTES], other[PATH_BYTES];

    if (o->files.count == 0)
        return MH_FAIL(MH_ERR_USAGE, "say what to import: import FILE... --output PATH");
    if (o->output == NULL)
        return MH_FAIL(MH_ERR_USAGE, "say where to write: --output %s",
                       o->files.count > 1 ? "FOLDER" : "data/mine.h5");
    if (o->label_xml != NULL && o->label_columns != NULL)
        return MH_FAIL(MH_ERR_USAGE, "--label-xml and --label-columns: give one of them");
    for (size_t i = 0; i < o->files.count; i++) {
        for (size_t j = 0; j < i; j++) {
            output_path(o, i, path);
            output_path(o, j, other);
            if (strcmp(path, other) == 0)
                return MH_FAIL(MH_ERR_USAGE, "%s and %s would both become %s", o->files.text[j],
                               o->files.text[i], path);
        }
    }
    return MH_OK;
}

/* Writing over an input would take away what is still to be read. */
static mh_status check_outputs(const options *o, char *const *outputs)
{
    struct stat in, out;

    for (size_t i = 0; i < o->files.count; i++)
        for (size_t j = 0; j < o->files.count; j++)
            if (stat(o->files.text[i], &in) == 0 && stat(outputs[j], &out) == 0 && in.st_dev == out.st_dev &&
                in.st_ino == out.st_ino)
                return MH_FAIL(MH_ERR_USAGE, "--output %s would replace the input %s", o->output,
                               o->files.text[i]);
    return MH_OK;
}

static mh_status name_outputs(const options *o, char **outputs)
{
    mh_status status = MH_OK;
    char path[PATH_BYTES];

    for (size_t i = 0; i < o->files.count; i++) {
        output_path(o, i, path);
        MH_TRY(mh_memory_text(path, &outputs[i]));
    }
    MH_TRY(check_outputs(o, outputs));
cleanup:
    return status;
}

/* ---- what is told ---- */

static void tell_columns(const options *o, const mh_column_map *map)
{
    mh_column_summary summary = mh_column_map_summary(map);
    char count[MH_TEXT_BYTES];

    if (summary.filled > 0)
        mh_log_info("%s missing numbers: the mean of their column over %s stands for them",
                    mh_text_count(summary.filled, count), o->files.text[0]);
    if (summary.blank > 0)
        mh_log_info("%s missing categories: 0 in each of their features",
                    mh_text_count(summary.blank, count));
    if (summary.one_hot_columns > 0)
        mh_log_info("%zu columns of categories: a feature for each value, %zu in all",
                    summary.one_hot_columns, summary.one_hot_features);
    if (summary.text_columns > 0)
        mh_log_info("%zu columns of text or dates are left out", summary.text_columns);
    if (summary.label_columns == 0 && o->label_columns == NULL)
        mh_log_warning("no column is a label (--label-columns): the data set has features only");
}

static void tell_indices(const mh_index_map *map)
{
    mh_log_info("features are numbered from %zu (--index-base), labels from %zu (--label-base)",
                mh_index_map_feature_base(map), mh_index_map_label_base(map));
    if (mh_index_map_schema(map)->heads == 0)
        mh_log_warning(
            "no row has a label (--labels says how many there are): the data set has features only");
}

static void tell(const options *o, const mh_text_source *source)
{
    if (mh_text_source_column_map(source) != NULL)
        tell_columns(o, mh_text_source_column_map(source));
    else
        tell_indices(mh_text_source_index_map(source));
}

/* ---- the command ---- */

static mh_text_source_config source_config(const options *o)
{
    return (mh_text_source_config){
        .paths = o->files.text,
        .path_count = o->files.count,
        .format = (mh_text_format)o->format,
        .header = (mh_header_choice)o->header,
        .columns = {.label_xml = o->label_xml,
                    .label_columns = o->label_columns,
                    .drop_columns = o->drop_columns,
                    .categorical_columns = o->categorical_columns,
                    .missing = o->missing},
        .indices = {.features = o->features,
                    .labels = o->labels,
                    .feature_base = (mh_index_base)o->index_base,
                    .label_base = (mh_index_base)o->label_base},
        .is_progress_shown = o->progress,
    };
}

static mh_status import_all(const options *o)
{
    mh_status status = MH_OK;
    mh_text_source_config config = source_config(o);
    mh_text_source *source = NULL;
    char **outputs = NULL;

    MH_TRY(mh_schema_names_create(o->files.count, &outputs));
    MH_TRY(name_outputs(o, outputs));
    MH_TRY(mh_text_source_open(&config, &source));
    /* Not before the inputs are known to be good: a failure leaves nothing behind. */
    MH_TRY(folder_make_for(outputs[0]));
    MH_TRY(mh_importer_write(source, outputs));
    tell(o, source);
    mh_text_source_close(source);
    source = NULL;
    for (size_t i = 0; i < o->files.count; i++)
        MH_TRY(dataset_view_print(outputs[i]));
cleanup:
    mh_text_source_close(source);
    mh_schema_names_free(outputs, o->files.count);
    return status;
}

mh_status command_import(const mh_comm *comm, const options *o)
{
    return mh_comm_agree(comm, mh_comm_rank(comm) == 0 ? import_all(o) : MH_OK);
}
