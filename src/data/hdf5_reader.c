#include <string.h>

#include "hdf5_chunks.h"
#include "hdf5_parts.h"
#include "multihead/base/memory.h"

/*
 * The ways to read rows of a dataset: past HDF5's filters where they are ours, past its conversions where ours give the
 * same, and by HDF5 alone.
 */

enum {
    READERS = 4,           /* open at a time: features and labels take turns               */
    BLOCK_BYTES = 1 << 18, /* converted at a time, so that it stays in the cache           */
    CACHE_BYTES = 1 << 26, /* of a row of chunks that HDF5 keeps: it has 1 MB, or none is  */
    CACHE_SLOTS = 10007    /* a prime, and more than chunks side by side                   */
};

/* A dataset that is open. */
typedef struct {
    char *name;
    hid_t id, type;   /* and of its elements  */
    hsize_t sizes[2]; /* rows, columns        */
    hdf5_stored stored;
    hdf5_chunks *chunks; /* NULL where HDF5 reads                  */
    void *block;         /* [BLOCK_BYTES] elements as they are there, or NULL */
} reader;

struct hdf5_readers {
    reader reader[READERS];
    size_t next; /* to be given up */
};

/* ---- opening ---- */

/* With a cache that holds the chunks side by side, so that who reads a few rows at a time has each unpacked once. */
static hid_t open_cached(hid_t file, const char *name, hid_t properties)
{
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);

    if (H5Pget_layout(properties) == H5D_CHUNKED)
        H5Pset_chunk_cache(access, CACHE_SLOTS, CACHE_BYTES, 1.0);
    hid_t dataset = H5Dopen2(file, name, access);
    H5Pclose(access);
    return dataset;
}

static hid_t open_dataset(hid_t file, const char *name)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);

    if (dataset < 0)
        return dataset;
    hid_t properties = H5Dget_create_plist(dataset);
    if (H5Pget_layout(properties) == H5D_CHUNKED) {
        H5Dclose(dataset);
        dataset = open_cached(file, name, properties);
    }
    H5Pclose(properties);
    return dataset;
}

static void close_reader(reader *r)
{
    hdf5_chunks_destroy(r->chunks);
    if (r->type >= 0)
        H5Tclose(r->type);
    if (r->id >= 0)
        H5Dclose(r->id);
    mh_memory_free(r->block);
    mh_memory_free(r->name);
    *r = (reader){.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
}

/* `is_kept`: what pays for more than one call. */
static mh_status open_reader(const mh_hdf5_file *file, const char *name, bool is_kept, reader *out)
{
    mh_status status = MH_OK;
    reader r = {.id = H5I_INVALID_HID, .type = H5I_INVALID_HID, .stored = HDF5_OTHER};

    r.id = is_kept ? open_dataset(file->id, name) : H5Dopen2(file->id, name, H5P_DEFAULT);
    if (r.id < 0 || !hdf5_get_sizes(r.id, r.sizes)) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: there are no rows to read from /%s", file->path, name);
        goto cleanup;
    }
    r.type = H5Dget_type(r.id);
    if (!is_kept)
        goto cleanup;
    r.stored = hdf5_stored_of(r.type);
    MH_TRY(mh_memory_text(name, &r.name));
    MH_TRY(hdf5_chunks_create(r.id, r.type, file->path, r.name, r.sizes, &r.chunks));
cleanup:
    if (status != MH_OK)
        close_reader(&r);
    *out = r;
    return status;
}

/* One that is open, or takes the place of another. */
static mh_status find_reader(const mh_hdf5_file *file, const char *name, reader **out)
{
    mh_status status = MH_OK;
    hdf5_readers *readers = file->readers;

    for (size_t i = 0; i < READERS; i++) {
        *out = &readers->reader[i];
        if ((*out)->name != NULL && strcmp((*out)->name, name) == 0)
            return MH_OK;
    }
    *out = &readers->reader[readers->next];
    readers->next = (readers->next + 1) % READERS;
    close_reader(*out);
    status = open_reader(file, name, true, *out);
    return status;
}

