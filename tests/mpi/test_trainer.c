#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/training/trainer.h"
#include "ranks.h"
#include "scratch.h"
#include "toy.h"

TestSuite(trainer, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch,
          .timeout = MPI_TEST_SECONDS);

/* No number here divides another: parts of batches and of replicas are uneven. */
enum { ROWS = 53, INPUTS = 5, HEADS = 3, REPLICAS = 5, BATCH_SIZE = 24 };

static const size_t classes[HEADS] = {2, 3, 2};
static const size_t hidden[] = {16, 9};

/* ---- a data set in each rank's own folder, the same everywhere ---- */

typedef struct {
    bool has_missing_labels;
    bool has_nan;        /* in the last row: the last rank's */
    bool has_rare_class; /* class 2 of head 1, in the last row only */
    bool is_in_windows;  /* three of an epoch                       */
    bool is_streamed;    /* no rank holds its rows                  */
} data_kind;

static mh_dataset *open_data(data_kind kind)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, ROWS);

    if (kind.has_missing_labels)
        toy_batch_lose_labels(&batch, 4);
    if (kind.has_rare_class)
        for (size_t row = 0; row < ROWS; row++)
            ((mh_label *)batch.labels)[row * HEADS + 1] = row + 1 == ROWS ? 2 : row % 2;
    if (kind.has_nan)
        ((float *)batch.features)[ROWS * INPUTS - 1] = NAN;

    mh_dataset *dataset = data_file_open(data_file_of("data.h5", &batch));

    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return dataset;
}

/* ---- a run, on all ranks or on each alone ---- */

typedef struct {
    mh_dataset *dataset;
    mh_training_data data;
    mh_trained trained;
    mh_trainer *trainer;
} run;

static mh_trainer_config default_config(void)
{
    return (mh_trainer_config){.epochs = 3,
                               .batch_size = BATCH_SIZE,
                               .replicas = REPLICAS,
                               .shuffles = true,
                               .seed = 1,
                               .schedule = {.rate = 0.01},
                               .adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
                               .options = ""};
}

/* A batch each, as few as memory for two of them and a row makes them. */
static mh_windows windows_of(data_kind kind, const mh_trainer_config *config)
{
    const mh_deal deal = {ROWS, config->batch_size, config->replicas};
    size_t row_bytes = INPUTS * sizeof(float) + HEADS * sizeof(mh_label);
    size_t rows = 2 * config->replicas * mh_deal_part_rows_max(&deal, 1) + 1;
    mh_windows windows = {0};

    if (kind.is_in_windows)
        MUST(mh_windows_plan(&deal, row_bytes, rows * row_bytes, &windows));
    cr_assert(mh_windows_count(&windows, &deal) == (kind.is_in_windows ? 3 : 1));
    return windows;
}

/* In place: the trainer keeps where the data and the model are. */
static void run_start(run *r, const mh_comm *comm, data_kind kind, const mh_trainer_config *trainer)
{
    const mh_trained_config model = {.hidden = hidden, .hidden_layers = 2};
    mh_trainer_config in_windows = *trainer, *config = &in_windows;

    config->windows = windows_of(kind, config);
    r->dataset = open_data(kind);
    MUST(mh_training_data_load(comm, r->dataset, config->replicas, kind.is_streamed,
                               &r->data)); /* of 1 byte */
    MUST(mh_training_data_standardize(comm, MH_STANDARDIZE_AUTO, 0.0f, config->replicas, &r->data));
    MUST(mh_trained_create(&r->data.schema, &model, &r->trained));
    mh_model_initialize(r->trained.model, MH_INITIAL_PYTORCH, 1);
    MUST(mh_trainer_create(config, &r->data, &r->trained, NULL, mh_comm_rank(comm), mh_comm_ranks(comm),
                           &r->trainer));
}

static void run_end(run *r)
{
    mh_trainer_destroy(r->trainer);
    mh_trained_clear(&r->trained);
    mh_training_data_clear(&r->data);
    mh_dataset_close(r->dataset);
}

static void expect_same_model(const run *a, const run *b)
{
    const float *first = mh_model_parameters(a->trained.model),
                *second = mh_model_parameters(b->trained.model);

    EXPECT_SAME_BITS(first, second, mh_model_layout(a->trained.model)->count);
}

/* ---- bits ---- */

