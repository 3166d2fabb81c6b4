#include <csv.h>
#include <stdio.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/number.h"
#include "text_reader.h"

/*
 * The door to libcsv: CSV and TSV. It hands out fields by callback, which are put together to rows here. It is given
 * a line at a time, so that the line of each row is known.
 */

enum { LONGEST_FIELD = 1 << 24 };

struct csv_reader {
    struct csv_parser parser;
    mh_text_table *table;
    bool has_header; /* the first row is no row */

    mh_text_row_visitor visit;
    void *context;
    mh_status status; /* of the first callback that failed */
    size_t rows;      /* so far, the header too            */
    size_t line;      /* where the row begins; 0 between rows */

    char *text; /* the fields of the row, a 0 behind each */
    size_t bytes, room;
};

/* ---- callbacks ---- */

static mh_status keep_field(csv_reader *csv, const char *field, size_t length)
{
    mh_status status = MH_OK;
    text_row_builder *row = &csv->table->row;

    if (csv->line == 0)
        csv->line = mh_text_stream_number(csv->table->stream);
    if (row->cells >= MH_TEXT_COLUMNS_MAX)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: has more than %d columns",
                       mh_text_stream_path(csv->table->stream), csv->line, MH_TEXT_COLUMNS_MAX);
    MH_TRY(mh_memory_reserve(csv->bytes + length + 1, 1, &csv->room, &csv->text));
    /* The fields may still move: until the row is whole, `place` says where. */
    MH_TRY(text_row_add_cell(row, (mh_text_cell){.column = row->cells, .place = csv->bytes}));
    if (length > 0)
        memcpy(csv->text + csv->bytes, field, length);
    csv->text[csv->bytes + length] = '\0';
    csv->bytes += length + 1;
cleanup:
    return status;
}

static void on_field(void *field, size_t length, void *data)
{
    csv_reader *csv = data;

    if (csv->status == MH_OK)
        csv->status = keep_field(csv, field, length);
}

static mh_status show_row(csv_reader *csv)
{
    text_row_builder *row = &csv->table->row;
    size_t columns = csv->table->header.columns, line = csv->line;

    for (size_t i = 0; i < row->cells; i++) {
        row->cell[i].text = csv->text + row->cell[i].place;
        row->cell[i].place = 0;
    }
    csv->bytes = csv->line = 0;
    if (csv->rows++ == 0 && csv->has_header) {
        row->cells = 0;
        return MH_OK;
    }
    if (columns > 0 && row->cells != columns)
        return MH_FAIL(
            MH_ERR_FORMAT, "%s: line %zu, column %zu: is %s: the row has %zu columns, the first line has %zu",
            mh_text_stream_path(csv->table->stream), line, (row->cells < columns ? row->cells : columns) + 1,
            row->cells < columns ? "missing" : "one too many", row->cells, columns);
    return text_row_finish(row, line, false, csv->visit, csv->context);
}

static void on_row(int end, void *data)
{
    csv_reader *csv = data;

    (void)end;
    if (csv->status == MH_OK)
        csv->status = show_row(csv);
}

/* ---- reading ---- */

static mh_status csv_failed(csv_reader *csv)
{
    const char *path = mh_text_stream_path(csv->table->stream);
    size_t line = csv->line != 0 ? csv->line : mh_text_stream_number(csv->table->stream);

    if (csv_error(&csv->parser) == CSV_EPARSE)
        return MH_FAIL(
            MH_ERR_FORMAT,
            "%s: line %zu, column %zu: a quote that is not closed, or one inside a field: \"say \"\"so\"\"\" "
            "is how it is written",
            path, line, csv->table->row.cells + 1);
    return MH_FAIL(MH_ERR_MEMORY, "%s: line %zu: %s", path, line, csv_strerror(csv_error(&csv->parser)));
}

static mh_status parse_line(csv_reader *csv, char *line, size_t length)
{
    line[length] = '\n'; /* in place of the 0 */
    size_t parsed = csv_parse(&csv->parser, line, length + 1, on_field, on_row, csv);
    if (csv->status != MH_OK)
        return csv->status;
    if (parsed < length + 1)
        return csv_failed(csv);
    /* A quote that is opened by mistake would take in the rest of the file. */
    if (csv_get_buffer_size(&csv->parser) > LONGEST_FIELD)
        return MH_FAIL(MH_ERR_FORMAT,
                       "%s: line %zu, column %zu: a field of more than %d MiB: is its quote not closed?",
                       mh_text_stream_path(csv->table->stream),
                       csv->line != 0 ? csv->line : mh_text_stream_number(csv->table->stream),
                       csv->table->row.cells + 1, LONGEST_FIELD >> 20);
    return MH_OK;
}

/* Until the end of the file, or until so many rows were shown. */
static mh_status read_rows(csv_reader *csv, size_t rows_at_most)
{
    mh_status status = MH_OK;
    size_t length = 0;
    char *line = NULL;

    while (csv->rows < rows_at_most) {
        MH_TRY(mh_text_stream_line(csv->table->stream, &line, &length));
        if (line == NULL) {
            int code = csv_fini(&csv->parser, on_field, on_row, csv);
            return csv->status != MH_OK ? csv->status : code != 0 ? csv_failed(csv) : MH_OK;
        }
        MH_TRY(parse_line(csv, line, length));
    }
cleanup:
    return status;
}

