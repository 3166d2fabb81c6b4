#include "text_row.h"

#include <stdlib.h>

#include "multihead/base/memory.h"

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

void text_header_clear(mh_text_header *header)
{
    for (size_t i = 0; i < header->columns; i++) {
        mh_memory_free(header->column[i].name);
        mh_value_set_destroy(header->column[i].values);
    }
    mh_memory_free(header->column);
}