/* Of all ranks with rows of one kind, and of one rank with those of another. */
static void expect_same_bits(data_kind kind, data_kind kind_of_single, const mh_trainer_config *config)
{
    run shared, single;

    run_start(&shared, world, kind, config);
    run_start(&single, alone, kind_of_single, config);
    MUST(mh_trainer_run(world, shared.trainer));
    MUST(mh_trainer_run(alone, single.trainer));
    expect_same_model(&shared, &single);

    const double *loss = mh_trainer_head_loss(shared.trainer),
                 *expected = mh_trainer_head_loss(single.trainer);

    EXPECT_SAME_BITS(loss, expected, HEADS);
    run_end(&shared);
    run_end(&single);
}

static void expect_same_bits_as_one_rank(data_kind kind, const mh_trainer_config *config)
{
    expect_same_bits(kind, kind, config);
}

Test(trainer, learns_the_same_bits_on_any_number_of_ranks)
{
    mh_trainer_config config = default_config();

    expect_same_bits_as_one_rank((data_kind){0}, &config);
    config.replicas = 8;
    config.shuffles = false;
    expect_same_bits_as_one_rank((data_kind){0}, &config);
}

Test(trainer, learns_the_same_bits_with_missing_labels)
{
    mh_trainer_config config = default_config();

    expect_same_bits_as_one_rank((data_kind){.has_missing_labels = true}, &config);
}

/* Ranks step the parameters together, each its part, which knows nothing of tensors; those of LAMB are stepped by each. */
Test(trainer, learns_the_same_bits_when_tensors_are_stepped_differently)
{
    mh_trainer_config config = default_config();

    config.spares_biases = true;
    config.adam.weight_decay = 0.1;
    config.average_decay = 0.9;
    expect_same_bits_as_one_rank((data_kind){0}, &config);
    config.adam.rule = MH_ADAM_LAMB;
    expect_same_bits_as_one_rank((data_kind){0}, &config);
}

/* Shuffled in windows, it makes no difference who holds rows and who reads them. */
Test(trainer, learns_the_same_bits_from_rows_that_are_streamed)
{
    const data_kind streamed = {.has_missing_labels = true, .is_in_windows = true, .is_streamed = true};
    const data_kind held = {.has_missing_labels = true, .is_in_windows = true};
    const data_kind whole = {.has_missing_labels = true};
    mh_trainer_config config = default_config();

    expect_same_bits(streamed, held, &config);
    expect_same_bits(held, streamed, &config);
    config.shuffles = false; /* then windows make none either */
    expect_same_bits(streamed, whole, &config);
}

Test(trainer, resumes_on_other_ranks_bit_for_bit)
{
    mh_trainer_config config = default_config();
    run whole;

    run_start(&whole, alone, (data_kind){0}, &config);
    MUST(mh_trainer_run(alone, whole.trainer));

    config.epochs = 2;
    config.checkpoint_every = (mh_interval){MH_INTERVAL_EPOCHS, 2};
    config.keep = 1;
    scratch_folder("checkpoints");
    config.folder = scratch_path("");

    run stopped;

    run_start(&stopped, alone, (data_kind){0}, &config);
    MUST(mh_trainer_run(alone, stopped.trainer));

    config = default_config();

    run resumed;

    run_start(&resumed, world, (data_kind){0}, &config);
    MUST(mh_trainer_restore(resumed.trainer, scratch_path("checkpoints/step-000000006.h5")));
    MUST(mh_trainer_run(world, resumed.trainer));
    expect_same_model(&resumed, &whole);
    run_end(&whole);
    run_end(&stopped);
    run_end(&resumed);
}

/* Wherever it is stopped: in the middle of an epoch, at its end, before the last step. */
static void expect_to_go_on_from_any_step(data_kind kind)
{
    mh_trainer_config config = default_config();
    run whole;
    char checkpoint[64];

    config.checkpoint_every = (mh_interval){MH_INTERVAL_STEPS, 1};
    config.keep = 99;
    scratch_folder("checkpoints");
    config.folder = scratch_path("");
    run_start(&whole, alone, kind, &config);
    MUST(mh_trainer_run(alone, whole.trainer));
    config = default_config();
    for (unsigned step = 1; step <= 9; step++) {
        run resumed;

        snprintf(checkpoint, sizeof checkpoint, "checkpoints/step-%09u.h5", step);
        run_start(&resumed, world, kind, &config);
        MUST(mh_trainer_restore(resumed.trainer, scratch_path(checkpoint)));
        cr_expect(eq(u64, mh_trainer_position(resumed.trainer)->step, step));
        MUST(mh_trainer_run(world, resumed.trainer));
        expect_same_model(&resumed, &whole);
        EXPECT_SAME_BITS(mh_trainer_head_loss(resumed.trainer), mh_trainer_head_loss(whole.trainer), HEADS);
        run_end(&resumed);
    }
    run_end(&whole);
}

