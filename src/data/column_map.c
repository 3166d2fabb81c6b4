#include "multihead/data/column_map.h"

#include <string.h>

#include "column_roles.h"
#include "multihead/base/memory.h"
#include "multihead/base/number.h"
#include "multihead/base/text.h"
#include "text_column.h"

struct mh_column_map {
    mh_text_format format;
    size_t columns;
    text_column *column; /* [columns] */
    missing_texts missing;
    mh_schema schema;

    char *first_path; /* the file that said which columns there are */
    char *path;       /* the file that is surveyed                  */
    size_t files, rows, rows_first;

    float *zero_features;  /* [inputs] what a sparse row without any cell means */
    mh_label *zero_labels; /* [heads]                                           */
};

/* ---- create ---- */

/* Words with commas between them. */
static mh_status add_missing_texts(missing_texts *missing, const char *words)
{
    mh_status status = MH_OK;
    char *copy = NULL;
    double value = 0;

    MH_TRY(mh_value_set_create(MH_TEXT_COLUMNS_MAX, &missing->texts));
    MH_TRY(mh_memory_text(words, &copy));
    for (char *at = copy, *next = NULL; at != NULL; at = next) {
        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        MH_TRY(mh_value_set_add(missing->texts, at, NULL));
        missing->has_numbers = missing->has_numbers || mh_number_read(at, &value) != NULL;
    }
cleanup:
    mh_memory_free(copy);
    return status;
}

static mh_status create_columns(mh_column_map *map, const mh_column_choice *choice, const char *path,
                                const mh_text_header *header)
{
    mh_status status = MH_OK;
    bool *is_label = NULL, *is_dropped = NULL, *is_categorical = NULL;

    MH_TRY(mh_memory_array(header->columns, sizeof *is_label, &is_label));
    MH_TRY(mh_memory_array(header->columns, sizeof *is_dropped, &is_dropped));
    MH_TRY(mh_memory_array(header->columns, sizeof *is_categorical, &is_categorical));
    MH_TRY(column_roles_find(choice, path, header, is_label, is_dropped, is_categorical));
    MH_TRY(mh_memory_array(header->columns, sizeof *map->column, &map->column));
    for (; map->columns < header->columns; map->columns++) {
        size_t i = map->columns;
        /* Sentences and dates are no numbers, and nothing says what else they would be. */
        bool is_left_out =
            is_dropped[i] || (header->column[i].kind == MH_COLUMN_TEXT && !is_label[i] && !is_categorical[i]);
        column_role role = is_label[i] ? COLUMN_LABEL : is_left_out ? COLUMN_DROPPED : COLUMN_FEATURE;

        MH_TRY(text_column_create(&header->column[i], role, is_categorical[i], &map->column[i]));
    }
cleanup:
    mh_memory_free(is_label);
    mh_memory_free(is_dropped);
    mh_memory_free(is_categorical);
    return status;
}

mh_status mh_column_map_create(const mh_column_choice *choice, const char *path, const mh_text_header *header,
                               mh_column_map **out)
{
    mh_status status = MH_OK;
    mh_column_map *map = NULL;
    bool is_arff = header->format == MH_FORMAT_ARFF;

    MH_TRY(mh_memory_new(sizeof *map, &map));
    map->format = header->format;
    MH_TRY(mh_memory_text(path, &map->first_path));
    map->missing.empty_is_missing = !is_arff;
    if (choice->missing != NULL || !is_arff)
        MH_TRY(add_missing_texts(&map->missing,
                                 choice->missing != NULL ? choice->missing : "NA,N/A,NaN,nan,NULL,null"));
    MH_TRY(create_columns(map, choice, path, header));
cleanup:
    if (status != MH_OK) {
        mh_column_map_destroy(map);
        map = NULL;
    }
    *out = map;
    return status;
}

void mh_column_map_destroy(mh_column_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; map->column != NULL && i < map->columns; i++)
        text_column_clear(&map->column[i]);
    mh_memory_free(map->column);
    mh_value_set_destroy(map->missing.texts);
    mh_schema_clear(&map->schema);
    mh_memory_free(map->first_path);
    mh_memory_free(map->path);
    mh_memory_free(map->zero_features);
    mh_memory_free(map->zero_labels);
    mh_memory_free(map);
}

/* ---- survey ---- */

mh_status mh_column_map_begin(mh_column_map *map, const char *path, const mh_text_header *header)
{
    char mine[MH_TEXT_BYTES], other[MH_TEXT_BYTES];

    if (header->columns != map->columns)
        return MH_FAIL(MH_ERR_FORMAT, "%s: has %zu columns, but %s has %zu", path, header->columns,
                       map->first_path, map->columns);
    for (size_t i = 0; i < map->columns; i++) {
        if (strcmp(map->column[i].name, header->column[i].name) != 0)
            return MH_FAIL(MH_ERR_FORMAT, "%s: column %zu is \"%s\", but in %s it is \"%s\"", path, i + 1,
                           mh_text_excerpt(header->column[i].name, other), map->first_path,
                           mh_text_excerpt(map->column[i].name, mine));
    }
    mh_memory_free(map->path);
    map->files++;
    return mh_memory_text(path, &map->path);
}

mh_status mh_column_map_survey(mh_column_map *map, const mh_text_row *row)
{
    mh_status status = MH_OK;
    cell_place place = {.path = map->path, .line = row->line, .is_first_file = map->files == 1};

    for (size_t i = 0; i < row->cells; i++)
        MH_TRY(text_column_survey(&map->column[row->cell[i].column], &map->missing, &row->cell[i], &place));
    map->rows++;
    map->rows_first += place.is_first_file;
cleanup:
    return status;
}

