#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/data/split.h"
#include "scratch.h"
#include "toy.h"

TestSuite(split, .init = scratch_make, .fini = scratch_remove);

enum { MOST_ROWS = 1003, MOST_GROUPS = 10 };

static const double equal[MOST_GROUPS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static uint8_t group[MOST_ROWS];

static void assign(const char *path, const double *shares, size_t groups, uint64_t seed, uint8_t *out)
{
    mh_dataset *dataset = data_file_open(path);

    MUST(mh_split_assign(dataset, shares, groups, seed, out));
    mh_dataset_close(dataset);
}

/* The most by which groups differ in how many of their rows have this class. */
static size_t spread(const mh_batch *batch, size_t head, mh_label class, size_t groups)
{
    size_t count[MOST_GROUPS] = {0}, least = SIZE_MAX, most = 0;

    for (size_t row = 0; row < batch->rows; row++)
        count[group[row]] += batch->labels[row * batch->heads + head] == class;
    for (size_t g = 0; g < groups; g++) {
        least = count[g] < least ? count[g] : least;
        most = count[g] > most ? count[g] : most;
    }
    return most - least;
}

static void expect_sizes(size_t rows, size_t groups, const size_t *sizes)
{
    size_t count[256] = {0};

    for (size_t row = 0; row < rows; row++)
        count[group[row]]++;
    for (size_t g = 0; g < groups; g++)
        cr_expect(eq(sz, count[g], sizes[g]), "group %zu", g);
}

static mh_batch toy_rows(size_t rows, size_t heads, size_t classes)
{
    size_t *list = malloc(heads * sizeof *list);

    cr_assert(list != NULL);
    for (size_t h = 0; h < heads; h++)
        list[h] = classes;
    mh_schema schema = toy_schema(2, heads, list);
    mh_batch batch = toy_batch(&schema, rows);
    mh_schema_clear(&schema);
    free(list);
    return batch;
}

/* Head h is 1 in one row of h + 2: half of them down to one in some. */
static mh_batch rarer_and_rarer(size_t rows, size_t heads)
{
    mh_batch batch = toy_rows(rows, heads, 2);
    mh_label *labels = (mh_label *)batch.labels;

    for (size_t i = 0; i < rows * heads; i++)
        labels[i] = (0.5 + 0.5 * toy_number(i)) * (double)(i % heads + 2) < 1.0;
    return batch;
}

Test(split, sizes_are_the_shares_rounded)
{
    mh_batch batch = toy_rows(MOST_ROWS, 5, 2);
    const char *path = data_file_of("a.h5", &batch);

    assign(path, equal, 5, 1, group);
    expect_sizes(MOST_ROWS, 5, (const size_t[]){201, 201, 201, 200, 200});
    assign(path, (const double[]){0.2, 0.8}, 2, 1, group);
    expect_sizes(MOST_ROWS, 2, (const size_t[]){201, 802});
    assign(path, (const double[]){3, 0, 1}, 3, 1, group);
    expect_sizes(MOST_ROWS, 3, (const size_t[]){752, 0, 251});
    assign(path, equal, 1, 1, group);
    expect_sizes(MOST_ROWS, 1, (const size_t[]){MOST_ROWS});
    toy_batch_free(&batch);
}

Test(split, every_label_is_spread_evenly)
{
    mh_batch batch = rarer_and_rarer(MOST_ROWS, 20);
    const char *path = data_file_of("a.h5", &batch);

    for (uint64_t seed = 0; seed < 5; seed++) {
        assign(path, equal, 5, seed, group);
        for (size_t h = 0; h < 20; h++)
            cr_expect(le(sz, spread(&batch, h, 1, 5), 2), "head %zu, seed %d", h, (int)seed);
    }
    toy_batch_free(&batch);
}

Test(split, every_class_of_a_head_is_spread_evenly)
{
    mh_batch batch = toy_rows(MOST_ROWS, 3, 4);
    const char *path = data_file_of("a.h5", &batch); /* does not tell how many classes there are */

    assign(path, equal, 10, 3, group);
    for (size_t h = 0; h < 3; h++)
        for (mh_label class = 0; class < 4; class ++)
            cr_expect(le(sz, spread(&batch, h, class, 10), 2), "head %zu, class %d", h, class);
    toy_batch_free(&batch);
}

Test(split, unequal_shares_get_their_part_of_each_label)
{
    mh_batch batch = rarer_and_rarer(1000, 12);

    assign(data_file_of("a.h5", &batch), (const double[]){0.1, 0.9}, 2, 7, group);
    for (size_t h = 0; h < 12; h++) {
        double count = 0, all = 0;

        for (size_t row = 0; row < batch.rows; row++) {
            all += batch.labels[row * batch.heads + h];
            count += group[row] == 0 ? batch.labels[row * batch.heads + h] : 0;
        }
        cr_expect(epsilon_eq(dbl, count, 0.1 * all, 1.5), "head %zu", h);
    }
    toy_batch_free(&batch);
}

Test(split, is_a_function_of_the_seed)
{
    static uint8_t again[MOST_ROWS], other[MOST_ROWS];
    mh_batch batch = rarer_and_rarer(MOST_ROWS, 6);
    const char *path = data_file_of("a.h5", &batch);

    assign(path, equal, 5, 1, group);
    assign(path, equal, 5, 1, again);
    assign(path, equal, 5, 2, other);
    EXPECT_SAME_BITS(group, again, MOST_ROWS);
    cr_expect(memcmp(group, other, MOST_ROWS) != 0);
    toy_batch_free(&batch);
}

/* A missing label is neither positive nor negative: as if it were 0 where only class 1 counts. */
Test(split, missing_labels_count_for_nothing)
{
    static uint8_t negative[MOST_ROWS];
    mh_batch batch = rarer_and_rarer(MOST_ROWS, 6);
    mh_label *labels = (mh_label *)batch.labels;

    toy_batch_lose_labels(&batch, 3);
    assign(data_file_of("a.h5", &batch), equal, 5, 1, group);
    for (size_t h = 0; h < 6; h++)
        cr_expect(le(sz, spread(&batch, h, 1, 5), 2), "head %zu", h);
    for (size_t i = 0; i < MOST_ROWS * 6; i++)
        labels[i] = labels[i] == MH_LABEL_MISSING ? 0 : labels[i];
    assign(data_file_of("b.h5", &batch), equal, 5, 1, negative);
    EXPECT_SAME_BITS(group, negative, MOST_ROWS);
    toy_batch_free(&batch);
}

/* With nothing to stratify by, groups are random: not the first rows, the next rows, ... */
Test(split, rows_without_labels_are_dealt_by_size)
{
    mh_hdf5_file *file = data_file_start("a.h5");
    float zeros[100] = {0};
    size_t switches = 0;

    data_file_put(file, "features", MH_FLOAT32, 100, 1, zeros);
    assign(data_file_finish(file), equal, 3, 1, group);
    expect_sizes(100, 3, (const size_t[]){34, 33, 33});
    for (size_t row = 1; row < 100; row++)
        switches += group[row] != group[row - 1];
    cr_expect(ge(sz, switches, 40));
}

Test(split, fewer_rows_than_groups_leave_some_empty)
{
    mh_batch batch = toy_rows(3, 2, 2);

    assign(data_file_of("a.h5", &batch), equal, 5, 1, group);
    expect_sizes(3, 5, (const size_t[]){1, 1, 1, 0, 0});
    toy_batch_free(&batch);
}

/* A table of one row for each group. */
Test(split, as_many_groups_as_rows)
{
    mh_batch batch = toy_rows(10, 2, 2);

    assign(data_file_of("a.h5", &batch), equal, 10, 1, group);
    expect_sizes(10, 10, (const size_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    toy_batch_free(&batch);
}

Test(split, looks_at_selected_rows_only)
{
    mh_batch batch = rarer_and_rarer(MOST_ROWS, 6);
    mh_batch part = mh_batch_slice(&batch, 100, 500);
    mh_dataset *dataset = data_file_open(data_file_of("all.h5", &batch));
    const mh_slice slice = {.has_first = true, .first = 100, .has_last = true, .last = 600};
    static uint8_t expected[500];

    assign(data_file_of("part.h5", &part), equal, 5, 1, expected);
    MUST(mh_dataset_select(dataset, &slice));
    MUST(mh_split_assign(dataset, equal, 5, 1, group));
    EXPECT_SAME_BITS(group, expected, 500);
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
}

Test(split, bad_labels_are_named)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "features", MH_UINT8, 3, 1, "\0\0\0");
    data_file_put(file, "labels", MH_UINT8, 3, 1, "\0\1\7");
    MUST(mh_hdf5_file_set_integers(file, "labels", "num_classes", 1, (const int64_t[]){2}));

    mh_dataset *dataset = data_file_open(data_file_finish(file));

    EXPECT_FAILURE(mh_split_assign(dataset, equal, 2, 1, group), MH_ERR_FORMAT, "row 2, column 0 is 7");
    mh_dataset_close(dataset);
}

Test(split, folds_are_disjoint_and_make_up_all_rows)
{
    mh_batch batch = rarer_and_rarer(MOST_ROWS, 6);
    size_t times[MOST_ROWS] = {0}, not_once = 0;

    assign(data_file_of("a.h5", &batch), equal, 5, 1, group);
    for (size_t fold = 0; fold < 5; fold++) {
        size_t *inside = NULL, *outside = NULL, in = 0, out = 0, shared = 0;

        MUST(mh_split_rows_in(group, MOST_ROWS, fold, &inside, &in));
        MUST(mh_split_rows_outside(group, MOST_ROWS, fold, &outside, &out));
        cr_expect(eq(sz, in + out, MOST_ROWS));
        for (size_t i = 0; i < in; i++) {
            times[inside[i]]++;
            cr_expect(i == 0 || inside[i] > inside[i - 1]);
        }
        for (size_t i = 0; i < out; i++) {
            shared += group[outside[i]] == fold;
            cr_expect(i == 0 || outside[i] > outside[i - 1]);
        }
        cr_expect(zero(sz, shared));
        mh_memory_free(inside);
        mh_memory_free(outside);
    }
    for (size_t row = 0; row < MOST_ROWS; row++)
        not_once += times[row] != 1;
    cr_expect(zero(sz, not_once));
    toy_batch_free(&batch);
}
