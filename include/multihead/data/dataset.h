#ifndef MULTIHEAD_DATA_DATASET_H
#define MULTIHEAD_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/generator.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/schema.h"
#include "multihead/tensor/span.h"

/*
 * A data set: the rows of one or several HDF5 files one after another, or of the generator. It knows its columns
 * and how many rows there are, and reads any of them; it holds none in memory.
 *
 * In a file: /features [rows x inputs] of any float or integer type and /labels [rows x heads] of any integer
 * type (also x and y, X and Y). A negative label, or one equal to the attribute missing_value of /labels, is
 * missing. Optional attributes: num_classes, label_names, class_names of /labels; feature_names of /features.
 */
typedef struct mh_dataset mh_dataset;

typedef struct {
    char *const *paths; /* [path_count] files, folders of shards (by name) and globs, in this order */
    size_t path_count;
    const mh_generator_config *generator; /* rows from here instead, when not NULL                  */
    const char *features_name;            /* NULL: features, x or X                                 */
    const char *labels_name;              /* NULL: labels, y or Y                                   */
} mh_dataset_config;

/* Rows as a Python slice A:B; either end may be left out, negative ones count from the end. */
typedef struct {
    bool has_first, has_last;
    int64_t first, last;
} mh_slice;

/**
 * Looks at every file, reads no rows. Copies what it keeps of the config.
 *
 * Fails where a file is missing or no data set, where files do not agree in their columns, and where there are
 * no rows at all. Needs no other rank.
 */
mh_status mh_dataset_open(const mh_dataset_config *config, mh_dataset **out);
void mh_dataset_close(mh_dataset *dataset);

/** Selects these rows of the whole data set, and forgets picks. MH_ERR_FORMAT when there are none. */
mh_status mh_dataset_select(mh_dataset *dataset, const mh_slice *slice);

/**
 * Restricts the selection to some of its rows, such as a fold.
 *
 *   rows   [count] numbers within the selection as it is now, ascending; copied
 *
 * Reading goes on in blocks, rows in between included, so a fold costs about as much as all rows. Fails with
 * MH_ERR_FORMAT when count is 0.
 */
mh_status mh_dataset_pick(mh_dataset *dataset, const size_t *rows, size_t count);

/**
 * Says which columns are expected, a model's.
 *
 * Features have to be as many, and of the same names where both have names. Labels, where there are some, have
 * to be the model's: as many, or, where both have names, any of them in any order, which are then found by name.
 * From then on the schema and what is read have all the model's labels, those that the files do not have as
 * missing ones, and labels are checked against the model's classes.
 */
mh_status mh_dataset_expect(mh_dataset *dataset, const mh_schema *model);

/** Columns of labels in the files, and whether they were found by name: fewer, or in another order. */
size_t mh_dataset_labels(const mh_dataset *dataset);
bool mh_dataset_labels_are_matched(const mh_dataset *dataset);

/** Says how many classes labels have [heads], where the files do not. */
void mh_dataset_tell_classes(mh_dataset *dataset, const size_t *classes);

/** Rows selected. */
size_t mh_dataset_rows(const mh_dataset *dataset);

/** Number in the whole data set of a row of the selection, and of the first one. */
size_t mh_dataset_row_number(const mh_dataset *dataset, size_t row);
size_t mh_dataset_first_row(const mh_dataset *dataset);

size_t mh_dataset_files(const mh_dataset *dataset);

/** Columns; classes are 0 where the files do not tell. heads is 0 where there are no labels. Borrowed. */
const mh_schema *mh_dataset_schema(const mh_dataset *dataset);

/** A few words for a person: "data/tutorial.h5", "data/shards (8 files)", "generated (sklearn, seed 1)". */
const char *mh_dataset_name(const mh_dataset *dataset);

/**
 * Reads rows of the selection.
 *
 *   features   out: [rows.count x inputs]
 *   labels     out: [rows.count x heads]; not touched, and may be NULL, where there are no labels
 *
 * Fails with the file, dataset, row and column of a feature that is not finite or a label out of range.
 */
mh_status mh_dataset_read(mh_dataset *dataset, mh_span rows, float *features, mh_label *labels);

/** The same for the labels alone, without reading features. */
mh_status mh_dataset_read_labels(mh_dataset *dataset, mh_span rows, mh_label *labels);

#endif
