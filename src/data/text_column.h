#ifndef MULTIHEAD_SRC_DATA_TEXT_COLUMN_H
#define MULTIHEAD_SRC_DATA_TEXT_COLUMN_H

#include <stdint.h>

#include "multihead/data/text_table.h"
#include "multihead/tensor/batch.h"

/* One column of a table: what its cells look like, and the features or the head that it becomes. */

typedef enum { COLUMN_FEATURE, COLUMN_LABEL, COLUMN_DROPPED } column_role;

enum { CATEGORIES_MAX = 100 }; /* found in a column of texts; more are names or sentences, not categories */

/* Texts that stand for a missing value. */
typedef struct {
    bool empty_is_missing;
    bool has_numbers; /* some of the texts are numbers, such as -999 */
    mh_value_set *texts;
} missing_texts;

typedef struct {
    char *name;
    column_role role;
    mh_column_kind kind;
    bool is_found;        /* the cells say what it is, nothing declares it         */
    bool is_categorical;  /* each value is a category, also where it is a number   */
    mh_value_set *values; /* declared or found; of a column of numbers none        */

    /* learned */
    size_t cells;         /* that were there: sparse rows leave some out           */
    size_t missing;       /* of all files                                          */
    size_t missing_first; /* of the first file                                     */
    double sum;           /* of the known numbers of the first file                */
    size_t not_zero;      /* numbers that are not 0, values that are not the first */
    size_t first_line;    /* of the first known cell, for messages                 */
    char first_text[40];

    /* decided */
    size_t output, outputs; /* first feature and how many, or the head             */
    bool is_flag;           /* one feature, which is the place of the value        */
    uint32_t *place;        /* [values] the feature among those of the column, or the class */
    size_t classes;
    char *class_names; /* "a|b|c" */
    float fill;        /* of missing numbers */
} text_column;

/* Where a cell stands, for messages. */
typedef struct {
    const char *path;
    size_t line;
    bool is_first_file;
} cell_place;

/** Of a header's column; copies what it keeps. */
mh_status text_column_create(const mh_text_column *header, column_role role, bool is_categorical,
                             text_column *out);
void text_column_clear(text_column *column);

mh_status text_column_survey(text_column *column, const missing_texts *missing, const mh_text_cell *cell,
                             const cell_place *place);

/** After all `rows`, `rows_first` of them of the first file. Decides; `output` is left to the caller. */
mh_status text_column_finish(text_column *column, size_t rows, size_t rows_first);

/** The name of its feature `i`. */
mh_status text_column_feature_name(const text_column *column, size_t i, char **out);

/** Sets the column's features (the row's, [inputs]) or its label (the row's, [heads]). */
mh_status text_column_convert(const text_column *column, const missing_texts *missing,
                              const mh_text_cell *cell, const cell_place *place, float *features,
                              mh_label *labels);

/** How many of its features are not 0, over `rows`: a good guess. */
size_t text_column_not_zero(const text_column *column, size_t rows);

#endif
