#ifndef MULTIHEAD_BASE_MEMORY_H
#define MULTIHEAD_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/**
 * Allocates `bytes` zeroed bytes, aligned to 64 (a cache line, an AVX-512 register).
 *
 *   out   a pointer to the pointer to set: `mh_memory_new(sizeof *shard, &shard)`; set to NULL on failure
 *
 * 0 bytes give a valid pointer. The caller frees with mh_memory_free. Fails with MH_ERR_MEMORY.
 */
mh_status mh_memory_new(size_t bytes, void *out);

/** The same for `count` elements of `element_bytes`; a product that overflows is MH_ERR_MEMORY. */
mh_status mh_memory_array(size_t count, size_t element_bytes, void *out);

/**
 * Makes room for `wanted` elements in an array that grows, doubling it at least.
 *
 *   room    in and out: elements there is room for
 *   array   a pointer to the pointer to the elements, which may move; they are kept, new ones are zero
 *
 * On failure everything stays as it was.
 */
mh_status mh_memory_reserve(size_t wanted, size_t element_bytes, size_t *room, void *array);

/** Copies a text; NULL gives NULL. */
mh_status mh_memory_text(const char *text, char **out);

/** Frees what mh_memory_new gave; NULL is fine. */
void mh_memory_free(void *memory);

/** How many blocks this process has asked for so far: a step of the trainer must not change it. */
uint64_t mh_memory_allocations(void);

/** The n-th block asked for from now on, from 1, is not to be had: to try out what happens then. Once; 0: none. */
void mh_memory_fail_at(uint64_t n);

#endif
