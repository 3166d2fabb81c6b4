#ifndef MULTIHEAD_DATA_PYTHON_SET_H
#define MULTIHEAD_DATA_PYTHON_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/*
 * A Python set of small whole numbers that lists its members in the order in which list(set) gives them.
 *
 * That order is the order of the hash table: scikit-learn sums probabilities in it, so it decides their last
 * bit. Method: CPython 3.7 to 3.12, open addressing; the hash of a whole number is the number, a probe looks
 * at up to ten neighbouring slots, then jumps by the hash's next higher bits; at three fifths full the table
 * grows to the power of two above four times (beyond 50,000 members: twice) its members.
 */
typedef struct mh_python_set mh_python_set;

/** An empty set with memory for all of 0..keys-1, keys < 2^31: adding allocates nothing. */
mh_status mh_python_set_create(size_t keys, mh_python_set **out);

/** NULL is fine. */
void mh_python_set_destroy(mh_python_set *set);

/** A new, empty set: a small table, as set() has it. */
void mh_python_set_clear(mh_python_set *set);

/** Whether `key` was not there yet. */
bool mh_python_set_add(mh_python_set *set, uint32_t key);

size_t mh_python_set_size(const mh_python_set *set);

/** Writes the members, mh_python_set_size of them, in the order of Python. */
void mh_python_set_list(const mh_python_set *set, uint32_t *keys);

#endif
