#ifndef MULTIHEAD_SRC_APP_FILE_CHECK_H
#define MULTIHEAD_SRC_APP_FILE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Looks at all of a file that multihead or somebody else made: a data set, model, checkpoint or predictions.
 *
 *   line   out: what it is and how it fares, without a newline
 *
 * The work is done in a process of its own, because HDF5 may crash or hang at a damaged file. Returns whether the file is
 * whole: as it was written, where it has checksums, and otherwise as training, prediction or resuming need it.
 */
bool file_check(const char *path, char *line, size_t bytes);

#endif