/* ---- finish ---- */

static mh_status count_outputs(mh_column_map *map, size_t *features, size_t *heads)
{
    mh_status status = MH_OK;

    for (size_t i = 0; i < map->columns; i++) {
        text_column *column = &map->column[i];

        MH_TRY(text_column_finish(column, map->rows, map->rows_first));
        column->output = column->role == COLUMN_LABEL ? (*heads)++ : *features;
        *features += column->role == COLUMN_FEATURE ? column->outputs : 0;
        if (*features > MH_TEXT_COLUMNS_MAX)
            return MH_FAIL(MH_ERR_FORMAT, "%s: more than %d features with one for each value",
                           map->first_path, MH_TEXT_COLUMNS_MAX);
    }
    if (*features == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: no column makes a feature", map->first_path);
cleanup:
    return status;
}

static mh_status name_outputs(mh_column_map *map)
{
    mh_status status = MH_OK;
    mh_schema *schema = &map->schema;

    MH_TRY(mh_schema_names_create(schema->inputs, &schema->feature_names));
    MH_TRY(mh_schema_names_create(schema->heads, &schema->label_names));
    MH_TRY(mh_schema_names_create(schema->heads, &schema->class_names));
    for (size_t i = 0; i < map->columns; i++) {
        text_column *column = &map->column[i];

        if (column->role == COLUMN_LABEL) {
            schema->classes[column->output] = column->classes;
            MH_TRY(mh_memory_text(column->name, &schema->label_names[column->output]));
            MH_TRY(mh_memory_text(column->class_names, &schema->class_names[column->output]));
        }
        for (size_t f = 0; column->role == COLUMN_FEATURE && f < column->outputs; f++)
            MH_TRY(text_column_feature_name(column, f, &schema->feature_names[column->output + f]));
    }
cleanup:
    return status;
}

/* In a sparse row, what is left out is 0, and of declared values the first one. */
static mh_status make_zero_row(mh_column_map *map)
{
    mh_status status = MH_OK;
    cell_place place = {.path = map->first_path};

    MH_TRY(mh_memory_array(map->schema.inputs, sizeof *map->zero_features, &map->zero_features));
    MH_TRY(mh_memory_array(map->schema.heads, sizeof *map->zero_labels, &map->zero_labels));
    for (size_t i = 0; i < map->columns; i++) {
        const text_column *column = &map->column[i];
        bool is_nominal = column->kind == MH_COLUMN_NOMINAL;
        mh_text_cell zero = {.column = i, .text = "0", .is_quoted = true};

        if (is_nominal && column->role != COLUMN_DROPPED)
            zero.text = mh_value_set_text(column->values, 0);
        else if (column->role != COLUMN_DROPPED && column->values != NULL &&
                 mh_value_set_find(column->values, "0") == MH_VALUE_NONE)
            continue; /* no row leaves it out */
        MH_TRY(
            text_column_convert(column, &map->missing, &zero, &place, map->zero_features, map->zero_labels));
    }
cleanup:
    return status;
}

mh_status mh_column_map_finish(mh_column_map *map)
{
    mh_status status = MH_OK;
    size_t features = 0, heads = 0;

    MH_TRY(count_outputs(map, &features, &heads));
    MH_TRY(mh_schema_create(features, heads, &map->schema));
    MH_TRY(name_outputs(map));
    if (map->format == MH_FORMAT_ARFF)
        MH_TRY(make_zero_row(map));
cleanup:
    return status;
}

size_t mh_column_map_columns(const mh_column_map *map)
{
    return map->columns;
}

const mh_schema *mh_column_map_schema(const mh_column_map *map)
{
    return &map->schema;
}

/* ---- convert ---- */

mh_status mh_column_map_convert(const mh_column_map *map, const char *path, const mh_text_row *row,
                                float *features, mh_label *labels)
{
    mh_status status = MH_OK;
    cell_place place = {.path = path, .line = row->line};

    if (row->is_sparse) {
        memcpy(features, map->zero_features, map->schema.inputs * sizeof *features);
        memcpy(labels, map->zero_labels, map->schema.heads * sizeof *labels);
    }
    for (size_t i = 0; i < row->cells; i++)
        MH_TRY(text_column_convert(&map->column[row->cell[i].column], &map->missing, &row->cell[i], &place,
                                   features, labels));
cleanup:
    return status;
}

/* ---- summary ---- */

mh_column_summary mh_column_map_summary(const mh_column_map *map)
{
    mh_column_summary summary = {0};
    double not_zero = 0, all = (double)map->rows * (double)map->schema.inputs;

    for (size_t i = 0; i < map->columns; i++) {
        const text_column *column = &map->column[i];
        bool is_feature = column->role == COLUMN_FEATURE, is_number = column->kind == MH_COLUMN_NUMBER;

        summary.label_columns += column->role == COLUMN_LABEL;
        summary.unknown_labels += column->role == COLUMN_LABEL ? column->missing : 0;
        summary.text_columns += column->role == COLUMN_DROPPED && column->kind == MH_COLUMN_TEXT;
        summary.dropped_columns += column->role == COLUMN_DROPPED;
        summary.filled += is_feature && is_number ? column->missing : 0;
        summary.blank += is_feature && !is_number ? column->missing : 0;
        if (is_feature && !is_number && !column->is_flag) {
            summary.one_hot_columns++;
            summary.one_hot_features += column->outputs;
        }
        if (is_feature)
            not_zero += (double)text_column_not_zero(column, map->rows);
    }
    summary.zero_share = all > 0 ? 1 - not_zero / all : 0;
    return summary;
}
