#ifndef MULTIHEAD_DATA_COLUMN_MAP_H
#define MULTIHEAD_DATA_COLUMN_MAP_H

#include "multihead/data/text_table.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/schema.h"

/*
 * What the columns of ARFF and CSV files become: features, labels or nothing. It looks at every row of all files
 * (survey), and then knows the features and heads that they make (finish) and makes them (convert). One map serves
 * all files, so they agree.
 *
 *   numbers            a feature; missing: the mean over the first file
 *   nominal values     a yes-no pair without missing ones (0|1, f|t, NO|YES): a feature of 0 and 1; else one for each
 *                      declared value, in that order, missing: all 0
 *   texts in CSV       the same over the values found, sorted; any pair makes one feature
 *   labels             a head each: declared values in order (yes is 1), whole numbers from 0 as they are, others in
 *                      the order of their values
 *   texts in ARFF      nothing, and dates
 */
typedef struct mh_column_map mh_column_map;

/* Which columns are what, as the user has it; NULL where nothing is said. */
typedef struct {
    const char *label_xml;     /* file that names the labels, over everything else                */
    const char *label_columns; /* "2-13,NR-AR", or "none"; over MEKA's -C n                       */
    const char *drop_columns;
    const char *categorical_columns; /* texts or numbers, each value of which is a category        */
    const char *missing;             /* CSV: texts that stand for nothing, with commas; empty does */
} mh_column_choice;

/** Of the first file's header. MH_ERR_USAGE where the choice and the columns do not fit, or ARFF labels are unknown. */
mh_status mh_column_map_create(const mh_column_choice *choice, const char *path, const mh_text_header *header,
                               mh_column_map **out);
void mh_column_map_destroy(mh_column_map *map);

/** The next file is surveyed from here on. MH_ERR_FORMAT unless it has the same columns. */
mh_status mh_column_map_begin(mh_column_map *map, const char *path, const mh_text_header *header);

/** Learns from a row of the file begun. MH_ERR_FORMAT with line and column of what cannot be understood. */
mh_status mh_column_map_survey(mh_column_map *map, const mh_text_row *row);

/** After all rows. */
mh_status mh_column_map_finish(mh_column_map *map);

/** Columns of the tables. */
size_t mh_column_map_columns(const mh_column_map *map);

/** Features and heads with their names and classes; the map's own. */
const mh_schema *mh_column_map_schema(const mh_column_map *map);

/**
 * Makes a row of the file called `path`, which was surveyed.
 *
 *   features   out: [inputs]; labels   out: [heads]
 */
mh_status mh_column_map_convert(const mh_column_map *map, const char *path, const mh_text_row *row,
                                float *features, mh_label *labels);

/* What a person should know of it. */
typedef struct {
    size_t label_columns, dropped_columns, text_columns; /* text_columns: of ARFF, left out      */
    size_t one_hot_columns, one_hot_features;
    size_t filled;         /* missing numbers replaced by a mean      */
    size_t blank;          /* missing categories, all 0               */
    size_t unknown_labels; /* missing                                 */
    double zero_share;     /* of the features                         */
} mh_column_summary;

mh_column_summary mh_column_map_summary(const mh_column_map *map);

#endif
