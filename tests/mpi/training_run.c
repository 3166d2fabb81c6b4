#include "training_run.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "data_file.h"
#include "expect.h"
#include "toy.h"

const size_t run_classes[RUN_HEADS] = {2, 3, 2};

static const size_t hidden[] = {16, 9};

mh_trainer_config training_run_config(void)
{
    return (mh_trainer_config){.epochs = 3,
                               .batch_size = RUN_BATCH_SIZE,
                               .replicas = RUN_REPLICAS,
                               .seed = 1,
                               .schedule = {.rate = 0.01},
                               .adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
                               .keep = 9,
                               .options = ""};
}

mh_trained_config training_run_model(void)
{
    return (mh_trained_config){.hidden = hidden, .hidden_layers = 2};
}

mh_dataset *training_run_rows(const char *name, uint64_t seed, size_t rows)
{
    mh_schema schema = toy_schema(RUN_INPUTS, RUN_HEADS, run_classes);
    mh_batch batch = toy_batch(&schema, rows);
    mh_label *labels = (mh_label *)batch.labels;

    toy_fill((float *)batch.features, rows * RUN_INPUTS, seed);
    for (size_t i = 0; i < rows * RUN_HEADS; i++)
        if (toy_number(((uint64_t)(100 + seed) << 32) + i) < -0.4) /* of [-1, 1) */
            labels[i] = MH_LABEL_MISSING;

    mh_dataset *dataset = data_file_open(data_file_of(name, &batch));

    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return dataset;
}

void training_run_start(training_run *run, const mh_comm *comm, const mh_trained_config *model,
                        const mh_trainer_config *config, bool validates)
{
    *run = (training_run){.dataset = training_run_rows("training.h5", 7, RUN_ROWS)};
    MUST(mh_training_data_load(comm, run->dataset, config->replicas, 0, &run->data));
    MUST(mh_trained_create(&run->data.schema, model, &run->trained));
    mh_model_initialize(run->trained.model, MH_INITIAL_HE, 1);
    if (validates) {
        run->validation = training_run_rows("validation.h5", 8, 31);
        MUST(mh_validator_create(comm, run->validation, &run->trained, &run->validator));
    }
    MUST(mh_trainer_create(config, &run->data, &run->trained, run->validator, mh_comm_rank(comm),
                           mh_comm_ranks(comm), &run->trainer));
}

void training_run_end(training_run *run)
{
    mh_trainer_destroy(run->trainer);
    mh_validator_destroy(run->validator);
    mh_trained_clear(&run->trained);
    mh_training_data_clear(&run->data);
    mh_dataset_close(run->validation);
    mh_dataset_close(run->dataset);
}

void training_run_expect_same(const training_run *a, const training_run *b)
{
    const float *parameters = mh_model_parameters(a->trained.model);
    const double *loss = mh_trainer_head_loss(a->trainer);
    mh_position first = *mh_trainer_position(a->trainer), second = *mh_trainer_position(b->trainer);

    EXPECT_SAME_BITS(parameters, mh_model_parameters(b->trained.model),
                     mh_model_layout(a->trained.model)->count);
    EXPECT_SAME_BITS(loss, mh_trainer_head_loss(b->trainer), RUN_HEADS);
    first.seconds = second.seconds = 0;
    EXPECT_SAME_BITS(&first, &second, 1);
}
