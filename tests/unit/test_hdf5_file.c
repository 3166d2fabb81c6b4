#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/checksum.h"
#include "multihead/base/memory.h"
#include "multihead/base/thread.h"
#include "scratch.h"

TestSuite(hdf5_file, .init = scratch_make, .fini = scratch_remove);

static mh_hdf5_file *open_file(const char *path)
{
    mh_hdf5_file *file = NULL;

    MUST(mh_hdf5_file_open(path, &file));
    return file;
}

static bool exists(const char *name)
{
    return access(scratch_path(name), F_OK) == 0;
}

/* ---- a file under its own name is whole ---- */

Test(hdf5_file, has_another_name_until_it_is_committed)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    cr_expect(not(exists("a.h5")));
    cr_expect(exists(".a.h5.partial"));
    MUST(mh_hdf5_file_commit(file));
    mh_hdf5_file_close(file);
    cr_expect(exists("a.h5"));
    cr_expect(eq(sz, scratch_entries(), 1));
}

Test(hdf5_file, closed_without_commit_leaves_nothing)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_UINT8, 3, 0, "abc");
    mh_hdf5_file_close(file);
    cr_expect(eq(sz, scratch_entries(), 0));
    mh_hdf5_file_close(NULL);
}

Test(hdf5_file, old_file_stays_until_the_new_one_is_whole)
{
    scratch_write("a.h5", "old", 3);

    mh_hdf5_file *file = data_file_start("a.h5");
    char *before = scratch_read("a.h5", NULL);

    cr_expect(strcmp(before, "old") == 0);
    mh_hdf5_file_close(data_file_start("b.h5"));
    data_file_finish(file);

    char *after = scratch_read("a.h5", NULL);

    cr_expect(strncmp(after, "\x89HDF", 4) == 0);
    free(before);
    free(after);
}

Test(hdf5_file, says_why_it_cannot_be_written)
{
    mh_hdf5_file *file = NULL;

    EXPECT_FAILURE(mh_hdf5_file_create(scratch_path("nowhere/a.h5"), &file), MH_ERR_IO, "nowhere/a.h5");
    EXPECT_SAYS("No such file or directory");
    cr_expect(file == NULL);
}

Test(hdf5_file, commit_fails_when_the_name_is_taken_by_a_folder)
{
    scratch_folder("a.h5");

    mh_hdf5_file *file = data_file_start("a.h5");

    EXPECT_FAILURE(mh_hdf5_file_commit(file), MH_ERR_IO, "a.h5: cannot be written");
    mh_hdf5_file_close(file);
    cr_expect(not(exists(".a.h5.partial")));
}

/* Nothing of the time or the process goes into a file. */
Test(hdf5_file, same_contents_are_the_same_bytes)
{
    static const char *const names[] = {"a.h5", "b.h5"};
    size_t bytes[2];
    char *contents[2];

    for (size_t i = 0; i < 2; i++) {
        mh_hdf5_file *file = data_file_start(names[i]);
        const int64_t number = 7;

        if (i == 1)
            usleep(1100000); /* HDF5 stores seconds */
        data_file_put(file, "group/x", MH_UINT8, 3, 0, "abc");
        MUST(mh_hdf5_file_set_integers(file, "group/x", "number", 1, &number));
        MUST(mh_hdf5_file_set_texts(file, "/", "text", 1, (char *const[]){"some text"}));
        data_file_finish(file);
        contents[i] = scratch_read(names[i], &bytes[i]);
    }
    cr_assert(eq(sz, bytes[0], bytes[1]));
    EXPECT_SAME_BITS(contents[0], contents[1], bytes[0]);
    free(contents[0]);
    free(contents[1]);
}

/* ---- datasets ---- */

