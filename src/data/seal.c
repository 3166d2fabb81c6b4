#include "multihead/data/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multihead/base/checksum.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/tensor/span.h"

enum {
    NUMBERS = 3, /* of the tail: bytes of the contents, bytes of a block, checksum */
    WORD = 8,
    MAGIC_BYTES = 16,
    TAIL_BYTES = NUMBERS * WORD + MAGIC_BYTES
};

static const char magic[MAGIC_BYTES + 1] = "multihead seal 1";

static void put_word(unsigned char *place, uint64_t word)
{
    for (size_t i = 0; i < WORD; i++)
        place[i] = (unsigned char)(word >> 8 * i);
}

static uint64_t get_word(const unsigned char *place)
{
    uint64_t word = 0;

    for (size_t i = 0; i < WORD; i++)
        word |= (uint64_t)place[i] << 8 * i;
    return word;
}

static size_t blocks_of(uint64_t bytes)
{
    return (size_t)(bytes / MH_SEAL_BLOCK_BYTES) + (bytes % MH_SEAL_BLOCK_BYTES != 0);
}

static size_t block_bytes(uint64_t content_bytes, size_t block)
{
    uint64_t rest = content_bytes - (uint64_t)block * MH_SEAL_BLOCK_BYTES;

    return rest < MH_SEAL_BLOCK_BYTES ? (size_t)rest : MH_SEAL_BLOCK_BYTES;
}

size_t mh_seal_bytes(size_t content_bytes)
{
    return blocks_of(content_bytes) * WORD + TAIL_BYTES;
}

/* Behind a table that is there already. */
static void put_tail(unsigned char *table, uint64_t content_bytes)
{
    unsigned char *tail = table + blocks_of(content_bytes) * WORD;

    put_word(tail, content_bytes);
    put_word(tail + WORD, MH_SEAL_BLOCK_BYTES);
    put_word(tail + 2 * WORD, mh_checksum(table, (size_t)(tail - table) + 2 * WORD));
    memcpy(tail + NUMBERS * WORD, magic, MAGIC_BYTES);
}

size_t mh_seal_put(void *contents, size_t content_bytes)
{
    unsigned char *bytes = contents, *table = bytes + content_bytes;

    for (size_t block = 0; block < blocks_of(content_bytes); block++)
        put_word(table + block * WORD,
                 mh_checksum(bytes + block * MH_SEAL_BLOCK_BYTES, block_bytes(content_bytes, block)));
    put_tail(table, content_bytes);
    return content_bytes + mh_seal_bytes(content_bytes);
}

/* ---- files ---- */

