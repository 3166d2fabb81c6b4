#ifndef MULTIHEAD_TESTS_DATA_FILE_H
#define MULTIHEAD_TESTS_DATA_FILE_H

#include "multihead/data/dataset.h"
#include "multihead/data/hdf5_file.h"

/* Files for tests, in the scratch folder. */

mh_hdf5_file *data_file_start(const char *name);

/** A dataset with all its rows; `columns` 0 for one dimension. */
void data_file_put(mh_hdf5_file *file, const char *name, mh_element element, size_t rows, size_t columns,
                   const void *data);

/** Commits and returns the path. */
const char *data_file_finish(mh_hdf5_file *file);

/** A data set of these rows: /features float32, /labels uint16 with its missing_value. */
const char *data_file_of(const char *name, const mh_batch *batch);

/** Opens a data set of one path, as it is. */
mh_dataset *data_file_open(const char *path);

#endif
