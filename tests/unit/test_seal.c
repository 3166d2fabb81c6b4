#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/base/phase.h"
#include "multihead/data/seal.h"
#include "scratch.h"

TestSuite(seal, .init = scratch_make, .fini = scratch_remove);

enum { BLOCK = MH_SEAL_BLOCK_BYTES };

/* Contents with room for their seal; free with free(). */
static char *make_contents(size_t bytes)
{
    char *contents = calloc(bytes + mh_seal_bytes(bytes), 1);

    cr_assert(contents != NULL);
    for (size_t i = 0; i < bytes; i++)
        contents[i] = (char)(i ^ i >> 8 ^ i >> 16);
    return contents;
}

/* Writes a sealed file and returns its path. */
static const char *sealed_file(const char *name, size_t content_bytes)
{
    char *contents = make_contents(content_bytes);

    scratch_write(name, contents, mh_seal_put(contents, content_bytes));
    free(contents);
    return scratch_path(name);
}

static mh_seal_report check(const char *path, size_t part, size_t parts)
{
    mh_seal_report report;

    MUST(mh_seal_check(path, part, parts, &report));
    return report;
}

static const size_t lengths[] = {0, 1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

Test(seal, in_memory_is_the_same_as_on_disk)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        char *contents = make_contents(lengths[i]);
        size_t bytes = 0;

        scratch_write("a", contents, lengths[i]);
        MUST(mh_seal_append(scratch_path("a"), "a"));

        char *sealed = scratch_read("a", &bytes);

        cr_assert(eq(sz, bytes, mh_seal_put(contents, lengths[i])));
        EXPECT_SAME_BITS(sealed, contents, bytes);
        free(contents);
        free(sealed);
    }
}

Test(seal, whole_files_are_whole)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        mh_seal_report report = check(sealed_file("a", lengths[i]), 0, 1);

        cr_expect(MH_SEAL_WHOLE == report.state);
        cr_expect(eq(u64, report.content_bytes, lengths[i]));
    }
}

Test(seal, file_without_one_has_none)
{
    char *contents = make_contents(5000);

    scratch_write("a", contents, 5000);
    scratch_write("empty", "", 0);
    free(contents);
    cr_expect(MH_SEAL_NONE == check(scratch_path("a"), 0, 1).state);
    cr_expect(MH_SEAL_NONE == check(scratch_path("empty"), 0, 1).state);
    cr_expect(MH_SEAL_NONE == check(scratch_folder("folder"), 0, 1).state);
    MUST(mh_seal_expect(scratch_path("a"), 0, 1, NULL));
}

Test(seal, every_flipped_bit_is_found)
{
    enum { CONTENT_BYTES = 300 };
    char *contents = make_contents(CONTENT_BYTES);
    size_t bytes = mh_seal_put(contents, CONTENT_BYTES), missed = 0;

    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        contents[bit / 8] ^= (char)(1u << bit % 8);
        scratch_write("a", contents, bytes);
        missed += check(scratch_path("a"), 0, 1).state != MH_SEAL_DAMAGED;
        contents[bit / 8] ^= (char)(1u << bit % 8);
    }
    cr_expect(zero(sz, missed));
    free(contents);
}

/* A file that lost its end is one without a seal. Whether the contents can do without the rest, HDF5 says. */
Test(seal, cut_file_is_never_whole)
{
    enum { CONTENT_BYTES = 300 };
    char *contents = make_contents(CONTENT_BYTES);
    size_t bytes = mh_seal_put(contents, CONTENT_BYTES), missed = 0;

    for (size_t length = 0; length < bytes; length++) {
        scratch_write("a", contents, length);
        missed += check(scratch_path("a"), 0, 1).state == MH_SEAL_WHOLE;
    }
    cr_expect(zero(sz, missed));
    free(contents);
}

/* Lost in the middle or added: the seal stands at the end, but not where it says. */
Test(seal, file_of_another_length_is_damaged)
{
    size_t bytes = 0;
    char *sealed, *longer;

    sealed_file("a", 3 * BLOCK);
    sealed = scratch_read("a", &bytes);
    longer = calloc(bytes + 1, 1);
    memcpy(longer + 1, sealed, bytes);
    scratch_write("short", sealed + BLOCK, bytes - BLOCK);
    scratch_write("long", longer, bytes + 1);
    cr_expect(MH_SEAL_DAMAGED == check(scratch_path("short"), 0, 1).state);
    cr_expect(MH_SEAL_DAMAGED == check(scratch_path("long"), 0, 1).state);
    free(sealed);
    free(longer);
}

Test(seal, message_names_the_bytes)
{
    size_t bytes = 0;
    char *sealed;
    bool is_sealed = false;

    sealed_file("a", 3 * BLOCK + 7);
    sealed = scratch_read("a", &bytes);
    sealed[BLOCK + 17]++;
    scratch_write("block", sealed, bytes);
    sealed[BLOCK + 17]--;
    sealed[bytes - 50]++;
    scratch_write("table", sealed, bytes);
    free(sealed);
    EXPECT_FAILURE(mh_seal_expect(scratch_path("block"), 0, 1, &is_sealed), MH_ERR_FORMAT,
                   "block: is damaged: bytes 1048576 to 2097151 are not what was written (checksum)");
    cr_expect(is_sealed);
    EXPECT_FAILURE(mh_seal_expect(scratch_path("table"), 0, 1, NULL), MH_ERR_FORMAT,
                   "bytes 3145735 to 3145806 are not what was written (checksums at the end of the file)");
    EXPECT_FAILURE(mh_seal_expect(scratch_path("nowhere"), 0, 1, NULL), MH_ERR_IO, "No such file");
}

/* Every block is looked at by one part, the first blocks by the first. */
Test(seal, parts_share_the_blocks)
{
    enum { BLOCKS = 5 };
    size_t bytes = 0;
    char *sealed;

    sealed_file("a", BLOCKS * BLOCK);
    sealed = scratch_read("a", &bytes);
    for (size_t parts = 1; parts <= BLOCKS + 2; parts++) {
        for (size_t block = 0; block < BLOCKS; block++) {
            size_t found = 0;

            sealed[block * BLOCK + 5]++;
            scratch_write("b", sealed, bytes);
            sealed[block * BLOCK + 5]--;

            for (size_t part = 0; part < parts; part++)
                found += check(scratch_path("b"), part, parts).state == MH_SEAL_DAMAGED;
            cr_expect(eq(sz, found, 1));
        }
    }
    free(sealed);
}

Test(seal, each_block_is_a_sign_of_life)
{
    const char *path = sealed_file("a", 3 * BLOCK);
    uint64_t before = mh_phase_beats();

    check(path, 0, 1);
    cr_expect(eq(u64, mh_phase_beats() - before, 3));
}