Test(hdf5_file, numbers_come_back_and_are_converted)
{
    const float floats[] = {1.5f, -2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
    const int64_t integers[] = {-1, 300, 7};
    float rows[4];
    double wide[6];
    int64_t back[2];
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_FLOAT32, 3, 2, floats);
    data_file_put(file, "y", MH_INT64, 3, 0, integers);
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_read(file, "x", (mh_span){1, 2}, MH_FLOAT32, rows));
    EXPECT_SAME_BITS(rows, floats + 2, 4);
    MUST(mh_hdf5_file_read(file, "x", (mh_span){0, 3}, MH_FLOAT64, wide));
    cr_expect(wide[0] == 1.5 && wide[5] == 6.0);
    MUST(mh_hdf5_file_read(file, "y", (mh_span){0, 2}, MH_INT64, back));
    EXPECT_SAME_BITS(back, integers, 2);
    mh_hdf5_file_close(file);
}

Test(hdf5_file, rows_can_be_written_in_pieces)
{
    const uint16_t values[] = {1, 2, 3, 4, 5, 6};
    uint16_t back[6];
    mh_hdf5_file *file = data_file_start("a.h5");

    MUST(mh_hdf5_file_add(file, "x", MH_UINT16, 3, 2));
    MUST(mh_hdf5_file_write(file, "x", (mh_span){2, 1}, MH_UINT16, values + 4));
    MUST(mh_hdf5_file_write(file, "x", (mh_span){0, 2}, MH_UINT16, values));
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_read(file, "x", (mh_span){0, 3}, MH_UINT16, back));
    EXPECT_SAME_BITS(back, values, 6);
    mh_hdf5_file_close(file);
}

Test(hdf5_file, extent_tells_shape_and_kind)
{
    const float floats[6] = {0};
    mh_extent extent;
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "group/x", MH_FLOAT32, 3, 2, floats);
    data_file_put(file, "y", MH_UINT8, 5, 0, "hello");
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_extent(file, "group/x", &extent));
    cr_expect(extent.kind == MH_KIND_FLOAT && extent.element_bytes == 4 && extent.dimensions == 2);
    cr_expect(extent.rows == 3 && extent.columns == 2);
    MUST(mh_hdf5_file_extent(file, "y", &extent));
    cr_expect(extent.kind == MH_KIND_INTEGER && extent.element_bytes == 1 && extent.dimensions == 1);
    cr_expect(extent.rows == 5 && extent.columns == 1);
    EXPECT_FAILURE(mh_hdf5_file_extent(file, "group", &extent), MH_ERR_FORMAT, "/group is not a dataset");
    mh_hdf5_file_close(file);
}

Test(hdf5_file, three_dimensions_are_refused)
{
    mh_hdf5_file *file = open_file(MH_FIXTURES "/torch_binary_logits.h5");
    mh_extent extent;

    EXPECT_FAILURE(mh_hdf5_file_extent(file, "batch/x", &extent), MH_ERR_FORMAT, "/batch/x has 3 dimensions");
    mh_hdf5_file_close(file);
}

Test(hdf5_file, has_looks_into_groups)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "model/fc1.weight", MH_UINT8, 1, 0, "a");
    file = open_file(data_file_finish(file));
    cr_expect(mh_hdf5_file_has(file, "model"));
    cr_expect(mh_hdf5_file_has(file, "model/fc1.weight"));
    cr_expect(not(mh_hdf5_file_has(file, "model/fc2.weight")));
    cr_expect(not(mh_hdf5_file_has(file, "other/fc1.weight")));
    cr_expect(not(mh_hdf5_file_has(file, "labels")));
    mh_hdf5_file_close(file);
}

Test(hdf5_file, rows_that_are_not_there_are_refused)
{
    uint8_t out[8];
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_UINT8, 3, 0, "abc");
    file = open_file(data_file_finish(file));
    EXPECT_FAILURE(mh_hdf5_file_read(file, "x", (mh_span){2, 2}, MH_UINT8, out), MH_ERR_FORMAT,
                   "a.h5: /x has no rows 2 to 4");
    EXPECT_FAILURE(mh_hdf5_file_read(file, "z", (mh_span){0, 1}, MH_UINT8, out), MH_ERR_FORMAT, "/z");
    mh_hdf5_file_close(file);
}

