#include "multihead/data/hdf5_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"

struct mh_hdf5_file {
    hid_t id;
    char *path;
    char *partial; /* where it is being written, NULL when open for reading */
};

/* ---- what HDF5 says ---- */

static herr_t keep_description(unsigned depth, const H5E_error2_t *error, void *out)
{
    (void)depth;
    snprintf(out, 512, "%s", error->desc);
    return 0;
}

/* The innermost reason HDF5 gives for the call that has just failed; the system's own words where it quotes them. */
static const char *reason(void)
{
    static const char quoted[] = "error message = '";
    static char text[512];

    snprintf(text, sizeof text, "unknown reason");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, text);
    char *words = strstr(text, quoted);
    if (words == NULL)
        return text;
    words += strlen(quoted);
    words[strcspn(words, "'")] = '\0';
    return words;
}

static void prepare_library(void)
{
    static bool is_ready = false;

    if (is_ready)
        return;
    /* File systems that refuse locks are read all the same; a user's setting wins. Known since HDF5 1.10.7.
     */
    setenv("HDF5_USE_FILE_LOCKING", "BEST_EFFORT", 0);
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    is_ready = true;
}

void mh_hdf5_version(char *version, size_t bytes)
{
    unsigned major = 0, minor = 0, release = 0;

    H5get_libversion(&major, &minor, &release);
    snprintf(version, bytes, "%u.%u.%u", major, minor, release);
}

/* ---- open, create, commit, close ---- */

mh_status mh_hdf5_file_open(const char *path, mh_hdf5_file **out)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    struct stat info;

    prepare_library();
    MH_TRY(mh_memory_new(sizeof *file, &file));
    file->id = H5I_INVALID_HID;
    MH_TRY(mh_memory_text(path, &file->path));
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode)) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: is not a file but %s", path,
                         S_ISDIR(info.st_mode) ? "a folder" : "something else");
        goto cleanup;
    }
    if (H5Fis_hdf5(path) <= 0) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s: is not an HDF5 file", path);
        goto cleanup;
    }
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0)
        status =
            MH_FAIL(MH_ERR_IO, "%s: HDF5 cannot open it, it may be cut off or damaged: %s", path, reason());
cleanup:
    if (status != MH_OK) {
        mh_hdf5_file_close(file);
        file = NULL;
    }
    *out = file;
    return status;
}

mh_status mh_hdf5_file_create(const char *path, mh_hdf5_file **out)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    char partial[MH_WHOLE_FILE_PATH_BYTES];
    int probe = -1;
    hid_t access = H5I_INVALID_HID, properties = H5I_INVALID_HID;

    prepare_library();
    MH_TRY(mh_memory_new(sizeof *file, &file));
    file->id = H5I_INVALID_HID;
    MH_TRY(mh_memory_text(path, &file->path));
    if (!mh_whole_file_partial(path, partial)) {
        status = MH_FAIL(MH_ERR_IO, "%s: the path is too long", path);
        goto cleanup;
    }
    MH_TRY(mh_memory_text(partial, &file->partial));

    /* The system's own word on why a file cannot be written is better than HDF5's. */
    probe = open(file->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (probe < 0) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        goto cleanup;
    }
    close(probe);

    /* HDF5 1.8's format: it has room for attributes of more than 64 KiB (the names of many columns). */
    access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    properties = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(properties, false);
    file->id = H5Fcreate(file->partial, H5F_ACC_TRUNC, properties, access);
    H5Pclose(properties);
    H5Pclose(access);
    if (file->id < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, reason());
cleanup:
    if (status != MH_OK) {
        mh_hdf5_file_close(file);
        file = NULL;
    }
    *out = file;
    return status;
}

mh_status mh_hdf5_file_commit(mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    hid_t id = file->id;

    file->id = H5I_INVALID_HID;
    if (H5Fclose(id) < 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", file->path, reason());
    status = mh_whole_file_commit(file->partial, file->path);
    mh_memory_free(file->partial);
    file->partial = NULL;
    return status;
}

void mh_hdf5_file_close(mh_hdf5_file *file)
{
    if (file == NULL)
        return;
    if (file->id >= 0)
        H5Fclose(file->id);
    if (file->partial != NULL)
        unlink(file->partial);
    mh_memory_free(file->partial);
    mh_memory_free(file->path);
    mh_memory_free(file);
}

const char *mh_hdf5_file_path(const mh_hdf5_file *file)
{
    return file->path;
}

/* ---- datasets ---- */

static hid_t memory_type(mh_element element)
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
    case MH_INT64:
        return H5T_STD_I64LE;
    }
    return H5I_INVALID_HID;
}

bool mh_hdf5_file_has(const mh_hdf5_file *file, const char *name)
{
    char part[256];

    /* H5Lexists wants every group on the way to exist. */
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        if (part[0] != '\0' && H5Lexists(file->id, part, H5P_DEFAULT) <= 0)
            return false;
    }
    return H5Oexists_by_name(file->id, name, H5P_DEFAULT) > 0;
}

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

