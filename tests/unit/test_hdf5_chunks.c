#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <float.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/data/hdf5_file.h"
#include "scratch.h"

/* What is read past HDF5's filters and conversions is what HDF5 reads. Files are made, and read again, by HDF5 itself. */

TestSuite(hdf5_chunks, .init = scratch_make, .fini = scratch_remove, .timeout = 100);

enum { NONE = 0, SHUFFLE = 1, DEFLATE = 2, FLETCHER = 4, FILTERS = 8 };

typedef struct {
    hsize_t rows, columns;             /* columns 0: one dimension */
    hsize_t chunk_rows, chunk_columns; /* 0: contiguous            */
    int filters;
} shape;

static const shape plain = {40, 6, 8, 6, SHUFFLE | DEFLATE};

enum { TYPES = 12, ELEMENTS = 6, MOST_BYTES = 1 << 14 };

static hid_t stored_type(size_t i)
{
    const hid_t types[TYPES] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I8LE,  H5T_STD_U8LE,
                                H5T_STD_I16LE,  H5T_STD_U16LE,  H5T_STD_I32LE, H5T_STD_U32LE,
                                H5T_STD_I64LE,  H5T_STD_U64LE,  H5T_STD_I32BE, H5T_IEEE_F64BE};

    return types[i];
}

static hid_t memory_type(mh_element element)
{
    const hid_t types[ELEMENTS] = {
        [MH_FLOAT32] = H5T_NATIVE_FLOAT, [MH_FLOAT64] = H5T_NATIVE_DOUBLE, [MH_UINT8] = H5T_NATIVE_UINT8,
        [MH_UINT16] = H5T_NATIVE_UINT16, [MH_INT32] = H5T_NATIVE_INT32,    [MH_INT64] = H5T_NATIVE_INT64};

    return types[element];
}

/* ---- files ---- */

static size_t columns_of(const shape *s)
{
    return s->columns == 0 ? 1 : s->columns;
}

static size_t row_bytes(const shape *s, hid_t type)
{
    return columns_of(s) * H5Tget_size(type);
}

/* Any bits: numbers of all sizes, infinities and NaN; and many that are small, so that there is something to pack. */
static void fill(unsigned char *bytes, size_t count, hid_t type)
{
    static const double doubles[] = {
        FLT_MAX,          FLT_MAX * (1 + 1e-9), -FLT_MAX * (1 + 1e-9), FLT_MAX * 1.1, 1e-42, -0.0, 1e-50, 3.5,
        (double)INFINITY, (double)NAN};
    uint64_t state = 88172645463325252ULL;

    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = i % 5 < 2 ? (unsigned char)state : (unsigned char)(i % 3);
    }
    if (H5Tequal(type, H5T_IEEE_F64LE) > 0 && count >= sizeof doubles)
        memcpy(bytes, doubles, sizeof doubles);
}

static hid_t properties_of(const shape *s)
{
    const hsize_t chunk[2] = {s->chunk_rows, s->chunk_columns};
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);

    if (s->chunk_rows > 0)
        H5Pset_chunk(properties, s->columns == 0 ? 1 : 2, chunk);
    if (s->filters & SHUFFLE)
        H5Pset_shuffle(properties);
    if (s->filters & DEFLATE)
        H5Pset_deflate(properties, 4);
    if (s->filters & FLETCHER)
        H5Pset_fletcher32(properties);
    return properties;
}

