#ifndef MULTIHEAD_BASE_CHECKSUM_H
#define MULTIHEAD_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/*
 * XXH3, 64 bits (xxhash.com): what `xxhsum -H3` and Python's xxhash.xxh3_64_intdigest give. It finds damage, as fast
 * as memory is read; it is no protection against somebody who means it.
 */
uint64_t mh_checksum(const void *data, size_t bytes);

/** The same of bytes that come in pieces. Free with mh_checksum_stream_destroy; NULL is fine. */
typedef struct mh_checksum_stream mh_checksum_stream;

mh_status mh_checksum_stream_create(mh_checksum_stream **out);
void mh_checksum_stream_destroy(mh_checksum_stream *stream);
void mh_checksum_stream_add(mh_checksum_stream *stream, const void *data, size_t bytes);

/** Of all bytes so far; more may follow. */
uint64_t mh_checksum_stream_value(const mh_checksum_stream *stream);

#endif
