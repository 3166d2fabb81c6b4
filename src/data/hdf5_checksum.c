#include <stdio.h>
#include <string.h>

#include "hdf5_parts.h"
#include "multihead/base/memory.h"

/*
 * /checksums: names [datasets] of texts of one length, and xxh3_64 [datasets] of unsigned 64 bit integers. Two datasets
 * for all of them cost little; an attribute of each would cost as much as the datasets themselves.
 */

static const char NAMES[] = "checksums/names", VALUES[] = HDF5_CHECKSUM_VALUES;
enum { READ_BYTES = 1 << 22 };

/* ---- of what is in the file ---- */

/* Rows of one read: whole chunks, or each would be unpacked more than once. */
static size_t read_rows(hid_t dataset, size_t rows, size_t row_bytes)
{
    hid_t properties = H5Dget_create_plist(dataset);
    hsize_t chunk[2] = {1, 1};
    size_t count = row_bytes > 0 && row_bytes < READ_BYTES ? READ_BYTES / row_bytes : 1;

    if (H5Pget_layout(properties) == H5D_CHUNKED)
        H5Pget_chunk(properties, 2, chunk);
    H5Pclose(properties);
    count = (count + chunk[0] - 1) / chunk[0] * chunk[0];
    return count < rows ? count : rows;
}

static mh_status add_rows(const mh_hdf5_file *file, const char *name, hid_t dataset, const mh_extent *extent,
                          mh_checksum_stream *stream)
{
    mh_status status = MH_OK;
    size_t row_bytes = extent->columns * extent->element_bytes, done = 0, before = 0;
    size_t rows = read_rows(dataset, extent->rows, row_bytes);
    hid_t type = H5Dget_type(dataset);
    hdf5_block block;
    void *data = NULL;

    MH_TRY(mh_memory_array(rows, row_bytes, &data));
    for (;
         hdf5_next_block((mh_span){0, extent->rows}, extent->columns, rows * extent->columns, &done, &block);
         before = done) {
        if (!hdf5_transfer(dataset, &block, type, data, NULL)) {
            status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be read, the file may be damaged: %s", file->path,
                             name, hdf5_reason());
            goto cleanup;
        }
        mh_checksum_stream_add(stream, data, (done - before) * extent->element_bytes);
    }
cleanup:
    H5Tclose(type);
    mh_memory_free(data);
    return status;
}

/* Of the elements as they stand in the file, rows one after another. */
static mh_status checksum_of(const mh_hdf5_file *file, const char *name, uint64_t *value)
{
    mh_status status = MH_OK;
    mh_extent extent = {0};
    mh_checksum_stream *stream = NULL;
    hid_t dataset = H5I_INVALID_HID;

    MH_TRY(mh_hdf5_file_extent(file, name, &extent));
    if (extent.kind == MH_KIND_OTHER) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s holds neither floats nor integers", file->path, name);
        goto cleanup;
    }
    MH_TRY(mh_checksum_stream_create(&stream));
    dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (hdf5_is_elsewhere(dataset)) { /* ours never are, and they may come to no end */
        status =
            MH_FAIL(MH_ERR_FORMAT, "%s: /%s is in another file, where it was not written", file->path, name);
        goto cleanup;
    }
    MH_TRY(add_rows(file, name, dataset, &extent, stream));
    *value = mh_checksum_stream_value(stream);
cleanup:
    if (dataset >= 0)
        H5Dclose(dataset);
    mh_checksum_stream_destroy(stream);
    return status;
}

/* ---- /checksums ---- */

/* A text type of that many bytes, to be closed. */
static hid_t text_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, bytes);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static mh_status write_list(mh_hdf5_file *file, const char *name, hid_t stored, hid_t memory,
                            const void *data)
{
    mh_status status = MH_OK;
    hid_t dataset = H5I_INVALID_HID;

    MH_TRY(hdf5_create_dataset(file, name, stored, file->written_count, 0, 0));
    dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (dataset < 0 || H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, name, hdf5_reason());
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == MH_OK)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, name, hdf5_reason());
cleanup:
    return status;
}