/* ---- attributes ---- */

Test(hdf5_file, attributes_come_back)
{
    const int64_t integers[] = {2, -3, INT64_MAX};
    const double doubles[] = {0.1, 1e300};
    char *const texts[] = {"sunny", "", "Größe"};
    int64_t integers_back[3];
    double doubles_back[2];
    char *texts_back[3] = {NULL};
    size_t count = 0;
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_UINT8, 1, 0, "a");
    MUST(mh_hdf5_file_set_integers(file, "x", "integers", 3, integers));
    MUST(mh_hdf5_file_set_doubles(file, "/", "doubles", 2, doubles));
    MUST(mh_hdf5_file_set_texts(file, "x", "texts", 3, texts));
    MUST(mh_hdf5_file_set_integers(file, "x", "none", 0, NULL));
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_get_integers(file, "x", "integers", 3, integers_back));
    EXPECT_SAME_BITS(integers_back, integers, 3);
    MUST(mh_hdf5_file_get_doubles(file, "/", "doubles", 2, doubles_back));
    EXPECT_SAME_BITS(doubles_back, doubles, 2);
    MUST(mh_hdf5_file_get_texts(file, "x", "texts", 3, texts_back));
    for (size_t i = 0; i < 3; i++) {
        cr_expect(strcmp(texts_back[i], texts[i]) == 0, "'%s'", texts_back[i]);
        mh_memory_free(texts_back[i]);
    }
    MUST(mh_hdf5_file_attribute_count(file, "x", "none", &count));
    cr_expect(zero(sz, count));
    cr_expect(mh_hdf5_file_has_attribute(file, "x", "texts"));
    cr_expect(not(mh_hdf5_file_has_attribute(file, "x", "more")));
    cr_expect(not(mh_hdf5_file_has_attribute(file, "y", "texts")));
    mh_hdf5_file_close(file);
}

/* HDF5's older format stops at 64 KiB: names of some thousand columns are more. */
Test(hdf5_file, attributes_may_be_larger_than_64_kib)
{
    enum { COUNT = 10000 };
    static int64_t numbers[COUNT], numbers_back[COUNT];
    static char words[COUNT][16];
    static char *texts[COUNT], *texts_back[COUNT];
    size_t wrong = 0;
    mh_hdf5_file *file = data_file_start("a.h5");

    for (size_t i = 0; i < COUNT; i++) {
        numbers[i] = (int64_t)i;
        snprintf(words[i], sizeof words[i], "column %zu", i);
        texts[i] = words[i];
    }
    MUST(mh_hdf5_file_set_integers(file, "/", "numbers", COUNT, numbers));
    MUST(mh_hdf5_file_set_texts(file, "/", "texts", COUNT, texts));
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_get_integers(file, "/", "numbers", COUNT, numbers_back));
    EXPECT_SAME_BITS(numbers_back, numbers, COUNT);
    MUST(mh_hdf5_file_get_texts(file, "/", "texts", COUNT, texts_back));
    for (size_t i = 0; i < COUNT; i++) {
        wrong += strcmp(texts_back[i], texts[i]) != 0;
        mh_memory_free(texts_back[i]);
    }
    cr_expect(zero(sz, wrong));
    mh_hdf5_file_close(file);
}

