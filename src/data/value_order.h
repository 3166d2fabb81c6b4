#ifndef MULTIHEAD_SRC_DATA_VALUE_ORDER_H
#define MULTIHEAD_SRC_DATA_VALUE_ORDER_H

#include <stdint.h>

#include "multihead/data/text_table.h"
#include "multihead/tensor/batch.h"

/* In what order the values of a column become features or classes. */

/** At most one value that says yes (1, t, true, yes, y, in any case) and at most one that says no, and nothing else. */
bool value_order_is_yes_no(const mh_value_set *values);

/** Of such values: 0 for no, 1 for yes. `place` [values]; the caller frees it. */
mh_status value_order_truths(const mh_value_set *values, uint32_t **place);

/** 0 to values - 1: declared values in their order, others sorted. `place` [values]; the caller frees it. */
mh_status value_order_places(const mh_value_set *values, mh_column_kind kind, uint32_t **place);

/**
 * Classes of a label. No before yes; declared values in their order; whole numbers from 0 as they are; other numbers
 * and texts sorted.
 *
 *   place         out: [values] class of each value
 *   class_names   out: "a|b|c"; the caller frees both
 *
 * At least 2 classes. MH_ERR_FORMAT for more than fit.
 */
mh_status value_order_classes(const mh_value_set *values, mh_column_kind kind, uint32_t **place,
                              size_t *classes, char **class_names);

#endif
