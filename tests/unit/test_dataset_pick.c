#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "fixture_file.h"
#include "multihead/base/memory.h"
#include "scratch.h"

TestSuite(dataset_pick, .init = scratch_make, .fini = scratch_remove);

/* Rows so long that a pick from all over the data set needs several reads: 4 MiB are 262 of them. */
enum { ROWS = 1000, INPUTS = 4000, HEADS = 3 };

static uint8_t bytes[ROWS * INPUTS], classes[ROWS * HEADS];

static void make_values(void)
{
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        bytes[i] = (uint8_t)(i / INPUTS * 7 + i % INPUTS);
    for (size_t i = 0; i < ROWS * HEADS; i++)
        classes[i] = (uint8_t)(i / HEADS * 5 + i % HEADS) % 4;
}

static void write_part(const char *name, size_t first, size_t rows, size_t chunk_rows)
{
    const uint8_t *x = bytes + first * INPUTS, *y = classes + first * HEADS;

    if (chunk_rows > 0) {
        fixture_write_gzip(scratch_path(name), "features", rows, INPUTS, chunk_rows, x);
        fixture_write_gzip(scratch_path(name), "labels", rows, HEADS, chunk_rows, y);
        return;
    }
    mh_hdf5_file *file = data_file_start(name);

    data_file_put(file, "features", MH_UINT8, rows, INPUTS, x);
    data_file_put(file, "labels", MH_UINT8, rows, HEADS, y);
    data_file_finish(file);
}

/* Three files of different layouts; the second is empty. */
static mh_dataset *open_files(void)
{
    make_values();
    scratch_folder("data");
    write_part("data/a.h5", 0, 421, 0);
    write_part("data/b.h5", 421, 0, 0);
    write_part("data/c.h5", 421, ROWS - 421, 50);
    return data_file_open(scratch_path("data"));
}

static mh_dataset *open_generator(mh_generator_method method)
{
    const mh_generator_config generator = {.method = method,
                                           .samples = ROWS,
                                           .features = 20,
                                           .labels = HEADS,
                                           .categories = 2,
                                           .mean_labels = 2,
                                           .length = 50,
                                           .allow_unlabeled = true,
                                           .seed = 1};
    const mh_dataset_config config = {.generator = &generator};
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    return dataset;
}

typedef struct {
    float *features;
    mh_label *labels;
} rows;

static rows read_span(mh_dataset *dataset, mh_span span)
{
    size_t inputs = mh_dataset_schema(dataset)->inputs;
    rows out = {malloc(span.count * inputs * sizeof(float)), malloc(span.count * HEADS * sizeof(mh_label))};

    cr_assert(out.features != NULL && out.labels != NULL);
    MUST(mh_dataset_read(dataset, span, out.features, out.labels));
    return out;
}

static void free_rows(rows *r)
{
    free(r->features);
    free(r->labels);
}

/* Every row of the selection is row numbers[i] of `all`, in whatever pieces it is read. */
static void expect_rows(mh_dataset *dataset, const rows *all, const size_t *numbers, size_t count)
{
    const size_t pieces[] = {count, 97, 1};
    size_t inputs = mh_dataset_schema(dataset)->inputs, wrong = 0;

    cr_assert(eq(sz, mh_dataset_rows(dataset), count));
    cr_expect(eq(sz, mh_dataset_first_row(dataset), numbers[0]));
    for (size_t i = 0; i < count; i++)
        wrong += mh_dataset_row_number(dataset, i) != numbers[i];
    for (size_t k = 0; k < 3; k++) {
        for (size_t first = 0; first < count; first += pieces[k]) {
            mh_span span = {first, count - first < pieces[k] ? count - first : pieces[k]};
            rows part = read_span(dataset, span);

            for (size_t i = 0; i < span.count; i++) {
                size_t row = numbers[first + i];

                wrong += memcmp(part.features + i * inputs, all->features + row * inputs,
                                inputs * sizeof(float)) != 0;
                wrong +=
                    memcmp(part.labels + i * HEADS, all->labels + row * HEADS, HEADS * sizeof(mh_label)) != 0;
            }
            free_rows(&part);
        }
    }
    cr_expect(zero(sz, wrong));
}