Test(hdf5_file, attributes_that_are_something_else_are_refused)
{
    const int64_t integers[] = {2, 3};
    int64_t back[3];
    char *text[2] = {NULL};
    mh_hdf5_file *file = data_file_start("a.h5");

    MUST(mh_hdf5_file_set_integers(file, "/", "integers", 2, integers));
    MUST(mh_hdf5_file_set_texts(file, "/", "texts", 1, (char *const[]){"words"}));
    file = open_file(data_file_finish(file));
    EXPECT_FAILURE(mh_hdf5_file_get_integers(file, "/", "integers", 3, back), MH_ERR_FORMAT,
                   "attribute integers");
    EXPECT_FAILURE(mh_hdf5_file_get_integers(file, "/", "none", 1, back), MH_ERR_FORMAT, "attribute none");
    EXPECT_FAILURE(mh_hdf5_file_get_integers(file, "/", "texts", 1, back), MH_ERR_FORMAT, "attribute texts");
    EXPECT_FAILURE(mh_hdf5_file_get_texts(file, "/", "integers", 2, text), MH_ERR_FORMAT,
                   "attribute integers");
    EXPECT_FAILURE(mh_hdf5_file_get_texts(file, "/", "texts", 2, text), MH_ERR_FORMAT, "attribute texts");
    mh_hdf5_file_close(file);
}

/* ---- files that are not what they should be ---- */

static void expect_unreadable(const char *name, mh_status code, const char *words)
{
    mh_hdf5_file *file = (mh_hdf5_file *)&file; /* anything but NULL */

    EXPECT_FAILURE(mh_hdf5_file_open(scratch_path(name), &file), code, words);
    EXPECT_SAYS(name);
    cr_expect(file == NULL);
}

Test(hdf5_file, what_cannot_be_read_is_told_apart)
{
    scratch_write("text.h5", "epoch,step", 10);
    scratch_write("empty.h5", "", 0);
    scratch_folder("folder.h5");
    expect_unreadable("none.h5", MH_ERR_IO, "No such file");
    expect_unreadable("text.h5", MH_ERR_FORMAT, "is not an HDF5 file");
    expect_unreadable("empty.h5", MH_ERR_FORMAT, "is not an HDF5 file");
    expect_unreadable("folder.h5", MH_ERR_FORMAT, "a folder");
}

Test(hdf5_file, file_cut_off_is_refused)
{
    const float floats[4096] = {0};
    size_t bytes = 0;
    mh_hdf5_file *file = data_file_start("whole.h5");

    data_file_put(file, "x", MH_FLOAT32, 4096, 0, floats);
    data_file_finish(file);

    char *contents = scratch_read("whole.h5", &bytes);

    scratch_write("cut.h5", contents, bytes / 2);
    free(contents);
    expect_unreadable("cut.h5", MH_ERR_IO, "cut off or damaged");
}

Test(hdf5_file, compressed_rows_come_back)
{
    enum { ROWS = 1000, COLUMNS = 100 };
    static float written[ROWS * COLUMNS], read[ROWS * COLUMNS];
    mh_hdf5_file *file = data_file_start("a.h5");
    size_t bytes = 0;

    for (size_t i = 0; i < ROWS * COLUMNS; i += 97)
        written[i] = (float)i;
    MUST(mh_hdf5_file_add_compressed(file, "features", MH_FLOAT32, ROWS, COLUMNS, 64));
    MUST(mh_hdf5_file_write(file, "features", (mh_span){0, 999}, MH_FLOAT32, written));
    MUST(mh_hdf5_file_write(file, "features", (mh_span){999, 1}, MH_FLOAT32, written + 999 * COLUMNS));
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_read(file, "features", (mh_span){0, ROWS}, MH_FLOAT32, read));
    EXPECT_SAME_BITS(read, written, ROWS * COLUMNS);
    mh_hdf5_file_close(file);
    free(scratch_read("a.h5", &bytes));
    cr_expect(bytes < sizeof written / 10, "%zu bytes", bytes);
}

/* ---- checksums ---- */

