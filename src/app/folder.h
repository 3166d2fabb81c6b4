#ifndef MULTIHEAD_SRC_APP_FOLDER_H
#define MULTIHEAD_SRC_APP_FOLDER_H

#include "multihead/base/status.h"

/** Makes a folder and those above it; one that is there is fine. */
mh_status folder_make(const char *path);

/** Makes the folder that a file is to go into. */
mh_status folder_make_for(const char *file);

#endif
