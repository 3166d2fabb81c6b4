#ifndef MULTIHEAD_DATA_TEXT_TABLE_H
#define MULTIHEAD_DATA_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"
#include "multihead/data/value_set.h"

/*
 * A text file as a table of cells: the readers of all forms hand out their rows in this one shape. What the cells
 * mean is not decided here (see column_map.h and index_map.h).
 */
typedef struct mh_text_table mh_text_table;

typedef enum {
    MH_FORMAT_AUTO, /* by the file's extension, then by its first line    */
    MH_FORMAT_ARFF, /* dense and sparse                                   */
    MH_FORMAT_CSV,  /* commas, or semicolons where there are no commas    */
    MH_FORMAT_TSV,  /* tabs                                               */
    MH_FORMAT_LIBSVM,
    MH_FORMAT_XC /* extreme classification: LibSVM below a line "N D L" */
} mh_text_format;

typedef enum {
    MH_HEADER_AUTO, /* names, unless a number stands among them or only numbers below all of them */
    MH_HEADER_YES,
    MH_HEADER_NO
} mh_header_choice;

typedef enum {
    MH_COLUMN_NUMBER,
    MH_COLUMN_NOMINAL, /* one of the values declared */
    MH_COLUMN_TEXT,
    MH_COLUMN_OPEN /* the cells will tell */
} mh_column_kind;

typedef struct {
    char *name;
    mh_column_kind kind;
    mh_value_set *values; /* of a nominal column, in declared order */
} mh_text_column;

/* What a file says before its first row. */
typedef struct {
    mh_text_format format;
    size_t columns;
    bool has_names;         /* of its columns, in the file */
    mh_text_column *column; /* [columns]; none in LibSVM text                                */
    bool has_label_count;   /* MEKA's -C n: the first n columns are labels, or the last -n   */
    long label_count;
    size_t rows, features, labels; /* of the line "N D L" */
} mh_text_header;

/* Borrowed while the row is visited. */
typedef struct {
    size_t column;    /* from 0; in LibSVM text the index as it is written         */
    const char *text; /* without the blanks and quotes around it, "" where empty   */
    size_t place;     /* the byte of the line where it begins, from 1; 0: unknown  */
    bool is_quoted;
} mh_text_cell;

typedef struct {
    size_t line; /* where it begins, from 1 */
    size_t cells;
    const mh_text_cell *cell; /* [cells] */
    bool is_sparse;           /* cells left out are zeros */
    size_t labels;
    const mh_text_cell *label; /* [labels] LibSVM: `column` is the label's number as it is written */
} mh_text_row;

typedef mh_status (*mh_text_row_visitor)(void *context, const mh_text_row *row);

/** What `format` AUTO stands for. */
mh_status mh_text_format_find(const char *path, mh_text_format format, mh_text_format *out);

/** "ARFF", "CSV", ... */
const char *mh_text_format_name(mh_text_format format);

/** Opens a file of a known format (not AUTO) and reads what comes before its rows. */
mh_status mh_text_table_open(const char *path, mh_text_format format, mh_header_choice header,
                             mh_text_table **out);
void mh_text_table_close(mh_text_table *table);

/** The table's own. */
const mh_text_header *mh_text_table_header(const mh_text_table *table);

const char *mh_text_table_path(const mh_text_table *table);

/** Bytes of the file, as on disk, read so far. */
size_t mh_text_table_bytes_read(const mh_text_table *table);

/**
 * Shows every row to `visit`, once, in order; stops at the first failure and returns it. A malformed row is
 * MH_ERR_FORMAT, with its line and column: of the table where that is known, else the byte of the line.
 */
mh_status mh_text_table_read(mh_text_table *table, mh_text_row_visitor visit, void *context);

enum { MH_TEXT_COLUMNS_MAX = 1 << 24 }; /* a row of float32 then has 64 MiB */

#endif