Test(trainer, goes_on_from_any_step_bit_for_bit)
{
    expect_to_go_on_from_any_step((data_kind){.has_missing_labels = true});
}

Test(trainer, goes_on_from_any_step_of_a_streamed_epoch_bit_for_bit)
{
    expect_to_go_on_from_any_step(
        (data_kind){.has_missing_labels = true, .is_in_windows = true, .is_streamed = true});
}

Test(trainer, other_rows_than_those_of_the_checkpoint_are_refused)
{
    mh_trainer_config config = default_config();
    run stopped, other;

    config.checkpoint_every = (mh_interval){MH_INTERVAL_EPOCHS, 1};
    config.keep = 1;
    scratch_folder("checkpoints");
    config.folder = scratch_path("");
    run_start(&stopped, alone, (data_kind){0}, &config);
    MUST(mh_trainer_run(alone, stopped.trainer));
    run_start(&other, world, (data_kind){.has_rare_class = true}, &config);
    mh_status status = mh_trainer_restore(other.trainer, scratch_path("checkpoints/step-000000009.h5"));
    EXPECT_FAILURE(mh_comm_agree(world, status), MH_ERR_FORMAT, "was made with other rows");
    run_end(&stopped);
    run_end(&other);
}

/* ---- one step ---- */

/* All rows as one batch of one replica: what the replicas' parts must add up to. */
static double step_by_hand(const mh_batch *batch, mh_trained *trained, const mh_trainer_config *config)
{
    size_t count = mh_model_layout(trained->model)->count;
    float *gradient = malloc(count * sizeof *gradient), weights[HEADS];
    mh_tally tally = toy_tally(HEADS);
    mh_workspace *workspace = NULL;
    mh_adam *adam = NULL;
    mh_batch weighted = *batch;
    double loss = 0.0;

    cr_assert(gradient != NULL);
    for (size_t h = 0; h < HEADS; h++) {
        size_t known = 0;

        for (size_t row = 0; row < ROWS; row++)
            known += batch->labels[row * HEADS + h] != MH_LABEL_MISSING;
        weights[h] = (float)ROWS / (float)known;
    }
    weighted.weights = weights;
    MUST(mh_workspace_create(trained->model, ROWS, &workspace));
    MUST(mh_adam_create(&config->adam, count, &adam));
    mh_workspace_prepare(workspace, trained->model);
    mh_model_gradient(trained->model, &weighted, 1, workspace, gradient, &tally, NULL);
    mh_adam_step(adam, config->schedule.rate, 1.0 / (ROWS * HEADS), gradient,
                 mh_model_parameters(trained->model));
    for (size_t h = 0; h < HEADS; h++)
        loss += tally.loss[h] / (double)tally.known[h] / HEADS;
    mh_adam_destroy(adam);
    mh_workspace_destroy(workspace);
    toy_tally_free(&tally);
    free(gradient);
    return loss;
}

/*
 * The loss of a head is the mean over its labelled rows, that of the model the mean over heads. A large
 * epsilon keeps Adam from turning a rounding difference of a small gradient into a step of full size;
 * gradients are then sums of 53 float32 terms in another order.
 */
Test(trainer, takes_the_step_of_the_mean_loss)
{
    mh_trainer_config config = default_config();

    config.epochs = 1;
    config.batch_size = ROWS;
    config.adam.epsilon = 0.1;

    run shared, single;

    run_start(&shared, world, (data_kind){.has_missing_labels = true}, &config);
    run_start(&single, alone, (data_kind){.has_missing_labels = true}, &config);

    const mh_batch batch = {.rows = ROWS,
                            .inputs = INPUTS,
                            .heads = HEADS,
                            .features = single.data.shard.features,
                            .labels = single.data.shard.labels};
    double expected = step_by_hand(&batch, &single.trained, &config), mean = 0.0;

    MUST(mh_trainer_run(world, shared.trainer));
    for (size_t h = 0; h < HEADS; h++)
        mean += mh_trainer_head_loss(shared.trainer)[h] / HEADS;
    cr_expect(epsilon_eq(dbl, mean, expected, 1e-6));
    cr_expect(
        lt(dbl,
           toy_distance(mh_model_parameters(shared.trained.model), mh_model_parameters(single.trained.model),
                        mh_model_layout(single.trained.model)->count),
           1e-6));
    run_end(&shared);
    run_end(&single);
}

