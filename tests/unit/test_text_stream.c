#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <zlib.h>

#include "expect.h"
#include "multihead/data/text_stream.h"
#include "scratch.h"

TestSuite(text_stream, .init = scratch_make, .fini = scratch_remove);

static mh_text_stream *open_stream(const char *name)
{
    mh_text_stream *stream = NULL;

    MUST(mh_text_stream_open(scratch_path(name), &stream));
    return stream;
}

static mh_text_stream *stream_of(const char *bytes, size_t count)
{
    scratch_write("a.txt", bytes, count);
    return open_stream("a.txt");
}

static void expect_line(mh_text_stream *stream, const char *expected)
{
    char *line = NULL;
    size_t length = 0;

    MUST(mh_text_stream_line(stream, &line, &length));
    if (expected == NULL) {
        cr_expect(line == NULL, "a line '%s' after the last one", line);
        return;
    }
    cr_assert(line != NULL, "no line, expected '%s'", expected);
    cr_expect(strcmp(line, expected) == 0, "'%s' instead of '%s'", line, expected);
    cr_expect(eq(sz, length, strlen(expected)));
}

Test(text_stream, lines_end_in_several_ways)
{
    mh_text_stream *stream = stream_of("\xef\xbb\xbfone\r\n\ntwo\rstill two\nlast", 27);

    expect_line(stream, "one");
    expect_line(stream, "");
    expect_line(stream, "two\rstill two");
    expect_line(stream, "last");
    cr_expect(eq(sz, mh_text_stream_number(stream), 4));
    expect_line(stream, NULL);
    expect_line(stream, NULL);
    cr_expect(eq(sz, mh_text_stream_bytes_read(stream), mh_text_stream_bytes(stream)));
    mh_text_stream_close(stream);
}

Test(text_stream, an_empty_file_has_no_line)
{
    mh_text_stream *stream = stream_of("", 0);

    expect_line(stream, NULL);
    mh_text_stream_close(stream);
}

/* Longer than the buffer, and across its end. */
Test(text_stream, long_lines_are_whole)
{
    enum { LONG = 300000 };
    char *text = malloc(2 * LONG + 3);

    memset(text, 'a', LONG);
    text[LONG] = '\n';
    memset(text + LONG + 1, 'b', LONG);
    text[2 * LONG + 1] = '\n';
    mh_text_stream *stream = stream_of(text, 2 * LONG + 2);
    text[LONG] = text[2 * LONG + 1] = '\0';
    expect_line(stream, text);
    expect_line(stream, text + LONG + 1);
    expect_line(stream, NULL);
    mh_text_stream_close(stream);
    free(text);
}

static void write_gzipped(const char *name)
{
    gzFile file = gzopen(scratch_path(name), "wb");

    for (int i = 0; i < 20000; i++)
        gzprintf(file, "line %d\n", i * 7919);
    cr_assert(gzclose(file) == Z_OK);
}

Test(text_stream, gzipped_files_are_read_whatever_their_name)
{
    write_gzipped("a.anything");
    mh_text_stream *stream = open_stream("a.anything");

    expect_line(stream, "line 0");
    expect_line(stream, "line 7919");
    mh_text_stream_close(stream);
}

static mh_status read_all(const char *name)
{
    mh_text_stream *stream = open_stream(name);
    mh_status status = MH_OK;
    size_t length = 0;
    char *line = NULL;

    do
        status = mh_text_stream_line(stream, &line, &length);
    while (status == MH_OK && line != NULL);
    mh_text_stream_close(stream);
    return status;
}

Test(text_stream, a_gzipped_file_that_is_cut_off_or_damaged_is_refused)
{
    size_t bytes = 0;

    write_gzipped("a.gz");
    MUST(read_all("a.gz"));
    char *data = scratch_read("a.gz", &bytes);
    scratch_write("cut.gz", data, bytes - 5);
    EXPECT_FAILURE(read_all("cut.gz"), MH_ERR_FORMAT, "cut off or damaged");
    data[bytes / 2] ^= 0x55;
    scratch_write("damaged.gz", data, bytes);
    EXPECT_FAILURE(read_all("damaged.gz"), MH_ERR_FORMAT, "cut off or damaged");
    free(data);
}

Test(text_stream, what_is_no_text_is_refused)
{
    scratch_write("zero", "a\nb\0c\n", 6);
    EXPECT_FAILURE(read_all("zero"), MH_ERR_FORMAT, "line 2, column 2: a 0 byte");
    scratch_write("utf16",
                  "\xff\xfe"
                  "a\0",
                  4);
    EXPECT_FAILURE(read_all("utf16"), MH_ERR_FORMAT, "UTF-16");
    scratch_write("a.h5", "\x89HDF\r\n\x1a\n", 8);
    EXPECT_FAILURE(read_all("a.h5"), MH_ERR_FORMAT, "HDF5 file");
}

Test(text_stream, says_why_a_file_cannot_be_read)
{
    mh_text_stream *stream = NULL;

    EXPECT_FAILURE(mh_text_stream_open(scratch_path("nowhere"), &stream), MH_ERR_IO, "No such file");
    cr_expect(stream == NULL);
    EXPECT_FAILURE(mh_text_stream_open(scratch_folder("folder"), &stream), MH_ERR_FORMAT, "a folder");
}
