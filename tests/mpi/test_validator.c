#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/training/evaluator.h"
#include "multihead/training/validator.h"
#include "ranks.h"
#include "toy.h"

TestSuite(validator, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch,
          .timeout = MPI_TEST_SECONDS);

enum {
    INPUTS = 5,
    HEADS = 3,
    MANY = 1500,
    FEW = 53
}; /* six chunks of 256 rows, the last one short; one chunk */

static const size_t classes[HEADS] = {2, 3, 2};

static mh_dataset *open_rows(size_t rows, size_t missing_every)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, rows);

    if (missing_every > 0)
        toy_batch_lose_labels(&batch, missing_every);

    mh_dataset *dataset = data_file_open(data_file_of("rows.h5", &batch));

    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return dataset;
}

static mh_trained untrained(void)
{
    const mh_trained_config config = {.hidden = (const size_t[]){8}, .hidden_layers = 1, .dropout = 0.5f};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_trained trained;

    MUST(mh_trained_create(&schema, &config, &trained));
    toy_fill(mh_model_parameters(trained.model), mh_model_layout(trained.model)->count, 1);
    mh_schema_clear(&schema);
    return trained;
}

static mh_validator *create(const mh_comm *comm, mh_dataset *dataset, const mh_trained *trained)
{
    mh_validator *validator = NULL;

    MUST(mh_validator_create(comm, dataset, trained, &validator));
    return validator;
}

static void expect_same_on_ranks(size_t rows)
{
    mh_dataset *dataset = open_rows(rows, 4);
    mh_trained trained = untrained();
    mh_validator *shared = create(world, dataset, &trained), *single = create(alone, dataset, &trained);
    double losses[2], head_losses[2][HEADS];

    losses[0] = mh_validator_loss(world, shared, head_losses[0]);
    losses[1] = mh_validator_loss(alone, single, head_losses[1]);
    EXPECT_SAME_BITS(&losses[0], &losses[1], 1);
    EXPECT_SAME_BITS(head_losses[0], head_losses[1], HEADS);
    cr_expect(isfinite(losses[0]));
    cr_expect(eq(sz, mh_validator_rows(shared), rows));
    mh_validator_destroy(shared);
    mh_validator_destroy(single);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

Test(validator, measures_the_same_on_any_number_of_ranks)
{
    expect_same_on_ranks(MANY);
}

/* One chunk: all ranks but one have nothing to do. */
Test(validator, measures_the_same_on_more_ranks_than_chunks)
{
    expect_same_on_ranks(FEW);
}

/* Dropout of training does not count. The evaluator's terms are doubles of float32 probabilities. */
static void expect_what_evaluate_measures(size_t missing_every, bool standardizes)
{
    mh_dataset *dataset = open_rows(MANY, missing_every);
    mh_trained trained = untrained();
    mh_metrics metrics, baseline;

    if (standardizes) {
        MUST(mh_standardizer_create(INPUTS, &trained.standardizer));
        toy_fill(trained.standardizer.mean, INPUTS, 2);
        trained.standardizer.deviation[1] = 0.25f;
    }

    mh_ensemble ensemble = mh_ensemble_of(&trained);
    mh_validator *validator = create(world, dataset, &trained);
    double head_loss[HEADS], loss = mh_validator_loss(world, validator, head_loss);

    MUST(mh_evaluate(world, &ensemble, dataset, &metrics, &baseline, NULL));
    cr_expect(epsilon_eq(dbl, loss, metrics.loss, 1e-6));
    for (size_t h = 0; h < HEADS; h++)
        cr_expect(epsilon_eq(dbl, head_loss[h], metrics.head[h].loss, 1e-6));
    cr_expect(epsilon_eq(dbl, loss, (head_loss[0] + head_loss[1] + head_loss[2]) / 3, 1e-12));
    mh_metrics_clear(&metrics);
    mh_metrics_clear(&baseline);
    mh_validator_destroy(validator);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

Test(validator, measures_what_evaluate_calls_loss)
{
    expect_what_evaluate_measures(0, false);
    expect_what_evaluate_measures(4, false);
    expect_what_evaluate_measures(4, true);
}

Test(validator, measures_the_model_as_it_is_then)
{
    mh_dataset *dataset = open_rows(FEW, 0);
    mh_trained trained = untrained();
    mh_validator *validator = create(world, dataset, &trained);
    double before = mh_validator_loss(world, validator, NULL);

    memset(mh_model_parameters(trained.model), 0, mh_model_layout(trained.model)->count * sizeof(float));
    cr_expect(before != mh_validator_loss(world, validator, NULL));
    /* Zero logits: float32 terms, and a tally on a grid of 2^-40. */
    cr_expect(epsilon_eq(dbl, mh_validator_loss(world, validator, NULL), (2 * log(2) + log(3)) / 3, 1e-6));
    mh_validator_destroy(validator);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

/* Losing every third of 3 labels a row loses the first head's. */
Test(validator, a_head_without_a_known_label_adds_0)
{
    mh_dataset *dataset = open_rows(FEW, HEADS);
    mh_trained trained = untrained();
    mh_validator *validator = create(world, dataset, &trained);
    double head_loss[HEADS], loss = mh_validator_loss(world, validator, head_loss);

    cr_expect(head_loss[0] == 0.0);
    cr_expect(head_loss[1] > 0.0 && head_loss[2] > 0.0);
    cr_expect(epsilon_eq(dbl, loss, (head_loss[1] + head_loss[2]) / 3, 1e-12));
    mh_validator_destroy(validator);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

Test(validator, a_broken_model_has_no_loss_on_any_rank)
{
    mh_dataset *dataset = open_rows(MANY, 0);
    mh_trained trained = untrained();
    mh_validator *validator = create(world, dataset, &trained);

    mh_model_parameters(trained.model)[0] = NAN;
    cr_expect(isnan(mh_validator_loss(world, validator, NULL)));
    mh_validator_destroy(validator);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

Test(validator, refuses_columns_that_do_not_fit_on_all_ranks)
{
    mh_schema schema = toy_schema(INPUTS + 1, HEADS, classes);
    mh_batch batch = toy_batch(&schema, FEW);
    mh_dataset *dataset = data_file_open(data_file_of("wide.h5", &batch));
    mh_trained trained = untrained();
    mh_validator *validator = NULL;

    EXPECT_FAILURE(mh_validator_create(world, dataset, &trained, &validator), MH_ERR_FORMAT, "wide.h5");
    cr_expect(validator == NULL);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

/* In the last of six chunks: the last rank's. */
Test(validator, a_bad_row_of_one_rank_fails_on_all)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, MANY);

    ((float *)batch.features)[(MANY - 1) * INPUTS + 2] = NAN;

    mh_dataset *dataset = data_file_open(data_file_of("bad.h5", &batch));
    mh_trained trained = untrained();
    mh_validator *validator = NULL;

    EXPECT_FAILURE(mh_validator_create(world, dataset, &trained, &validator), MH_ERR_FORMAT,
                   "row 1499, column 2");
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}
