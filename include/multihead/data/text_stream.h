#ifndef MULTIHEAD_DATA_TEXT_STREAM_H
#define MULTIHEAD_DATA_TEXT_STREAM_H

#include <stddef.h>

#include "multihead/base/status.h"

/*
 * The door to zlib: the lines of a text file, gzipped or not, one after another. Holds one line in memory.
 */
typedef struct mh_text_stream mh_text_stream;

/** Fails with MH_ERR_IO where the file cannot be read, MH_ERR_FORMAT where it is no file (a folder, a pipe). */
mh_status mh_text_stream_open(const char *path, mh_text_stream **out);

/** NULL is fine. */
void mh_text_stream_close(mh_text_stream *stream);

/**
 * Reads the next line.
 *
 *   line     out: without its end (LF or CR LF) and, in the first one, without a byte order mark; a 0 behind it and
 *            none in it; the caller may write into it; valid until the next call; NULL after the last line
 *   length   out: its bytes
 *
 * MH_ERR_FORMAT for what is no text (a 0 byte, UTF-16, HDF5), for a line beyond 256 MiB, for a gzipped file that is
 * cut off or damaged.
 */
mh_status mh_text_stream_line(mh_text_stream *stream, char **line, size_t *length);

/** Number of the line read last, from 1. */
size_t mh_text_stream_number(const mh_text_stream *stream);

/** Bytes of the file, as it is on disk, that have been read, and that there are. */
size_t mh_text_stream_bytes_read(const mh_text_stream *stream);
size_t mh_text_stream_bytes(const mh_text_stream *stream);

const char *mh_text_stream_path(const mh_text_stream *stream);

#endif