/* Without values where `bytes` is NULL. */
static void make_file(const char *name, const shape *s, hid_t type, const void *bytes, hid_t fill_properties)
{
    const hsize_t sizes[2] = {s->rows, s->columns}, most[2] = {H5S_UNLIMITED, s->columns};
    hid_t file = H5Fcreate(scratch_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(s->columns == 0 ? 1 : 2, sizes, s->chunk_rows > 0 ? most : NULL);
    hid_t properties = fill_properties != H5P_DEFAULT ? fill_properties : properties_of(s);
    hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);

    cr_assert(dataset >= 0);
    cr_assert(bytes == NULL || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    cr_assert(H5Fclose(file) >= 0);
}

/* All of it, as HDF5 converts it. */
static void read_with_hdf5(const char *name, mh_element element, void *out)
{
    hid_t file = H5Fopen(scratch_path(name), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "x", H5P_DEFAULT);

    cr_assert(H5Dread(dataset, memory_type(element), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Dclose(dataset);
    H5Fclose(file);
}

static mh_hdf5_file *open_with(size_t decoders, const char *name)
{
    mh_hdf5_file *file = NULL;

    mh_hdf5_file_set_decoders(decoders);
    MUST(mh_hdf5_file_open(scratch_path(name), &file));
    return file;
}

/* Pieces of `step` rows one after the other, then some back and forth; every row must be what HDF5 says. */
static void expect_as_hdf5(const char *name, const shape *s, mh_element element, size_t decoders, size_t step)
{
    size_t bytes = row_bytes(s, memory_type(element));
    unsigned char *expected = calloc(s->rows + 1, bytes), *read = malloc((s->rows + 1) * bytes);
    const mh_span odd[] = {{s->rows / 2, s->rows - s->rows / 2},
                           {0, s->rows / 2 + 1},
                           {s->rows / 3, 1},
                           {0, 0},
                           {1, s->rows - 1},
                           {s->rows - 1, 1},
                           {0, s->rows}};
    mh_hdf5_file *file = open_with(decoders, name);

    read_with_hdf5(name, element, expected);
    for (size_t row = 0; row < s->rows; row += step) {
        size_t count = s->rows - row < step ? s->rows - row : step;

        MUST(mh_hdf5_file_read(file, "x", (mh_span){row, count}, element, read + row * bytes));
    }
    cr_expect(memcmp(read, expected, s->rows * bytes) == 0, "in steps of %zu, element %d, filters %d", step,
              element, s->filters);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        memset(read, 0xEE, (s->rows + 1) * bytes);
        MUST(mh_hdf5_file_read(file, "x", odd[i], element, read));
        cr_expect(memcmp(read, expected + odd[i].first * bytes, odd[i].count * bytes) == 0,
                  "rows %zu to %zu, element %d, filters %d", odd[i].first, mh_span_end(odd[i]), element,
                  s->filters);
        for (size_t b = 0; b < bytes; b++)
            cr_assert(read[odd[i].count * bytes + b] == 0xEE, "written behind the end");
    }
    mh_hdf5_file_close(file);
    free(expected);
    free(read);
}

/* ---- the same as HDF5 ---- */

Test(hdf5_chunks, every_type_is_converted_as_hdf5_does)
{
    unsigned char *bytes = malloc(MOST_BYTES);
    shape s = {101, 3, 0, 0, NONE};

    for (size_t type = 0; type < TYPES; type++) {
        fill(bytes, MOST_BYTES, stored_type(type));
        for (int is_packed = 0; is_packed < 2; is_packed++) {
            s.chunk_rows = is_packed ? 16 : 0;
            s.chunk_columns = 3;
            s.filters = is_packed ? SHUFFLE | DEFLATE : NONE;
            make_file("a.h5", &s, stored_type(type), bytes, H5P_DEFAULT);
            for (int element = 0; element < ELEMENTS; element++)
                expect_as_hdf5("a.h5", &s, (mh_element)element, 2, 7);
        }
    }
    free(bytes);
}

Test(hdf5_chunks, every_shape_and_filter_is_read_as_hdf5_does_on_any_number_of_threads)
{
    static const shape shapes[] = {
        {101, 3, 16, 3, 0}, {101, 3, 16, 2, 0},  {101, 0, 16, 0, 0},  {7, 3, 16, 3, 0}, {101, 3, 1, 1, 0},
        {96, 4, 32, 4, 0},  {101, 5, 101, 5, 0}, {101, 5, 200, 4, 0}, {1, 1, 1, 1, 0},  {64, 9, 17, 4, 0}};
    static const hid_t *const types[] = {&H5T_IEEE_F32LE_g, &H5T_IEEE_F64LE_g, &H5T_STD_U8LE_g};
    unsigned char *bytes = malloc(MOST_BYTES);

    H5open();
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (size_t type = 0; type < sizeof types / sizeof types[0]; type++) {
            fill(bytes, MOST_BYTES, *types[type]);
            for (int filters = 0; filters < FILTERS; filters++) {
                shape s = shapes[i];
                mh_element element = type < 2 ? MH_FLOAT32 : MH_INT32;

                s.filters = filters;
                make_file("a.h5", &s, *types[type], bytes, H5P_DEFAULT);
                expect_as_hdf5("a.h5", &s, element, 1, s.rows);
                expect_as_hdf5("a.h5", &s, element, 2, 5);
                expect_as_hdf5("a.h5", &s, element, 4, 33);
            }
        }
    }
    free(bytes);
}

Test(hdf5_chunks, chunks_that_were_never_written_hold_the_fill_value)
{
    const float value = 7.5f, one[1] = {1};
    const hsize_t start[2] = {9, 1}, count[2] = {1, 1};
    shape s = {40, 6, 8, 4, SHUFFLE | DEFLATE};
    hid_t properties = properties_of(&s);

    H5Pset_fill_value(properties, H5T_NATIVE_FLOAT, &value);
    make_file("a.h5", &s, H5T_IEEE_F32LE, NULL, properties);
    expect_as_hdf5("a.h5", &s, MH_FLOAT32, 2, 3); /* none was */

    hid_t file = H5Fopen(scratch_path("a.h5"), H5F_ACC_RDWR, H5P_DEFAULT),
          x = H5Dopen2(file, "x", H5P_DEFAULT);
    hid_t space = H5Dget_space(x), memory = H5Screate_simple(2, count, NULL);

    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    cr_assert(H5Dwrite(x, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, one) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(x);
    H5Fclose(file);
    expect_as_hdf5("a.h5", &s, MH_FLOAT32, 2, 3); /* one was */
    expect_as_hdf5("a.h5", &s, MH_FLOAT32, 1, 40);
}

/* ---- chunks that somebody wrote as they are ---- */

static void write_chunk(const char *name, hsize_t row, uint32_t skipped, const void *bytes, size_t count)
{
    const hsize_t place[2] = {row, 0};
    hid_t file = H5Fopen(scratch_path(name), H5F_ACC_RDWR, H5P_DEFAULT), x = H5Dopen2(file, "x", H5P_DEFAULT);

    cr_assert(H5Dwrite_chunk(x, H5P_DEFAULT, skipped, place, count, bytes) >= 0);
    H5Dclose(x);
    H5Fclose(file);
}

static void make_plain(const char *name)
{
    unsigned char *bytes = malloc(MOST_BYTES);

    fill(bytes, MOST_BYTES, H5T_IEEE_F32LE);
    make_file(name, &plain, H5T_IEEE_F32LE, bytes, H5P_DEFAULT);
    free(bytes);
}

Test(hdf5_chunks, a_chunk_that_skipped_filters_is_read_without_them)
{
    unsigned char chunk[8 * 6 * 4], packed[1024];
    uLongf packed_bytes = sizeof packed;

    make_plain("a.h5");
    fill(chunk, sizeof chunk, H5T_IEEE_F32LE);
    compress(packed, &packed_bytes, chunk, sizeof chunk);
    write_chunk("a.h5", 0, 3, chunk, sizeof chunk);   /* both          */
    write_chunk("a.h5", 8, 2, chunk, sizeof chunk);   /* deflate       */
    write_chunk("a.h5", 16, 1, packed, packed_bytes); /* shuffle       */
    expect_as_hdf5("a.h5", &plain, MH_FLOAT32, 2, 40);
    expect_as_hdf5("a.h5", &plain, MH_FLOAT32, 1, 3);
}

static mh_status read_plain(const char *name, size_t decoders, float *out)
{
    mh_hdf5_file *file = open_with(decoders, name);
    mh_status status = mh_hdf5_file_read(file, "x", (mh_span){0, plain.rows}, MH_FLOAT32, out);

    mh_hdf5_file_close(file);
    return status;
}

Test(hdf5_chunks, a_chunk_of_another_size_is_an_error_that_names_its_rows)
{
    unsigned char chunk[8 * 6 * 4 * 2] = {0}, packed[1024];
    size_t right = sizeof chunk / 2;
    const size_t sizes[] = {1, right - 4, right + 4, 2 * right};
    float out[40 * 6];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uLongf packed_bytes = sizeof packed;

        make_plain("a.h5");
        compress(packed, &packed_bytes, chunk, sizes[i]);
        write_chunk("a.h5", 16, 0, packed, packed_bytes);
        EXPECT_FAILURE(read_plain("a.h5", 2, out), MH_ERR_IO, "a.h5: /x: rows 16 to 24 cannot be read");

        make_plain("a.h5");
        write_chunk("a.h5", 16, 2, chunk, sizes[i]); /* as if not packed */
        EXPECT_FAILURE(read_plain("a.h5", 1, out), MH_ERR_IO, "impossible size");
    }
}

/* Nobody asks for the memory that a damaged file speaks of. */
Test(hdf5_chunks, a_chunk_too_large_for_what_is_stored_is_refused_before_memory_is_asked_for)
{
    const shape large = {1 << 16, 256, 1 << 16, 256, SHUFFLE | DEFLATE};
    const unsigned char few[64] = {0};
    float *out = calloc(256, sizeof *out);
    mh_hdf5_file *file = NULL;

    make_file("a.h5", &large, H5T_IEEE_F32LE, NULL, H5P_DEFAULT);
    write_chunk("a.h5", 0, 0, few, sizeof few);
    file = open_with(1, "a.h5");
    EXPECT_FAILURE(mh_hdf5_file_read(file, "x", (mh_span){0, 1}, MH_FLOAT32, out), MH_ERR_IO,
                   "impossible size");
    mh_hdf5_file_close(file);
    free(out);
}

/* The first of several in the order of rows, whoever comes to it first. */
Test(hdf5_chunks, the_same_chunk_is_told_of_on_any_number_of_threads)
{
    const unsigned char few[64] = {0};
    float out[40 * 6];

    for (size_t turn = 0; turn < 100; turn++) {
        make_plain("a.h5");
        for (size_t row = 8; row < 40; row += 8)
            write_chunk("a.h5", row, 0, few, sizeof few);
        EXPECT_FAILURE(read_plain("a.h5", turn % 5, out), MH_ERR_IO, "rows 8 to 16");
    }
}

/* zlib's checksum of 32 bits overlooks one in so many flips in so small a chunk; HDF5 then overlooks it, too. */
Test(hdf5_chunks, a_flipped_bit_of_a_packed_chunk_is_found_unless_its_checksum_overlooks_it)
{
    float expected[40 * 6], damaged[40 * 6], out[40 * 6];
    hsize_t place[2], bytes = 0;
    haddr_t address = 0;
    unsigned skipped = 0;
    size_t found = 0, changed = 0, flips = 0;

    make_plain("a.h5");
    read_with_hdf5("a.h5", MH_FLOAT32, expected);
    hid_t file = H5Fopen(scratch_path("a.h5"), H5F_ACC_RDONLY, H5P_DEFAULT),
          x = H5Dopen2(file, "x", H5P_DEFAULT);
    hid_t space = H5Dget_space(x);
    cr_assert(H5Dget_chunk_info(x, space, 2, place, &skipped, &address, &bytes) >= 0);
    H5Sclose(space);
    H5Dclose(x);
    H5Fclose(file);

    int descriptor = open(scratch_path("a.h5"), O_RDWR);

    for (hsize_t i = 0; i < bytes; i++) {
        for (int bit = 0; bit < 8; bit += 3, flips++) {
            unsigned char byte = 0;
            off_t at = (off_t)(address + i);

            cr_assert(pread(descriptor, &byte, 1, at) == 1);
            byte ^= (unsigned char)(1 << bit);
            cr_assert(pwrite(descriptor, &byte, 1, at) == 1);
            if (read_plain("a.h5", 1 + i % 2, out) != MH_OK) {
                found++;
                EXPECT_SAYS("a.h5: /x: rows 16 to 24 cannot be read");
            } else {
                read_with_hdf5("a.h5", MH_FLOAT32, damaged);
                EXPECT_SAME_BITS(out, damaged, plain.rows * plain.columns);
                changed += memcmp(out, expected, sizeof out) != 0;
            }
            byte ^= (unsigned char)(1 << bit);
            cr_assert(pwrite(descriptor, &byte, 1, at) == 1);
        }
    }
    close(descriptor);
    cr_expect(ge(sz, found * 100, flips * 95), "%zu of %zu found", found, flips);
    cr_expect(le(sz, changed, 1), "%zu of %zu change values", changed, flips);
}

/* ---- memory ---- */

Test(hdf5_chunks, reading_on_asks_for_no_memory)
{
    float out[40 * 6];

    make_plain("a.h5");
    mh_hdf5_file *file = open_with(2, "a.h5");
    MUST(mh_hdf5_file_read(file, "x", (mh_span){0, 40}, MH_FLOAT32, out));
    MUST(mh_hdf5_file_read(file, "x", (mh_span){0, 3}, MH_FLOAT32, out));
    uint64_t before = mh_memory_allocations();

    for (size_t row = 0; row < 40; row += 5)
        MUST(mh_hdf5_file_read(file, "x", (mh_span){row, 5}, MH_FLOAT32, out));
    MUST(mh_hdf5_file_read(file, "x", (mh_span){0, 40}, MH_FLOAT32, out));
    cr_expect(mh_memory_allocations() == before);
    mh_hdf5_file_close(file);
}

Test(hdf5_chunks, without_memory_it_fails_or_does_without_and_reads_the_same_later)
{
    float expected[40 * 6], out[40 * 6];
    size_t failures = 0;

    make_plain("a.h5");
    read_with_hdf5("a.h5", MH_FLOAT32, expected);
    for (uint64_t n = 1; n < 30; n++) {
        mh_hdf5_file *file = open_with(2, "a.h5");

        mh_memory_fail_at(n);
        mh_status status = mh_hdf5_file_read(file, "x", (mh_span){0, 37}, MH_FLOAT32, out);
        mh_memory_fail_at(0);
        failures += status != MH_OK;
        cr_expect(status == MH_OK || status == MH_ERR_MEMORY);
        MUST(mh_hdf5_file_read(file, "x", (mh_span){0, 40}, MH_FLOAT32, out));
        EXPECT_SAME_BITS(out, expected, plain.rows * plain.columns);
        mh_hdf5_file_close(file);
    }
    cr_expect(ge(sz, failures, 5));
}
