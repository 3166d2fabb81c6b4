#ifndef MULTIHEAD_SRC_DATA_COLUMN_MATCH_H
#define MULTIHEAD_SRC_DATA_COLUMN_MATCH_H

#include "multihead/base/status.h"
#include "multihead/tensor/schema.h"

/* Which columns of one schema are which of another, by name where both have names, else by place. */

/** MH_ERR_FORMAT where two files' columns have names and not the same ones in the same order. */
mh_status column_match_files(const char *path, const mh_schema *schema, const char *first_path,
                             const mh_schema *first);

/** MH_ERR_FORMAT unless the features of `name` are those that a model takes. */
mh_status column_match_features(const char *name, const mh_schema *schema, const mh_schema *model);

/**
 * Finds the model's head of each label.
 *
 *   head_of   out: [schema.heads], the caller's; NULL where the labels are the model's in the same order
 *
 * MH_ERR_FORMAT where it cannot be told.
 */
mh_status column_match_labels(const char *name, const mh_schema *schema, const mh_schema *model,
                              size_t **head_of);

#endif
