#include <stdint.h>
#include <string.h>

#include "multihead/base/number.h"
#include "multihead/base/text.h"
#include "text_reader.h"

/*
 * "2,3 1:0.5 7:1": label numbers, then index:value. The list of labels may be empty: the line begins with a blank, or
 * right away with an index:value. Comments begin with #. Extreme classification puts a line "N D L" on top.
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Up to a blank or the end; strcspn makes a table of its 256 answers first. */
static size_t word_length(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0' && !is_blank(text[length]))
        length++;
    return length;
}

/* Digits only; the end of them, or NULL where none is or they are too many for any index. */
static char *read_index(char *text, size_t *out)
{
    size_t value = 0;

    if (!is_digit(*text))
        return NULL;
    for (; is_digit(*text); text++) {
        if (value > SIZE_MAX / 16)
            return NULL;
        value = value * 10 + (size_t)(*text - '0');
    }
    *out = value;
    return text;
}

static mh_status fail_at(const mh_text_table *table, const char *line, char *at, const char *expected)
{
    char excerpt[MH_TEXT_BYTES];
    size_t place = (size_t)(at - line) + 1;

    at[word_length(at)] = '\0';
    return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: \"%s\" is not %s",
                   mh_text_stream_path(table->stream), mh_text_stream_number(table->stream), place,
                   mh_text_excerpt(at, excerpt), expected);
}

/* A class number that scikit-learn writes as 1.0 is 1. */
static char *read_label(char *text, size_t *out)
{
    double value = 0;
    char *end = read_index(text + (*text == '+'), out);

    if (end != NULL && (*end == ',' || is_blank(*end) || *end == '\0'))
        return end;
    end = (char *)mh_number_read(text, &value);
    if (end == NULL || value < 0 || value >= MH_TEXT_COLUMNS_MAX || value != (double)(size_t)value)
        return NULL;
    *out = (size_t)value;
    return end;
}

/* The labels of a row up to a blank; `*at` goes behind them. */
static mh_status read_labels(mh_text_table *table, char *line, char **at)
{
    mh_status status = MH_OK;
    char *text = *at;

    for (;;) {
        size_t number = 0;
        char *end = read_label(text, &number);

        if (end == NULL || (*end != ',' && !is_blank(*end) && *end != '\0'))
            return fail_at(table, line, text, "a label: whole numbers from 0 are, with commas between them");
        MH_TRY(text_row_add_label(
            &table->row, (mh_text_cell){.column = number, .text = "", .place = (size_t)(text - line) + 1}));
        *at = end;
        if (*end != ',')
            return MH_OK;
        text = end + 1;
    }
cleanup:
    return status;
}

static mh_status read_pair(mh_text_table *table, char *line, char **at)
{
    mh_status status = MH_OK;
    char *text = *at;
    size_t index = 0, length = word_length(text);
    char *colon = read_index(text, &index);

    if (*text == 'q' && strncmp(text, "qid:", 4) == 0) { /* of ranking data: no feature */
        *at = text + length;
        return MH_OK;
    }
    if (colon == NULL || *colon != ':' || colon[1] == '\0' || is_blank(colon[1]))
        return fail_at(table, line, text, "index:value");
    *at = text + length + (text[length] != '\0');
    text[length] = '\0';
    MH_TRY(text_row_add_cell(
        &table->row, (mh_text_cell){.column = index, .text = colon + 1, .place = (size_t)(text - line) + 1}));
cleanup:
    return status;
}

static mh_status read_row(mh_text_table *table, char *line)
{
    mh_status status = MH_OK;
    char *at = line;

    /* The first word is a list of labels unless it has a colon, or a blank in front. */
    size_t word = word_length(at);
    if (word > 0 && memchr(at, ':', word) == NULL)
        MH_TRY(read_labels(table, line, &at));
    for (at = skip_blanks(at); *at != '\0'; at = skip_blanks(at))
        MH_TRY(read_pair(table, line, &at));
cleanup:
    return status;
}

