#ifndef MULTIHEAD_DATA_HDF5_IMAGE_H
#define MULTIHEAD_DATA_HDF5_IMAGE_H

#include "multihead/data/hdf5_file.h"

/*
 * The bytes of an HDF5 file whose datasets get new contents again and again, such as a checkpoint: HDF5 makes them
 * once, then contents are copied to their places. What mh_hdf5_image_seal gives is byte for byte what a file made anew
 * with these contents would be; the attributes stay as they were.
 *
 * Only create calls HDF5. The rest is work in memory, which another thread may do.
 */
typedef struct mh_hdf5_image mh_hdf5_image;

/**
 * Makes the image of a file that was created in memory, with all its datasets, none compressed; only mh_hdf5_file_close
 * may follow for that file.
 */
mh_status mh_hdf5_image_create(mh_hdf5_file *file, mh_hdf5_image **out);
void mh_hdf5_image_destroy(mh_hdf5_image *image);

/**
 * Gives a dataset new contents.
 *
 *   data    [bytes] all its elements, as they stand in the file: of its type, little-endian, rows one after another
 *   bytes   how many these are, which must be right
 */
void mh_hdf5_image_put(mh_hdf5_image *image, const char *name, const void *data, size_t bytes);

/** The place of a dataset's contents [bytes], which the caller may fill itself before the next seal. */
void *mh_hdf5_image_place(mh_hdf5_image *image, const char *name, size_t *bytes);

/**
 * Brings the checksums of what was put and the seal up to date.
 *
 *   bytes   out: how long the file is
 *
 * Returns the file, to be written with mh_whole_file_write. Valid until the next put, place or destroy.
 */
const void *mh_hdf5_image_seal(mh_hdf5_image *image, size_t *bytes);

#endif
