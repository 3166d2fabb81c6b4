#ifndef MULTIHEAD_SRC_APP_TEXT_FILE_H
#define MULTIHEAD_SRC_APP_TEXT_FILE_H

#include "multihead/base/status.h"

/** Reads a whole text; the caller frees it (mh_memory_free). */
mh_status text_file_read(const char *path, char **out);

/** Writes a text as a whole, or not at all: under another name first. */
mh_status text_file_write(const char *path, const char *text);

#endif
