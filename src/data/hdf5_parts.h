#ifndef MULTIHEAD_SRC_DATA_HDF5_PARTS_H
#define MULTIHEAD_SRC_DATA_HDF5_PARTS_H

#include <hdf5.h>

#include "multihead/base/checksum.h"
#include "multihead/base/thread.h"
#include "multihead/data/hdf5_file.h"

/* What the files of the door to HDF5 share. */

/* A dataset of a file that is being written, and the checksum of its elements so far. */
typedef struct {
    char *name;
    mh_element element;
    size_t elements;
    size_t done; /* elements that came in order from the first one on          */
    bool is_odd; /* some did not: the checksum is made from what is in the file */
    mh_checksum_stream *checksum;
} hdf5_written;

/* The datasets of a file that were read last, see hdf5_reader.c. */
typedef struct hdf5_readers hdf5_readers;

/* A file in memory. */
typedef struct {
    unsigned char *bytes; /* [size] from malloc, as HDF5 grows it */
    size_t size;
} hdf5_memory;

struct mh_hdf5_file {
    hid_t id;
    char *path;
    char *partial;         /* where it is being written, NULL when open for reading */
    hdf5_memory *memory;   /* of one that is made there, or NULL */
    uint64_t bytes;        /* on disk, of one that is open for reading              */
    hdf5_written *written; /* [written_count] of one that is being written          */
    size_t written_count, written_room;
    hdf5_readers *readers; /* of one that is open for reading                   */
};

/* A piece of a dataset that one call of HDF5 reads or writes. */
typedef struct {
    mh_span rows, columns;
} hdf5_block;

/*
 * HDF5 has room for one thread at a time, and rows may be read by one while another makes a checkpoint: every function of
 * the door that calls HDF5 has this line in front, up to the end of which no other one is in there.
 */
#define HDF5_ALONE __attribute__((cleanup(hdf5_leave), unused)) const bool hdf5_is_alone = hdf5_enter()

bool hdf5_enter(void);
void hdf5_leave(const bool *is_alone);

/** The innermost reason HDF5 gives for the call that has just failed; the system's own words where it quotes them. */
const char *hdf5_reason(void);

hid_t hdf5_memory_type(mh_element element);

/**
 * The next block of rows of `columns` columns, of at most `limit` elements.
 *
 *   done   in and out: elements that blocks before it had, 0 at first
 *
 * False when there is no more.
 */
bool hdf5_next_block(mh_span rows, size_t columns, size_t limit, size_t *done, hdf5_block *out);

/** Reads or writes (the other one is NULL) a block of a dataset of one or two dimensions. */
bool hdf5_transfer(hid_t dataset, const hdf5_block *block, hid_t type, void *out, const void *in);

/** Rows and columns; false for anything but one or two dimensions. */
bool hdf5_get_sizes(hid_t dataset, hsize_t sizes[2]);

/** How long the file is that a dataset is in: not always the one that was opened, whose links may lead to others. */
size_t hdf5_bytes_of_file(hid_t dataset);

/** Of mh_hdf5_file_limit_call. */
extern size_t hdf5_call_limit;

mh_status hdf5_readers_create(hdf5_readers **out);
void hdf5_readers_destroy(hdf5_readers *readers);

/** Whether the elements of a dataset are in other files (external storage, a virtual dataset), and nobody knows how many. */
bool hdf5_is_elsewhere(hid_t dataset);

/** Makes a dataset; columns 0: of one dimension; chunk_rows 0: contiguous. */
mh_status hdf5_create_dataset(mh_hdf5_file *file, const char *name, hid_t type, size_t rows, size_t columns,
                              size_t chunk_rows);

/* The datasets that are being written, see hdf5_written.c. */
mh_status hdf5_written_add(mh_hdf5_file *file, const char *name, mh_element element, size_t elements);
hdf5_written *hdf5_written_find(const mh_hdf5_file *file, const char *name);
void hdf5_written_clear(mh_hdf5_file *file);

/** Elements from `first` on, as they stand in the file. */
void hdf5_written_put(hdf5_written *written, size_t first, size_t count, const void *data);

/** Adds /checksums with one of each dataset, in their order. */
mh_status hdf5_write_checksums(mh_hdf5_file *file);

#define HDF5_CHECKSUM_VALUES "checksums/xxh3_64"

/** As it stands there. */
void hdf5_checksum_store(uint64_t value, unsigned char place[sizeof(uint64_t)]);

/** Closes HDF5's side of a file that is being written. */
mh_status hdf5_close_id(mh_hdf5_file *file);

/** Makes an access list (H5P_FILE_ACCESS) one for a file in memory, which stays ours when HDF5 closes it. */
mh_status hdf5_memory_create(hid_t access, hdf5_memory **out);
void hdf5_memory_destroy(hdf5_memory *memory);

/** Seals a file that HDF5 has closed: then all of the memory is the file. */
mh_status hdf5_memory_seal(hdf5_memory *memory, size_t *content_bytes);

#endif
