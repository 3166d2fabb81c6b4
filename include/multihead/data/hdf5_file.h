#ifndef MULTIHEAD_DATA_HDF5_FILE_H
#define MULTIHEAD_DATA_HDF5_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/tensor/span.h"

/*
 * The door to HDF5. A file is open for reading, or it is being written: then it stands under another name in the
 * same folder until mh_hdf5_file_commit gives it its own, so a file under its own name is whole.
 *
 * What is written has checksums, twice. /checksums has one of each dataset, for whoever reads the file with HDF5:
 *
 *   names      [datasets] texts of one length: "model/fc1.weight"
 *   xxh3_64    [datasets] uint64: XXH3-64 of the dataset's elements as they stand in the file (little-endian), row by
 *              row; in Python xxhash.xxh3_64_intdigest(file[name][...].tobytes())
 *
 * And behind its end the file has a seal (see seal.h), so that it can be checked before HDF5 parses any of it.
 *
 * Any thread may call them at any time, each with files of its own: HDF5 has room for one, so the others wait.
 *
 * All functions fail with MH_ERR_IO (the system, the file's damage) or MH_ERR_FORMAT (something else than
 * asked for is in the file); messages name file and dataset.
 */
typedef struct mh_hdf5_file mh_hdf5_file;

/* Element types in memory; in the file it is the same type, little-endian. */
typedef enum { MH_FLOAT32, MH_FLOAT64, MH_UINT8, MH_UINT16, MH_INT32, MH_INT64 } mh_element;

/* What a dataset's elements are in the file. */
typedef enum { MH_KIND_FLOAT, MH_KIND_INTEGER, MH_KIND_OTHER } mh_kind;

typedef struct {
    mh_kind kind;
    size_t element_bytes; /* in the file                              */
    size_t dimensions;    /* 1 or 2                                   */
    size_t rows;
    size_t columns; /* 1 where there is one dimension           */
} mh_extent;

/**
 * Opens a file as it is. Where the file system refuses locks, that is one warning in the whole process, and no lock is
 * taken then; HDF5_USE_FILE_LOCKING in the environment says otherwise.
 */
mh_status mh_hdf5_file_open(const char *path, mh_hdf5_file **out);

/**
 * Opens a file after all of it was checked: against its seal, before HDF5 sees it, or where others made it and it has
 * none, against /checksums, if there are some. MH_ERR_IO for a damaged one. The whole file is read for it.
 */
mh_status mh_hdf5_file_open_whole(const char *path, mh_hdf5_file **out);

/** The same, of a file that must have a seal. */
mh_status mh_hdf5_file_open_sealed(const char *path, mh_hdf5_file **out);

/** Compares each dataset with its checksum; fine where there is no /checksums. MH_ERR_IO, naming the dataset. */
mh_status mh_hdf5_file_compare(const mh_hdf5_file *file);
bool mh_hdf5_file_has_checksums(const mh_hdf5_file *file);

mh_status mh_hdf5_file_create(const char *path, mh_hdf5_file **out);

/**
 * The same, made in memory and written by commit at once, so that HDF5 never meets a disk that fails. For what fits into
 * memory.
 */
mh_status mh_hdf5_file_create_in_memory(const char *path, mh_hdf5_file **out);

/** Adds the checksums, seals, syncs to disk and renames to the path given to create. Only close may follow. */
mh_status mh_hdf5_file_commit(mh_hdf5_file *file);

/** Closes; what was created and not committed is removed. NULL is fine. */
void mh_hdf5_file_close(mh_hdf5_file *file);

const char *mh_hdf5_file_path(const mh_hdf5_file *file);

/** How long a file is that is open for reading. */
uint64_t mh_hdf5_file_bytes(const mh_hdf5_file *file);

/** Whether there is a dataset or group of that name, such as "labels" or "model/fc1.weight". */
bool mh_hdf5_file_has(const mh_hdf5_file *file, const char *name);

/**
 * Fails with MH_ERR_FORMAT for anything but a dataset of one or two dimensions, and where it says that it has more rows
 * than the file has room for.
 */
mh_status mh_hdf5_file_extent(const mh_hdf5_file *file, const char *name, mh_extent *out);

/**
 * Reads whole rows, converted to `element`; `out` is [rows.count x columns], as many as mh_hdf5_file_extent says.
 *
 * The datasets read last stay open, with what unpacks their chunks and, of chunks that were not wanted whole, the rest. By
 * any thread, but by one at a time.
 */
mh_status mh_hdf5_file_read(const mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                            void *out);

/**
 * How many threads, the caller's among them, unpack the chunks of a compressed dataset that is opened from now on; 0, as
 * it is without a word: as many as this process may use cores. What is read does not depend on it.
 */
void mh_hdf5_file_set_decoders(size_t threads);

/** Reads all of a dataset that must be a list of `count` numbers. */
mh_status mh_hdf5_file_read_list(const mh_hdf5_file *file, const char *name, size_t count, mh_element element,
                                 void *out);

/** Makes a contiguous dataset [rows x columns], or [rows] when columns is 0; groups on the way are made. */
mh_status mh_hdf5_file_add(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                           size_t columns);
/**
 * The same, compressed (shuffle, deflate 1) in chunks of so many rows; columns from 1. For what is zero mostly:
 * rows are best written by the chunk.
 */
mh_status mh_hdf5_file_add_compressed(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                                      size_t columns, size_t chunk_rows);
/** Writes whole rows. In their order, checksums cost no reading. */
mh_status mh_hdf5_file_write(mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                             const void *data);

/**
 * How many elements one call of HDF5 reads or writes at most; more are read and written in pieces, so that nothing
 * counts them in an int. 0: 2^28, as it is without a word. For tests, which have no 8 GB.
 */
void mh_hdf5_file_limit_call(size_t elements);

/*
 * Attributes of a dataset or group ("/" for the file's own): lists of `count` numbers or texts. One that is not
 * there is no error: has_attribute tells, and reading gives MH_ERR_FORMAT.
 */
bool mh_hdf5_file_has_attribute(const mh_hdf5_file *file, const char *name, const char *attribute);
mh_status mh_hdf5_file_attribute_count(const mh_hdf5_file *file, const char *name, const char *attribute,
                                       size_t *count);
mh_status mh_hdf5_file_get_integers(const mh_hdf5_file *file, const char *name, const char *attribute,
                                    size_t count, int64_t *out);
mh_status mh_hdf5_file_get_doubles(const mh_hdf5_file *file, const char *name, const char *attribute,
                                   size_t count, double *out);
/** `out` [count]: each text is the caller's, to be freed with mh_memory_free (see mh_schema_names_free). */
mh_status mh_hdf5_file_get_texts(const mh_hdf5_file *file, const char *name, const char *attribute,
                                 size_t count, char **out);
mh_status mh_hdf5_file_set_integers(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                    const int64_t *values);
mh_status mh_hdf5_file_set_doubles(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                   const double *values);
mh_status mh_hdf5_file_set_texts(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                 char *const *texts);

/** "1.10.8" */
void mh_hdf5_version(char *version, size_t bytes);

#endif
