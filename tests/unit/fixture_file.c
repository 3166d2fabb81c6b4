#include "fixture_file.h"

#include <criterion/criterion.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static hid_t open_dataset(const char *file_name, const char *dataset_name, hid_t *file)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", MH_FIXTURES, file_name);
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    cr_assert(*file >= 0, "cannot open %s", path);

    hid_t dataset = H5Dopen2(*file, dataset_name, H5P_DEFAULT);

    cr_assert(dataset >= 0, "%s has no dataset %s", path, dataset_name);
    return dataset;
}

static fixture_shape shape_of(hid_t dataset)
{
    fixture_shape shape = {.count = 1};
    hsize_t extent[FIXTURE_DIMENSIONS] = {1, 1, 1, 1};
    hid_t space = H5Dget_space(dataset);
    int dimensions = H5Sget_simple_extent_ndims(space);

    cr_assert(dimensions >= 0 && dimensions <= FIXTURE_DIMENSIONS);
    H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    shape.dimensions = (size_t)dimensions;
    for (size_t i = 0; i < FIXTURE_DIMENSIONS; i++) {
        shape.extent[i] = (size_t)extent[i];
        shape.count *= shape.extent[i];
    }
    return shape;
}

static void *read_whole(const char *file_name, const char *dataset_name, hid_t type, fixture_shape *shape)
{
    hid_t file = H5I_INVALID_HID;
    hid_t dataset = open_dataset(file_name, dataset_name, &file);

    *shape = shape_of(dataset);

    void *values = malloc(shape->count * H5Tget_size(type) + 1);

    cr_assert(values != NULL);
    cr_assert(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, "cannot read %s of %s",
              dataset_name, file_name);
    H5Dclose(dataset);
    H5Fclose(file);
    return values;
}

float *fixture_read_float(const char *file, const char *dataset, fixture_shape *shape)
{
    return read_whole(file, dataset, H5T_NATIVE_FLOAT, shape);
}

double *fixture_read_double(const char *file, const char *dataset, fixture_shape *shape)
{
    return read_whole(file, dataset, H5T_NATIVE_DOUBLE, shape);
}

uint8_t *fixture_read_uint8(const char *file, const char *dataset, fixture_shape *shape)
{
    return read_whole(file, dataset, H5T_NATIVE_UINT8, shape);
}

static hid_t open_or_create(const char *path)
{
    return access(path, F_OK) == 0 ? H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT)
                                   : H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
}

void fixture_write_bools(const char *path, const char *dataset_name, size_t rows, size_t columns,
                         const int8_t *values)
{
    const hsize_t sizes[2] = {rows, columns};
    const int8_t no = 0, yes = 1;
    hid_t file = open_or_create(path);
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    hid_t space = H5Screate_simple(2, sizes, NULL);

    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);

    hid_t dataset = H5Dcreate2(file, dataset_name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    cr_assert(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, "cannot write %s", path);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
}

void fixture_write_gzip(const char *path, const char *dataset_name, size_t rows, size_t columns,
                        size_t chunk_rows, const uint8_t *values)
{
    const hsize_t sizes[2] = {rows, columns}, chunk[2] = {chunk_rows, columns};
    hid_t file = open_or_create(path), space = H5Screate_simple(2, sizes, NULL);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_chunk(properties, 2, chunk);
    H5Pset_deflate(properties, 1);

    hid_t dataset = H5Dcreate2(file, dataset_name, H5T_STD_U8LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);

    cr_assert(H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    H5Fclose(file);
}

void fixture_write_link(const char *path, const char *dataset, const char *file_name)
{
    hid_t file = open_or_create(path);

    cr_assert(H5Lcreate_external(file_name, dataset, file, dataset, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
}
