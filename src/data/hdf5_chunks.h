#ifndef MULTIHEAD_SRC_DATA_HDF5_CHUNKS_H
#define MULTIHEAD_SRC_DATA_HDF5_CHUNKS_H

#include "hdf5_convert.h"
#include "hdf5_parts.h"

/*
 * Reads a dataset in chunks past HDF5's filters: chunks come from HDF5 as they stand in the file, and are unpacked,
 * unshuffled, converted and put where they belong in one go, by several threads where cores are free. What goes in and
 * out is the same for any number of them.
 *
 * A row of chunks of which only the first rows are wanted is kept, for whoever reads on from there.
 */
typedef struct hdf5_chunks hdf5_chunks;

/**
 * Borrows the dataset. `out` is NULL where HDF5 itself has to read it: it is not in chunks, or they went through other
 * filters than shuffle and deflate.
 *
 *   path, name   for messages; kept
 *   sizes        rows and columns of the dataset
 */
mh_status hdf5_chunks_create(hid_t dataset, hid_t type, const char *path, const char *name,
                             const hsize_t sizes[2], hdf5_chunks **out);
void hdf5_chunks_destroy(hdf5_chunks *chunks);

/** Reads whole rows; hdf5_find_convert has one for `element`. */
mh_status hdf5_chunks_read(hdf5_chunks *chunks, mh_span rows, mh_element element, void *out);

#endif
