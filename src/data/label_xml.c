#include "label_xml.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "multihead/base/text.h"

enum { LABELS_MAX = 1 << 24 };

typedef struct {
    const char *path;
    XML_Parser parser;
    mh_value_set *names;
    mh_status status;
} reader;

static mh_status keep_label(reader *reader, const char **attributes)
{
    mh_status status = MH_OK;
    size_t line = XML_GetCurrentLineNumber(reader->parser), before = mh_value_set_count(reader->names);
    char excerpt[MH_TEXT_BYTES];

    while (attributes[0] != NULL && strcmp(attributes[0], "name") != 0)
        attributes += 2;
    if (attributes[0] == NULL)
        return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: a label without a name", reader->path, line);
    MH_TRY(mh_value_set_add(reader->names, attributes[1], NULL));
    if (mh_value_set_count(reader->names) == before)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: line %zu: label \"%s\" is there twice", reader->path, line,
                         mh_text_excerpt(attributes[1], excerpt));
cleanup:
    return status;
}

static void on_element(void *data, const char *element, const char **attributes)
{
    reader *reader = data;
    const char *colon = strrchr(element, ':');

    if (reader->status == MH_OK && strcmp(colon != NULL ? colon + 1 : element, "label") == 0)
        reader->status = keep_label(reader, attributes);
    if (reader->status != MH_OK)
        XML_StopParser(reader->parser, XML_FALSE);
}

static mh_status parse(reader *reader, FILE *file)
{
    char block[1 << 14];
    size_t bytes;

    do {
        bytes = fread(block, 1, sizeof block, file);
        if (ferror(file))
            return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", reader->path, strerror(errno));
        enum XML_Status result = XML_Parse(reader->parser, block, (int)bytes, bytes < sizeof block);
        if (reader->status != MH_OK)
            return reader->status;
        if (result != XML_STATUS_OK)
            return MH_FAIL(MH_ERR_FORMAT, "%s: line %lu, column %lu: %s", reader->path,
                           XML_GetCurrentLineNumber(reader->parser),
                           XML_GetCurrentColumnNumber(reader->parser) + 1,
                           XML_ErrorString(XML_GetErrorCode(reader->parser)));
    } while (bytes == sizeof block);
    return MH_OK;
}

mh_status label_xml_read(const char *path, mh_value_set **out)
{
    mh_status status = MH_OK;
    reader reader = {.path = path, .parser = XML_ParserCreate(NULL)};
    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        goto cleanup;
    }
    if (reader.parser == NULL) {
        status = MH_FAIL(MH_ERR_MEMORY, "%s: no memory for an XML parser", path);
        goto cleanup;
    }
    MH_TRY(mh_value_set_create(LABELS_MAX, &reader.names));
    XML_SetUserData(reader.parser, &reader);
    XML_SetStartElementHandler(reader.parser, on_element);
    MH_TRY(parse(&reader, file));
    if (mh_value_set_count(reader.names) == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: names no label: expected <label name=\"...\"> in it", path);
cleanup:
    if (reader.parser != NULL)
        XML_ParserFree(reader.parser);
    if (file != NULL)
        fclose(file);
    if (status != MH_OK) {
        mh_value_set_destroy(reader.names);
        reader.names = NULL;
    }
    *out = reader.names;
    return status;
}
