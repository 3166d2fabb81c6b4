#ifndef MULTIHEAD_TESTS_SCRATCH_H
#define MULTIHEAD_TESTS_SCRATCH_H

#include <stddef.h>

/* A fresh folder for the files of one test: .init = scratch_make, .fini = scratch_remove. */
void scratch_make(void);
void scratch_remove(void);

/** The path of a file or folder in it. Valid until the test ends. */
const char *scratch_path(const char *name);

/** Makes a folder in it and returns its path. */
const char *scratch_folder(const char *name);

/** Writes `bytes` bytes. */
void scratch_write(const char *name, const void *data, size_t bytes);

/** Reads a whole file, a 0 behind it; free with free(). */
char *scratch_read(const char *name, size_t *bytes);

/** How many files and folders are directly in it, hidden ones too. */
size_t scratch_entries(void);

#endif
