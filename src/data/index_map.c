#include "multihead/data/index_map.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/number.h"
#include "multihead/base/text.h"

/* Where an index stands. */
typedef struct {
    size_t index;
    const char *path;
    size_t line, place;
} found;

/* What is known of the features, or of the labels. */
typedef struct {
    const char *word, *option, *base_option;
    size_t told;     /* 0: nothing                       */
    size_t declared; /* in first lines, the largest      */
    mh_index_base base_told;
    found least, most; /* without a path while none came */
    size_t entries;    /* that are not zero              */
    size_t base, count;
} index_range;

struct mh_index_map {
    bool is_xc;
    size_t columns_max;
    index_range features, labels;
    const char *path;
    size_t rows;
    mh_schema schema;
};

mh_status mh_index_map_create(const mh_index_choice *choice, mh_text_format format, mh_index_map **out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_new(sizeof **out, out));
    (*out)->is_xc = format == MH_FORMAT_XC;
    (*out)->columns_max = choice->columns_max != 0 ? choice->columns_max : MH_TEXT_COLUMNS_MAX;
    (*out)->features = (index_range){.word = "feature",
                                     .option = "--features",
                                     .base_option = "--index-base",
                                     .told = choice->features,
                                     .base_told = choice->feature_base};
    (*out)->labels = (index_range){.word = "label",
                                   .option = "--labels",
                                   .base_option = "--label-base",
                                   .told = choice->labels,
                                   .base_told = choice->label_base};
cleanup:
    return status;
}

void mh_index_map_destroy(mh_index_map *map)
{
    if (map == NULL)
        return;
    mh_schema_clear(&map->schema);
    mh_memory_free(map);
}

/* ---- survey ---- */

mh_status mh_index_map_begin(mh_index_map *map, const char *path, const mh_text_header *header)
{
    map->path = path;
    if (header->features > map->columns_max || header->labels > map->columns_max)
        return MH_FAIL(MH_ERR_FORMAT, "%s: %zu features and %zu labels are more than the %zu that fit", path,
                       header->features, header->labels, map->columns_max);
    if (header->features > map->features.declared)
        map->features.declared = header->features;
    if (header->labels > map->labels.declared)
        map->labels.declared = header->labels;
    return MH_OK;
}

static mh_status add_index(const mh_index_map *map, index_range *range, const mh_text_row *row,
                           const mh_text_cell *cell)
{
    found here = {.index = cell->column, .path = map->path, .line = row->line, .place = cell->place};

    if (here.index > map->columns_max)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: %s %zu is beyond the %zu that fit",
                       map->path, row->line, cell->place, range->word, here.index, map->columns_max);
    if (range->least.path == NULL || here.index < range->least.index)
        range->least = here;
    if (range->most.path == NULL || here.index > range->most.index)
        range->most = here;
    return MH_OK;
}

static mh_status read_value(const char *path, const mh_text_row *row, const mh_text_cell *cell, double *value)
{
    char excerpt[MH_TEXT_BYTES];
    const char *end = mh_number_read(cell->text, value);

    if (end == NULL || *end != '\0' || !(fabs(*value) <= (double)FLT_MAX))
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: \"%s\" is not a %s (value of feature %zu)",
                       path, row->line, cell->place, mh_text_excerpt(cell->text, excerpt),
                       end == NULL || *end != '\0' ? "number" : "32-bit float: too large", cell->column);
    return MH_OK;
}

mh_status mh_index_map_survey(mh_index_map *map, const mh_text_row *row)
{
    mh_status status = MH_OK;
    double value = 0;

    for (size_t i = 0; i < row->cells; i++) {
        MH_TRY(add_index(map, &map->features, row, &row->cell[i]));
        MH_TRY(read_value(map->path, row, &row->cell[i], &value));
        map->features.entries += value != 0;
    }
    for (size_t i = 0; i < row->labels; i++)
        MH_TRY(add_index(map, &map->labels, row, &row->label[i]));
    map->labels.entries += row->labels;
    map->rows++;
cleanup:
    return status;
}

/* ---- finish ---- */

static mh_status find_range(index_range *range, bool is_xc)
{
    const found *least = &range->least, *most = &range->most;
    bool is_any = least->path != NULL;

    range->base = range->base_told == MH_INDEX_BASE_1 ||
                  (range->base_told == MH_INDEX_BASE_AUTO && !is_xc && is_any && least->index > 0);
    if (is_any && least->index < range->base)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: %s 0, but %s says that they begin with 1",
                       least->path, least->line, least->place, range->word, range->base_option);
    size_t needed = is_any ? most->index - range->base + 1 : 0;
    range->count = range->told != 0 ? range->told : is_xc ? range->declared : needed;
    if (needed > range->count)
        return MH_FAIL(MH_ERR_FORMAT,
                       "%s: line %zu, column %zu: %s %zu, but %s says that they are %zu to %zu", most->path,
                       most->line, most->place, range->word, most->index,
                       range->told != 0 ? range->option : "the first line", range->base,
                       range->count + range->base - (range->count > 0 || range->base > 0));
    return MH_OK;
}

mh_status mh_index_map_finish(mh_index_map *map)
{
    mh_status status = MH_OK;

    MH_TRY(find_range(&map->features, map->is_xc));
    MH_TRY(find_range(&map->labels, map->is_xc));
    if (map->features.count == 0) {
        status =
            MH_FAIL(MH_ERR_FORMAT, "%s: no row has a feature; --features says how many there are", map->path);
        goto cleanup;
    }
    MH_TRY(mh_schema_create(map->features.count, map->labels.count, &map->schema));
    for (size_t head = 0; head < map->schema.heads; head++)
        map->schema.classes[head] = 2;
cleanup:
    return status;
}

const mh_schema *mh_index_map_schema(const mh_index_map *map)
{
    return &map->schema;
}

/* ---- convert ---- */

mh_status mh_index_map_convert(const mh_index_map *map, const char *path, const mh_text_row *row,
                               float *features, mh_label *labels)
{
    mh_status status = MH_OK;
    double value = 0;

    memset(features, 0, map->schema.inputs * sizeof *features);
    memset(labels, 0, map->schema.heads * sizeof *labels);
    for (size_t i = 0; i < row->cells; i++) {
        size_t at = row->cell[i].column - map->features.base; /* huge where 0 was not there before */

        MH_TRY(read_value(path, row, &row->cell[i], &value));
        if (at >= map->schema.inputs)
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s: line %zu: feature %zu is new: the file changed while it was read", path,
                           row->line, row->cell[i].column);
        features[at] = (float)value;
    }
    for (size_t i = 0; i < row->labels; i++) {
        size_t at = row->label[i].column - map->labels.base;

        if (at >= map->schema.heads)
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s: line %zu: label %zu is new: the file changed while it was read", path,
                           row->line, row->label[i].column);
        labels[at] = 1;
    }
cleanup:
    return status;
}

/* ---- summary ---- */

size_t mh_index_map_feature_base(const mh_index_map *map)
{
    return map->features.base;
}

size_t mh_index_map_label_base(const mh_index_map *map)
{
    return map->labels.base;
}

static double zero_share(size_t rows, size_t columns, size_t entries)
{
    double all = (double)rows * (double)columns;

    return all > 0 ? 1 - (double)entries / all : 0;
}

double mh_index_map_zero_share(const mh_index_map *map)
{
    return zero_share(map->rows, map->schema.inputs, map->features.entries);
}

double mh_index_map_zero_label_share(const mh_index_map *map)
{
    return zero_share(map->rows, map->schema.heads, map->labels.entries);
}
