#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "text_reader.h"

/*
 * ARFF, dense and sparse, as Weka, MULAN and MEKA write it. Keywords in any case; % begins a comment line; names and
 * values may be quoted with ' or ", then a backslash takes the next letter as it is (elsewhere it means itself).
 */

static mh_status fail_at(const mh_text_table *table, size_t place, const char *what, const char *text)
{
    char excerpt[MH_TEXT_BYTES];

    return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: %s%s%s", mh_text_stream_path(table->stream),
                   mh_text_stream_number(table->stream), place, what, text[0] != '\0' ? ": " : "",
                   mh_text_excerpt(text, excerpt));
}

/* ---- values ---- */

static bool is_stop(char c, const char *stops)
{
    return c == stops[0] || (stops[1] != '\0' && c == stops[1]);
}

/* Takes the backslashes out, in place; where the quote ends, or NULL where it does not. */
static char *read_quoted(char *text)
{
    char quote = *text, *to = text;

    for (text++; *text != quote; text++) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        if (*text == '\0')
            return NULL;
        *to++ = *text;
    }
    *to = '\0';
    return text + 1;
}

/*
 * One value, quoted or up to one of `stops` (at most two); made a text in place.
 *
 *   at     in and out: from where to behind the stop
 *   stop   out: which it was; 0 at the end of the line
 */
static mh_status read_value(const mh_text_table *table, const char *line, char **at, const char *stops,
                            mh_text_cell *cell, char *stop)
{
    char *text = skip_blanks(*at), *end = text;

    cell->text = text;
    cell->place = (size_t)(text - line) + 1;
    cell->is_quoted = *text == '\'' || *text == '"';
    if (cell->is_quoted) {
        end = read_quoted(text);
        if (end == NULL)
            return fail_at(table, cell->place, "a quote is not closed", text);
        if (!is_stop(*end, stops))
            end = skip_blanks(end);
        if (*end != '\0' && !is_stop(*end, stops))
            return fail_at(table, (size_t)(end - line) + 1, "something stands behind the quote", end);
        *stop = *end;
    } else {
        while (*end != '\0' && !is_stop(*end, stops))
            end++;
        *stop = *end;
        char *last = end;
        while (last > text && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        *last = '\0';
    }
    *at = end + (*stop != '\0');
    return MH_OK;
}

/* ---- header ---- */

/* "{a, 'b c'}" from behind the brace. */
static mh_status read_nominal(const mh_text_table *table, const char *line, char *at, mh_value_set **out)
{
    mh_status status = MH_OK;
    char stop = ',';

    *out = NULL;
    MH_TRY(mh_value_set_create(MH_TEXT_COLUMNS_MAX, out));
    while (stop == ',') {
        mh_text_cell value = {0};
        size_t before = mh_value_set_count(*out);

        MH_TRY(read_value(table, line, &at, ",}", &value, &stop));
        if (value.text[0] == '\0' && !value.is_quoted)
            return fail_at(table, value.place, "a value is missing here", "");
        MH_TRY(mh_value_set_add(*out, value.text, NULL));
        if (mh_value_set_count(*out) == before)
            return fail_at(table, value.place, "this value is declared twice", value.text);
    }
    if (stop != '}')
        status = fail_at(table, (size_t)(at - line) + 1, "the } behind the values is missing", "");
cleanup:
    return status;
}

static bool read_kind(const char *text, mh_column_kind *out)
{
    static const struct {
        const char *word;
        mh_column_kind kind;
    } kinds[] = {{"numeric", MH_COLUMN_NUMBER},
                 {"real", MH_COLUMN_NUMBER},
                 {"integer", MH_COLUMN_NUMBER},
                 {"string", MH_COLUMN_TEXT},
                 {"date", MH_COLUMN_TEXT}};
    size_t length = strcspn(text, " \t%");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].word) == length && strncasecmp(text, kinds[i].word, length) == 0) {
            *out = kinds[i].kind;
            return true;
        }
    }
    return false;
}

