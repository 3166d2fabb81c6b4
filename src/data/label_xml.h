#ifndef MULTIHEAD_SRC_DATA_LABEL_XML_H
#define MULTIHEAD_SRC_DATA_LABEL_XML_H

#include "multihead/data/value_set.h"

/**
 * The door to expat: the names of the labels in an XML file as MULAN has it,
 * <labels xmlns="http://mulan.sourceforge.net/labels"><label name="..."></label>...</labels>, nested or not.
 *
 * `out` in the file's order; the caller destroys it. MH_ERR_FORMAT for what is no such file, for one without labels
 * and for a label that is there twice.
 */
mh_status label_xml_read(const char *path, mh_value_set **out);

#endif
