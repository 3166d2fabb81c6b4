#include "multihead/data/text_source.h"

#include <string.h>
#include <sys/stat.h>

#include "import_progress.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"

enum { BLOCK_BYTES = 1 << 20, BLOCK_ROWS_MAX = 1 << 14 };

typedef struct {
    const char *path;
    size_t bytes;
    size_t rows;
} source_file;

struct mh_text_source {
    mh_text_format format;
    mh_header_choice header;
    size_t files;
    source_file *file;      /* [files] */
    mh_column_map *columns; /* of ARFF and CSV, or: */
    mh_index_map *indices;
    import_progress progress;

    size_t block_rows;
    float *features;  /* [block_rows x inputs] */
    mh_label *labels; /* [block_rows x heads]  */
};

/* ---- the first time through ---- */

static bool has_columns(mh_text_format format)
{
    return format == MH_FORMAT_ARFF || format == MH_FORMAT_CSV || format == MH_FORMAT_TSV;
}

static mh_status find_format(mh_text_source *source, const mh_text_source_config *config, size_t file)
{
    mh_status status = MH_OK;
    mh_text_format format = MH_FORMAT_AUTO;
    const char *path = source->file[file].path;
    struct stat info;

    MH_TRY(mh_text_format_find(path, config->format, &format));
    if (file > 0 && format != source->format)
        return MH_FAIL(
            MH_ERR_FORMAT, "%s: is %s, but %s is %s: files with the same columns have the same form", path,
            mh_text_format_name(format), source->file[0].path, mh_text_format_name(source->format));
    source->format = format;
    source->file[file].bytes = stat(path, &info) == 0 ? (size_t)info.st_size : 0;
cleanup:
    return status;
}

static mh_status check_choice(const mh_text_source *source, const mh_text_source_config *config)
{
    const mh_column_choice *columns = &config->columns;
    const mh_index_choice *indices = &config->indices;
    const char *name = mh_text_format_name(source->format);

    if (has_columns(source->format) && (indices->features != 0 || indices->labels != 0))
        return MH_FAIL(MH_ERR_USAGE,
                       "%s is %s, which tells how many columns it has: --features and --labels are for "
                       "LibSVM",
                       source->file[0].path, name);
    if (!has_columns(source->format) &&
        (columns->label_xml != NULL || columns->label_columns != NULL || columns->drop_columns != NULL ||
         columns->categorical_columns != NULL))
        return MH_FAIL(MH_ERR_USAGE,
                       "%s is %s, where labels stand in front of each row: --label-xml, --label-columns, "
                       "--drop-columns and --categorical-columns are for ARFF and CSV",
                       source->file[0].path, name);
    return MH_OK;
}

static mh_status create_map(mh_text_source *source, const mh_text_source_config *config, const char *path,
                            const mh_text_header *header)
{
    if (has_columns(source->format))
        return mh_column_map_create(&config->columns, path, header, &source->columns);
    return mh_index_map_create(&config->indices, source->format, &source->indices);
}

/* What the visitors of a table are given. */
typedef struct {
    mh_text_source *source;
    size_t file;
    mh_text_table *table;
    size_t rows; /* so far, and in the block so far */
    size_t block;
    mh_rows_visitor visit;
    void *context;
} pass;

static void count_row(pass *pass, const char *what)
{
    pass->rows++;
    pass->source->progress.rows++;
    if (pass->rows % IMPORT_PROGRESS_ROWS == 0)
        import_progress_step(&pass->source->progress, what, pass->source->file[pass->file].path,
                             mh_text_table_bytes_read(pass->table));
}

static mh_status survey_row(void *context, const mh_text_row *row)
{
    pass *pass = context;

    count_row(pass, "reading");
    return pass->source->columns != NULL ? mh_column_map_survey(pass->source->columns, row)
                                         : mh_index_map_survey(pass->source->indices, row);
}

static mh_status survey_file(mh_text_source *source, const mh_text_source_config *config, size_t file)
{
    mh_status status = MH_OK;
    const char *path = source->file[file].path;
    pass pass = {.source = source, .file = file};

    mh_phase_enter("looking at text");
    MH_TRY(mh_text_table_open(path, source->format, source->header, &pass.table));
    const mh_text_header *header = mh_text_table_header(pass.table);
    if (file == 0) {
        MH_TRY(create_map(source, config, path, header));
        /* The others follow the first one. */
        if (source->header == MH_HEADER_AUTO)
            source->header = header->has_names ? MH_HEADER_YES : MH_HEADER_NO;
    }
    MH_TRY(source->columns != NULL ? mh_column_map_begin(source->columns, path, header)
                                   : mh_index_map_begin(source->indices, path, header));
    MH_TRY(mh_text_table_read(pass.table, survey_row, &pass));
    source->file[file].rows = pass.rows;
    if (pass.rows == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: there are no rows", path);
    import_progress_file(&source->progress, source->file[file].bytes);
cleanup:
    mh_text_table_close(pass.table);
    return status;
}

static mh_status create_block(mh_text_source *source)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_text_source_schema(source);
    size_t row_bytes = schema->inputs * sizeof(float) + schema->heads * sizeof(mh_label);

    source->block_rows = BLOCK_BYTES / row_bytes;
    source->block_rows = source->block_rows < 1                ? 1
                         : source->block_rows > BLOCK_ROWS_MAX ? BLOCK_ROWS_MAX
                                                               : source->block_rows;
    MH_TRY(mh_memory_array(source->block_rows, schema->inputs * sizeof *source->features, &source->features));
    MH_TRY(mh_memory_array(source->block_rows, schema->heads * sizeof *source->labels, &source->labels));
cleanup:
    return status;
}

