#ifndef MULTIHEAD_SRC_APP_DATASET_VIEW_H
#define MULTIHEAD_SRC_APP_DATASET_VIEW_H

#include "multihead/base/status.h"

/** Reads a data set and prints what is in it to stdout: rows, features, labels, how often each class occurs. */
mh_status dataset_view_print(char *path);

#endif