static uint64_t checksum_in(const char *path, size_t count, size_t index)
{
    uint64_t values[8];
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "checksums/xxh3_64", H5P_DEFAULT), space = H5Dget_space(dataset);

    cr_assert(H5Sget_simple_extent_npoints(space) == (hssize_t)count && count <= 8);
    cr_assert(H5Dread(dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return values[index];
}

Test(hdf5_file, checksums_are_of_the_elements_as_they_stand_in_the_file)
{
    const float floats[] = {1.5f, -2.0f, 3.0f, 4.0f};
    const uint16_t labels[] = {0, 1, 300}; /* clipped, as HDF5 converts */
    const uint8_t stored[] = {0, 1, 255};
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "group/x", MH_FLOAT32, 2, 2, floats);
    MUST(mh_hdf5_file_add(file, "y", MH_UINT8, 3, 0));
    MUST(mh_hdf5_file_write(file, "y", (mh_span){0, 3}, MH_UINT16, labels));
    MUST(mh_hdf5_file_add(file, "none", MH_FLOAT64, 0, 4));

    const char *path = data_file_finish(file);

    cr_expect(eq(u64, checksum_in(path, 3, 0), mh_checksum(floats, sizeof floats)));
    cr_expect(eq(u64, checksum_in(path, 3, 1), mh_checksum(stored, sizeof stored)));
    cr_expect(eq(u64, checksum_in(path, 3, 2), mh_checksum("", 0)));
}

Test(hdf5_file, checksums_do_not_depend_on_how_rows_were_written)
{
    enum { ROWS = 500, COLUMNS = 30 };
    static float x[ROWS * COLUMNS];
    mh_hdf5_file *file = data_file_start("a.h5");

    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        x[i] = (float)i;
    data_file_put(file, "at_once", MH_FLOAT32, ROWS, COLUMNS, x);
    MUST(mh_hdf5_file_add(file, "backwards", MH_FLOAT32, ROWS, COLUMNS));
    for (size_t row = ROWS; row-- > 0;)
        MUST(mh_hdf5_file_write(file, "backwards", (mh_span){row, 1}, MH_FLOAT32, x + row * COLUMNS));
    MUST(mh_hdf5_file_add_compressed(file, "packed", MH_FLOAT32, ROWS, COLUMNS, 64));
    MUST(mh_hdf5_file_write(file, "packed", (mh_span){0, 100}, MH_FLOAT32, x));
    MUST(mh_hdf5_file_write(file, "packed", (mh_span){100, ROWS - 100}, MH_FLOAT32, x + 100 * COLUMNS));
    MUST(mh_hdf5_file_add(file, "twice", MH_FLOAT32, ROWS, COLUMNS));
    MUST(mh_hdf5_file_write(file, "twice", (mh_span){0, ROWS - 1}, MH_FLOAT32, x + COLUMNS));
    MUST(mh_hdf5_file_write(file, "twice", (mh_span){0, ROWS}, MH_FLOAT32, x));

    const char *path = data_file_finish(file);

    for (size_t i = 0; i < 4; i++)
        cr_expect(eq(u64, checksum_in(path, 4, i), mh_checksum(x, sizeof x)), "dataset %zu", i);
    file = open_file(path);
    MUST(mh_hdf5_file_compare(file));
    mh_hdf5_file_close(file);
}

/* As h5py does it: opened for writing, and so the seal is gone. */
static void change_element(const char *path, const char *name)
{
    const float other = 17.0f;
    const hsize_t one[1] = {1}, first[1] = {1};
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(1, one, NULL);

    H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, one, NULL);
    cr_assert(H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, &other) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(dataset);
    cr_assert(H5Fclose(file) >= 0);
}

Test(hdf5_file, changed_dataset_is_named)
{
    const float floats[] = {1, 2, 3};
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_FLOAT32, 3, 0, floats);
    data_file_put(file, "group/y", MH_FLOAT32, 3, 0, floats);

    const char *path = data_file_finish(file);

    MUST(mh_hdf5_file_open_whole(path, &file));
    mh_hdf5_file_close(file);
    change_element(path, "group/y");
    EXPECT_FAILURE(mh_hdf5_file_open_whole(path, &file), MH_ERR_FORMAT,
                   "a.h5: /group/y is not what was written");
    cr_expect(file == NULL);
    file = open_file(path);
    EXPECT_FAILURE(mh_hdf5_file_compare(file), MH_ERR_FORMAT, "/group/y");
    mh_hdf5_file_close(file);
}

