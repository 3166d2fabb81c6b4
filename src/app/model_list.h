#ifndef MULTIHEAD_SRC_APP_MODEL_LIST_H
#define MULTIHEAD_SRC_APP_MODEL_LIST_H

#include "multihead/data/file_list.h"
#include "options.h"

/**
 * The files that --model means: model files, checkpoints, run folders (their model.h5) and globs of these; by name,
 * each file once, so that the order in which they are said does not show in a sum.
 *
 * Fails where a path stands for nothing or a run is not finished. Free with mh_file_list_clear.
 */
mh_status model_list_create(const text_list *models, mh_file_list *out);

#endif
