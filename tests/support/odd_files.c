#include "odd_files.h"

#include <criterion/criterion.h>
#include <hdf5.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_BYTES = 8 };

/* ---- types ---- */

static hid_t bool_type(void)
{
    const int8_t no = 0, yes = 1;
    hid_t type = H5Tenum_create(H5T_STD_I8LE);

    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    return type;
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, TEXT_BYTES);
    return type;
}

/* The type in the file; a copy, to be closed. */
static hid_t file_type(odd_type type)
{
    switch (type) {
    case AS_FLOAT32:
        return H5Tcopy(H5T_IEEE_F32LE);
    case AS_FLOAT64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case AS_UINT8:
        return H5Tcopy(H5T_STD_U8LE);
    case AS_INT8:
        return H5Tcopy(H5T_STD_I8LE);
    case AS_INT64:
        return H5Tcopy(H5T_STD_I64LE);
    case AS_BOOL:
        return bool_type();
    case AS_TEXT:
        return text_type();
    }
    return H5I_INVALID_HID;
}

/* ---- writing ---- */

static hid_t open_or_make(const char *path)
{
    hid_t file = access(path, F_OK) == 0 ? H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT)
                                         : H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);

    cr_assert(file >= 0, "cannot open %s", path);
    return file;
}

/* HDF5 converts numbers to numbers, but neither to enums nor to texts. */
static void write_values(hid_t dataset, hid_t type, odd_type as, size_t count, const double *values)
{
    char *bytes = calloc(count + 1, TEXT_BYTES);
    herr_t result = 0;

    for (size_t i = 0; i < count && as == AS_BOOL; i++)
        bytes[i] = values[i] != 0;
    if (as == AS_BOOL || as == AS_TEXT)
        result = H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    else
        result = H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    cr_assert(result >= 0);
    free(bytes);
}

void odd_file_add(const char *path, const char *dataset, odd_type as, size_t rows, size_t columns,
                  const double *values)
{
    const hsize_t sizes[2] = {rows, columns};
    hid_t file = open_or_make(path), type = file_type(as), links = H5Pcreate(H5P_LINK_CREATE);
    hid_t space = H5Screate_simple(columns == 0 ? 1 : 2, sizes, NULL);

    H5Pset_create_intermediate_group(links, 1);
    hid_t id = H5Dcreate2(file, dataset, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(id >= 0, "cannot add %s to %s", dataset, path);
    if (rows > 0)
        write_values(id, type, as, rows * (columns == 0 ? 1 : columns), values);
    H5Dclose(id);
    H5Sclose(space);
    H5Pclose(links);
    H5Tclose(type);
    cr_assert(H5Fclose(file) >= 0);
}

void odd_file_set_integers(const char *path, const char *dataset, const char *attribute, size_t count,
                           const int64_t *values)
{
    const hsize_t sizes[1] = {count};
    hid_t file = open_or_make(path), space = H5Screate_simple(1, sizes, NULL);
    hid_t id = H5Acreate_by_name(file, dataset, attribute, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT,
                                 H5P_DEFAULT);

    cr_assert(id >= 0 && H5Awrite(id, H5T_NATIVE_INT64, values) >= 0);
    H5Aclose(id);
    H5Sclose(space);
    cr_assert(H5Fclose(file) >= 0);
}

void odd_file_set_texts(const char *path, const char *dataset, const char *attribute, size_t count,
                        const char *const *texts)
{
    const hsize_t sizes[1] = {count};
    hid_t file = open_or_make(path), space = H5Screate_simple(1, sizes, NULL), type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t id =
        H5Acreate_by_name(file, dataset, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    cr_assert(id >= 0 && H5Awrite(id, type, texts) >= 0);
    H5Aclose(id);
    H5Tclose(type);
    H5Sclose(space);
    cr_assert(H5Fclose(file) >= 0);
}

/* ---- reading ---- */

void odd_file_extent(const char *path, const char *dataset, size_t *rows, size_t *columns)
{
    hsize_t sizes[2] = {0, 0};
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);

    cr_assert(file >= 0, "cannot open %s", path);
    if (H5Lexists(file, dataset, H5P_DEFAULT) > 0) {
        hid_t id = H5Dopen2(file, dataset, H5P_DEFAULT), space = H5Dget_space(id);

        cr_assert(H5Sget_simple_extent_ndims(space) <= 2);
        H5Sget_simple_extent_dims(space, sizes, NULL);
        H5Sclose(space);
        H5Dclose(id);
    }
    H5Fclose(file);
    *rows = sizes[0];
    *columns = sizes[1];
}

void odd_file_read(const char *path, const char *dataset, size_t count, double *out)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t id = file >= 0 ? H5Dopen2(file, dataset, H5P_DEFAULT) : H5I_INVALID_HID;

    cr_assert(id >= 0, "cannot open %s in %s", dataset, path);
    hid_t space = H5Dget_space(id);
    cr_assert(H5Sget_simple_extent_npoints(space) == (hssize_t)count, "%s: %s has %lld elements, not %zu",
              path, dataset, (long long)H5Sget_simple_extent_npoints(space), count);
    cr_assert(H5Dread(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(space);
    H5Dclose(id);
    H5Fclose(file);
}

/* ---- rows that can be learned ---- */

double odd_feature(size_t row, size_t column)
{
    uint64_t bits = (row * ODD_INPUTS + column + 1) * UINT64_C(0x9E3779B97F4A7C15);

    bits ^= bits >> 29;
    bits *= UINT64_C(0xBF58476D1CE4E5B9);
    bits ^= bits >> 32;
    /* 2^-23: exact in float32 too. */
    return (double)(bits >> 40) / 8388608.0 - 1.0;
}

double odd_label(size_t row, size_t head, size_t classes)
{
    double sum =
        odd_feature(row, head % ODD_INPUTS) + odd_feature(row, (head + 1) % ODD_INPUTS); /* -2 .. 2 */
    size_t class = (size_t)((sum + 2) / 4 * (double)classes);

    return (double)(class < classes ? class : classes - 1);
}

void odd_file_add_rows(const char *path, size_t rows, size_t heads, const size_t *classes,
                       size_t lost_percent)
{
    double *features = calloc(rows * ODD_INPUTS, sizeof *features);
    double *labels = calloc(rows * heads, sizeof *labels);

    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < ODD_INPUTS; column++)
            features[row * ODD_INPUTS + column] = odd_feature(row, column);
        for (size_t head = 0; head < heads; head++) {
            size_t at = row * heads + head;
            bool is_lost = at * 2654435761u % 1000 < lost_percent * 10;

            labels[at] = is_lost ? -1 : odd_label(row, head, classes[head]);
        }
    }
    odd_file_add(path, "features", AS_FLOAT32, rows, ODD_INPUTS, features);
    odd_file_add(path, "labels", AS_INT8, rows, heads, labels);
    free(features);
    free(labels);
}
