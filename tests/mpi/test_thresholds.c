#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/training/evaluator.h"
#include "multihead/training/thresholds.h"
#include "ranks.h"
#include "toy.h"

TestSuite(thresholds, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch,
          .timeout = MPI_TEST_SECONDS);

/* Two blocks and a bit of the predictor. Labels are unrelated to the features, so there is something to tune. */
enum { ROWS = 8500, INPUTS = 4, HEADS = 4 };

static const size_t classes[HEADS] = {2, 2, 2, 3};

static mh_trained untrained(size_t heads)
{
    const mh_trained_config config = {.hidden = NULL, .hidden_layers = 0};
    mh_schema schema = toy_schema(INPUTS, heads, classes);
    mh_trained trained;

    MUST(mh_trained_create(&schema, &config, &trained));
    mh_model_initialize(trained.model, MH_INITIAL_PYTORCH, 1);
    mh_schema_clear(&schema);
    return trained;
}

/* Of head 1 only five rows are positive. */
static mh_dataset *rows(size_t heads, const mh_trained *trained)
{
    mh_schema schema = toy_schema(INPUTS, heads, classes);
    mh_batch batch = toy_batch(&schema, ROWS);

    for (size_t row = 0; row < ROWS; row++)
        ((mh_label *)batch.labels)[row * heads + 1] = row % 1700 == 99;

    mh_dataset *dataset = data_file_open(data_file_of("rows.h5", &batch));

    MUST(mh_dataset_expect(dataset, &trained->schema));
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return dataset;
}

static const mh_threshold_config per_label = {.objective = MH_THRESHOLDS_MACRO,
                                              .least_positives = MH_THRESHOLD_LEAST_POSITIVES};
static const mh_threshold_config global = {.objective = MH_THRESHOLDS_GLOBAL};

static mh_status tune(const mh_comm *comm, mh_trained *trained, mh_dataset *dataset,
                      const mh_threshold_config *config, mh_threshold_summary *summary)
{
    const mh_ensemble itself = mh_ensemble_of(trained);

    return mh_trained_tune(comm, trained, &itself, dataset, config, summary);
}

Test(thresholds, are_the_same_on_any_number_of_ranks)
{
    mh_trained trained[2] = {untrained(HEADS), untrained(HEADS)};
    mh_dataset *dataset = rows(HEADS, &trained[0]);

    MUST(tune(world, &trained[0], dataset, &per_label, NULL));
    MUST(tune(alone, &trained[1], dataset, &per_label, NULL));
    EXPECT_SAME_BITS(trained[0].thresholds, trained[1].thresholds, HEADS);
    cr_expect(trained[0].thresholds[0] != 0.5f && trained[0].thresholds[3] == 0.5f);
    mh_dataset_close(dataset);
    for (size_t i = 0; i < 2; i++)
        mh_trained_clear(&trained[i]);
}

Test(thresholds, few_positives_take_the_global_one)
{
    mh_trained trained = untrained(HEADS);
    mh_dataset *dataset = rows(HEADS, &trained);
    mh_threshold_summary summary;

    MUST(tune(world, &trained, dataset, &per_label, &summary));
    cr_expect(eq(sz, summary.own, 2));
    cr_expect(trained.thresholds[1] == summary.global && trained.thresholds[0] != summary.global);
    MUST(tune(world, &trained, dataset, &global, &summary));
    cr_expect(zero(sz, summary.own));
    for (size_t h = 0; h < 3; h++)
        cr_expect(trained.thresholds[h] == summary.global);
    mh_dataset_close(dataset);
    mh_trained_clear(&trained);
}

/* On the rows that they were tuned on; elsewhere it is a hope. */
Test(thresholds, make_f1_no_smaller)
{
    mh_trained trained = untrained(3);
    mh_dataset *dataset = rows(3, &trained);
    mh_ensemble single = mh_ensemble_of(&trained); /* as it is now: made anew where thresholds are */
    mh_metrics before, tuned, micro, baseline;

    MUST(mh_evaluate(world, &single, dataset, &before, &baseline, NULL));
    mh_metrics_clear(&baseline);
    MUST(tune(world, &trained, dataset, &per_label, NULL));
    single = mh_ensemble_of(&trained);
    MUST(mh_evaluate(world, &single, dataset, &tuned, &baseline, NULL));
    mh_metrics_clear(&baseline);
    MUST(tune(world, &trained, dataset, &global, NULL));
    MUST(mh_evaluate(world, &single, dataset, &micro, &baseline, NULL));
    cr_expect(tuned.head[0].f1 > before.head[0].f1 && tuned.head[2].f1 > before.head[2].f1);
    cr_expect(micro.f1_micro > before.f1_micro);
    cr_expect(tuned.loss == before.loss && tuned.roc_auc_macro == before.roc_auc_macro);
    mh_metrics_clear(&before);
    mh_metrics_clear(&tuned);
    mh_metrics_clear(&micro);
    mh_metrics_clear(&baseline);
    mh_dataset_close(dataset);
    mh_trained_clear(&trained);
}