mh_status mh_hdf5_file_extent(const mh_hdf5_file *file, const char *name, mh_extent *out)
{
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
cleanup:
    H5Sclose(space);
    H5Dclose(dataset);
    return status;
}

/* Selects whole rows of a dataset of one or two dimensions, in the file and in memory. */
static bool select_rows(hid_t dataset, mh_span rows, hid_t *file_space, hid_t *memory_space)
{
    hsize_t sizes[2] = {0, 1};
    hid_t space = H5Dget_space(dataset);
    int dimensions = H5Sget_simple_extent_ndims(space);

    *file_space = space;
    *memory_space = H5I_INVALID_HID;
    if (dimensions != 1 && dimensions != 2)
        return false;
    H5Sget_simple_extent_dims(space, sizes, NULL);
    const hsize_t start[2] = {rows.first, 0};
    const hsize_t count[2] = {rows.count, sizes[1]};
    *memory_space = H5Screate_simple(dimensions, count, NULL);
    return mh_span_end(rows) <= sizes[0] && *memory_space >= 0 &&
           H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;
}

static void close_all(hid_t dataset, hid_t file_space, hid_t memory_space)
{
    if (memory_space >= 0)
        H5Sclose(memory_space);
    if (file_space >= 0)
        H5Sclose(file_space);
    if (dataset >= 0)
        H5Dclose(dataset);
}

mh_status mh_hdf5_file_read(const mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                            void *out)
{
    mh_status status = MH_OK;
    hid_t file_space = H5I_INVALID_HID, memory_space = H5I_INVALID_HID;
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);

    if (dataset < 0 || !select_rows(dataset, rows, &file_space, &memory_space))
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s has no rows %zu to %zu", file->path, name, rows.first,
                         mh_span_end(rows));
    else if (H5Dread(dataset, memory_type(element), memory_space, file_space, H5P_DEFAULT, out) < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s: rows %zu to %zu cannot be read, the file may be damaged: %s",
                         file->path, name, rows.first, mh_span_end(rows), reason());
    close_all(dataset, file_space, memory_space);
    return status;
}

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

/* chunk_rows 0: contiguous */
static mh_status add_dataset(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                             size_t columns, size_t chunk_rows)
{
    mh_status status = MH_OK;
    const hsize_t sizes[2] = {rows, columns}, chunk[2] = {chunk_rows, columns};
    hid_t space = H5Screate_simple(columns == 0 ? 1 : 2, sizes, NULL);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);

    make_groups(file, name);
    H5Pset_obj_track_times(properties, false);
    if (chunk_rows > 0) {
        H5Pset_chunk(properties, 2, chunk);
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, 1);
    }
    hid_t dataset =
        H5Dcreate2(file->id, name, file_type(element), space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (dataset < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, name, reason());
    H5Pclose(properties);
    close_all(dataset, space, H5I_INVALID_HID);
    return status;
}

mh_status mh_hdf5_file_add(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                           size_t columns)
{
    return add_dataset(file, name, element, rows, columns, 0);
}

mh_status mh_hdf5_file_add_compressed(mh_hdf5_file *file, const char *name, mh_element element, size_t rows,
                                      size_t columns, size_t chunk_rows)
{
    assert(columns > 0 && chunk_rows > 0);
    return add_dataset(file, name, element, rows, columns, chunk_rows < rows ? chunk_rows : rows);
}

mh_status mh_hdf5_file_write(mh_hdf5_file *file, const char *name, mh_span rows, mh_element element,
                             const void *data)
{
    mh_status status = MH_OK;
    hid_t file_space = H5I_INVALID_HID, memory_space = H5I_INVALID_HID;
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);

    if (dataset < 0 || !select_rows(dataset, rows, &file_space, &memory_space) ||
        H5Dwrite(dataset, memory_type(element), memory_space, file_space, H5P_DEFAULT, data) < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: /%s cannot be written: %s", file->path, name, reason());
    close_all(dataset, file_space, memory_space);
    return status;
}

/* ---- attributes ---- */

bool mh_hdf5_file_has_attribute(const mh_hdf5_file *file, const char *name, const char *attribute)
{
    return mh_hdf5_file_has(file, name) && H5Aexists_by_name(file->id, name, attribute, H5P_DEFAULT) > 0;
}

/* "labels" is /labels, "/" is itself. */
static const char *slash_before(const char *name)
{
    return name[0] == '/' ? "" : "/";
}

static mh_status attribute_failed(const mh_hdf5_file *file, const char *name, const char *attribute,
                                  const char *wanted)
{
    return MH_FAIL(MH_ERR_FORMAT, "%s: attribute %s of %s%s is not %s", file->path, attribute,
                   slash_before(name), name, wanted);
}