mh_status hdf5_readers_create(hdf5_readers **out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_new(sizeof **out, out));
    for (size_t i = 0; i < READERS; i++)
        (*out)->reader[i] = (reader){.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};
cleanup:
    return status;
}

void hdf5_readers_destroy(hdf5_readers *readers)
{
    for (size_t i = 0; readers != NULL && i < READERS; i++)
        close_reader(&readers->reader[i]);
    mh_memory_free(readers);
}

/* ---- reading ---- */

static mh_status fail_block(const mh_hdf5_file *file, const char *name, const hdf5_block *block)
{
    return MH_FAIL(MH_ERR_IO, "%s: /%s: rows %zu to %zu cannot be read, the file may be damaged: %s",
                   file->path, name, block->rows.first, mh_span_end(block->rows), hdf5_reason());
}

/* HDF5 converts. */
static mh_status read_plain(const mh_hdf5_file *file, const char *name, const reader *r, mh_span rows,
                            mh_element element, void *out)
{
    hid_t type = hdf5_memory_type(element);
    size_t element_bytes = H5Tget_size(type), done = 0;
    hdf5_block block;
    char *place = out;

    while (hdf5_next_block(rows, r->sizes[1], hdf5_call_limit, &done, &block)) {
        if (!hdf5_transfer(r->id, &block, type, place, NULL))
            return fail_block(file, name, &block);
        place = (char *)out + done * element_bytes;
    }
    return MH_OK;
}

/* We convert, a block at a time. */
static mh_status read_converted(const mh_hdf5_file *file, reader *r, mh_span rows, mh_element element,
                                void *out)
{
    mh_status status = MH_OK;
    hdf5_convert convert = hdf5_find_convert(r->stored, element);
    size_t element_bytes = H5Tget_size(hdf5_memory_type(element)), done = 0, before = 0;
    size_t limit = BLOCK_BYTES / hdf5_stored_bytes(r->stored);
    hdf5_block block;

    limit = limit < hdf5_call_limit ? limit : hdf5_call_limit;
    if (r->block == NULL)
        MH_TRY(mh_memory_new(BLOCK_BYTES, &r->block));
    for (; hdf5_next_block(rows, r->sizes[1], limit, &done, &block); before = done) {
        if (!hdf5_transfer(r->id, &block, r->type, r->block, NULL)) {
            status = fail_block(file, r->name, &block);
            goto cleanup;
        }
        convert(r->block, (char *)out + before * element_bytes, done - before);
    }
cleanup:
    return status;
}

static mh_status expect_rows(const mh_hdf5_file *file, const char *name, const reader *r, mh_span rows)
{
    if (rows.first <= r->sizes[0] && rows.count <= r->sizes[0] - rows.first)
        return MH_OK;
    return MH_FAIL(MH_ERR_FORMAT, "%s: /%s has no rows %zu to %zu", file->path, name, rows.first,
                   mh_span_end(rows));
}

/* Of a file that is being written. */
static mh_status read_once(const mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                           void *out)
{
    mh_status status = MH_OK;
    reader r = {.id = H5I_INVALID_HID, .type = H5I_INVALID_HID};

    MH_TRY(open_reader(file, name, false, &r));
    MH_TRY(expect_rows(file, name, &r, rows));
    status = read_plain(file, name, &r, rows, element, out);
cleanup:
    close_reader(&r);
    return status;
}

mh_status mh_hdf5_file_read(const mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                            void *out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    reader *r = NULL;

    if (file->readers == NULL)
        return read_once(file, name, rows, element, out);
    MH_TRY(find_reader(file, name, &r));
    MH_TRY(expect_rows(file, name, r, rows));
    bool is_ours = hdf5_find_convert(r->stored, element) != NULL;
    if (is_ours && r->chunks != NULL)
        status = hdf5_chunks_read(r->chunks, rows, element, out);
    else if (is_ours && !hdf5_is_same(r->stored, element))
        status = read_converted(file, r, rows, element, out);
    else
        status = read_plain(file, name, r, rows, element, out);
cleanup:
    return status;
}
