#include "text_column.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/number.h"
#include "multihead/base/text.h"
#include "value_order.h"

mh_status text_column_create(const mh_text_column *header, column_role role, bool is_categorical,
                             text_column *out)
{
    mh_status status = MH_OK;
    bool is_declared = header->kind == MH_COLUMN_NOMINAL;

    *out = (text_column){.role = role,
                         .kind = header->kind,
                         .is_found = header->kind == MH_COLUMN_OPEN,
                         .is_categorical = is_categorical};
    MH_TRY(mh_memory_text(header->name, &out->name));
    if (role == COLUMN_DROPPED)
        return MH_OK;
    if (is_categorical && !is_declared)
        out->kind = MH_COLUMN_TEXT;
    if (role == COLUMN_LABEL || is_categorical || is_declared || out->is_found)
        MH_TRY(mh_value_set_create(is_declared            ? MH_TEXT_COLUMNS_MAX
                                   : role == COLUMN_LABEL ? MH_CLASSES_MAX
                                                          : CATEGORIES_MAX,
                                   &out->values));
    for (size_t i = 0; i < mh_value_set_count(header->values); i++)
        MH_TRY(mh_value_set_add(out->values, mh_value_set_text(header->values, i), NULL));
cleanup:
    return status;
}

void text_column_clear(text_column *column)
{
    mh_memory_free(column->name);
    mh_value_set_destroy(column->values);
    mh_memory_free(column->place);
    mh_memory_free(column->class_names);
    *column = (text_column){0};
}

/* ---- cells ---- */

typedef enum { CELL_MISSING, CELL_NUMBER, CELL_TEXT } cell_look;

static bool is_missing(const missing_texts *missing, const mh_text_cell *cell)
{
    const char *text = cell->text;

    if (text[0] == '\0')
        return missing->empty_is_missing;
    if (text[0] == '?' && text[1] == '\0')
        return !cell->is_quoted;
    return missing->texts != NULL && mh_value_set_find(missing->texts, text) != MH_VALUE_NONE;
}

static cell_look look_at(const missing_texts *missing, const mh_text_cell *cell, double *value)
{
    const char *end = mh_number_read(cell->text, value);
    bool is_number = end != NULL && *end == '\0';

    if (is_number && !missing->has_numbers)
        return CELL_NUMBER; /* most cells by far are */
    if (is_missing(missing, cell))
        return CELL_MISSING;
    return is_number ? CELL_NUMBER : CELL_TEXT;
}

static mh_status fail_at(const text_column *column, const mh_text_cell *cell, const cell_place *place,
                         const char *what)
{
    char excerpt[MH_TEXT_BYTES], name[MH_TEXT_BYTES];

    return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: \"%s\" %s (column \"%s\")", place->path,
                   place->line, cell->column + 1, mh_text_excerpt(cell->text, excerpt), what,
                   mh_text_excerpt(column->name, name));
}

/* ---- survey ---- */

static mh_status survey_value(text_column *column, const mh_text_cell *cell, const cell_place *place)
{
    mh_status status = MH_OK;
    long id = MH_VALUE_NONE;
    char what[400], excerpt[MH_TEXT_BYTES];

    if (column->kind == MH_COLUMN_NOMINAL) {
        id = mh_value_set_find(column->values, cell->text);
        if (id == MH_VALUE_NONE)
            return fail_at(column, cell, place, "is not among the values declared");
    } else {
        MH_TRY(mh_value_set_add(column->values, cell->text, &id));
        if (id == MH_VALUE_NONE) {
            snprintf(what, sizeof what,
                     "is one of more than %d different values, too many for categories; line %zu has \"%s\"; "
                     "--drop-columns %zu leaves the column out",
                     column->role == COLUMN_LABEL ? (int)MH_CLASSES_MAX : (int)CATEGORIES_MAX,
                     column->first_line, mh_text_excerpt(column->first_text, excerpt), cell->column + 1);
            return fail_at(column, cell, place, what);
        }
    }
    column->not_zero += id != 0;
cleanup:
    return status;
}

