#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "hdf5_parts.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"

enum {
    CALL_ELEMENTS = 1 << 28,      /* HDF5 and the system count some things in an int              */
    CONVERTED_ELEMENTS = 1 << 16, /* at a time, so that they stay in the cache               */
    FILTERED_SHARE = 4096,        /* no filter makes rows smaller than that, a few more than 1000 */
    ELEMENT_BYTES = 8             /* of the widest element                                        */
};

size_t hdf5_call_limit = CALL_ELEMENTS;

void mh_hdf5_file_limit_call(size_t elements)
{
    hdf5_call_limit = elements > 0 ? elements : CALL_ELEMENTS;
}

hid_t hdf5_memory_type(mh_element element)
{
    switch (element) {
    case MH_FLOAT32:
        return H5T_NATIVE_FLOAT;
    case MH_FLOAT64:
        return H5T_NATIVE_DOUBLE;
    case MH_UINT8:
        return H5T_NATIVE_UINT8;
    case MH_UINT16:
        return H5T_NATIVE_UINT16;
    case MH_INT32:
        return H5T_NATIVE_INT32;
    case MH_INT64:
        return H5T_NATIVE_INT64;
    }
    return H5I_INVALID_HID;
}

static hid_t file_type(mh_element element)
{
    switch (element) {
    case MH_FLOAT32:
        return H5T_IEEE_F32LE;
    case MH_FLOAT64:
        return H5T_IEEE_F64LE;
    case MH_UINT8:
        return H5T_STD_U8LE;
    case MH_UINT16:
        return H5T_STD_U16LE;
    case MH_INT32:
        return H5T_STD_I32LE;
    case MH_INT64:
        return H5T_STD_I64LE;
    }
    return H5I_INVALID_HID;
}

bool mh_hdf5_file_has(const mh_hdf5_file *file, const char *name)
{
    HDF5_ALONE;
    char part[256];

    /* H5Lexists wants every group on the way to exist. */
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        if (part[0] != '\0' && H5Lexists(file->id, part, H5P_DEFAULT) <= 0)
            return false;
    }
    return H5Oexists_by_name(file->id, name, H5P_DEFAULT) > 0;
}

/* ---- what it is ---- */

static mh_kind kind_of(hid_t dataset, size_t *bytes)
{
    hid_t type = H5Dget_type(dataset);
    H5T_class_t class = H5Tget_class(type);

    *bytes = H5Tget_size(type);
    H5Tclose(type);
    if (class == H5T_FLOAT)
        return MH_KIND_FLOAT;
    /* h5py writes booleans as an enumeration over an integer. */
    return class == H5T_INTEGER || class == H5T_ENUM ? MH_KIND_INTEGER : MH_KIND_OTHER;
}

size_t hdf5_bytes_of_file(hid_t dataset)
{
    hsize_t bytes = 0;
    hid_t file = H5Iget_file_id(dataset);

    H5Fget_filesize(file, &bytes);
    H5Fclose(file);
    return (size_t)bytes;
}

bool hdf5_is_elsewhere(hid_t dataset)
{
    hid_t properties = H5Dget_create_plist(dataset);
    bool is_elsewhere = H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) > 0;

    H5Pclose(properties);
    return is_elsewhere;
}

/* The most bytes of elements that its file may hold; SIZE_MAX where they may be in other files. */
static size_t most_bytes(hid_t dataset, size_t file_bytes)
{
    hid_t properties = H5Dget_create_plist(dataset);
    H5D_layout_t layout = H5Pget_layout(properties);
    bool is_stored = layout == H5D_CONTIGUOUS && H5Dget_offset(dataset) != HADDR_UNDEF;

    H5Pclose(properties);
    if (hdf5_is_elsewhere(dataset) || file_bytes > SIZE_MAX / FILTERED_SHARE)
        return SIZE_MAX;
    return file_bytes * (is_stored ? 1 : FILTERED_SHARE);
}

/* A column costs those who read the file a wide element, also where there are no rows, or the rows are elsewhere. */
static size_t most_columns(size_t file_bytes)
{
    return file_bytes > SIZE_MAX / FILTERED_SHARE ? SIZE_MAX : file_bytes * FILTERED_SHARE / ELEMENT_BYTES;
}

