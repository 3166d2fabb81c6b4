#ifndef MULTIHEAD_SRC_DATA_TEXT_READER_H
#define MULTIHEAD_SRC_DATA_TEXT_READER_H

#include "multihead/data/text_stream.h"
#include "multihead/data/text_table.h"
#include "text_row.h"

/* The readers of the text forms, and what they read into. */

typedef struct csv_reader csv_reader;

struct mh_text_table {
    mh_text_stream *stream;
    mh_text_header header;
    text_row_builder row;
    csv_reader *csv;
};

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