/* ---- whole files ---- */

Test(hdf5_file, damage_is_found_before_hdf5_sees_it)
{
    const float floats[] = {1, 2, 3};
    size_t bytes = 0;
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_FLOAT32, 3, 0, floats);
    data_file_finish(file);

    char *contents = scratch_read("a.h5", &bytes);

    contents[3]++; /* the signature of HDF5 itself */
    scratch_write("a.h5", contents, bytes);
    EXPECT_FAILURE(mh_hdf5_file_open_whole(scratch_path("a.h5"), &file), MH_ERR_FORMAT,
                   "a.h5: is damaged: bytes 0 to ");
    EXPECT_FAILURE(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &file), MH_ERR_FORMAT, "a.h5: is damaged");
    free(contents);
}

Test(hdf5_file, without_a_seal_opens_only_where_none_is_needed)
{
    const float floats[] = {1, 2, 3};
    size_t bytes = 0;
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_FLOAT32, 3, 0, floats);
    data_file_finish(file);
    MUST(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &file));
    mh_hdf5_file_close(file);

    char *contents = scratch_read("a.h5", &bytes);

    scratch_write("a.h5", contents, bytes - 1);
    MUST(mh_hdf5_file_open_whole(scratch_path("a.h5"), &file));
    mh_hdf5_file_close(file);
    EXPECT_FAILURE(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &file), MH_ERR_FORMAT,
                   "a.h5: is not sealed");
    free(contents);
}

/* HDF5 would say that it cannot open it. */
Test(hdf5_file, hdf5_sees_nothing_of_a_file_that_lost_its_seal)
{
    size_t bytes = 0;
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "x", MH_FLOAT32, 3, 0, (const float[]){1, 2, 3});
    data_file_finish(file);

    char *contents = scratch_read("a.h5", &bytes);

    scratch_write("a.h5", contents, 64);
    EXPECT_FAILURE(mh_hdf5_file_open_whole(scratch_path("a.h5"), &file), MH_ERR_IO, "HDF5 cannot open it");
    EXPECT_FAILURE(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &file), MH_ERR_FORMAT,
                   "a.h5: is not sealed");
    EXPECT_FAILURE(mh_hdf5_file_open_sealed(scratch_path(""), &file), MH_ERR_FORMAT, "a folder");
    free(contents);
}

Test(hdf5_file, made_in_memory_is_no_file_before_commit)
{
    mh_hdf5_file *file = NULL;

    MUST(mh_hdf5_file_create_in_memory(scratch_path("a.h5"), &file));
    data_file_put(file, "x", MH_UINT8, 3, 0, "abc");
    cr_expect(eq(sz, scratch_entries(), 0));
    data_file_finish(file);
    cr_expect(eq(sz, scratch_entries(), 1));
    MUST(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &file));

    char text[4] = "";

    MUST(mh_hdf5_file_read_list(file, "x", 3, MH_UINT8, text));
    cr_expect(strcmp(text, "abc") == 0);
    mh_hdf5_file_close(file);
    MUST(mh_hdf5_file_create_in_memory(scratch_path("b.h5"), &file));
    mh_hdf5_file_close(file);
    cr_expect(eq(sz, scratch_entries(), 1));
    MUST(mh_hdf5_file_create_in_memory(scratch_path("nowhere/a.h5"), &file));
    EXPECT_FAILURE(mh_hdf5_file_commit(file), MH_ERR_IO, "nowhere/a.h5: cannot be written: No such file");
    mh_hdf5_file_close(file);
}