mh_status mh_text_source_open(const mh_text_source_config *config, mh_text_source **out)
{
    mh_status status = MH_OK;
    mh_text_source *source = NULL;
    size_t bytes = 0;

    MH_TRY(mh_memory_new(sizeof *source, &source));
    source->header = config->header;
    MH_TRY(mh_memory_array(config->path_count, sizeof *source->file, &source->file));
    for (; source->files < config->path_count; source->files++) {
        source->file[source->files].path = config->paths[source->files];
        MH_TRY(find_format(source, config, source->files));
        bytes += source->file[source->files].bytes;
    }
    MH_TRY(check_choice(source, config));
    source->progress = import_progress_start(config->is_progress_shown, bytes);
    for (size_t file = 0; file < source->files; file++)
        MH_TRY(survey_file(source, config, file));
    MH_TRY(source->columns != NULL ? mh_column_map_finish(source->columns)
                                   : mh_index_map_finish(source->indices));
    MH_TRY(create_block(source));
cleanup:
    if (status != MH_OK) {
        mh_text_source_close(source);
        source = NULL;
    }
    *out = source;
    return status;
}

void mh_text_source_close(mh_text_source *source)
{
    if (source == NULL)
        return;
    import_progress_finish(&source->progress);
    mh_column_map_destroy(source->columns);
    mh_index_map_destroy(source->indices);
    mh_memory_free(source->features);
    mh_memory_free(source->labels);
    mh_memory_free(source->file);
    mh_memory_free(source);
}

/* ---- what it is ---- */

mh_text_format mh_text_source_format(const mh_text_source *source)
{
    return source->format;
}

const mh_schema *mh_text_source_schema(const mh_text_source *source)
{
    return source->columns != NULL ? mh_column_map_schema(source->columns)
                                   : mh_index_map_schema(source->indices);
}

size_t mh_text_source_files(const mh_text_source *source)
{
    return source->files;
}

size_t mh_text_source_rows(const mh_text_source *source, size_t file)
{
    return source->file[file].rows;
}

size_t mh_text_source_block_rows(const mh_text_source *source)
{
    return source->block_rows;
}

double mh_text_source_zero_share(const mh_text_source *source)
{
    return source->columns != NULL ? mh_column_map_summary(source->columns).zero_share
                                   : mh_index_map_zero_share(source->indices);
}

double mh_text_source_zero_label_share(const mh_text_source *source)
{
    return source->columns != NULL ? 0 : mh_index_map_zero_label_share(source->indices);
}

const mh_column_map *mh_text_source_column_map(const mh_text_source *source)
{
    return source->columns;
}

const mh_index_map *mh_text_source_index_map(const mh_text_source *source)
{
    return source->indices;
}

/* ---- the second time through ---- */

static mh_status show_block(pass *pass)
{
    mh_span rows = {pass->rows - pass->block, pass->block};

    pass->block = 0;
    return rows.count > 0 ? pass->visit(pass->context, rows, pass->source->features, pass->source->labels)
                          : MH_OK;
}

static mh_status convert_row(void *context, const mh_text_row *row)
{
    mh_status status = MH_OK;
    pass *pass = context;
    mh_text_source *source = pass->source;
    const mh_schema *schema = mh_text_source_schema(source);
    const char *path = source->file[pass->file].path;
    float *features = source->features + pass->block * schema->inputs;
    mh_label *labels = source->labels + pass->block * schema->heads;

    MH_TRY(source->columns != NULL ? mh_column_map_convert(source->columns, path, row, features, labels)
                                   : mh_index_map_convert(source->indices, path, row, features, labels));
    if (pass->rows == source->file[pass->file].rows)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: is new: the file changed while it was read", path,
                       row->line);
    pass->block++;
    count_row(pass, "writing");
    if (pass->block == source->block_rows)
        MH_TRY(show_block(pass));
cleanup:
    return status;
}

mh_status mh_text_source_read(mh_text_source *source, size_t file, mh_rows_visitor visit, void *context)
{
    mh_status status = MH_OK;
    pass pass = {.source = source, .file = file, .visit = visit, .context = context};
    const char *path = source->file[file].path;

    mh_phase_enter("importing rows");
    MH_TRY(mh_text_table_open(path, source->format, source->header, &pass.table));
    if (source->columns != NULL &&
        mh_text_table_header(pass.table)->columns != mh_column_map_columns(source->columns)) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: changed while it was read", path);
        goto cleanup;
    }
    MH_TRY(mh_text_table_read(pass.table, convert_row, &pass));
    MH_TRY(show_block(&pass));
    if (pass.rows < source->file[file].rows)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: has fewer rows than before: it changed while it was read", path);
    import_progress_file(&source->progress, source->file[file].bytes);
cleanup:
    mh_text_table_close(pass.table);
    return status;
}
