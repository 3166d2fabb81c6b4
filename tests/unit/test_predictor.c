#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/training/predictor.h"
#include "scratch.h"
#include "toy.h"

TestSuite(predictor, .init = scratch_make, .fini = scratch_remove);

/* Two blocks and a bit, the last chunk short. */
enum { ROWS = 8300, INPUTS = 2, HEADS = 2, COLUMNS = 4 };

static const size_t classes[HEADS] = {2, 3};
static const size_t hidden[] = {7};

static mh_trained create(void)
{
    const mh_trained_config config = {.hidden = hidden, .hidden_layers = 1};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_trained trained;

    MUST(mh_trained_create(&schema, &config, &trained));
    mh_model_initialize(trained.model, MH_INITIAL_PYTORCH, 1);
    mh_schema_clear(&schema);
    return trained;
}

static mh_batch toy_rows(void)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, ROWS);

    mh_schema_clear(&schema);
    return batch;
}

/* What all ranks say of the rows, each rank in its turn. */
typedef struct {
    float probabilities[ROWS * COLUMNS];
    mh_label predictions[ROWS * HEADS];
    uint8_t times[ROWS];
} outcome;

static void run_rank(const mh_trained *trained, const char *path, size_t rank, size_t ranks,
                     const mh_batch *rows, outcome *out)
{
    mh_dataset *dataset = data_file_open(path);
    mh_predictor *predictor = NULL;
    mh_ensemble single = mh_ensemble_of(trained);

    MUST(mh_dataset_expect(dataset, &trained->schema));
    MUST(mh_predictor_create(&single, dataset, rank, ranks, &predictor));
    for (size_t round = 0; round < mh_predictor_rounds(predictor); round++) {
        mh_prediction p;

        MUST(mh_predictor_next(predictor, &p));
        /* In turn: whoever writes predictions down can go round the ranks. */
        cr_expect(eq(sz, p.first_row, (round * ranks + rank) * mh_predictor_block_rows(predictor)));
        if (p.batch.rows == 0)
            continue;
        memcpy(out->probabilities + p.first_row * COLUMNS, p.probabilities,
               p.batch.rows * COLUMNS * sizeof *p.probabilities);
        memcpy(out->predictions + p.first_row * HEADS, p.predictions,
               p.batch.rows * HEADS * sizeof *p.predictions);
        EXPECT_SAME_BITS(p.batch.labels, rows->labels + p.first_row * HEADS, p.batch.rows * HEADS);
        for (size_t row = 0; row < p.batch.rows; row++)
            out->times[p.first_row + row]++;
    }
    mh_predictor_destroy(predictor);
    mh_dataset_close(dataset);
}

static outcome *run_ranks(const mh_trained *trained, const char *path, size_t ranks, const mh_batch *rows)
{
    outcome *out = calloc(1, sizeof *out);

    cr_assert(out != NULL);
    for (size_t rank = 0; rank < ranks; rank++)
        run_rank(trained, path, rank, ranks, rows, out);
    return out;
}

Test(predictor, every_row_has_the_same_numbers_on_any_number_of_ranks)
{
    mh_batch rows = toy_rows();
    mh_trained trained = create();
    const char *path = data_file_of("a.h5", &rows);
    outcome *single = run_ranks(&trained, path, 1, &rows);

    for (size_t ranks = 1; ranks <= 5; ranks++) {
        outcome *shared = run_ranks(&trained, path, ranks, &rows);
        size_t not_once = 0;

        for (size_t row = 0; row < ROWS; row++)
            not_once += shared->times[row] != 1;
        cr_expect(zero(sz, not_once), "%zu ranks", ranks);
        EXPECT_SAME_BITS(shared->probabilities, single->probabilities, ROWS * COLUMNS);
        EXPECT_SAME_BITS(shared->predictions, single->predictions, ROWS * HEADS);
        free(shared);
    }
    free(single);
    mh_trained_clear(&trained);
    toy_batch_free(&rows);
}

/* One chunk's worth, so that the product has the same shape and the same bits. */
Test(predictor, says_what_the_model_says)
{
    mh_batch rows = toy_rows();
    mh_trained trained = create();
    const mh_heads *heads = mh_model_heads(trained.model);
    mh_batch chunk = mh_batch_slice(&rows, 0, mh_predictor_chunk_rows());
    mh_workspace *workspace = NULL;
    outcome *out = run_ranks(&trained, data_file_of("a.h5", &rows), 1, &rows);
    float *probabilities = malloc(chunk.rows * COLUMNS * sizeof *probabilities);
    float *scratch = calloc(mh_heads_scratch(heads), sizeof *scratch);
    mh_label *predictions = malloc(chunk.rows * HEADS * sizeof *predictions);

    cr_assert(probabilities != NULL && scratch != NULL && predictions != NULL);
    MUST(mh_workspace_create(trained.model, chunk.rows, &workspace));
    mh_workspace_prepare(workspace, trained.model);
    mh_heads_probabilities(heads, chunk.rows, mh_model_logits(trained.model, &chunk, workspace),
                           probabilities, scratch);
    mh_heads_predict(heads, chunk.rows, probabilities, NULL, predictions);
    EXPECT_SAME_BITS(probabilities, out->probabilities, chunk.rows * COLUMNS);
    EXPECT_SAME_BITS(predictions, out->predictions, chunk.rows * HEADS);
    free(probabilities);
    free(scratch);
    free(predictions);
    free(out);
    mh_workspace_destroy(workspace);
    mh_trained_clear(&trained);
    toy_batch_free(&rows);
}

Test(predictor, rows_without_labels_have_none)
{
    mh_trained trained = create();
    mh_hdf5_file *file = data_file_start("a.h5");
    mh_ensemble single = mh_ensemble_of(&trained);
    mh_predictor *predictor = NULL;
    mh_prediction p;

    data_file_put(file, "features", MH_FLOAT32, 3, INPUTS, (const float[]){1, 2, 3, 4, 5, 6});

    mh_dataset *dataset = data_file_open(data_file_finish(file));

    MUST(mh_dataset_expect(dataset, &trained.schema));
    MUST(mh_predictor_create(&single, dataset, 0, 1, &predictor));
    cr_expect(eq(sz, mh_predictor_rounds(predictor), 1));
    MUST(mh_predictor_next(predictor, &p));
    cr_expect(eq(sz, p.batch.rows, 3));
    cr_expect(p.batch.labels == NULL);
    mh_predictor_destroy(predictor);
    mh_dataset_close(dataset);
    mh_trained_clear(&trained);
}
