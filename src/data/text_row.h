#ifndef MULTIHEAD_SRC_DATA_TEXT_ROW_H
#define MULTIHEAD_SRC_DATA_TEXT_ROW_H

#include "multihead/data/text_table.h"

/* Rows and headers of a text table as its readers put them together. */

/* A row while it is put together. */
typedef struct {
    size_t cells, cell_room;
    mh_text_cell *cell;
    size_t labels, label_room;
    mh_text_cell *label;
} text_row_builder;

mh_status text_row_add_cell(text_row_builder *row, mh_text_cell cell);
mh_status text_row_add_label(text_row_builder *row, mh_text_cell label);

/** Empties the builder and shows what was in it. */
mh_status text_row_finish(text_row_builder *row, size_t line, bool is_sparse, mh_text_row_visitor visit,
                          void *context);

/** The later of two cells that have the same column, or NULL. Sorts cells that are not in order. */
const mh_text_cell *text_row_find_twice(mh_text_cell *cell, size_t count);

/** Adds a column to a header; `name` is copied. */
mh_status text_header_add(mh_text_header *header, size_t *room, const char *name, mh_column_kind kind,
                          mh_value_set *values);

void text_header_clear(mh_text_header *header);

#endif
