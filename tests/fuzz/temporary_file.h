#ifndef MULTIHEAD_TESTS_FUZZ_TEMPORARY_FILE_H
#define MULTIHEAD_TESTS_FUZZ_TEMPORARY_FILE_H

#include <stddef.h>

/* A file in TMPDIR, or /tmp. A name is needed: HDF5 opens no memfd by its /proc/self/fd. */
typedef struct {
    int descriptor;
    char path[256];
} temporary_file;

temporary_file temporary_file_create(const void *data, size_t size);
void temporary_file_close(temporary_file *file);

#endif