Test(trainer, allocates_nothing_in_a_step)
{
    mh_trainer_config config = default_config();
    double loss = 0.0;
    run r;

    run_start(&r, world, (data_kind){0}, &config);

    uint64_t before = mh_memory_allocations();

    for (size_t batch = 0; batch < mh_trainer_batches(r.trainer); batch++)
        MUST(mh_trainer_step(world, r.trainer, batch, &loss));
    cr_expect(eq(u64, mh_memory_allocations(), before));
    run_end(&r);
}

/* Nor does the thread that reads. */
Test(trainer, allocates_nothing_in_a_step_of_streamed_rows)
{
    mh_trainer_config config = default_config();
    double loss = 0.0;
    run r;

    run_start(&r, world, (data_kind){.is_in_windows = true, .is_streamed = true}, &config);

    uint64_t before = mh_memory_allocations();

    for (size_t batch = 0; batch < mh_trainer_batches(r.trainer); batch++)
        MUST(mh_trainer_step(world, r.trainer, batch, &loss));
    cr_expect(eq(u64, mh_memory_allocations(), before));
    run_end(&r);
}

/* ---- failures ---- */

Test(trainer, stops_on_all_ranks_when_the_loss_is_not_finite)
{
    mh_trainer_config config = default_config();

    config.schedule.rate = 1e30;

    run r;

    run_start(&r, world, (data_kind){0}, &config);
    EXPECT_FAILURE(mh_trainer_run(world, r.trainer), MH_ERR_NUMERIC, "the loss is not finite in epoch 1");
    EXPECT_SAYS("--learning-rate");
    run_end(&r);
}

Test(trainer, refuses_a_bad_row_on_all_ranks)
{
    mh_dataset *dataset = open_data((data_kind){.has_nan = true});
    mh_training_data data;
    char words[64];

    snprintf(words, sizeof words, "rank %zu on ", mh_comm_ranks(world) - 1);
    EXPECT_FAILURE(mh_training_data_load(world, dataset, REPLICAS, 0, &data), MH_ERR_FORMAT, words);
    EXPECT_SAYS("data.h5: /features: row 52, column 4 is not a number");
    mh_dataset_close(dataset);
}

/* Every rank sees it: the message names none. */
Test(trainer, refuses_fewer_rows_than_replicas)
{
    mh_dataset *dataset = open_data((data_kind){0});
    mh_training_data data;

    EXPECT_FAILURE(mh_training_data_load(world, dataset, ROWS + 1, 0, &data), MH_ERR_FORMAT, "54 replicas");
    cr_expect(strstr(mh_status_message(), "rank") == NULL);
    mh_dataset_close(dataset);
}

/* Nothing but the labels says how many classes there are. */
Test(trainer, knows_a_class_that_one_rank_has)
{
    mh_dataset *dataset = open_data((data_kind){.has_rare_class = true});
    mh_training_data data;

    MUST(mh_training_data_load(world, dataset, REPLICAS, 0, &data));
    cr_expect(eq(sz, data.schema.classes[1], 3));
    cr_expect(eq(dbl, data.base_rates[2 + 2], 1.0 / ROWS));
    mh_training_data_clear(&data);
    mh_dataset_close(dataset);
}

Test(trainer, knows_the_base_rates_of_all_ranks)
{
    mh_dataset *dataset = open_data((data_kind){.has_missing_labels = true});
    mh_training_data shared, single;

    MUST(mh_training_data_load(world, dataset, REPLICAS, 0, &shared));
    MUST(mh_training_data_load(alone, dataset, REPLICAS, 0, &single));
    cr_expect(eq(sz, shared.rows, ROWS));
    cr_expect(eq(i64, shared.missing_labels, (int64_t)mh_shard_missing_labels(&single.shard)));
    EXPECT_SAME_BITS(shared.base_rates, single.base_rates, 2 + 3 + 2);
    cr_expect(
        epsilon_eq(dbl, single.base_rates[2] + single.base_rates[3] + single.base_rates[4], 1.0, 1e-15));
    mh_training_data_clear(&shared);
    mh_training_data_clear(&single);
    mh_dataset_close(dataset);
}