/* The file's end is an error: there were as many bytes a moment ago. */
static bool read_at(int descriptor, uint64_t offset, void *out, size_t bytes)
{
    char *place = out;

    while (bytes > 0) {
        ssize_t got = pread(descriptor, place, bytes, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return false;
        place += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

static bool write_at(int descriptor, uint64_t offset, const void *data, size_t bytes)
{
    const char *place = data;

    while (bytes > 0) {
        ssize_t written = pwrite(descriptor, place, bytes, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        place += written;
        offset += (uint64_t)written;
        bytes -= (size_t)written;
    }
    return true;
}

mh_status mh_seal_append(const char *partial, const char *path)
{
    mh_status status = MH_OK;
    unsigned char *block = NULL, *table = NULL;
    int descriptor = open(partial, O_RDWR | O_CLOEXEC);
    struct stat info;

    if (descriptor < 0 || fstat(descriptor, &info) != 0) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        goto cleanup;
    }
    uint64_t bytes = (uint64_t)info.st_size;
    MH_TRY(mh_memory_new(MH_SEAL_BLOCK_BYTES, &block));
    MH_TRY(mh_memory_new(mh_seal_bytes((size_t)bytes), &table));
    for (size_t i = 0; i < blocks_of(bytes); i++) {
        if (!read_at(descriptor, (uint64_t)i * MH_SEAL_BLOCK_BYTES, block, block_bytes(bytes, i))) {
            status = MH_FAIL(MH_ERR_IO, "%s: cannot be read back: %s", path, strerror(errno));
            goto cleanup;
        }
        put_word(table + i * WORD, mh_checksum(block, block_bytes(bytes, i)));
        mh_phase_beat();
    }
    put_tail(table, bytes);
    if (!write_at(descriptor, bytes, table, mh_seal_bytes((size_t)bytes)))
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
cleanup:
    if (descriptor >= 0 && close(descriptor) != 0 && status == MH_OK)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    mh_memory_free(block);
    mh_memory_free(table);
    return status;
}

/* ---- checking ---- */

/* Damage that meets the last bytes of a file leaves most of the magic standing; other files have none of it. */
static bool is_magic(const unsigned char *bytes, size_t letters)
{
    size_t same = 0;

    for (size_t i = 0; i < MAGIC_BYTES; i++)
        same += bytes[i] == (unsigned char)magic[i];
    return same >= letters;
}

static void report_damage(mh_seal_report *report, uint64_t first, uint64_t end)
{
    report->state = MH_SEAL_DAMAGED;
    report->first = first;
    report->end = end;
}

/* The tail and the table of a file of `bytes` bytes; `table` is NULL where there is none, or a damaged one. */
static mh_status read_seal(int descriptor, const char *path, uint64_t bytes, mh_seal_report *report,
                           unsigned char **table)
{
    mh_status status = MH_OK;
    unsigned char tail[TAIL_BYTES];

    if (bytes < TAIL_BYTES)
        return MH_OK;
    if (!read_at(descriptor, bytes - TAIL_BYTES, tail, TAIL_BYTES))
        return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!is_magic(tail + NUMBERS * WORD, MAGIC_BYTES / 2))
        return MH_OK;

    uint64_t content_bytes = get_word(tail);
    report_damage(report, bytes - TAIL_BYTES, bytes);
    if (!is_magic(tail + NUMBERS * WORD, MAGIC_BYTES) || get_word(tail + WORD) != MH_SEAL_BLOCK_BYTES ||
        content_bytes > bytes || bytes - content_bytes != mh_seal_bytes((size_t)content_bytes))
        return MH_OK;

    size_t table_bytes = (size_t)(bytes - content_bytes) - MAGIC_BYTES;
    report->content_bytes = content_bytes;
    report->first = content_bytes;
    MH_TRY(mh_memory_new(table_bytes, table));
    if (!read_at(descriptor, content_bytes, *table, table_bytes))
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    else if (mh_checksum(*table, table_bytes - WORD) == get_word(*table + table_bytes - WORD))
        report->state = MH_SEAL_WHOLE;
cleanup:
    if (status != MH_OK || report->state != MH_SEAL_WHOLE) {
        mh_memory_free(*table);
        *table = NULL;
    }
    return status;
}

static mh_status check_blocks(int descriptor, const char *path, mh_span blocks, const unsigned char *table,
                              mh_seal_report *report)
{
    mh_status status = MH_OK;
    unsigned char *block = NULL;

    MH_TRY(mh_memory_new(MH_SEAL_BLOCK_BYTES, &block));
    for (size_t i = blocks.first; i < mh_span_end(blocks); i++) {
        uint64_t first = (uint64_t)i * MH_SEAL_BLOCK_BYTES;
        size_t bytes = block_bytes(report->content_bytes, i);

        if (!read_at(descriptor, first, block, bytes)) {
            status =
                MH_FAIL(MH_ERR_IO, "%s: bytes %llu to %llu cannot be read: %s", path,
                        (unsigned long long)first, (unsigned long long)(first + bytes - 1), strerror(errno));
            goto cleanup;
        }
        if (mh_checksum(block, bytes) != get_word(table + i * WORD)) {
            report_damage(report, first, first + bytes);
            goto cleanup;
        }
        mh_phase_beat();
    }
cleanup:
    mh_memory_free(block);
    return status;
}

mh_status mh_seal_check(const char *path, size_t part, size_t parts, mh_seal_report *report)
{
    mh_status status = MH_OK;
    unsigned char *table = NULL;
    int descriptor =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* of a pipe, nobody waits for the other end */
    struct stat info;

    assert(part < parts);
    *report = (mh_seal_report){.state = MH_SEAL_NONE};
    if (descriptor < 0 || fstat(descriptor, &info) != 0) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode))
        goto cleanup;
    MH_TRY(read_seal(descriptor, path, (uint64_t)info.st_size, report, &table));
    if (report->state == MH_SEAL_WHOLE)
        MH_TRY(check_blocks(descriptor, path, mh_span_part(blocks_of(report->content_bytes), part, parts),
                            table, report));
cleanup:
    if (descriptor >= 0)
        close(descriptor);
    mh_memory_free(table);
    return status;
}

mh_status mh_seal_judge(const char *path, const mh_seal_report *report)
{
    if (report->state != MH_SEAL_DAMAGED)
        return MH_OK;
    return MH_FAIL(MH_ERR_FORMAT, "%s: is damaged: bytes %llu to %llu are not what was written (checksum%s)",
                   path, (unsigned long long)report->first, (unsigned long long)report->end - 1,
                   report->first >= report->content_bytes ? "s at the end of the file" : "");
}

mh_status mh_seal_expect(const char *path, size_t part, size_t parts, bool *is_sealed)
{
    mh_status status = MH_OK;
    mh_seal_report report = {0};

    MH_TRY(mh_seal_check(path, part, parts, &report));
    MH_TRY(mh_seal_judge(path, &report));
cleanup:
    if (is_sealed != NULL)
        *is_sealed = report.state != MH_SEAL_NONE;
    return status;
}