/* Some rows, then some of these: dense, sparse, in one file and over the end of one. */
static void expect_picks(mh_dataset *dataset)
{
    rows all = read_span(dataset, (mh_span){0, ROWS});
    size_t picks[ROWS], some[ROWS], numbers[ROWS], count = 0;

    for (size_t row = 0; row < ROWS; row++)
        if (row % 5 == 2 || (row > 400 && row < 450) || row == ROWS - 1)
            picks[count++] = row;
    MUST(mh_dataset_pick(dataset, picks, count));
    expect_rows(dataset, &all, picks, count);
    for (size_t i = 0; i < 4; i++) {
        some[i] = i * i * 20;
        numbers[i] = picks[some[i]];
    }
    MUST(mh_dataset_pick(dataset, some, 4));
    memset(some, 0, sizeof some);
    expect_rows(dataset, &all, numbers, 4);
    free_rows(&all);
    mh_dataset_close(dataset);
}

Test(dataset_pick, reads_what_reading_everything_gives)
{
    expect_picks(open_files());
}

Test(dataset_pick, makes_what_making_everything_gives)
{
    expect_picks(open_generator(MH_GENERATOR_ROWWISE));
    expect_picks(open_generator(MH_GENERATOR_SKLEARN));
}

Test(dataset_pick, labels_can_be_read_alone)
{
    mh_dataset *datasets[] = {open_files(), open_generator(MH_GENERATOR_SKLEARN)};
    const size_t picks[] = {0, 1, 420, 421, 999};
    mh_label labels[ROWS * HEADS];

    for (size_t i = 0; i < 2; i++) {
        rows all = read_span(datasets[i], (mh_span){0, ROWS});

        MUST(mh_dataset_read_labels(datasets[i], (mh_span){0, ROWS}, labels));
        EXPECT_SAME_BITS(labels, all.labels, ROWS * HEADS);
        free_rows(&all);
        MUST(mh_dataset_pick(datasets[i], picks, 5));
        all = read_span(datasets[i], (mh_span){0, 5});
        MUST(mh_dataset_read_labels(datasets[i], (mh_span){1, 4}, labels));
        EXPECT_SAME_BITS(labels, all.labels + HEADS, 4 * HEADS);
        free_rows(&all);
        mh_dataset_close(datasets[i]);
    }
}

Test(dataset_pick, counts_within_the_slice_until_another_is_selected)
{
    mh_dataset *dataset = open_files();
    const mh_slice last = {.has_first = true, .first = -100}, everything = {0};
    rows all = read_span(dataset, (mh_span){0, ROWS});

    MUST(mh_dataset_select(dataset, &last));
    MUST(mh_dataset_pick(dataset, (const size_t[]){0, 3, 99}, 3));
    expect_rows(dataset, &all, (const size_t[]){900, 903, 999}, 3);
    MUST(mh_dataset_select(dataset, &everything));
    cr_expect(eq(sz, mh_dataset_rows(dataset), ROWS));
    EXPECT_FAILURE(mh_dataset_pick(dataset, NULL, 0), MH_ERR_FORMAT, "no row is selected");
    free_rows(&all);
    mh_dataset_close(dataset);
}

/* The row of the file, for the person who looks for it; what is not picked may be wrong. */
Test(dataset_pick, names_the_row_of_the_file)
{
    const float values[] = {1, 2, 3, 4, 5, NAN, 7, 8, 9};
    const uint8_t labels[] = {0, 0, 0, 0, 0, 0, 0, 9, 0};
    mh_hdf5_file *file = data_file_start("a.h5");
    float features[9];
    mh_label out[9];

    data_file_put(file, "features", MH_FLOAT32, 9, 1, values);
    data_file_put(file, "labels", MH_UINT8, 9, 1, labels);
    MUST(mh_hdf5_file_set_integers(file, "labels", "num_classes", 1, (const int64_t[]){2}));

    mh_dataset *dataset = data_file_open(data_file_finish(file));

    MUST(mh_dataset_pick(dataset, (const size_t[]){1, 3, 5, 6, 7}, 5));
    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){0, 5}, features, out), MH_ERR_FORMAT,
                   "/features: row 5, column 0 is not a number");
    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){3, 2}, features, out), MH_ERR_FORMAT,
                   "/labels: row 7, column 0 is 9");
    MUST(mh_dataset_pick(dataset, (const size_t[]){0, 1, 3}, 3));
    MUST(mh_dataset_read(dataset, (mh_span){0, 3}, features, out));
    cr_expect(features[0] == 2.0f && features[1] == 4.0f && features[2] == 7.0f);
    mh_dataset_close(dataset);
}
