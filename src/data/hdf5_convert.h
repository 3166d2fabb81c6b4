#ifndef MULTIHEAD_SRC_DATA_HDF5_CONVERT_H
#define MULTIHEAD_SRC_DATA_HDF5_CONVERT_H

#include <hdf5.h>

#include "multihead/data/hdf5_file.h"

/* Element types that turn into each other without HDF5, bit for bit as HDF5 does it. */
typedef enum {
    HDF5_FLOAT32,
    HDF5_FLOAT64,
    HDF5_INT8,
    HDF5_UINT8,
    HDF5_INT16,
    HDF5_UINT16,
    HDF5_INT32,
    HDF5_UINT32,
    HDF5_INT64,
    HDF5_UINT64,
    HDF5_OTHER
} hdf5_stored;

/** What the elements of a type (an enumeration: what it is of) are; HDF5_OTHER for what only HDF5 knows. */
hdf5_stored hdf5_stored_of(hid_t type);

size_t hdf5_stored_bytes(hdf5_stored stored);

/** Turns `count` elements into others; both aligned to their size. */
typedef void (*hdf5_convert)(const void *in, void *out, size_t count);

/** NULL where only HDF5 can. */
hdf5_convert hdf5_find_convert(hdf5_stored stored, mh_element element);

/** The one that changes nothing, for elements of 1, 2, 4 or 8 bytes. */
hdf5_convert hdf5_copy_of(size_t element_bytes);

/** Whether nothing changes. */
bool hdf5_is_same(hdf5_stored stored, mh_element element);

/**
 * Undoes the shuffle filter for `count` of the elements from `first` on.
 *
 *   in   [bytes x elements] first bytes of all elements, second bytes, ...
 */
void hdf5_unshuffle(const unsigned char *in, size_t elements, size_t bytes, size_t first, size_t count,
                    unsigned char *out);

#endif