/* Nobody asks for memory on the word of a damaged file: it says no more rows than it has room for. */
static mh_status check_size(const mh_hdf5_file *file, const char *name, hid_t dataset,
                            const mh_extent *extent)
{
    size_t row_bytes = 0, bytes = 0, file_bytes = hdf5_bytes_of_file(dataset);
    bool is_written = file->partial != NULL || file->memory != NULL;
    bool is_countable = !__builtin_mul_overflow(extent->columns, extent->element_bytes, &row_bytes) &&
                        !__builtin_mul_overflow(extent->rows, row_bytes, &bytes) &&
                        bytes <= SIZE_MAX / 2 / ELEMENT_BYTES;

    if (is_countable && (is_written || (bytes <= most_bytes(dataset, file_bytes) &&
                                        extent->columns <= most_columns(file_bytes))))
        return MH_OK;
    return MH_FAIL(MH_ERR_FORMAT,
                   "%s: /%s says that it is [%zu x %zu], more than the file has room for: it may be damaged",
                   file->path, name, extent->rows, extent->columns);
}

mh_status mh_hdf5_file_extent(const mh_hdf5_file *file, const char *name, mh_extent *out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    hsize_t sizes[2] = {0, 1};
    hid_t space = H5I_INVALID_HID;
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);

    *out = (mh_extent){0};
    if (dataset < 0)
        return MH_FAIL(MH_ERR_FORMAT, "%s: /%s is not a dataset", file->path, name);
    space = H5Dget_space(dataset);
    int dimensions = H5Sget_simple_extent_ndims(space);
    if (dimensions != 1 && dimensions != 2) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s has %d dimensions, expected [rows x columns]", file->path,
                         name, dimensions);
        goto cleanup;
    }
    H5Sget_simple_extent_dims(space, sizes, NULL);
    out->kind = kind_of(dataset, &out->element_bytes);
    out->dimensions = (size_t)dimensions;
    out->rows = sizes[0];
    out->columns = sizes[1];
    MH_TRY(check_size(file, name, dataset, out));
cleanup:
    H5Sclose(space);
    H5Dclose(dataset);
    return status;
}

/* ---- blocks ---- */

bool hdf5_next_block(mh_span rows, size_t columns, size_t limit, size_t *done, hdf5_block *out)
{
    if (columns == 0 || *done >= rows.count * columns)
        return false;

    size_t row = *done / columns, column = *done % columns;

    if (column == 0 && limit >= columns) {
        size_t count = limit / columns < rows.count - row ? limit / columns : rows.count - row;

        *out = (hdf5_block){{rows.first + row, count}, {0, columns}};
    } else {
        size_t count = limit < columns - column ? limit : columns - column;

        *out = (hdf5_block){{rows.first + row, 1}, {column, count}};
    }
    *done += out->rows.count * out->columns.count;
    return true;
}

bool hdf5_get_sizes(hid_t dataset, hsize_t sizes[2])
{
    hid_t space = H5Dget_space(dataset);
    int dimensions = H5Sget_simple_extent_ndims(space);

    sizes[0] = 0;
    sizes[1] = 1;
    if (dimensions == 1 || dimensions == 2)
        H5Sget_simple_extent_dims(space, sizes, NULL);
    H5Sclose(space);
    return dimensions == 1 || dimensions == 2;
}

bool hdf5_transfer(hid_t dataset, const hdf5_block *block, hid_t type, void *out, const void *in)
{
    const hsize_t start[2] = {block->rows.first, block->columns.first};
    const hsize_t count[2] = {block->rows.count, block->columns.count};
    hid_t space = H5Dget_space(dataset);
    hid_t memory = H5Screate_simple(H5Sget_simple_extent_ndims(space), count, NULL);
    bool is_done = memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;

    if (is_done && in != NULL)
        is_done = H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, in) >= 0;
    else if (is_done)
        is_done = H5Dread(dataset, type, memory, space, H5P_DEFAULT, out) >= 0;
    if (memory >= 0)
        H5Sclose(memory);
    H5Sclose(space);
    mh_phase_beat();
    return is_done;
}

/* ---- reading ---- */

mh_status mh_hdf5_file_read_list(const mh_hdf5_file *file, const char *name, size_t count, mh_element element,
                                 void *out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    mh_extent extent = {0};

    if (!mh_hdf5_file_has(file, name))
        return MH_FAIL(MH_ERR_FORMAT, "%s: there is no /%s", file->path, name);
    MH_TRY(mh_hdf5_file_extent(file, name, &extent));
    if (extent.dimensions != 1 || extent.rows != count || extent.kind == MH_KIND_OTHER) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s is [%zu x %zu], expected a list of %zu numbers", file->path,
                         name, extent.rows, extent.columns, count);
        goto cleanup;
    }
    status = mh_hdf5_file_read(file, name, (mh_span){0, count}, element, out);
