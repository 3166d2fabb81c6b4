#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/data/text_source.h"
#include "temporary_file.h"

/*
 * What libFuzzer calls: the bytes are text files to import, and whatever they are, the importer must say what is wrong
 * or give rows that keep its promises. The first byte says of which form they are (see choose); a line of "---" stands
 * between two files. HDF5 is left out: the rows are looked at instead.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES = 2, COLUMNS_MAX = 4096 };

static const char separator[] = "\n---\n";
static const char labelled[] =
    "@relation r\n@attribute a numeric\n@attribute b {0,1}\n@attribute 'c d' {no,yes}\n"
    "@data\n1,0,yes\n?,1,no\n";

/* Upper case has the same form with more said about it. */
static void choose(uint8_t form, mh_text_source_config *config)
{
    switch (form) {
    case 'a':
    case 'A':
        config->format = MH_FORMAT_ARFF;
        config->columns.label_columns = form == 'A' ? "1" : NULL;
        break;
    case 'c':
    case 'C':
        config->format = MH_FORMAT_CSV;
        if (form == 'C') {
            config->columns.label_columns = "1,\"b\"";
            config->columns.categorical_columns = "3-";
            config->columns.missing = "NA,-9";
        }
        break;
    case 't':
    case 'T':
        config->format = MH_FORMAT_TSV;
        config->header = form == 'T' ? MH_HEADER_NO : MH_HEADER_YES;
        config->columns.label_columns = "1-2";
        break;
    case 'l':
    case 'L':
        config->format = MH_FORMAT_LIBSVM;
        if (form == 'L') {
            config->indices.features = 20;
            config->indices.labels = 4;
            config->indices.feature_base = MH_INDEX_BASE_1;
        }
        break;
    case 'x':
        config->format = MH_FORMAT_XC;
        break;
    default:
        config->columns.label_columns = form == 'U' ? "none" : NULL;
    }
    config->indices.columns_max = COLUMNS_MAX;
}

static mh_status look_at(void *context, mh_span rows, const float *features, const mh_label *labels)
{
    const mh_schema *schema = context;

    for (size_t i = 0; i < rows.count * schema->inputs; i++)
        if (!isfinite(features[i]))
            abort();
    for (size_t i = 0; i < rows.count * schema->heads; i++)
        if (labels[i] != MH_LABEL_MISSING && labels[i] >= schema->classes[i % schema->heads])
            abort();
    return MH_OK;
}

static void import(const mh_text_source_config *config)
{
    mh_text_source *source = NULL;

    if (mh_text_source_open(config, &source) != MH_OK)
        return;
    /* What was read once must be readable a second time. */
    for (size_t i = 0; i < config->path_count; i++)
        if (mh_text_source_read(source, i, look_at, (void *)mh_text_source_schema(source)) != MH_OK) {
            fprintf(stderr, "%s\n", mh_status_message());
            abort();
        }
    mh_text_source_close(source);
}

static void import_with_xml(const uint8_t *data, size_t size)
{
    temporary_file xml = temporary_file_create(data, size),
                   arff = temporary_file_create(labelled, strlen(labelled));
    mh_text_source_config config = {.paths = (char *const[]){arff.path}, .path_count = 1};

    config.columns.label_xml = xml.path;
    import(&config);
    temporary_file_close(&xml);
    temporary_file_close(&arff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t form = *data++;
    size--;
    if (form == 'm') {
        import_with_xml(data, size);
        return 0;
    }

    const uint8_t *between = memmem(data, size, separator, strlen(separator));
    size_t first = between != NULL ? (size_t)(between - data) + 1 : size;
    size_t rest = between != NULL ? first + strlen(separator) - 1 : size;
    temporary_file files[FILES] = {temporary_file_create(data, first),
                                   temporary_file_create(data + rest, size - rest)};
    char *paths[FILES] = {files[0].path, files[1].path};
    mh_text_source_config config = {.paths = paths, .path_count = between != NULL ? 2 : 1};

    choose(form, &config);
    import(&config);
    for (size_t i = 0; i < FILES; i++)
        temporary_file_close(&files[i]);
    return 0;
}
