#ifndef MULTIHEAD_TESTS_ODD_FILES_H
#define MULTIHEAD_TESTS_ODD_FILES_H

#include <stddef.h>
#include <stdint.h>

/*
 * HDF5 files as others write them, good and bad: through HDF5 itself, so that they do not depend on the code
 * under test. Whatever goes wrong here fails the test.
 */

typedef enum {
    AS_FLOAT32,
    AS_FLOAT64,
    AS_UINT8,
    AS_INT8,
    AS_INT64,
    AS_BOOL, /* an enum of FALSE and TRUE, as h5py writes numpy's bool */
    AS_TEXT  /* fixed strings; the values are not used                 */
} odd_type;

/**
 * Adds a dataset [rows x columns], or [rows] where columns is 0, to a file that is made where it is not
 * there; groups on the way are made too. Values [rows x columns] are converted to the type.
 */
void odd_file_add(const char *path, const char *dataset, odd_type type, size_t rows, size_t columns,
                  const double *values);
void odd_file_set_integers(const char *path, const char *dataset, const char *attribute, size_t count,
                           const int64_t *values);

/** Texts of any length, as h5py writes a list of str. */
void odd_file_set_texts(const char *path, const char *dataset, const char *attribute, size_t count,
                        const char *const *texts);

/** Reads a dataset of numbers as doubles; `count` must be how many there are. */
void odd_file_read(const char *path, const char *dataset, size_t count, double *out);

/** [rows x columns] of a dataset; columns 0 where it has one dimension, and rows 0 where there is none of
 * that name. */
void odd_file_extent(const char *path, const char *dataset, size_t *rows, size_t *columns);

/* ---- rows that can be learned ---- */

/** Features in [-1, 1), fixed. */
double odd_feature(size_t row, size_t column);

/** A class from 0 to classes - 1 that has to do with the features. */
double odd_label(size_t row, size_t head, size_t classes);

/** Adds /features [rows x 6] and /labels [rows x heads], of so many classes each; some labels may be missing
 * (-1). */
void odd_file_add_rows(const char *path, size_t rows, size_t heads, const size_t *classes,
                       size_t lost_percent);

enum { ODD_INPUTS = 6 };

#endif
