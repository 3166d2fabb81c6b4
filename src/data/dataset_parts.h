#ifndef MULTIHEAD_SRC_DATA_DATASET_PARTS_H
#define MULTIHEAD_SRC_DATA_DATASET_PARTS_H

#include "multihead/data/dataset.h"
#include "multihead/data/file_list.h"
#include "multihead/data/hdf5_file.h"

/* What dataset.c finds out and dataset_read.c reads by. */

/* One file's part of the data set. */
typedef struct {
    mh_span rows; /* of the data set */
    char features_name[256];
    char labels_name[256]; /* "" without labels */
    bool has_missing_value;
    int64_t missing_value;
} file_part;

struct mh_dataset {
    mh_schema schema;
    size_t total;      /* rows there are          */
    mh_span selection; /* rows that are looked at */
    size_t *picks;     /* [pick_count] or just these, ascending; NULL without */
    size_t pick_count;
    char name[256];

    mh_generator *generator; /* or: */
    mh_file_list files;
    file_part *parts;        /* [files.count] */
    mh_hdf5_file *open_file; /* the one read last */
    size_t open_index;
    int64_t *block; /* [BLOCK_LABELS or one row of labels] */
    size_t block_labels;
    float *scratch; /* rows to pick from, NULL while not needed */

    /* Where a model has more labels than the files, or another order of them. */
    size_t file_labels; /* columns of labels in the files                                     */
    size_t *head_of;    /* [file_labels] the schema's head of each, or NULL: the same columns */
};

#endif