mh_status mh_hdf5_file_attribute_count(const mh_hdf5_file *file, const char *name, const char *attribute,
                                       size_t *count)
{
    hid_t id = H5Aopen_by_name(file->id, name, attribute, H5P_DEFAULT, H5P_DEFAULT);

    *count = 0;
    if (id < 0)
        return attribute_failed(file, name, attribute, "there");
    hid_t space = H5Aget_space(id);
    hssize_t elements = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Aclose(id);
    if (elements < 0)
        return attribute_failed(file, name, attribute, "a list");
    *count = (size_t)elements;
    return MH_OK;
}

static mh_status get_numbers(const mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                             hid_t type, void *out)
{
    mh_status status = MH_OK;
    size_t elements = 0;

    MH_TRY(mh_hdf5_file_attribute_count(file, name, attribute, &elements));
    if (elements != count)
        return MH_FAIL(MH_ERR_FORMAT, "%s: attribute %s of %s%s has %zu elements, expected %zu", file->path,
                       attribute, slash_before(name), name, elements, count);
    hid_t id = H5Aopen_by_name(file->id, name, attribute, H5P_DEFAULT, H5P_DEFAULT);
    if (H5Aread(id, type, out) < 0)
        status = attribute_failed(file, name, attribute, "a list of numbers");
    H5Aclose(id);
cleanup:
    return status;
}

mh_status mh_hdf5_file_get_integers(const mh_hdf5_file *file, const char *name, const char *attribute,
                                    size_t count, int64_t *out)
{
    return get_numbers(file, name, attribute, count, H5T_NATIVE_INT64, out);
}

mh_status mh_hdf5_file_get_doubles(const mh_hdf5_file *file, const char *name, const char *attribute,
                                   size_t count, double *out)
{
    return get_numbers(file, name, attribute, count, H5T_NATIVE_DOUBLE, out);
}

/* Reads texts of variable length, which HDF5 allocates and the space reclaims. */
static mh_status get_variable_texts(hid_t id, hid_t type, size_t count, char **out)
{
    mh_status status = MH_OK;
    char **texts = NULL;

    MH_TRY(mh_memory_array(count, sizeof *texts, &texts));
    if (H5Aread(id, type, texts) < 0) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s", reason());
        goto cleanup;
    }
    for (size_t i = 0; i < count && status == MH_OK; i++)
        status = mh_memory_text(texts[i] != NULL ? texts[i] : "", &out[i]);
    hid_t space = H5Aget_space(id);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    H5Sclose(space);
cleanup:
    mh_memory_free(texts);
    return status;
}

static mh_status get_fixed_texts(hid_t id, hid_t type, size_t count, char **out)
{
    mh_status status = MH_OK;
    size_t bytes = H5Tget_size(type);
    char *texts = NULL;

    MH_TRY(mh_memory_array(count, bytes, &texts));
    if (H5Aread(id, type, texts) < 0) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s", reason());
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        MH_TRY(mh_memory_new(bytes + 1, &out[i]));
        memcpy(out[i], texts + i * bytes, bytes);
    }
cleanup:
    mh_memory_free(texts);
    return status;
}

mh_status mh_hdf5_file_get_texts(const mh_hdf5_file *file, const char *name, const char *attribute,
                                 size_t count, char **out)
{
    mh_status status = MH_OK;
    size_t elements = 0;

    MH_TRY(mh_hdf5_file_attribute_count(file, name, attribute, &elements));
    if (elements != count)
        return MH_FAIL(MH_ERR_FORMAT, "%s: attribute %s of %s%s has %zu texts, expected %zu", file->path,
                       attribute, slash_before(name), name, elements, count);
    hid_t id = H5Aopen_by_name(file->id, name, attribute, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(id);
    if (H5Tget_class(type) != H5T_STRING)
        status = attribute_failed(file, name, attribute, "a list of texts");
    else if (H5Tis_variable_str(type) > 0)
        status = get_variable_texts(id, type, count, out);
    else
        status = get_fixed_texts(id, type, count, out);
    H5Tclose(type);
    H5Aclose(id);
cleanup:
    return status;
}

static mh_status set_list(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                          hid_t stored, hid_t memory, const void *values)
{
    const hsize_t sizes[1] = {count};
    hid_t space = H5Screate_simple(1, sizes, NULL);
    hid_t id =
        H5Acreate_by_name(file->id, name, attribute, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    mh_status status = MH_OK;

    if (id < 0 || (count > 0 && H5Awrite(id, memory, values) < 0))
        status = MH_FAIL(MH_ERR_IO, "%s: attribute %s of %s%s cannot be written: %s", file->path, attribute,
                         slash_before(name), name, reason());
    if (id >= 0)
        H5Aclose(id);
    H5Sclose(space);
    return status;
}

mh_status mh_hdf5_file_set_integers(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                    const int64_t *values)
{
    return set_list(file, name, attribute, count, H5T_STD_I64LE, H5T_NATIVE_INT64, values);
}

mh_status mh_hdf5_file_set_doubles(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                   const double *values)
{
    return set_list(file, name, attribute, count, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values);
}

mh_status mh_hdf5_file_set_texts(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                 char *const *texts)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    mh_status status = set_list(file, name, attribute, count, type, type, texts);
    H5Tclose(type);
    return status;
}
