#ifndef MULTIHEAD_DATA_SEAL_H
#define MULTIHEAD_DATA_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/*
 * A seal stands behind the last byte of a finished file and tells whether every byte before it, and every byte of
 * itself, is what was written. Programs that read HDF5 do not look behind the end that the file says it has; those
 * that open it for writing cut the seal off.
 *
 *   contents   as many bytes as the tail says
 *   table      XXH3-64 of each block of them; the last block may be shorter
 *   tail       bytes of the contents, bytes of a block, XXH3-64 of the table and these two (8 bytes each, little-endian),
 *              and the 16 letters "multihead seal 1"
 *
 * Nothing here knows HDF5, and nothing needs another rank.
 */

enum { MH_SEAL_BLOCK_BYTES = 1 << 20 };

typedef enum {
    MH_SEAL_NONE,   /* the file has no seal: others made it, or its end is missing  */
    MH_SEAL_WHOLE,  /* what was looked at is as it was written                      */
    MH_SEAL_DAMAGED /* it is not                                                    */
} mh_seal_state;

typedef struct {
    mh_seal_state state;
    uint64_t content_bytes; /* 0 without a seal                                               */
    uint64_t first, end;    /* of a damaged file: bytes first..end-1 are not what was written */
} mh_seal_report;

/** How many bytes a seal of `content_bytes` takes. */
size_t mh_seal_bytes(size_t content_bytes);

/** Seals contents in memory: `contents` has room for mh_seal_bytes more. Returns how many bytes there are then. */
size_t mh_seal_put(void *contents, size_t content_bytes);

/**
 * Seals a file on disk, which is read once for it and not synced.
 *
 *   path   what messages call it
 */
mh_status mh_seal_append(const char *partial, const char *path);

/**
 * Looks at part `part` of `parts` of a file's blocks, and at all of its seal: ranks share the work, the first of them
 * has the first blocks. Each block is a sign of life (see phase.h).
 *
 * Damage is no failure, it is in the report; MH_ERR_IO where the file cannot be read.
 */
mh_status mh_seal_check(const char *path, size_t part, size_t parts, mh_seal_report *report);

/** The same, and damage is MH_ERR_IO with what is damaged. `is_sealed` may be NULL. */
mh_status mh_seal_expect(const char *path, size_t part, size_t parts, bool *is_sealed);

/** Turns a report of damage into the message, and MH_OK otherwise. */
mh_status mh_seal_judge(const char *path, const mh_seal_report *report);

#endif
