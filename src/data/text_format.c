#include <string.h>
#include <strings.h>

#include "text_reader.h"

/* Of which form a text file is. */

typedef struct {
    const char *extension;
    mh_text_format format;
} known_extension;

/* .txt is what everything else is called too. */
static const known_extension known[] = {
    {".arff", MH_FORMAT_ARFF},       {".csv", MH_FORMAT_CSV},       {".tsv", MH_FORMAT_TSV},
    {".tab", MH_FORMAT_TSV},         {".libsvm", MH_FORMAT_LIBSVM}, {".svm", MH_FORMAT_LIBSVM},
    {".svmlight", MH_FORMAT_LIBSVM},
};

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t bytes = strlen(end);

    return length > bytes && strncasecmp(text + length - bytes, end, bytes) == 0;
}

static mh_text_format format_of_name(const char *path)
{
    size_t length = strlen(path);

    if (ends_with(path, length, ".gz"))
        length -= 3;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (ends_with(path, length, known[i].extension))
            return known[i].format;
    return MH_FORMAT_AUTO;
}

static mh_text_format format_of_line(const char *line)
{
    size_t numbers[3];

    if (*line == '%' || strncasecmp(line, "@relation", 9) == 0 || strncasecmp(line, "@attribute", 10) == 0)
        return MH_FORMAT_ARFF;
    if (libsvm_reader_is_header(line, numbers))
        return MH_FORMAT_XC;
    if (libsvm_reader_is_row(line))
        return MH_FORMAT_LIBSVM;
    if (strchr(line, '\t') != NULL)
        return MH_FORMAT_TSV;
    return strpbrk(line, ",;") != NULL ? MH_FORMAT_CSV : MH_FORMAT_AUTO;
}

mh_status mh_text_format_find(const char *path, mh_text_format format, mh_text_format *out)
{
    mh_status status = MH_OK;
    mh_text_stream *stream = NULL;
    size_t numbers[3], length = 0;
    char *line = NULL;

    *out = format != MH_FORMAT_AUTO ? format : format_of_name(path);
    if (format != MH_FORMAT_AUTO || (*out != MH_FORMAT_AUTO && *out != MH_FORMAT_LIBSVM))
        return MH_OK;
    MH_TRY(mh_text_stream_open(path, &stream));
    do {
        MH_TRY(mh_text_stream_line(stream, &line, &length));
    } while (line != NULL && (*skip_blanks(line) == '\0' || *skip_blanks(line) == '#'));
    if (line == NULL && *out == MH_FORMAT_AUTO)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: is empty", path);
    else if (line != NULL && *out == MH_FORMAT_AUTO)
        *out = format_of_line(skip_blanks(line));
    else if (line != NULL && libsvm_reader_is_header(skip_blanks(line), numbers))
        *out = MH_FORMAT_XC;
    if (status == MH_OK && *out == MH_FORMAT_AUTO)
        status =
            MH_FAIL(MH_ERR_FORMAT,
                    "%s: line %zu does not tell what this is; --format arff, csv, tsv, libsvm or xc does",
                    path, mh_text_stream_number(stream));
cleanup:
    mh_text_stream_close(stream);
    return status;
}
