#ifndef MULTIHEAD_SRC_APP_WEIGHT_LIST_H
#define MULTIHEAD_SRC_APP_WEIGHT_LIST_H

#include <stdbool.h>

#include "multihead/tensor/schema.h"

/**
 * A number for each label, out of an option's text: one number for all, a list "1,0.5,2", or the path of a file of
 * numbers, separated by white space or commas.
 *
 *   name         of the option, for messages
 *   out          [schema.heads], the caller's to free (mh_memory_free)
 *   is_for_all   out, or NULL: whether it was one number
 *
 * MH_ERR_USAGE where there are not as many as labels, or one is negative or no number. Needs no other rank.
 */
mh_status weight_list_read(const char *name, const char *text, const mh_schema *schema, double **out,
                           bool *is_for_all);

#endif
