#ifndef MULTIHEAD_SRC_APP_VERSIONS_H
#define MULTIHEAD_SRC_APP_VERSIONS_H

#include <stddef.h>

#include "multihead/base/status.h"

/** The program and the libraries in use, a line each. May be called before MPI starts. */
void versions_describe(char *text, size_t bytes);

/** Warns where a checkpoint was made with others than these: they may round otherwise. Needs no other rank. */
void versions_compare(const char *checkpoint, const char *before, const char *now);

#endif