mh_status csv_reader_read(mh_text_table *table, mh_text_row_visitor visit, void *context)
{
    table->csv->visit = visit;
    table->csv->context = context;
    return read_rows(table->csv, SIZE_MAX);
}

static mh_status create(mh_text_table *table, char delimiter, csv_reader **out)
{
    mh_status status = MH_OK;
    csv_reader *csv = NULL;

    MH_TRY(mh_memory_new(sizeof *csv, &csv));
    csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_delim(&csv->parser, (unsigned char)delimiter);
    csv->table = table;
cleanup:
    *out = csv;
    return status;
}

void csv_reader_close(csv_reader *csv)
{
    if (csv == NULL)
        return;
    csv_free(&csv->parser);
    mh_memory_free(csv->text);
    mh_memory_free(csv);
}

/* ---- what stands on top ---- */

/* What the first two rows have in each column. */
typedef enum { IS_EMPTY, IS_NUMBER, IS_TEXT } cell_look;

typedef struct {
    mh_text_header *header;
    mh_text_table *ahead; /* the reader of these rows */
    size_t column_room;
    size_t rows;
    cell_look *first; /* [columns] */
    bool has_number, has_text, has_number_below_text;
} top;

static cell_look look_at(const char *text)
{
    static const char *const missing[] = {"", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"};
    double value = 0;
    const char *end = mh_number_read(text, &value);

    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        if (strcmp(text, missing[i]) == 0)
            return IS_EMPTY;
    return end != NULL && *end == '\0' ? IS_NUMBER : IS_TEXT;
}

static mh_status look_at_row(void *context, const mh_text_row *row)
{
    mh_status status = MH_OK;
    top *top = context;

    if (top->rows++ == 0) {
        top->ahead->header.columns = row->cells; /* for every further row to have */
        MH_TRY(mh_memory_array(row->cells, sizeof *top->first, &top->first));
        for (size_t i = 0; i < row->cells; i++) {
            MH_TRY(text_header_add(top->header, &top->column_room, row->cell[i].text, MH_COLUMN_OPEN, NULL));
            top->first[i] = look_at(row->cell[i].text);
            top->has_number = top->has_number || top->first[i] == IS_NUMBER;
            top->has_text = top->has_text || top->first[i] == IS_TEXT;
        }
    } else {
        for (size_t i = 0; i < row->cells; i++)
            if (top->first[i] == IS_TEXT && look_at(row->cell[i].text) == IS_NUMBER)
                top->has_number_below_text = true;
    }
cleanup:
    return status;
}

/* A column without a name is column_3. */
static mh_status name_columns(mh_text_header *header, bool has_header)
{
    mh_status status = MH_OK;
    char name[32];

    for (size_t i = 0; i < header->columns; i++) {
        if (has_header && header->column[i].name[0] != '\0')
            continue;
        mh_memory_free(header->column[i].name);
        snprintf(name, sizeof name, "column_%zu", i + 1);
        MH_TRY(mh_memory_text(name, &header->column[i].name));
    }
cleanup:
    return status;
}

/* Commas, unless the first line that says something has semicolons only. */
static mh_status find_delimiter(const char *path, mh_text_format format, char *out)
{
    mh_status status = MH_OK;
    mh_text_stream *stream = NULL;
    size_t length = 0;
    char *line = NULL;

    *out = format == MH_FORMAT_TSV ? '\t' : ',';
    if (format == MH_FORMAT_TSV)
        return MH_OK;
    MH_TRY(mh_text_stream_open(path, &stream));
    do {
        MH_TRY(mh_text_stream_line(stream, &line, &length));
    } while (line != NULL && *skip_blanks(line) == '\0');
    if (line != NULL && strchr(line, ',') == NULL && strchr(line, ';') != NULL)
        *out = ';';
cleanup:
    mh_text_stream_close(stream);
    return status;
}

/* The first rows tell, so they are read once before. */
mh_status csv_reader_open(mh_text_table *table, mh_header_choice header)
{
    mh_status status = MH_OK;
    const char *path = mh_text_stream_path(table->stream);
    mh_text_table ahead = {0};
    top top = {.header = &table->header, .ahead = &ahead};
    char delimiter = ',';

    MH_TRY(find_delimiter(path, table->header.format, &delimiter));
    MH_TRY(mh_text_stream_open(path, &ahead.stream));
    MH_TRY(create(&ahead, delimiter, &ahead.csv));
    ahead.csv->visit = look_at_row;
    ahead.csv->context = &top;
    MH_TRY(read_rows(ahead.csv, 2));
    if (top.rows == 0) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: is empty", path);
        goto cleanup;
    }

    MH_TRY(create(table, delimiter, &table->csv));
    table->csv->has_header =
        header == MH_HEADER_YES ||
        (header == MH_HEADER_AUTO && (top.has_number_below_text || (top.has_text && !top.has_number)));
    table->header.has_names = table->csv->has_header;
    MH_TRY(name_columns(&table->header, table->csv->has_header));
cleanup:
    csv_reader_close(ahead.csv);
    mh_text_stream_close(ahead.stream);
    mh_memory_free(ahead.row.cell);
    mh_memory_free(top.first);
    return status;
}