static mh_status final_value(const mh_hdf5_file *file, const hdf5_written *written, uint64_t *value)
{
    if (written->is_odd || written->done != written->elements)
        return checksum_of(file, written->name, value);
    *value = mh_checksum_stream_value(written->checksum);
    return MH_OK;
}

mh_status hdf5_write_checksums(mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    size_t longest = 0, count = file->written_count;
    uint64_t *values = NULL;
    char *names = NULL;
    hid_t type = H5I_INVALID_HID;

    if (count == 0)
        return MH_OK;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(file->written[i].name);

        longest = length > longest ? length : longest;
    }
    MH_TRY(mh_memory_array(count, sizeof *values, &values));
    MH_TRY(mh_memory_array(count, longest, &names));
    for (size_t i = 0; i < count; i++) {
        memcpy(names + i * longest, file->written[i].name, strlen(file->written[i].name));
        MH_TRY(final_value(file, &file->written[i], &values[i]));
    }
    type = text_type(longest);
    MH_TRY(write_list(file, NAMES, type, type, names));
    MH_TRY(write_list(file, VALUES, H5T_STD_U64LE, H5T_NATIVE_UINT64, values));
cleanup:
    if (type >= 0)
        H5Tclose(type);
    mh_memory_free(values);
    mh_memory_free(names);
    return status;
}

void hdf5_checksum_store(uint64_t value, unsigned char place[sizeof(uint64_t)])
{
    for (size_t i = 0; i < sizeof value; i++)
        place[i] = (unsigned char)(value >> 8 * i);
}

/* ---- comparing ---- */

bool mh_hdf5_file_has_checksums(const mh_hdf5_file *file)
{
    HDF5_ALONE;
    return mh_hdf5_file_has(file, NAMES) && mh_hdf5_file_has(file, VALUES);
}

static bool read_whole(const mh_hdf5_file *file, const char *name, hid_t type, void *out)
{
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    bool is_read = dataset >= 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;

    if (dataset >= 0)
        H5Dclose(dataset);
    return is_read;
}

static mh_status compare_one(const mh_hdf5_file *file, const char *name, uint64_t expected)
{
    mh_status status = MH_OK;
    uint64_t value = 0;

    MH_TRY(checksum_of(file, name, &value));
    if (value != expected)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s is not what was written (its checksum is another one)",
                         file->path, name);
cleanup:
    return status;
}

mh_status mh_hdf5_file_compare(const mh_hdf5_file *file)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    mh_extent names = {0}, values = {0};
    uint64_t *value = NULL;
    char *text = NULL, name[256];
    hid_t type = H5I_INVALID_HID;

    if (!mh_hdf5_file_has_checksums(file))
        return MH_OK;
    MH_TRY(mh_hdf5_file_extent(file, NAMES, &names));
    MH_TRY(mh_hdf5_file_extent(file, VALUES, &values));
    if (names.dimensions != 1 || values.dimensions != 1 || names.rows != values.rows ||
        values.kind != MH_KIND_INTEGER || names.element_bytes >= sizeof name) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /checksums holds no checksums", file->path);
        goto cleanup;
    }
    MH_TRY(mh_memory_array(values.rows, sizeof *value, &value));
    MH_TRY(mh_memory_array(names.rows, names.element_bytes, &text));
    type = text_type(names.element_bytes);
    if (!read_whole(file, NAMES, type, text) || !read_whole(file, VALUES, H5T_NATIVE_UINT64, value)) {
        status = MH_FAIL(MH_ERR_IO, "%s: /checksums cannot be read: %s", file->path, hdf5_reason());
        goto cleanup;
    }
    for (size_t i = 0; i < values.rows; i++) {
        snprintf(name, sizeof name, "%.*s", (int)names.element_bytes, text + i * names.element_bytes);
        MH_TRY(compare_one(file, name, value[i]));
    }
cleanup:
    if (type >= 0)
        H5Tclose(type);
    mh_memory_free(value);
    mh_memory_free(text);
    return status;
}