static mh_status check_row(mh_text_table *table)
{
    const char *path = mh_text_stream_path(table->stream);
    size_t line = mh_text_stream_number(table->stream);
    const mh_text_cell *twice = text_row_find_twice(table->row.cell, table->row.cells);

    if (twice != NULL)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: feature %zu is there twice", path, line,
                       twice->place, twice->column);
    twice = text_row_find_twice(table->row.label, table->row.labels);
    if (twice != NULL)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: label %zu is there twice", path, line,
                       twice->place, twice->column);
    return MH_OK;
}

mh_status libsvm_reader_read(mh_text_table *table, mh_text_row_visitor visit, void *context)
{
    mh_status status = MH_OK;
    const char *path = mh_text_stream_path(table->stream);
    bool is_xc = table->header.format == MH_FORMAT_XC;
    size_t length = 0, rows = 0;
    char *line = NULL;

    for (;;) {
        MH_TRY(mh_text_stream_line(table->stream, &line, &length));
        if (line == NULL)
            break;
        char *comment = memchr(line, '#', length);
        if (comment != NULL)
            *comment = '\0';
        /* Where the rows are counted, one without any label or feature is a row too. */
        bool is_row = *skip_blanks(line) != '\0' || (is_xc && comment == NULL && rows < table->header.rows);
        if (!is_row)
            continue;
        if (is_xc && rows == table->header.rows)
            return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: the first line says that there are %zu rows", path,
                           mh_text_stream_number(table->stream), rows);
        MH_TRY(read_row(table, line));
        MH_TRY(check_row(table));
        rows++;
        MH_TRY(text_row_finish(&table->row, mh_text_stream_number(table->stream), true, visit, context));
    }
    if (is_xc && rows < table->header.rows)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: has %zu rows, but the first line says that there are %zu", path,
                         rows, table->header.rows);
cleanup:
    return status;
}

/* ---- the first line ---- */

bool libsvm_reader_is_header(const char *line, size_t *numbers)
{
    char *at = (char *)line;

    for (size_t i = 0; i < 3; i++) {
        at = read_index(skip_blanks(at), &numbers[i]);
        if (at == NULL || (*at != '\0' && !is_blank(*at)))
            return false;
    }
    return *skip_blanks(at) == '\0';
}

bool libsvm_reader_is_row(const char *line)
{
    char *at = (char *)line;

    for (at = skip_blanks(at); *at != '\0'; at = skip_blanks(at)) {
        size_t index = 0;
        const char *colon = read_index(at, &index);

        if (colon != NULL && *colon == ':')
            return true;
        at += word_length(at);
    }
    return false;
}

mh_status libsvm_reader_open(mh_text_table *table)
{
    mh_status status = MH_OK;
    const char *path = mh_text_stream_path(table->stream);
    size_t numbers[3] = {0}, length = 0;
    char *line = NULL;

    if (table->header.format != MH_FORMAT_XC)
        return MH_OK;
    do {
        MH_TRY(mh_text_stream_line(table->stream, &line, &length));
    } while (line != NULL && (*skip_blanks(line) == '\0' || *skip_blanks(line) == '#'));
    if (line == NULL || !libsvm_reader_is_header(line, numbers)) {
        status = MH_FAIL(MH_ERR_FORMAT,
                         "%s: line %zu: expected how many rows, features and labels there are: N D L", path,
                         mh_text_stream_number(table->stream));
        goto cleanup;
    }
    if (numbers[1] > MH_TEXT_COLUMNS_MAX || numbers[2] > MH_TEXT_COLUMNS_MAX)
        status =
            MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: %zu features and %zu labels are more than the %d that fit",
                    path, mh_text_stream_number(table->stream), numbers[1], numbers[2], MH_TEXT_COLUMNS_MAX);
    table->header.rows = numbers[0];
    table->header.features = numbers[1];
    table->header.labels = numbers[2];
cleanup:
    return status;
}
