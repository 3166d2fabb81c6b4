#include "multihead/data/text_table.h"

#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "text_reader.h"

/* ---- rows and headers ---- */

mh_status text_row_add_cell(text_row_builder *row, mh_text_cell cell)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_reserve(row->cells + 1, sizeof *row->cell, &row->cell_room, &row->cell));
    row->cell[row->cells++] = cell;
cleanup:
    return status;
}

mh_status text_row_add_label(text_row_builder *row, mh_text_cell label)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_reserve(row->labels + 1, sizeof *row->label, &row->label_room, &row->label));
    row->label[row->labels++] = label;
cleanup:
    return status;
}

static int compare_cells(const void *a, const void *b)
{
    const mh_text_cell *first = a, *second = b;

    if (first->column != second->column)
        return first->column < second->column ? -1 : 1;
    return first->place < second->place ? -1 : first->place > second->place;
}

const mh_text_cell *text_row_find_twice(mh_text_cell *cell, size_t count)
{
    bool is_sorted = true;

    for (size_t i = 1; i < count && is_sorted; i++)
        is_sorted = cell[i - 1].column < cell[i].column;
    if (is_sorted)
        return NULL;
    qsort(cell, count, sizeof *cell, compare_cells);
    for (size_t i = 1; i < count; i++)
        if (cell[i - 1].column == cell[i].column)
            return &cell[i];
    return NULL;
}

mh_status text_row_finish(text_row_builder *row, size_t line, bool is_sparse, mh_text_row_visitor visit,
                          void *context)
{
    mh_text_row whole = {.line = line,
                         .cells = row->cells,
                         .cell = row->cell,
                         .is_sparse = is_sparse,
                         .labels = row->labels,
                         .label = row->label};

    row->cells = row->labels = 0;
    return visit(context, &whole);
}

mh_status text_header_add(mh_text_header *header, size_t *room, const char *name, mh_column_kind kind,
                          mh_value_set *values)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_reserve(header->columns + 1, sizeof *header->column, room, &header->column));
    MH_TRY(mh_memory_text(name, &header->column[header->columns].name));
    header->column[header->columns].kind = kind;
    header->column[header->columns++].values = values;
cleanup:
    return status;
}

static void clear_header(mh_text_header *header)
{
    for (size_t i = 0; i < header->columns; i++) {
        mh_memory_free(header->column[i].name);
        mh_value_set_destroy(header->column[i].values);
    }
    mh_memory_free(header->column);
}

/* ---- which reader ---- */

const char *mh_text_format_name(mh_text_format format)
{
    static const char *const names[] = {"auto", "ARFF", "CSV", "TSV", "LibSVM", "extreme-classification"};

    return names[format];
}

static mh_status open_reader(mh_text_table *table, mh_header_choice header)
{
    switch (table->header.format) {
    case MH_FORMAT_ARFF:
        return arff_reader_open(table);
    case MH_FORMAT_CSV:
    case MH_FORMAT_TSV:
        return csv_reader_open(table, header);
    default:
        return libsvm_reader_open(table);
    }
}

mh_status mh_text_table_read(mh_text_table *table, mh_text_row_visitor visit, void *context)
{
    switch (table->header.format) {
    case MH_FORMAT_ARFF:
        return arff_reader_read(table, visit, context);
    case MH_FORMAT_CSV:
    case MH_FORMAT_TSV:
        return csv_reader_read(table, visit, context);
    default:
        return libsvm_reader_read(table, visit, context);
    }
}

mh_status mh_text_table_open(const char *path, mh_text_format format, mh_header_choice header,
                             mh_text_table **out)
{
    mh_status status = MH_OK;
    mh_text_table *table = NULL;

    MH_TRY(mh_memory_new(sizeof *table, &table));
    table->header.format = format;
    MH_TRY(mh_text_stream_open(path, &table->stream));
    MH_TRY(open_reader(table, header));
cleanup:
    if (status != MH_OK) {
        mh_text_table_close(table);
        table = NULL;
    }
    *out = table;
    return status;
}

void mh_text_table_close(mh_text_table *table)
{
    if (table == NULL)
        return;
    csv_reader_close(table->csv);
    mh_text_stream_close(table->stream);
    clear_header(&table->header);
    mh_memory_free(table->row.cell);
    mh_memory_free(table->row.label);
    mh_memory_free(table);
}

const mh_text_header *mh_text_table_header(const mh_text_table *table)
{
    return &table->header;
}

const char *mh_text_table_path(const mh_text_table *table)
{
    return mh_text_stream_path(table->stream);
}

size_t mh_text_table_bytes_read(const mh_text_table *table)
{
    return mh_text_stream_bytes_read(table->stream);
}
