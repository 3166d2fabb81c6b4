#ifndef MULTIHEAD_DATA_FILE_LIST_H
#define MULTIHEAD_DATA_FILE_LIST_H

#include <stddef.h>

#include "multihead/base/status.h"

/* The files that paths on a command line stand for. */
typedef struct {
    size_t count;
    char **path;
} mh_file_list;

/** Each path is itself, file or folder, or a glob (its matches, by name). MH_ERR_IO as below. */
mh_status mh_file_list_match(char *const *paths, size_t count, mh_file_list *out);

/**
 * Each path is a file, a folder (its *.h5 and *.hdf5, by name) or a glob (its matches, by name).
 *
 * Fails with MH_ERR_IO where a path stands for nothing. Free with mh_file_list_clear.
 */
mh_status mh_file_list_create(char *const *paths, size_t count, mh_file_list *out);
void mh_file_list_clear(mh_file_list *list);

#endif