/* HDF5 itself would open a file of that name before it makes another one. */
Test(hdf5_file, made_in_memory_does_not_mind_what_is_there)
{
    mh_hdf5_file *first = NULL, *second = NULL;
    char text[4] = "";

    scratch_write("a.h5", "old", 3);
    MUST(mh_hdf5_file_create_in_memory(scratch_path("a.h5"), &first));
    MUST(mh_hdf5_file_create_in_memory(scratch_path("a.h5"), &second));
    data_file_put(first, "x", MH_UINT8, 3, 0, "abc");
    data_file_put(second, "x", MH_UINT8, 3, 0, "def");
    data_file_finish(first);
    MUST(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &first));
    MUST(mh_hdf5_file_read_list(first, "x", 3, MH_UINT8, text));
    cr_expect(strcmp(text, "abc") == 0);
    mh_hdf5_file_close(first);
    data_file_finish(second);
    MUST(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &second));
    MUST(mh_hdf5_file_read_list(second, "x", 3, MH_UINT8, text));
    cr_expect(strcmp(text, "def") == 0);
    mh_hdf5_file_close(second);
}

/* ---- large counts ---- */

/* Writes and reads with at most so many elements a call, and returns the file. */
static char *contents_with_limit(size_t elements, size_t *bytes)
{
    enum { ROWS = 50, COLUMNS = 7 };
    static double wide[ROWS * COLUMNS], back[ROWS * COLUMNS];
    static uint16_t labels[ROWS * COLUMNS], labels_back[ROWS * COLUMNS];
    mh_hdf5_file *file = data_file_start("limit.h5");

    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        wide[i] = (double)i / 3;
        labels[i] = (uint16_t)i;
    }
    mh_hdf5_file_limit_call(elements);
    data_file_put(file, "wide", MH_FLOAT64, ROWS, COLUMNS, wide);
    data_file_put(file, "list", MH_FLOAT64, ROWS * COLUMNS, 0, wide);
    MUST(mh_hdf5_file_add_compressed(file, "labels", MH_INT64, ROWS, COLUMNS, 8));
    MUST(mh_hdf5_file_write(file, "labels", (mh_span){0, ROWS}, MH_UINT16, labels));
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_read(file, "wide", (mh_span){0, ROWS}, MH_FLOAT64, back));
    EXPECT_SAME_BITS(back, wide, ROWS * COLUMNS);
    MUST(mh_hdf5_file_read(file, "wide", (mh_span){3, 40}, MH_FLOAT64, back));
    EXPECT_SAME_BITS(back, wide + 3 * COLUMNS, 40 * COLUMNS);
    MUST(mh_hdf5_file_read(file, "list", (mh_span){5, 300}, MH_FLOAT64, back));
    EXPECT_SAME_BITS(back, wide + 5, 300);
    MUST(mh_hdf5_file_read(file, "labels", (mh_span){0, ROWS}, MH_UINT16, labels_back));
    EXPECT_SAME_BITS(labels_back, labels, ROWS * COLUMNS);
    MUST(mh_hdf5_file_compare(file));
    mh_hdf5_file_close(file);
    mh_hdf5_file_limit_call(0);
    return scratch_read("limit.h5", bytes);
}

Test(hdf5_file, in_pieces_is_the_same_as_at_once)
{
    size_t bytes = 0, bytes_in_pieces = 0;
    char *at_once = contents_with_limit(0, &bytes);

    for (size_t limit = 1; limit < 500; limit += 1 + limit / 3) {
        char *in_pieces = contents_with_limit(limit, &bytes_in_pieces);

        cr_assert(eq(sz, bytes_in_pieces, bytes));
        cr_expect(memcmp(in_pieces, at_once, bytes) == 0, "limit %zu", limit);
        free(in_pieces);
    }
    free(at_once);
}

/* ---- sizes that a damaged file may say ---- */

/* A dataset of that shape without any contents; chunk_rows 0: contiguous, with a place in the file. */
static void write_shape(const char *path, hsize_t rows, hsize_t columns, hsize_t chunk_rows)
{
    const hsize_t sizes[2] = {rows, columns}, chunk[2] = {chunk_rows, 1};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, sizes, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);

    if (chunk_rows > 0)
        H5Pset_chunk(properties, 2, chunk);
    hid_t dataset = H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    cr_assert(dataset >= 0);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    cr_assert(H5Fclose(file) >= 0);
}

