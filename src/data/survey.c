#include "multihead/data/survey.h"

#include "multihead/base/memory.h"

enum {
    BLOCKS = 16,
    BLOCK_ROWS = 256,
    READ_ELEMENTS = 1 << 20 /* or one row: at a time, since columns may be very many */
};

static void look_at_rows(size_t rows, size_t inputs, const float *features, bool *has_others, size_t *zeros)
{
    for (size_t row = 0; row < rows; row++) {
        const float *x = features + row * inputs;

        for (size_t i = 0; i < inputs; i++) {
            has_others[i] |= x[i] != 0.0f && x[i] != 1.0f;
            *zeros += x[i] == 0.0f;
        }
    }
}

static size_t rows_at_a_time(const mh_schema *schema)
{
    size_t widest = schema->inputs > schema->heads ? schema->inputs : schema->heads;
    size_t rows = READ_ELEMENTS / widest;

    return rows < 1 ? 1 : rows > BLOCK_ROWS ? BLOCK_ROWS : rows;
}

mh_status mh_survey_dataset(mh_dataset *dataset, mh_survey *out)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);
    size_t zeros = 0, most = rows_at_a_time(schema);
    float *features = NULL;
    mh_label *labels = NULL;
    bool *has_others = NULL;

    *out = (mh_survey){0};
    MH_TRY(mh_memory_array(most, schema->inputs * sizeof *features, &features));
    MH_TRY(mh_memory_array(most, schema->heads * sizeof *labels, &labels));
    MH_TRY(mh_memory_array(schema->inputs, sizeof *has_others, &has_others));
    for (size_t block = 0; block < BLOCKS; block++) {
        mh_span rows = mh_span_part(mh_dataset_rows(dataset), block, BLOCKS);

        rows.count = rows.count < BLOCK_ROWS ? rows.count : BLOCK_ROWS;
        for (size_t done = 0; done < rows.count; done += most) {
            size_t count = rows.count - done < most ? rows.count - done : most;

            MH_TRY(mh_dataset_read(dataset, (mh_span){rows.first + done, count}, features, labels));
            look_at_rows(count, schema->inputs, features, has_others, &zeros);
        }
        out->rows += rows.count;
    }
    for (size_t i = 0; i < schema->inputs; i++)
        out->binary_columns += !has_others[i];
    out->zeros = (double)zeros / ((double)out->rows * (double)schema->inputs);
cleanup:
    mh_memory_free(features);
    mh_memory_free(labels);
    mh_memory_free(has_others);
    return status;
}
