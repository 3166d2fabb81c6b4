#ifndef MULTIHEAD_DATA_INDEX_MAP_H
#define MULTIHEAD_DATA_INDEX_MAP_H

#include "multihead/data/text_table.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/schema.h"

/*
 * What the numbers of LibSVM files stand for: how many features and labels there are over all files, and whether
 * they are counted from 0 or from 1. Labels are yes-no: listed or not. Used as column_map is.
 */
typedef struct mh_index_map mh_index_map;

typedef enum {
    MH_INDEX_BASE_AUTO, /* from 0 where a 0 occurs in any file, else from 1; extreme classification: from 0 */
    MH_INDEX_BASE_0,
    MH_INDEX_BASE_1
} mh_index_base;

typedef struct {
    size_t features, labels; /* told; 0: the largest found, or those of the line "N D L"   */
    mh_index_base feature_base, label_base;
    size_t columns_max; /* refuse more; 0: MH_TEXT_COLUMNS_MAX */
} mh_index_choice;

mh_status mh_index_map_create(const mh_index_choice *choice, mh_text_format format, mh_index_map **out);
void mh_index_map_destroy(mh_index_map *map);

/** The next file is surveyed from here on; keeps `path`, which must stay until finish. */
mh_status mh_index_map_begin(mh_index_map *map, const char *path, const mh_text_header *header);

/** MH_ERR_FORMAT for a value that is no finite float32 and for an index that is too large. */
mh_status mh_index_map_survey(mh_index_map *map, const mh_text_row *row);

/** MH_ERR_FORMAT, with its place, for an index beyond what was told. */
mh_status mh_index_map_finish(mh_index_map *map);

/** Without names; the map's own. */
const mh_schema *mh_index_map_schema(const mh_index_map *map);

/** Makes a row that was surveyed: features [inputs], labels [heads]. */
mh_status mh_index_map_convert(const mh_index_map *map, const char *path, const mh_text_row *row,
                               float *features, mh_label *labels);

/** Number of the first feature and of the first label: 0 or 1. */
size_t mh_index_map_feature_base(const mh_index_map *map);
size_t mh_index_map_label_base(const mh_index_map *map);

/** Share of the features, and of the labels, that are 0. */
double mh_index_map_zero_share(const mh_index_map *map);
double mh_index_map_zero_label_share(const mh_index_map *map);

#endif
