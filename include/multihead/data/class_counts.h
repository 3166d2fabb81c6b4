#ifndef MULTIHEAD_DATA_CLASS_COUNTS_H
#define MULTIHEAD_DATA_CLASS_COUNTS_H

#include "multihead/data/shard.h"

/* How often each class of each label occurs, in rows that come piece by piece: how many classes there are shows as they
 * come. */
typedef struct {
    size_t heads;
    size_t *classes; /* [heads] of each label so far, 2 at least                      */
    int64_t *counts; /* [sum of classes] of head 0's classes, then of head 1's, ... */
} mh_class_counts;

/** Classes as the schema has them, or 2. Free with mh_class_counts_clear. */
mh_status mh_class_counts_create(const mh_schema *schema, mh_class_counts *out);
void mh_class_counts_clear(mh_class_counts *counts);

/** Adds the labels of a shard that is held. MH_ERR_MEMORY changes nothing. */
mh_status mh_class_counts_add(mh_class_counts *counts, const mh_shard *shard);

/** From now on there are so many classes [heads], none fewer than before. MH_ERR_MEMORY changes nothing. */
mh_status mh_class_counts_widen(mh_class_counts *counts, const size_t *classes);

/** The sum of classes. */
size_t mh_class_counts_length(const mh_class_counts *counts);

#endif
