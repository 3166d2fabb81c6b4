#ifndef MULTIHEAD_SRC_DATA_TEXT_READER_H
#define MULTIHEAD_SRC_DATA_TEXT_READER_H

#include "multihead/data/text_stream.h"
#include "multihead/data/text_table.h"

/* What the readers of the text forms share. */

/* A row while it is put together. */
typedef struct {
    size_t cells, cell_room;
    mh_text_cell *cell;
    size_t labels, label_room;
    mh_text_cell *label;
} text_row_builder;

typedef struct csv_reader csv_reader;

struct mh_text_table {
    mh_text_stream *stream;
    mh_text_header header;
    text_row_builder row;
    csv_reader *csv;
};

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

/* Opens read what comes before the rows; `header` has the format already. */
mh_status arff_reader_open(mh_text_table *table);
mh_status arff_reader_read(mh_text_table *table, mh_text_row_visitor visit, void *context);

mh_status csv_reader_open(mh_text_table *table, mh_header_choice header);
mh_status csv_reader_read(mh_text_table *table, mh_text_row_visitor visit, void *context);
void csv_reader_close(csv_reader *csv);

mh_status libsvm_reader_open(mh_text_table *table);
mh_status libsvm_reader_read(mh_text_table *table, mh_text_row_visitor visit, void *context);

/** Whether a line is the extreme-classification form's header: three whole numbers, `numbers` [3]. */
bool libsvm_reader_is_header(const char *line, size_t *numbers);

/** Whether a line has an index:value in it. */
bool libsvm_reader_is_row(const char *line);

/** Past blanks and tabs. */
static inline char *skip_blanks(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

#endif
