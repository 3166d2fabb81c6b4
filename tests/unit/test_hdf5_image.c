#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/base/whole_file.h"
#include "multihead/data/hdf5_image.h"
#include "scratch.h"
#include "toy.h"

TestSuite(hdf5_image, .init = scratch_make, .fini = scratch_remove);

enum { ROWS = 300, COLUMNS = 1001, COUNTS = 5 }; /* more than one block of a seal */

typedef struct {
    float weights[ROWS * COLUMNS];
    double rates[ROWS];
    int64_t counts[COUNTS];
} contents;

static contents first, second;

static void fill(contents *c, uint64_t seed)
{
    toy_fill(c->weights, ROWS * COLUMNS, seed);
    for (size_t i = 0; i < ROWS; i++)
        c->rates[i] = toy_number(seed + i);
    for (size_t i = 0; i < COUNTS; i++)
        c->counts[i] = (int64_t)(seed * i);
}

static void add(mh_hdf5_file *file, const char *name, mh_element element, size_t rows, size_t columns,
                const void *data)
{
    MUST(mh_hdf5_file_add(file, name, element, rows, columns));
    MUST(mh_hdf5_file_write(file, name, (mh_span){0, rows}, element, data));
}

static mh_hdf5_file *make_file(const char *name, const contents *c)
{
    mh_hdf5_file *file = NULL;

    MUST(mh_hdf5_file_create_in_memory(scratch_path(name), &file));
    add(file, "model/fc1.weight", MH_FLOAT32, ROWS, COLUMNS, c->weights);
    MUST(mh_hdf5_file_add(file, "empty", MH_FLOAT32, 0, 3));
    add(file, "rates", MH_FLOAT64, ROWS, 0, c->rates);
    add(file, "position/counts", MH_INT64, COUNTS, 0, c->counts);
    MUST(mh_hdf5_file_set_texts(file, "model", "format", 1, (char *const[]){"toy"}));
    return file;
}

static void commit(const char *name, const contents *c)
{
    mh_hdf5_file *file = make_file(name, c);

    MUST(mh_hdf5_file_commit(file));
    mh_hdf5_file_close(file);
}

static mh_hdf5_image *make_image(const contents *c)
{
    mh_hdf5_file *file = make_file("image.h5", c);
    mh_hdf5_image *image = NULL;

    MUST(mh_hdf5_image_create(file, &image));
    mh_hdf5_file_close(file);
    return image;
}

static void expect_same_as(const char *name, mh_hdf5_image *image)
{
    size_t expected_bytes = 0, bytes = 0;
    char *expected = scratch_read(name, &expected_bytes);
    const char *sealed = mh_hdf5_image_seal(image, &bytes);

    cr_assert(eq(sz, bytes, expected_bytes));
    EXPECT_SAME_BITS(sealed, expected, bytes);
    free(expected);
}

Test(hdf5_image, is_the_file_it_was_made_of)
{
    fill(&first, 1);
    commit("first.h5", &first);

    mh_hdf5_image *image = make_image(&first);

    expect_same_as("first.h5", image);
    expect_same_as("first.h5", image);
    mh_hdf5_image_destroy(image);
    mh_hdf5_image_destroy(NULL);
}

Test(hdf5_image, with_new_contents_is_a_file_made_anew)
{
    fill(&first, 1);
    fill(&second, 2);
    commit("second.h5", &second);

    mh_hdf5_image *image = make_image(&first);
    size_t bytes = 0;

    mh_hdf5_image_put(image, "model/fc1.weight", second.weights, sizeof second.weights);
    mh_hdf5_image_put(image, "empty", second.weights, 0);
    memcpy(mh_hdf5_image_place(image, "position/counts", &bytes), second.counts, sizeof second.counts);
    cr_expect(eq(sz, bytes, sizeof second.counts));
    mh_hdf5_image_put(image, "rates", second.rates, sizeof second.rates); /* in another order */
    expect_same_as("second.h5", image);
    mh_hdf5_image_destroy(image);
}

Test(hdf5_image, can_be_put_one_dataset_at_a_time)
{
    fill(&first, 1);
    second = first;
    second.counts[3] = -7;
    commit("second.h5", &second);

    mh_hdf5_image *image = make_image(&first);
    size_t bytes = 0;

    mh_hdf5_image_seal(image, &bytes);
    mh_hdf5_image_put(image, "position/counts", second.counts, sizeof second.counts);
    expect_same_as("second.h5", image);
    mh_hdf5_image_destroy(image);
}

Test(hdf5_image, written_out_it_is_a_sealed_file)
{
    mh_hdf5_file *file = NULL;
    int64_t counts[COUNTS];
    size_t bytes = 0;

    fill(&first, 1);
    fill(&second, 2);

    mh_hdf5_image *image = make_image(&first);

    mh_hdf5_image_put(image, "position/counts", second.counts, sizeof second.counts);
    const void *sealed = mh_hdf5_image_seal(image, &bytes);
    MUST(mh_whole_file_write(scratch_path("a.h5"), sealed, bytes));
    MUST(mh_hdf5_file_open_sealed(scratch_path("a.h5"), &file));
    MUST(mh_hdf5_file_compare(file));
    MUST(mh_hdf5_file_read_list(file, "position/counts", COUNTS, MH_INT64, counts));
    EXPECT_SAME_BITS(counts, second.counts, COUNTS);
    mh_hdf5_file_close(file);
    mh_hdf5_image_destroy(image);
}
