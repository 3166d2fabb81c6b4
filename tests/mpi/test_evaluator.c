#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/training/evaluator.h"
#include "ranks.h"
#include "toy.h"

TestSuite(evaluator, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch,
          .timeout = MPI_TEST_SECONDS);

/* Three blocks of the predictor, the last one short: with four ranks one has nothing to do. */
enum { ROWS = 9000, INPUTS = 4, HEADS = 3 };

static const size_t classes[HEADS] = {2, 2, 2};
static const size_t hidden[] = {8};

static mh_dataset *generated(void)
{
    const mh_generator_config generator = {.method = MH_GENERATOR_ROWWISE,
                                           .samples = ROWS,
                                           .features = INPUTS,
                                           .labels = HEADS,
                                           .categories = 2,
                                           .mean_labels = 1.5,
                                           .length = 10.0,
                                           .allow_unlabeled = true,
                                           .seed = 1};
    const mh_dataset_config config = {.generator = &generator};
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    return dataset;
}

/* Thresholds of their own, so that they are known to have a say. */
static mh_trained untrained(void)
{
    const mh_trained_config config = {.hidden = hidden, .hidden_layers = 1};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_trained trained;

    MUST(mh_trained_create(&schema, &config, &trained));
    mh_model_initialize(trained.model, MH_INITIAL_PYTORCH, 1);
    for (size_t i = 0; i < mh_trained_rates(&trained); i++)
        trained.base_rates[i] = i % 2 == 0 ? 0.4 : 0.6;
    MUST(mh_trained_set_threshold(&trained, 0.45f));
    mh_schema_clear(&schema);
    return trained;
}

/* Bit for bit, which also compares NaN with NaN; the struct's pointer is the one thing that may differ. */
static void expect_same_metrics(const mh_metrics *a, const mh_metrics *b)
{
    mh_metrics first = *a, second = *b;

    first.head = second.head = NULL;
    EXPECT_SAME_BITS(&first, &second, 1);
    EXPECT_SAME_BITS(a->head, b->head, HEADS);
}

Test(evaluator, scores_the_same_on_any_number_of_ranks)
{
    mh_dataset *dataset = generated();
    mh_trained trained = untrained();
    mh_ensemble single = mh_ensemble_of(&trained);
    mh_metrics model[2], baseline[2];
    static mh_evaluation_curves curves[2];

    MUST(mh_evaluate(world, &single, dataset, &model[0], &baseline[0], &curves[0]));
    MUST(mh_evaluate(alone, &single, dataset, &model[1], &baseline[1], &curves[1]));
    EXPECT_SAME_BITS(&curves[0], &curves[1], 1);
    cr_expect(eq(sz, curves[0].count, HEADS));
    expect_same_metrics(&model[0], &model[1]);
    expect_same_metrics(&baseline[0], &baseline[1]);
    cr_expect(eq(i64, model[0].rows, ROWS));
    cr_expect(eq(i64, model[0].head[0].known, ROWS));
    cr_expect(isfinite(model[0].loss) && isfinite(model[0].f1_macro) && isfinite(model[0].roc_auc_macro));
    cr_expect(isfinite(model[0].ranking_loss) && isfinite(baseline[0].average_precision_macro));
    cr_expect(baseline[0].roc_auc_macro == 0.5);
    for (size_t i = 0; i < 2; i++) {
        mh_metrics_clear(&model[i]);
        mh_metrics_clear(&baseline[i]);
    }
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

/* One bad row, in the block that the third rank reads. */
static mh_dataset *open_bad_row(void)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, ROWS);

    ((float *)batch.features)[8500 * INPUTS + 1] = NAN;

    mh_dataset *dataset = data_file_open(data_file_of("bad.h5", &batch));

    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return dataset;
}

Test(evaluator, fails_on_all_ranks_together)
{
    mh_dataset *dataset = open_bad_row();
    mh_trained trained = untrained();
    mh_ensemble single = mh_ensemble_of(&trained);
    mh_metrics model, baseline;

    EXPECT_FAILURE(mh_evaluate(world, &single, dataset, &model, &baseline, NULL), MH_ERR_FORMAT,
                   "rank 2 on ");
    EXPECT_SAYS("row 8500, column 1");
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

/* Weights that are no numbers give no probabilities: null, not a number that looks like one. */
Test(evaluator, a_broken_model_has_no_metrics)
{
    mh_dataset *dataset = generated();
    mh_trained trained = untrained();
    mh_ensemble single = mh_ensemble_of(&trained);
    mh_metrics model, baseline;

    mh_model_parameters(trained.model)[0] = NAN;
    MUST(mh_evaluate(world, &single, dataset, &model, &baseline, NULL));
    cr_expect(isnan(model.loss) && isnan(model.log_loss) && isnan(model.roc_auc_macro));
    cr_expect(isnan(model.ranking_loss) && isnan(model.coverage_error) && isnan(model.precision_at[0]));
    cr_expect(isnan(model.head[0].average_precision) && isfinite(baseline.loss));
    mh_metrics_clear(&model);
    mh_metrics_clear(&baseline);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}
