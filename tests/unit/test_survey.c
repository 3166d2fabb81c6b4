#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/data/survey.h"
#include "scratch.h"
#include "toy.h"

TestSuite(survey, .init = scratch_make, .fini = scratch_remove);

enum { INPUTS = 4, LOOKED_AT = 4096 };

/* Columns: 0 and 1 in turn; always 1; reals; 0 and 2, of which three quarters are 0. */
static float feature(size_t row, size_t column)
{
    switch (column) {
    case 0:
        return (float)(row % 2);
    case 1:
        return 1.0f;
    case 2:
        return 0.5f + (float)row;
    default:
        return row % 4 == 0 ? 2.0f : 0.0f;
    }
}

static mh_survey survey_of(size_t rows)
{
    mh_schema schema = toy_schema(INPUTS, 1, (const size_t[]){2});
    mh_batch batch = toy_batch(&schema, rows);
    mh_survey survey;

    for (size_t i = 0; i < rows * INPUTS; i++)
        ((float *)batch.features)[i] = feature(i / INPUTS, i % INPUTS);

    mh_dataset *dataset = data_file_open(data_file_of("d.h5", &batch));

    MUST(mh_survey_dataset(dataset, &survey));
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return survey;
}

Test(survey, looks_at_all_of_few_rows)
{
    mh_survey survey = survey_of(1000);

    cr_expect(eq(sz, survey.rows, 1000));
    cr_expect(eq(sz, survey.binary_columns, 2));
    cr_expect(epsilon_eq(dbl, survey.zeros, (0.5 + 0.0 + 0.0 + 0.75) / 4, 1e-15));
}

/* Fewer than there are blocks: some of them are empty. */
Test(survey, looks_at_all_of_very_few_rows)
{
    mh_survey survey = survey_of(3);

    cr_expect(eq(sz, survey.rows, 3));
    cr_expect(eq(sz, survey.binary_columns, 2));
    cr_expect(epsilon_eq(dbl, survey.zeros, (2 + 0 + 0 + 2) / 12.0, 1e-15));
}

/* Blocks of a multiple of 4 rows: the shares are those of all rows. */
Test(survey, looks_at_4096_of_many_rows)
{
    mh_survey survey = survey_of(3 * LOOKED_AT);

    cr_expect(eq(sz, survey.rows, LOOKED_AT));
    cr_expect(eq(sz, survey.binary_columns, 2));
    cr_expect(epsilon_eq(dbl, survey.zeros, (0.5 + 0.0 + 0.0 + 0.75) / 4, 1e-15));
}

/* So many columns that a block is read in pieces. */
Test(survey, looks_at_all_of_wide_rows)
{
    enum { ROWS = 40, COLUMNS = 1 << 17, ODD_ROW = 33, ODD_COLUMN = 5 };
    mh_schema schema = toy_schema(COLUMNS, 1, (const size_t[]){2});
    mh_batch batch = toy_batch(&schema, ROWS);
    mh_survey survey;

    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
        ((float *)batch.features)[i] = i / COLUMNS % 2 == 0 ? 0.0f : 1.0f;
    ((float *)batch.features)[(size_t)ODD_ROW * COLUMNS + ODD_COLUMN] = 2.0f;

    mh_dataset *dataset = data_file_open(data_file_of("d.h5", &batch));

    MUST(mh_survey_dataset(dataset, &survey));
    cr_expect(eq(sz, survey.rows, ROWS));
    cr_expect(eq(sz, survey.binary_columns, COLUMNS - 1));
    cr_expect(epsilon_eq(dbl, survey.zeros, 0.5, 1e-15));
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}

/* Rows that are sorted: the first third has zeros only, the rest none. */
Test(survey, looks_at_all_parts_of_a_data_set)
{
    enum { ROWS = 3 * LOOKED_AT };
    mh_schema schema = toy_schema(1, 1, (const size_t[]){2});
    mh_batch batch = toy_batch(&schema, ROWS);
    mh_survey survey;

    for (size_t row = 0; row < ROWS; row++)
        ((float *)batch.features)[row] = row < ROWS / 3 ? 0.0f : row < 2 * ROWS / 3 ? 1.0f : 2.0f;

    mh_dataset *dataset = data_file_open(data_file_of("d.h5", &batch));

    MUST(mh_survey_dataset(dataset, &survey));
    cr_expect(eq(sz, survey.binary_columns, 0));
    cr_expect(epsilon_eq(dbl, survey.zeros, 1.0 / 3.0, 1.0 / 16)); /* a block is one of 16 */
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}

/* Blocks read the selection, not the file. */
Test(survey, looks_at_selected_rows_only)
{
    mh_schema schema = toy_schema(1, 1, (const size_t[]){2});
    mh_batch batch = toy_batch(&schema, 100);
    const mh_slice slice = {.has_first = true, .first = 60};
    mh_survey survey;

    for (size_t row = 0; row < 100; row++)
        ((float *)batch.features)[row] = row < 60 ? 5.0f : (float)(row % 2);

    mh_dataset *dataset = data_file_open(data_file_of("d.h5", &batch));

    MUST(mh_dataset_select(dataset, &slice));
    MUST(mh_survey_dataset(dataset, &survey));
    cr_expect(eq(sz, survey.rows, 40));
    cr_expect(eq(sz, survey.binary_columns, 1));
    cr_expect(epsilon_eq(dbl, survey.zeros, 0.5, 1e-15));
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}

Test(survey, fails_as_reading_does)
{
    mh_schema schema = toy_schema(2, 1, (const size_t[]){2});
    mh_batch batch = toy_batch(&schema, 10);
    mh_survey survey;

    ((float *)batch.features)[2 * 7 + 1] = 1.0f / 0.0f;

    mh_dataset *dataset = data_file_open(data_file_of("d.h5", &batch));

    EXPECT_FAILURE(mh_survey_dataset(dataset, &survey), MH_ERR_FORMAT, "row 7, column 1");
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}
