#ifndef MULTIHEAD_TESTS_FIXTURE_FILE_H
#define MULTIHEAD_TESTS_FIXTURE_FILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The tests' own door to HDF5, so that reference numbers do not come through the code under test.
 *
 * Each function reads a whole dataset, converted to the type asked for, from tests/fixtures/<file>; the test
 * fails where that does not work. The caller frees with free().
 */
enum { FIXTURE_DIMENSIONS = 4 };

typedef struct {
    size_t dimensions;
    size_t extent[FIXTURE_DIMENSIONS]; /* 1 beyond `dimensions` */
    size_t count;                      /* of all elements       */
} fixture_shape;

float *fixture_read_float(const char *file, const char *dataset, fixture_shape *shape);
double *fixture_read_double(const char *file, const char *dataset, fixture_shape *shape);
uint8_t *fixture_read_uint8(const char *file, const char *dataset, fixture_shape *shape);

/** Adds a dataset of booleans as h5py writes them, an enumeration over int8, to the file at `path`. */
void fixture_write_bools(const char *path, const char *dataset, size_t rows, size_t columns,
                         const int8_t *values);

/** Adds a dataset of bytes in compressed chunks of so many rows. */
void fixture_write_gzip(const char *path, const char *dataset, size_t rows, size_t columns, size_t chunk_rows,
                        const uint8_t *values);

/** Makes a file with a link to a dataset of another file in the same folder, called `file`. */
void fixture_write_link(const char *path, const char *dataset, const char *file);

#endif
