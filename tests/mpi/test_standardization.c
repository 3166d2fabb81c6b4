#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/training/training_data.h"
#include "ranks.h"
#include "toy.h"

TestSuite(standardization, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch,
          .timeout = MPI_TEST_SECONDS);

enum { ROWS = 157, REPLICAS = 5 };

/* What each column is. */
enum { REALS, FAR_FROM_0, YES_NO, ALMOST_YES_NO, ONES, CONSTANT, TINY, INPUTS };

static float feature(size_t row, size_t column)
{
    double number = toy_number(((uint64_t)(column + 1) << 32) + row);

    switch (column) {
    case FAR_FROM_0:
        return (float)(1000.0 + 0.5 * number);
    case YES_NO:
        return number < 0 ? 0.0f : 1.0f;
    case ALMOST_YES_NO:
        return row == ROWS - 1 ? 2.0f : number < 0 ? 0.0f : 1.0f; /* only the last rank can know */
    case ONES:
        return 1.0f;
    case CONSTANT:
        return 0.1f;
    case TINY:
        return (float)(1e-20 * number);
    default:
        return (float)(3.0 * number);
    }
}

static mh_dataset *open_rows(void)
{
    mh_schema schema = toy_schema(INPUTS, 1, (const size_t[]){2});
    mh_batch batch = toy_batch(&schema, ROWS);

    for (size_t i = 0; i < ROWS * INPUTS; i++)
        ((float *)batch.features)[i] = feature(i / INPUTS, i % INPUTS);

    mh_dataset *dataset = data_file_open(data_file_of("rows.h5", &batch));

    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return dataset;
}

static mh_standardizer standardizer_of(const mh_comm *comm, mh_standardize mode)
{
    mh_dataset *dataset = open_rows();
    mh_training_data data;
    mh_standardizer s;

    MUST(mh_training_data_load(comm, dataset, REPLICAS, 0, &data));
    MUST(mh_standardize_columns(comm, mode, &data.shard, data.rows, REPLICAS, &s));
    mh_training_data_clear(&data);
    mh_dataset_close(dataset);
    return s;
}

/* numpy's x.mean() and x.std() in double, of the float32 numbers. */
static void moments_of(size_t column, double *mean, double *deviation)
{
    double sum = 0, squares = 0;

    for (size_t row = 0; row < ROWS; row++)
        sum += (double)feature(row, column);
    *mean = sum / ROWS;
    for (size_t row = 0; row < ROWS; row++)
        squares += pow((double)feature(row, column) - *mean, 2);
    *deviation = sqrt(squares / ROWS);
}

/* Both are kept as float32: 2^-24 of themselves. */
static void expect_moments(const mh_standardizer *s, size_t column)
{
    double mean = 0, deviation = 0;

    moments_of(column, &mean, &deviation);
    cr_expect(epsilon_eq(dbl, (double)s->mean[column], mean, 0x1p-23 * fabs(mean)), "column %zu", column);
    cr_expect(epsilon_eq(dbl, (double)s->deviation[column], deviation, 0x1p-23 * deviation), "column %zu",
              column);
}

static void expect_untouched(const mh_standardizer *s, size_t column)
{
    cr_expect(s->mean[column] == 0.0f && s->deviation[column] == 1.0f, "column %zu: %g, %g", column,
              (double)s->mean[column], (double)s->deviation[column]);
}

Test(standardization, takes_mean_and_deviation_over_all_rows)
{
    mh_standardizer s = standardizer_of(world, MH_STANDARDIZE_YES);

    cr_assert(eq(sz, s.inputs, INPUTS));
    expect_moments(&s, REALS);
    expect_moments(&s, FAR_FROM_0);
    expect_moments(&s, YES_NO);
    expect_moments(&s, ALMOST_YES_NO);
    expect_moments(&s, TINY);
    mh_standardizer_clear(&s);
}

Test(standardization, constant_columns_keep_their_size)
{
    mh_standardizer s = standardizer_of(world, MH_STANDARDIZE_YES);

    cr_expect(s.mean[ONES] == 1.0f && s.deviation[ONES] == 1.0f);
    cr_expect(s.mean[CONSTANT] == 0.1f && s.deviation[CONSTANT] == 1.0f);
    mh_standardizer_clear(&s);
}

