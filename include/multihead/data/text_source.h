#ifndef MULTIHEAD_DATA_TEXT_SOURCE_H
#define MULTIHEAD_DATA_TEXT_SOURCE_H

#include "multihead/data/column_map.h"
#include "multihead/data/index_map.h"
#include "multihead/tensor/span.h"

/*
 * Text files of one form as rows of numbers, all with the same columns. Each file is read twice: once to learn what
 * the columns are, then to make the rows. Memory does not grow with the rows.
 */
typedef struct mh_text_source mh_text_source;

typedef struct {
    char *const *paths; /* [path_count] kept: they must stay */
    size_t path_count;
    mh_text_format format;
    mh_header_choice header;
    mh_column_choice columns; /* ARFF, CSV */
    mh_index_choice indices;  /* LibSVM    */
    bool is_progress_shown;
} mh_text_source_config;

/**
 * Reads all files once. MH_ERR_FORMAT with line and column of what is malformed, also where files do not agree or
 * have no rows; MH_ERR_USAGE where a choice does not fit the files.
 */
mh_status mh_text_source_open(const mh_text_source_config *config, mh_text_source **out);
void mh_text_source_close(mh_text_source *source);

mh_text_format mh_text_source_format(const mh_text_source *source);

/** Features and heads, with what names there are; the source's own. */
const mh_schema *mh_text_source_schema(const mh_text_source *source);

size_t mh_text_source_files(const mh_text_source *source);
size_t mh_text_source_rows(const mh_text_source *source, size_t file);

/** Rows that `visit` is given at a time, but for the last ones: a MiB or so of them. */
size_t mh_text_source_block_rows(const mh_text_source *source);

/** Share of zeros in the features and in the labels, over all files; an estimate. */
double mh_text_source_zero_share(const mh_text_source *source);
double mh_text_source_zero_label_share(const mh_text_source *source);

/** The map that was made: one is NULL. The source's own. */
const mh_column_map *mh_text_source_column_map(const mh_text_source *source);
const mh_index_map *mh_text_source_index_map(const mh_text_source *source);

/** features [rows.count x inputs], labels [rows.count x heads], borrowed; rows.first is the file's. */
typedef mh_status (*mh_rows_visitor)(void *context, mh_span rows, const float *features,
                                     const mh_label *labels);

/** Makes all rows of a file, in order; stops at the first failure, which it returns. */
mh_status mh_text_source_read(mh_text_source *source, size_t file, mh_rows_visitor visit, void *context);

#endif
