#ifndef MULTIHEAD_DATA_VALUE_SET_H
#define MULTIHEAD_DATA_VALUE_SET_H

#include <stddef.h>

#include "multihead/base/status.h"

/* Different texts, numbered from 0 in the order in which they came. */
typedef struct mh_value_set mh_value_set;

/** `limit` is how many it takes. */
mh_status mh_value_set_create(size_t limit, mh_value_set **out);
void mh_value_set_destroy(mh_value_set *set);

enum { MH_VALUE_NONE = -1 };

/** Adds a copy of a text unless it is there. `id` (may be NULL): its number, MH_VALUE_NONE where the set is full. */
mh_status mh_value_set_add(mh_value_set *set, const char *text, long *id);

/** Its number, or MH_VALUE_NONE. */
long mh_value_set_find(const mh_value_set *set, const char *text);

/** 0 for NULL. */
size_t mh_value_set_count(const mh_value_set *set);

/** Text number `id`; the set's own. */
const char *mh_value_set_text(const mh_value_set *set, size_t id);

#endif
