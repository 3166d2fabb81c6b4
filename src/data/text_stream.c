#include "multihead/data/text_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "multihead/base/memory.h"

enum { BUFFER_BYTES = 1 << 16, LONGEST_LINE = 1 << 28 };

struct mh_text_stream {
    gzFile file;
    char *path;
    size_t file_bytes;
    char *buffer; /* [room], and a place for a 0 behind it */
    size_t room;
    size_t first, end; /* what of the buffer is still to be handed out */
    bool is_at_end;    /* of the file: the buffer has the rest         */
    size_t number;
};

/* ---- open and close ---- */

static mh_status check_file(const char *path, size_t *bytes)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) /* it is read twice, so a pipe will not do */
        return MH_FAIL(MH_ERR_FORMAT, "%s: is not a file but %s", path,
                       S_ISDIR(info.st_mode) ? "a folder" : "something else");
    *bytes = (size_t)info.st_size;
    return MH_OK;
}

mh_status mh_text_stream_open(const char *path, mh_text_stream **out)
{
    mh_status status = MH_OK;
    mh_text_stream *stream = NULL;

    MH_TRY(mh_memory_new(sizeof *stream, &stream));
    MH_TRY(mh_memory_text(path, &stream->path));
    MH_TRY(check_file(path, &stream->file_bytes));
    stream->file = gzopen(path, "rbe");
    if (stream->file == NULL) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        goto cleanup;
    }
    gzbuffer(stream->file, BUFFER_BYTES);
    stream->room = BUFFER_BYTES;
    MH_TRY(mh_memory_new(stream->room + 1, &stream->buffer));
cleanup:
    if (status != MH_OK) {
        mh_text_stream_close(stream);
        stream = NULL;
    }
    *out = stream;
    return status;
}

void mh_text_stream_close(mh_text_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->file != NULL)
        gzclose(stream->file);
    mh_memory_free(stream->buffer);
    mh_memory_free(stream->path);
    mh_memory_free(stream);
}

/* ---- the buffer ---- */

/* The rest of what is there moves to the front; a line that fills the buffer gets a larger one. */
static mh_status make_room(mh_text_stream *stream)
{
    mh_status status = MH_OK;
    char *larger = NULL;
    size_t kept = stream->end - stream->first;

    if (stream->first > 0) {
        memmove(stream->buffer, stream->buffer + stream->first, kept);
    } else if (kept == stream->room) {
        if (stream->room >= LONGEST_LINE)
            return MH_FAIL(MH_ERR_FORMAT, "%s: line %zu is longer than %d MiB", stream->path,
                           stream->number + 1, LONGEST_LINE >> 20);
        MH_TRY(mh_memory_new(2 * stream->room + 1, &larger));
        memcpy(larger, stream->buffer, kept);
        mh_memory_free(stream->buffer);
        stream->buffer = larger;
        stream->room *= 2;
    }
    stream->first = 0;
    stream->end = kept;
cleanup:
    return status;
}

static mh_status fill(mh_text_stream *stream)
{
    mh_status status = MH_OK;
    int code = Z_OK;

    MH_TRY(make_room(stream));
    int bytes = gzread(stream->file, stream->buffer + stream->end, (unsigned)(stream->room - stream->end));
    const char *reason = gzerror(stream->file, &code); /* "path: words" */
    if (bytes < 0 && code == Z_ERRNO)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", stream->path, strerror(errno));
    /* A file that ends too early gives what it has, and the error with it. */
    if (bytes < 0 || (code != Z_OK && code != Z_STREAM_END))
        return MH_FAIL(
            MH_ERR_FORMAT, "%s: the gzipped file is cut off or damaged, after line %zu at the latest: %s",
            stream->path, stream->number, strrchr(reason, ':') != NULL ? strrchr(reason, ':') + 2 : reason);
    stream->end += (size_t)bytes;
    stream->is_at_end = bytes == 0;
cleanup:
    return status;
}

/* ---- lines ---- */

static mh_status check_beginning(const mh_text_stream *stream, const char *line, size_t length)
{
    if (length >= 4 && memcmp(line, "\x89HDF", 4) == 0)
        return MH_FAIL(MH_ERR_FORMAT, "%s: is an HDF5 file, not text; train takes it as it is", stream->path);
    if (length >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0))
        return MH_FAIL(MH_ERR_FORMAT, "%s: is UTF-16 text; iconv -f UTF-16 -t UTF-8 makes it readable",
                       stream->path);
    return MH_OK;
}

/* `at` is where the line's LF is, or the end of the file. */
static mh_status cut_line(mh_text_stream *stream, size_t at, char **line, size_t *length)
{
    mh_status status = MH_OK;
    char *begin = stream->buffer + stream->first;
    size_t bytes = at - stream->first;

    stream->first = at < stream->end ? at + 1 : at;
    stream->number++;
    if (bytes > 0 && begin[bytes - 1] == '\r')
        bytes--;
    begin[bytes] = '\0';
    if (stream->number == 1) {
        MH_TRY(check_beginning(stream, begin, bytes));
        if (bytes >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0) {
            begin += 3;
            bytes -= 3;
        }
    }
    const char *zero = memchr(begin, '\0', bytes);
    if (zero != NULL)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: line %zu, column %zu: a 0 byte: this is no text file",
                         stream->path, stream->number, (size_t)(zero - begin) + 1);
    *line = begin;
    *length = bytes;
cleanup:
    return status;
}

mh_status mh_text_stream_line(mh_text_stream *stream, char **line, size_t *length)
{
    mh_status status = MH_OK;
    size_t searched = 0; /* bytes known to have no LF */

    *line = NULL;
    *length = 0;
    for (;;) {
        const char *from = stream->buffer + stream->first + searched;
        const char *newline = memchr(from, '\n', stream->end - stream->first - searched);

        if (newline != NULL)
            return cut_line(stream, (size_t)(newline - stream->buffer), line, length);
        searched = stream->end - stream->first;
        if (stream->is_at_end)
            return searched > 0 ? cut_line(stream, stream->end, line, length) : MH_OK;
        MH_TRY(fill(stream));
    }
cleanup:
    return status;
}

size_t mh_text_stream_number(const mh_text_stream *stream)
{
    return stream->number;
}

size_t mh_text_stream_bytes_read(const mh_text_stream *stream)
{
    z_off_t offset = gzoffset(stream->file);

    return offset > 0 ? (size_t)offset : 0;
}

size_t mh_text_stream_bytes(const mh_text_stream *stream)
{
    return stream->file_bytes;
}

const char *mh_text_stream_path(const mh_text_stream *stream)
{
    return stream->path;
}