/* The name of an attribute; `*at` goes to its type. */
static mh_status read_name(const mh_text_table *table, const char *line, char **at, char **name)
{
    mh_status status = MH_OK;
    char *text = skip_blanks(*at), *end = text;

    if (*text == '\'' || *text == '"') {
        end = read_quoted(text);
        if (end == NULL)
            return fail_at(table, (size_t)(text - line) + 1, "a quote is not closed", text);
        *at = end;
        return mh_memory_text(text, name);
    }
    while (*end != '\0' && *end != ' ' && *end != '\t' && *end != '{')
        end++;
    if (end == text)
        return fail_at(table, (size_t)(text - line) + 1, "the name is missing", "");
    char after = *end;
    *end = '\0';
    MH_TRY(mh_memory_text(text, name));
    *end = after;
    *at = end;
cleanup:
    return status;
}

typedef struct {
    mh_value_set *names;
    size_t column_room;
} header_work;

static mh_status read_attribute(mh_text_table *table, header_work *work, const char *line, char *at)
{
    mh_status status = MH_OK;
    mh_value_set *values = NULL;
    mh_column_kind kind = MH_COLUMN_NOMINAL;
    char *name = NULL;
    size_t before = mh_value_set_count(work->names);

    MH_TRY(read_name(table, line, &at, &name));
    at = skip_blanks(at);
    if (*at == '{') {
        MH_TRY(read_nominal(table, line, at + 1, &values));
    } else if (!read_kind(at, &kind)) {
        status = fail_at(table, (size_t)(at - line) + 1,
                         "expected numeric, real, integer, string, date or {values}", at);
        goto cleanup;
    }
    MH_TRY(mh_value_set_add(work->names, name, NULL));
    if (mh_value_set_count(work->names) == before) {
        status = fail_at(table, 1, "this attribute is declared twice", name);
        goto cleanup;
    }
    MH_TRY(text_header_add(&table->header, &work->column_room, name, kind, values));
    values = NULL;
cleanup:
    mh_value_set_destroy(values);
    mh_memory_free(name);
    return status;
}

/* MEKA keeps how many columns are labels in the name: @relation 'Music: -C 6'. */
static void find_label_count(mh_text_header *header, const char *relation)
{
    for (const char *at = relation; *at != '\0'; at++) {
        bool is_option = at[0] == '-' && (at[1] == 'C' || at[1] == 'c') && isspace((unsigned char)at[2]) &&
                         (at == relation || !isalnum((unsigned char)at[-1]));
        char *end = NULL;

        if (!is_option)
            continue;
        long count = strtol(at + 2, &end, 10);
        if (end == at + 2 || count == 0)
            continue;
        header->has_label_count = true;
        header->label_count = count;
        return;
    }
}

static bool is_keyword(const char *text, const char *keyword)
{
    size_t length = strlen(keyword);

    return strncasecmp(text, keyword, length) == 0 &&
           (text[length] == '\0' || isspace((unsigned char)text[length]));
}

static mh_status read_header(mh_text_table *table, header_work *work)
{
    mh_status status = MH_OK;
    const char *path = mh_text_stream_path(table->stream);
    size_t length = 0;
    char *line = NULL;

    for (;;) {
        MH_TRY(mh_text_stream_line(table->stream, &line, &length));
        if (line == NULL)
            return MH_FAIL(MH_ERR_FORMAT, "%s: ends before its @data", path);
        char *at = skip_blanks(line);
        if (*at == '\0' || *at == '%')
            continue;
        if (is_keyword(at, "@data"))
            break;
        if (is_keyword(at, "@relation"))
            find_label_count(&table->header, at);
        else if (is_keyword(at, "@attribute"))
            MH_TRY(read_attribute(table, work, line, at + strlen("@attribute")));
        else
            return fail_at(table, (size_t)(at - line) + 1, "expected @relation, @attribute or @data", at);
    }
    if (table->header.columns == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: there is no @attribute above @data", path,
                         mh_text_stream_number(table->stream));
cleanup:
    return status;
}