Test(hdf5_file, more_rows_than_the_file_has_room_for_are_refused)
{
    static const hsize_t shapes[][3] = {{1ull << 40, 2, 1024},
                                        {2, 1ull << 40, 1},
                                        {1ull << 33, 1ull << 30, 1024},
                                        {1ull << 40, 1, 0},
                                        {0, 1ull << 40, 0}};
    mh_extent extent;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        write_shape(scratch_path("a.h5"), shapes[i][0], shapes[i][1], shapes[i][2]);

        mh_hdf5_file *file = open_file(scratch_path("a.h5"));

        EXPECT_FAILURE(mh_hdf5_file_extent(file, "x", &extent), MH_ERR_FORMAT,
                       "more than the file has room for");
        mh_hdf5_file_close(file);
    }
    write_shape(scratch_path("a.h5"), 1000, 20, 100); /* zeros that nobody wrote are fine */

    mh_hdf5_file *file = open_file(scratch_path("a.h5"));

    MUST(mh_hdf5_file_extent(file, "x", &extent));
    cr_expect(eq(sz, extent.rows, 1000));
    mh_hdf5_file_close(file);
}

Test(hdf5_file, list_of_another_shape_is_refused)
{
    const float floats[] = {1, 2, 3, 4};
    float back[4];
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "list", MH_FLOAT32, 4, 0, floats);
    data_file_put(file, "table", MH_FLOAT32, 2, 2, floats);
    file = open_file(data_file_finish(file));
    MUST(mh_hdf5_file_read_list(file, "list", 4, MH_FLOAT32, back));
    EXPECT_SAME_BITS(back, floats, 4);
    EXPECT_FAILURE(mh_hdf5_file_read_list(file, "list", 3, MH_FLOAT32, back), MH_ERR_FORMAT,
                   "/list is [4 x 1], expected a list of 3 numbers");
    EXPECT_FAILURE(mh_hdf5_file_read_list(file, "table", 2, MH_FLOAT32, back), MH_ERR_FORMAT,
                   "/table is [2 x 2]");
    EXPECT_FAILURE(mh_hdf5_file_read_list(file, "none", 2, MH_FLOAT32, back), MH_ERR_FORMAT, "no /none");
    mh_hdf5_file_close(file);
}

/* ---- threads ---- */

enum { MANY = 3000 };

/* Whether it always reads what is there. */
static void read_again_and_again(void *well)
{
    const mh_hdf5_file *file = *(mh_hdf5_file **)well;
    float back[4];
    bool is_well = true;

    for (size_t i = 0; i < MANY; i++) {
        mh_status status = mh_hdf5_file_read(file, "table", (mh_span){0, 2}, MH_FLOAT32, back);

        is_well = is_well && status == MH_OK && back[3] == 4;
    }
    *(mh_hdf5_file **)well = is_well ? NULL : *(mh_hdf5_file **)well;
}

/* An HDF5 that knows threads looks after itself; ours has to where it does not. */
Test(hdf5_file, may_be_read_by_one_thread_while_another_makes_files)
{
    const float floats[] = {1, 2, 3, 4};
    mh_hdf5_file *file = data_file_start("a.h5"), *made = NULL;

    data_file_put(file, "table", MH_FLOAT32, 2, 2, floats);
    file = open_file(data_file_finish(file));

    void *well = file;
    mh_thread *thread = mh_thread_start(read_again_and_again, &well);

    cr_assert(thread != NULL);
    for (size_t i = 0; i < MANY / 10; i++) {
        MUST(mh_hdf5_file_create_in_memory("checkpoint", &made));
        data_file_put(made, "group/x", MH_FLOAT32, 2, 2, floats);
        mh_hdf5_file_close(made);
    }
    mh_thread_join(thread);
    cr_expect(well == NULL, "a read went wrong");
    mh_hdf5_file_close(file);
}
