#ifndef MULTIHEAD_DATA_IMPORTER_H
#define MULTIHEAD_DATA_IMPORTER_H

#include "multihead/data/text_source.h"

/**
 * Writes each file of a source as an HDF5 data set: /features float32 and /labels uint8 (uint16 where a label has more
 * than 254 classes), with the names, num_classes and missing_value as attributes; compressed where zeros prevail.
 *
 *   outputs   [files] where; their folders must be there
 *
 * All of them appear, or on failure none does.
 */
mh_status mh_importer_write(mh_text_source *source, char *const *outputs);

#endif