mh_status arff_reader_open(mh_text_table *table)
{
    mh_status status = MH_OK;
    header_work work = {0};

    MH_TRY(mh_value_set_create(MH_TEXT_COLUMNS_MAX, &work.names));
    MH_TRY(read_header(table, &work));
cleanup:
    mh_value_set_destroy(work.names);
    return status;
}

/* ---- rows ---- */

/* Commas between the values; blanks where the line has no comma, as Weka reads it. */
static mh_status read_dense(mh_text_table *table, char *line)
{
    mh_status status = MH_OK;
    const char *stops = strchr(line, ',') != NULL || table->header.columns == 1 ? "," : " \t";
    char *at = line, stop = ',';

    while (stop != '\0') {
        mh_text_cell cell = {.column = table->row.cells};

        if (stops[0] == ' ' && *skip_blanks(at) == '\0')
            break;
        MH_TRY(read_value(table, line, &at, stops, &cell, &stop));
        if (table->row.cells < table->header.columns)
            MH_TRY(text_row_add_cell(&table->row, cell));
        else
            return fail_at(table, cell.place, "more values than there are attributes", cell.text);
    }
    if (table->row.cells != table->header.columns)
        status =
            MH_FAIL(MH_ERR_FORMAT,
                    "%s: line %zu, column %zu: the line ends with %zu values, but there are %zu attributes",
                    mh_text_stream_path(table->stream), mh_text_stream_number(table->stream),
                    (size_t)(at - line) + 1, table->row.cells, table->header.columns);
cleanup:
    return status;
}

/* "{1 0.5, 7 yes}", from behind the brace: numbers of attributes from 0. */
static mh_status read_sparse(mh_text_table *table, char *line, char *at)
{
    mh_status status = MH_OK;
    char stop = ',';

    at = skip_blanks(at);
    if (*at == '}') {
        stop = '}';
        at++;
    }
    while (stop == ',') {
        char *end = NULL;

        at = skip_blanks(at);
        unsigned long long number = strtoull(at, &end, 10);
        if (!isdigit((unsigned char)*at) || (*end != ' ' && *end != '\t'))
            return fail_at(table, (size_t)(at - line) + 1,
                           "expected the number of an attribute and its value", at);
        if (number >= table->header.columns)
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s: line %zu, column %zu: there is no attribute %llu: they are 0 to %zu",
                           mh_text_stream_path(table->stream), mh_text_stream_number(table->stream),
                           (size_t)(at - line) + 1, number, table->header.columns - 1);
        mh_text_cell cell = {.column = number};
        at = end;
        MH_TRY(read_value(table, line, &at, ",}", &cell, &stop));
        MH_TRY(text_row_add_cell(&table->row, cell));
    }
    if (stop != '}' || *skip_blanks(at) != '\0')
        return fail_at(table, (size_t)(at - line) + 1, "expected } and then the end of the line", at);
    const mh_text_cell *twice = text_row_find_twice(table->row.cell, table->row.cells);
    if (twice != NULL)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: attribute %zu is there twice",
                         mh_text_stream_path(table->stream), mh_text_stream_number(table->stream),
                         twice->place, twice->column);
cleanup:
    return status;
}

mh_status arff_reader_read(mh_text_table *table, mh_text_row_visitor visit, void *context)
{
    mh_status status = MH_OK;
    size_t length = 0;
    char *line = NULL;

    for (;;) {
        MH_TRY(mh_text_stream_line(table->stream, &line, &length));
        if (line == NULL)
            break;
        char *at = skip_blanks(line);
        bool is_sparse = *at == '{';
        if (*at == '\0' || *at == '%')
            continue;
        MH_TRY(is_sparse ? read_sparse(table, line, at + 1) : read_dense(table, line));
        MH_TRY(text_row_finish(&table->row, mh_text_stream_number(table->stream), is_sparse, visit, context));
    }
cleanup:
    return status;
}