static mh_status survey_number(text_column *column, const mh_text_cell *cell, const cell_place *place,
                               double value)
{
    if (column->role == COLUMN_LABEL) {
        if (!(fabs(value) < 1e15) || value != floor(value))
            return fail_at(column, cell, place, "is no class: a label is a whole number or a name");
        return survey_value(column, cell, place);
    }
    if (!(fabs(value) <= (double)FLT_MAX))
        return fail_at(column, cell, place, "is too large for a 32-bit float");
    if (place->is_first_file)
        column->sum += (double)(float)value;
    column->not_zero += value != 0;
    return MH_OK;
}

/* Columns that hold both are misprints more often than categories. */
static mh_status refuse_mixture(const text_column *column, const mh_text_cell *cell, const cell_place *place,
                                cell_look look)
{
    char what[400], excerpt[MH_TEXT_BYTES];

    if (!column->is_found)
        return fail_at(column, cell, place, "is not a number");
    if (look == CELL_TEXT)
        snprintf(what, sizeof what,
                 "is not a number, as in line %zu; --missing says what stands for nothing, --drop-columns "
                 "%zu leaves "
                 "the column out, --categorical-columns %zu makes each value a category",
                 column->first_line, cell->column + 1, cell->column + 1);
    else
        snprintf(
            what, sizeof what,
            "is a number, but \"%s\" in line %zu is not a number; --missing says what stands for nothing, "
            "--drop-columns %zu leaves the column out, --categorical-columns %zu makes each value a category",
            mh_text_excerpt(column->first_text, excerpt), column->first_line, cell->column + 1,
            cell->column + 1);
    return fail_at(column, cell, place, what);
}

mh_status text_column_survey(text_column *column, const missing_texts *missing, const mh_text_cell *cell,
                             const cell_place *place)
{
    double value = 0;

    if (column->role == COLUMN_DROPPED)
        return MH_OK;
    column->cells++;
    if (column->kind == MH_COLUMN_NOMINAL || column->is_categorical) {
        if (!is_missing(missing, cell))
            return survey_value(column, cell, place);
        column->missing++;
        return MH_OK;
    }

    cell_look look = look_at(missing, cell, &value);
    if (look == CELL_MISSING) {
        column->missing++;
        column->missing_first += place->is_first_file;
        return MH_OK;
    }
    if (column->kind == MH_COLUMN_OPEN)
        column->kind = look == CELL_NUMBER ? MH_COLUMN_NUMBER : MH_COLUMN_TEXT;
    if (column->first_line == 0) {
        column->first_line = place->line;
        snprintf(column->first_text, sizeof column->first_text, "%s", cell->text);
    }
    if (column->kind == MH_COLUMN_NUMBER && look == CELL_NUMBER)
        return survey_number(column, cell, place, value);
    if (column->kind == MH_COLUMN_TEXT && (look == CELL_TEXT || !column->is_found))
        return survey_value(column, cell, place);
    return refuse_mixture(column, cell, place, look);
}

/* ---- what it becomes ---- */

static mh_status finish_label(text_column *column, size_t rows)
{
    mh_status status = MH_OK;

    /* A sparse row that leaves a number out means 0. */
    if (column->kind != MH_COLUMN_NOMINAL && column->cells < rows)
        MH_TRY(mh_value_set_add(column->values, "0", NULL));
    MH_TRY(value_order_classes(column->values, column->kind, &column->place, &column->classes,
                               &column->class_names));
cleanup:
    return status;
}

