#ifndef MULTIHEAD_SRC_DATA_HDF5_INFLATE_H
#define MULTIHEAD_SRC_DATA_HDF5_INFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"

/* The door to libdeflate: one inflates one thing at a time. */
typedef struct hdf5_inflate hdf5_inflate;

/* Deflate makes nothing smaller than this share. */
enum { HDF5_INFLATE_MOST = 1032 };

mh_status hdf5_inflate_create(hdf5_inflate **out);
void hdf5_inflate_destroy(hdf5_inflate *inflate);

/**
 * Unpacks what zlib packed. Asks for no memory.
 *
 * False where it is damaged, or anything but `bytes` bytes come out.
 */
bool hdf5_inflate_run(hdf5_inflate *inflate, const void *packed, size_t packed_bytes, void *out,
                      size_t bytes);

/** "1.14" */
const char *hdf5_inflate_version(void);

#endif