Test(standardization, auto_leaves_columns_of_0_and_1_alone)
{
    mh_standardizer s = standardizer_of(world, MH_STANDARDIZE_AUTO);

    expect_untouched(&s, YES_NO);
    expect_untouched(&s, ONES);
    expect_moments(&s, REALS);
    expect_moments(&s, ALMOST_YES_NO);
    cr_expect(s.mean[CONSTANT] == 0.1f && s.deviation[CONSTANT] == 1.0f);
    mh_standardizer_clear(&s);
}

Test(standardization, is_the_same_bits_on_any_number_of_ranks)
{
    static const mh_standardize modes[] = {MH_STANDARDIZE_YES, MH_STANDARDIZE_AUTO};

    for (size_t i = 0; i < 2; i++) {
        mh_standardizer shared = standardizer_of(world, modes[i]), single = standardizer_of(alone, modes[i]);

        EXPECT_SAME_BITS(shared.mean, single.mean, INPUTS);
        EXPECT_SAME_BITS(shared.deviation, single.deviation, INPUTS);
        mh_standardizer_clear(&shared);
        mh_standardizer_clear(&single);
    }
}

Test(standardization, no_is_nothing)
{
    mh_standardizer s = standardizer_of(world, MH_STANDARDIZE_NO);

    cr_expect(s.inputs == 0 && s.mean == NULL && s.deviation == NULL);
}

/* What the model is given: each rank's rows as one rank has them, with mean 0 and deviation 1. */
Test(standardization, training_data_go_through_it)
{
    mh_dataset *dataset = open_rows();
    mh_training_data shared, single;
    double sum = 0, squares = 0;

    MUST(mh_training_data_load(world, dataset, REPLICAS, 0, &shared));
    MUST(mh_training_data_load(alone, dataset, REPLICAS, 0, &single));
    MUST(mh_training_data_standardize(world, MH_STANDARDIZE_AUTO, 0.0f, REPLICAS, &shared));
    MUST(mh_training_data_standardize(alone, MH_STANDARDIZE_AUTO, 0.0f, REPLICAS, &single));
    EXPECT_SAME_BITS(shared.shard.features, single.shard.features + shared.shard.rows.first * INPUTS,
                     shared.shard.rows.count * INPUTS);
    for (size_t row = 0; row < ROWS; row++) {
        double x = (double)single.shard.features[row * INPUTS + FAR_FROM_0];

        sum += x / ROWS;
        squares += x * x / ROWS;
        cr_expect(single.shard.features[row * INPUTS + YES_NO] == feature(row, YES_NO));
    }
    /* The mean, about 1000, is a float32: off by 3e-5, a ten thousandth of the deviation. */
    cr_expect(epsilon_eq(dbl, sum, 0.0, 2e-4));
    cr_expect(epsilon_eq(dbl, squares, 1.0, 1e-5));
    mh_training_data_clear(&shared);
    mh_training_data_clear(&single);
    mh_dataset_close(dataset);
}

/* Numbers even in [-a, a] reach to sqrt(3) deviations: 1.5 cuts some of them and leaves the others as they were. */
Test(standardization, outliers_are_cut_at_the_limit)
{
    mh_dataset *dataset = open_rows();
    mh_training_data cut, whole;
    size_t outliers = 0;

    MUST(mh_training_data_load(world, dataset, REPLICAS, 0, &cut));
    MUST(mh_training_data_load(world, dataset, REPLICAS, 0, &whole));
    MUST(mh_training_data_standardize(world, MH_STANDARDIZE_YES, 1.5f, REPLICAS, &cut));
    MUST(mh_training_data_standardize(world, MH_STANDARDIZE_YES, 0.0f, REPLICAS, &whole));
    cr_expect(cut.standardizer.limit == 1.5f);
    for (size_t row = 0; row < cut.shard.rows.count; row++) {
        float x = whole.shard.features[row * INPUTS + REALS];
        float expected = x > 1.5f ? 1.5f : x < -1.5f ? -1.5f : x;

        cr_expect(cut.shard.features[row * INPUTS + REALS] == expected, "row %zu", row);
        outliers += x != expected;
    }
    cr_expect(outliers > 0);
    mh_training_data_clear(&cut);
    mh_training_data_clear(&whole);
    mh_dataset_close(dataset);
}