static mh_status finish_categories(text_column *column, size_t rows)
{
    mh_status status = MH_OK;
    bool is_complete = column->missing == 0;

    if (column->kind != MH_COLUMN_NOMINAL && column->cells < rows)
        MH_TRY(mh_value_set_add(column->values, "0", NULL));
    size_t count = mh_value_set_count(column->values);
    bool is_yes_no = is_complete && value_order_is_yes_no(column->values);

    MH_TRY(is_yes_no ? value_order_truths(column->values, &column->place)
                     : value_order_places(column->values, column->kind, &column->place));
    /* Declared values of another kind than yes and no stay apart; two texts that were found are one question too. */
    column->is_flag = is_yes_no || (is_complete && column->kind == MH_COLUMN_TEXT && count == 2);
    column->outputs = column->is_flag ? 1 : count;
cleanup:
    return status;
}

mh_status text_column_finish(text_column *column, size_t rows, size_t rows_first)
{
    size_t known = rows_first - column->missing_first;

    if (column->role == COLUMN_DROPPED)
        return MH_OK;
    if (column->kind == MH_COLUMN_OPEN) /* nothing known in any row */
        column->kind = MH_COLUMN_NUMBER;
    if (column->role == COLUMN_LABEL)
        return finish_label(column, rows);
    if (column->kind != MH_COLUMN_NUMBER)
        return finish_categories(column, rows);
    column->outputs = 1;
    column->fill = known > 0 ? (float)(column->sum / (double)known) : 0;
    return MH_OK;
}

mh_status text_column_feature_name(const text_column *column, size_t i, char **out)
{
    mh_status status = MH_OK;
    size_t value = 0;

    if (column->kind == MH_COLUMN_NUMBER || (column->is_flag && value_order_is_yes_no(column->values)))
        return mh_memory_text(column->name, out);
    if (!column->is_flag && column->place[i] == i)
        value = i; /* declared order: no need to search */
    while (column->place[value] != (column->is_flag ? 1 : i))
        value++;
    const char *text = mh_value_set_text(column->values, value);
    size_t bytes = strlen(column->name) + strlen(text) + 2;
    MH_TRY(mh_memory_new(bytes, out));
    snprintf(*out, bytes, "%s=%s", column->name, text);
cleanup:
    return status;
}

size_t text_column_not_zero(const text_column *column, size_t rows)
{
    bool is_one_hot = column->kind != MH_COLUMN_NUMBER && !column->is_flag;

    return is_one_hot ? rows - column->missing : column->not_zero + (column->is_flag ? 0 : column->missing);
}

/* ---- convert ---- */

static mh_status changed(const text_column *column, const mh_text_cell *cell, const cell_place *place)
{
    return fail_at(column, cell, place, "is new: the file changed while it was read");
}

static mh_status convert_number(const text_column *column, const missing_texts *missing,
                                const mh_text_cell *cell, const cell_place *place, float *feature)
{
    double value = 0;
    cell_look look = look_at(missing, cell, &value);

    *feature = look == CELL_NUMBER ? (float)value : column->fill;
    if (look == CELL_TEXT || !isfinite(*feature))
        return changed(column, cell, place);
    return MH_OK;
}

mh_status text_column_convert(const text_column *column, const missing_texts *missing,
                              const mh_text_cell *cell, const cell_place *place, float *features,
                              mh_label *labels)
{
    bool is_label = column->role == COLUMN_LABEL;

    if (column->role == COLUMN_DROPPED)
        return MH_OK;
    if (!is_label && column->kind == MH_COLUMN_NUMBER)
        return convert_number(column, missing, cell, place, features + column->output);

    long id = is_missing(missing, cell) ? MH_VALUE_NONE : mh_value_set_find(column->values, cell->text);
    if (id == MH_VALUE_NONE && !is_missing(missing, cell))
        return changed(column, cell, place);
    if (is_label) {
        labels[column->output] = id == MH_VALUE_NONE ? MH_LABEL_MISSING : (mh_label)column->place[id];
        return MH_OK;
    }
    memset(features + column->output, 0, column->outputs * sizeof *features);
    if (id == MH_VALUE_NONE)
        return column->is_flag ? changed(column, cell, place) : MH_OK;
    if (column->is_flag)
        features[column->output] = (float)column->place[id];
    else
        features[column->output + column->place[id]] = 1;
    return MH_OK;
}
