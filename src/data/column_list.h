#ifndef MULTIHEAD_SRC_DATA_COLUMN_LIST_H
#define MULTIHEAD_SRC_DATA_COLUMN_LIST_H

#include "multihead/data/text_table.h"

/**
 * Marks the columns that a list such as "2-13,smiles,20-" names: numbers from 1, ranges, open at the end too, and
 * names; what is in quotes is a name also where it looks like a number or has a comma.
 *
 *   option   how it is called in messages, "--label-columns"
 *   marked   [columns] in and out: others stay as they are
 *
 * MH_ERR_USAGE for a column that is not there, with those that are.
 */
mh_status column_list_mark(const char *option, const char *text, const char *path,
                           const mh_text_header *header, bool *marked);

#endif
