#ifndef MULTIHEAD_SRC_DATA_COLUMN_ROLES_H
#define MULTIHEAD_SRC_DATA_COLUMN_ROLES_H

#include "multihead/data/column_map.h"

/** Marks which columns are labels, dropped, and categories whatever they look like: each [columns], all false before. */
mh_status column_roles_find(const mh_column_choice *choice, const char *path, const mh_text_header *header,
                            bool *is_label, bool *is_dropped, bool *is_categorical);

#endif
