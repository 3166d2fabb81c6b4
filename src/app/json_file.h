#ifndef MULTIHEAD_SRC_APP_JSON_FILE_H
#define MULTIHEAD_SRC_APP_JSON_FILE_H

#include <jansson.h>

#include "multihead/base/status.h"

/** A number, or null where it is not finite. */
json_t *json_number(double value);

/** Writes `root` to stdout for "-", else to the file, whole or not at all. Takes `root` over; NULL: no memory. */
mh_status json_file_write(const char *path, json_t *root);

#endif