cleanup:
    return status;
}

/* ---- writing ---- */

/* The groups on the way to a dataset. Without times, like all we make: the same contents are the same bytes. */
static void make_groups(mh_hdf5_file *file, const char *name)
{
    char part[256];
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);

    H5Pset_obj_track_times(properties, false);
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        if (H5Lexists(file->id, part, H5P_DEFAULT) <= 0)
            H5Gclose(H5Gcreate2(file->id, part, H5P_DEFAULT, properties, H5P_DEFAULT));
    }
    H5Pclose(properties);
}

mh_status hdf5_create_dataset(mh_hdf5_file *file, const char *name, hid_t type, size_t rows, size_t columns,
                              size_t chunk_rows)
{
    mh_status status = MH_OK;
    const hsize_t sizes[2] = {rows, columns}, chunk[2] = {chunk_rows, columns};
    hid_t space = H5Screate_simple(columns == 0 ? 1 : 2, sizes, NULL);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);

    make_groups(file, name);
    H5Pset_obj_track_times(properties, false);
    /* In memory everything has its place from the beginning, see hdf5_image.c. */
    if (file->memory != NULL)
        H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    if (chunk_rows > 0) {
        H5Pset_chunk(properties, 2, chunk);
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, 1);
    }
    hid_t dataset = H5Dcreate2(file->id, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (dataset < 0 || H5Dclose(dataset) < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, name, hdf5_reason());
    H5Pclose(properties);
    H5Sclose(space);
    return status;
}

static mh_status add_dataset(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                             size_t columns, size_t chunk_rows)
{
    mh_status status = MH_OK;

    MH_TRY(hdf5_create_dataset(file, name, file_type(element), rows, columns, chunk_rows));
    MH_TRY(hdf5_written_add(file, name, element, rows * (columns == 0 ? 1 : columns)));
cleanup:
    return status;
}

mh_status mh_hdf5_file_add(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                           size_t columns)
{
    HDF5_ALONE;
    return add_dataset(file, name, element, rows, columns, 0);
}

mh_status mh_hdf5_file_add_compressed(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                                      size_t columns, size_t chunk_rows)
{
    HDF5_ALONE;
    assert(columns > 0 && chunk_rows > 0);
    return add_dataset(file, name, element, rows, columns, chunk_rows < rows ? chunk_rows : rows);
}

/* Writes in the file's own type, so that the checksum is of what stands there. */
static mh_status write_blocks(const mh_hdf5_file *file, hid_t dataset, mh_span rows, size_t columns,
                              mh_element element, const void *data, hdf5_written *written)
{
    mh_status status = MH_OK;
    hid_t from = hdf5_memory_type(element), to = file_type(written->element);
    bool is_converted = H5Tequal(from, to) <= 0;
    size_t element_bytes = H5Tget_size(from), done = 0, before = 0;
    size_t limit =
        is_converted && CONVERTED_ELEMENTS < hdf5_call_limit ? CONVERTED_ELEMENTS : hdf5_call_limit;
    void *converted = NULL;
    hdf5_block block;

    if (is_converted)
        MH_TRY(mh_memory_array(limit, ELEMENT_BYTES, &converted));
    for (; hdf5_next_block(rows, columns, limit, &done, &block); before = done) {
        const void *values = (const char *)data + before * element_bytes;

        if (is_converted) {
            memcpy(converted, values, (done - before) * element_bytes);
            H5Tconvert(from, to, done - before, converted, NULL, H5P_DEFAULT);
            values = converted;
        }
        if (!hdf5_transfer(dataset, &block, to, NULL, values)) {
            status =
                MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, written->name, hdf5_reason());
            goto cleanup;
        }
        hdf5_written_put(written, rows.first * columns + before, done - before, values);
    }
cleanup:
    mh_memory_free(converted);
    return status;
}

mh_status mh_hdf5_file_write(mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                             const void *data)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    hdf5_written *written = hdf5_written_find(file, name);
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    hsize_t sizes[2] = {0, 1};

    if (written == NULL || dataset < 0 || !hdf5_get_sizes(dataset, sizes) || mh_span_end(rows) > sizes[0])
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: it has no rows %zu to %zu", file->path, name,
                         rows.first, mh_span_end(rows));
    else
        status = write_blocks(file, dataset, rows, sizes[1], element, data, written);
    /* It may have rows to write still. */
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == MH_OK)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, name, hdf5_reason());
    return status;
}
