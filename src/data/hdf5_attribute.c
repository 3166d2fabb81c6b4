#include <string.h>

#include "hdf5_parts.h"
#include "multihead/base/memory.h"

bool mh_hdf5_file_has_attribute(const mh_hdf5_file *file, const char *name, const char *attribute)
{
    HDF5_ALONE;
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
    HDF5_ALONE;
    hid_t id = H5Aopen_by_name(file->id, name, attribute, H5P_DEFAULT, H5P_DEFAULT);

    *count = 0;
    if (id < 0)
        return attribute_failed(file, name, attribute, "there");
    hid_t space = H5Aget_space(id), type = H5Aget_type(id);
    hssize_t elements = H5Sget_simple_extent_npoints(space);
    size_t element_bytes = H5Tget_size(type);
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(id);
    if (elements < 0 || element_bytes == 0)
        return attribute_failed(file, name, attribute, "a list");
    /* Nobody asks for memory on the word of a damaged file. */
    if (file->bytes > 0 && (uint64_t)elements > file->bytes / element_bytes)
        return MH_FAIL(
            MH_ERR_FORMAT,
            "%s: attribute %s of %s%s says that it has %lld elements, more than the file has room for: "
            "it may be damaged",
            file->path, attribute, slash_before(name), name, (long long)elements);
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
    if (id < 0 || H5Aread(id, type, out) < 0)
        status = attribute_failed(file, name, attribute, "a list of numbers");
    if (id >= 0)
        H5Aclose(id);
cleanup:
    return status;
}

mh_status mh_hdf5_file_get_integers(const mh_hdf5_file *file, const char *name, const char *attribute,
                                    size_t count, int64_t *out)
{
    HDF5_ALONE;
    return get_numbers(file, name, attribute, count, H5T_NATIVE_INT64, out);
}

mh_status mh_hdf5_file_get_doubles(const mh_hdf5_file *file, const char *name, const char *attribute,
                                   size_t count, double *out)
{
    HDF5_ALONE;
    return get_numbers(file, name, attribute, count, H5T_NATIVE_DOUBLE, out);
}

/* Reads texts of variable length, which HDF5 allocates and the space reclaims. */
static mh_status get_variable_texts(hid_t id, hid_t type, size_t count, char **out)
{
    mh_status status = MH_OK;
    char **texts = NULL;

    MH_TRY(mh_memory_array(count, sizeof *texts, &texts));
    if (H5Aread(id, type, texts) < 0) {
        status = MH_FAIL(MH_ERR_FORMAT, "%s", hdf5_reason());
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
        status = MH_FAIL(MH_ERR_FORMAT, "%s", hdf5_reason());
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
    HDF5_ALONE;
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
                         slash_before(name), name, hdf5_reason());
    if (id >= 0 && H5Aclose(id) < 0 && status == MH_OK)
        status = MH_FAIL(MH_ERR_IO, "%s: attribute %s of %s%s cannot be written: %s", file->path, attribute,
                         slash_before(name), name, hdf5_reason());
    H5Sclose(space);
    return status;
}

mh_status mh_hdf5_file_set_integers(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                    const int64_t *values)
{
    HDF5_ALONE;
    return set_list(file, name, attribute, count, H5T_STD_I64LE, H5T_NATIVE_INT64, values);
}

mh_status mh_hdf5_file_set_doubles(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                   const double *values)
{
    HDF5_ALONE;
    return set_list(file, name, attribute, count, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values);
}

mh_status mh_hdf5_file_set_texts(mh_hdf5_file *file, const char *name, const char *attribute, size_t count,
                                 char *const *texts)
{
    HDF5_ALONE;
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    mh_status status = set_list(file, name, attribute, count, type, type, texts);
    H5Tclose(type);
    return status;
}
