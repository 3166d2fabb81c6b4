#include "training_stage.h"

#include <string.h>

#include "multihead/base/memory.h"
#include "row_memory.h"
#include "weight_list.h"

/* ---- weights of the loss ---- */

/* Negatives / positives of each yes-no label among the training rows; 1 where that means nothing. */
static void balance(const mh_training_data *data, float *weights)
{
    const double *rates = data->base_rates;

    for (size_t h = 0; h < data->schema.heads; h++) {
        bool has_both = data->schema.classes[h] == 2 && rates[0] > 0 && rates[1] > 0;

        weights[h] = has_both ? (float)(rates[0] / rates[1]) : 1.0f;
        rates += data->schema.classes[h];
    }
}

static mh_status check_positive_weights(const mh_schema *schema, const double *weights)
{
    char name[MH_LABEL_NAME_BYTES];

    for (size_t h = 0; h < schema->heads; h++)
        if (schema->classes[h] > 2 && weights[h] != 1.0)
            return MH_FAIL(
                MH_ERR_USAGE,
                "--positive-weight: %s has %zu classes, none of which is the positive one; its weight "
                "has to be 1",
                mh_schema_label_name(schema, h, name), schema->classes[h]);
    return MH_OK;
}

static mh_status read_positive_weights(const options *o, training_stage *stage)
{
    mh_status status = MH_OK;
    const mh_schema *schema = &stage->data.schema;
    double *weights = NULL;
    bool is_for_all = false;

    if (o->positive_weight == NULL)
        return MH_OK;
    MH_TRY(mh_memory_array(schema->heads, sizeof *stage->positive_weight, &stage->positive_weight));
    if (strcmp(o->positive_weight, "auto") == 0) {
        balance(&stage->data, stage->positive_weight);
        return MH_OK;
    }
    MH_TRY(weight_list_read("positive-weight", o->positive_weight, schema, &weights, &is_for_all));
    for (size_t h = 0; is_for_all && h < schema->heads; h++) /* of yes-no labels, that is */
        weights[h] = schema->classes[h] > 2 ? 1.0 : weights[h];
    MH_TRY(check_positive_weights(schema, weights));
    for (size_t h = 0; h < schema->heads; h++)
        stage->positive_weight[h] = (float)weights[h];
cleanup:
    mh_memory_free(weights);
    return status;
}

static mh_status read_head_weights(const options *o, training_stage *stage)
{
    mh_status status = MH_OK;
    double sum = 0;

    if (o->head_weight == NULL)
        return MH_OK;
    MH_TRY(weight_list_read("head-weight", o->head_weight, &stage->data.schema, &stage->head_weight, NULL));
    for (size_t h = 0; h < stage->data.schema.heads; h++)
        sum += stage->head_weight[h];
    if (!(sum > 0))
        status = MH_FAIL(MH_ERR_USAGE, "--head-weight: all weights are 0");
cleanup:
    return status;
}

/* ---- the model ---- */

static mh_loss_config loss_of(const options *o, const training_stage *stage)
{
    return (mh_loss_config){
        .kind = (mh_loss_kind)o->loss,
        .gamma = (float)(o->loss == MH_LOSS_ASYMMETRIC ? o->gamma_positive : o->focal_gamma),
        .gamma_negative = (float)o->gamma_negative,
        .margin = (float)o->margin,
        .positive_weight = stage->positive_weight,
    };
}

static mh_status check_loss(const options *o, const mh_heads *heads)
{
    for (size_t h = 0; h < heads->count; h++)
        if (o->loss == MH_LOSS_ASYMMETRIC && !heads->head[h].is_binary)
            return MH_FAIL(MH_ERR_USAGE,
                           "--loss asymmetric is for binary heads, and head %zu is softmax; "
                           "--loss focal is for both",
                           h + 1);
    return MH_OK;
}

/* The model at its start: drawn from the seed, or read from --init. */
static mh_status create_model(const options *o, size_t candidate, training_stage *stage)
{
    mh_status status = MH_OK;
    mh_trained *trained = &stage->trained;
    mh_trained_config config = {.hidden = o->hidden.width,
                                .hidden_layers = o->hidden.count,
                                .heads = (mh_head_kind)o->heads,
                                .activation = (mh_head_activation)o->head_activation,
                                .has_linear_path = o->linear_path,
                                .dropout = (float)training_plan_dropout(o, candidate),
                                .input_dropout = (float)training_plan_input_dropout(o, candidate),
                                .loss = loss_of(o, stage)};

    MH_TRY(mh_trained_create(&stage->data.schema, &config, trained));
    MH_TRY(check_loss(o, mh_model_heads(trained->model)));
    memcpy(trained->base_rates, stage->data.base_rates,
           mh_trained_rates(trained) * sizeof *stage->data.base_rates);
    MH_TRY(mh_standardizer_copy(&stage->data.standardizer, &trained->standardizer));
    mh_model_initialize(trained->model, (mh_initial_weights)o->initial_weights, o->seed);
    if (o->initial_biases == BIASES_AT_BASE_RATES)
        mh_trained_start_at_base_rates(trained, stage->data.known);
    if (o->init != NULL)
        MH_TRY(mh_trained_load_parameters(trained, o->init));
cleanup:
    return status;
}

/* ---- the trainer ---- */

double training_stage_rate(const options *o)
{
    return o->learning_rate *
           mh_rate_scale_factor((mh_rate_scale)o->learning_rate_scale, o->batch_size, o->reference_batch);
}

/* Each with the constants of its authors. */
static mh_adam_config adam_of(const options *o)
{
    return (mh_adam_config){.rule = (mh_adam_rule)o->optimizer,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = o->optimizer == MH_ADAM_LAMB ? 1e-6 : 1e-8,
                            .weight_decay = o->weight_decay};
}

static mh_status create_trainer(const mh_comm *comm, const options *o, const training_stage_config *config,
                                training_stage *stage)
{
    bool warms_epochs = o->warmup.unit == MH_INTERVAL_EPOCHS;
    mh_trainer_config trainer = {
        .epochs = config->epochs,
        .batch_size = o->batch_size,
        .replicas = o->replicas,
        .overlaps = o->overlap,
        .shuffles = o->shuffle,
        .windows = stage->windows,
        .seed = o->seed,
        .schedule =
            {.kind = (mh_schedule_kind)o->schedule,
             .rate = training_stage_rate(o),
             .epochs = o->epochs, /* also where fewer are trained: the same rates as when they were chosen */
             .every = o->schedule_every,
             .factor = o->schedule_factor,
             .warmup_steps = warms_epochs ? 0 : (size_t)o->warmup.every},
        .warmup_epochs = warms_epochs ? (size_t)o->warmup.every : 0,
        .adam = adam_of(o),
        .spares_biases = !o->decay_biases,
        .linear_path_rate = o->linear_path_rate,
        .average_decay = o->average_decay,
        .clip_norm = o->clip_norm,
        .head_weights = stage->head_weight,
        .patience = o->patience,
        .columns = {.has_validation = stage->validator != NULL || config->plan->trials > 0,
                    .has_stages = config->plan->stages > 1},
        .on_nonfinite = (mh_on_nonfinite)o->on_nonfinite,
        .checkpoint_every = o->checkpoint_every,
        .keep = o->keep,
        .deadline = config->deadline,
        .folder = config->run->folder,
        .options = config->description,
        .versions = config->versions,
        .shows_progress = o->progress,
        .title = stage->title,
    };

    return mh_trainer_create(&trainer, &stage->data, &stage->trained, stage->validator, mh_comm_rank(comm),
                             mh_comm_ranks(comm), &stage->trainer);
}

static mh_status read_weights(const options *o, training_stage *stage)
{
    mh_status status = MH_OK;

    MH_TRY(read_positive_weights(o, stage));
    MH_TRY(read_head_weights(o, stage));
cleanup:
    return status;
}

mh_status training_stage_prepare(const mh_comm *comm, const options *o, const training_stage_config *config,
                                 training_stage *out)
{
    mh_status status = MH_OK;

    *out = (training_stage){0};
    training_plan_title(o, config->plan, config->stage, out->title, sizeof out->title);
    status = training_plan_open(o, config->plan, config->stage, &out->dataset, &out->validation);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(row_memory_plan(o, config->plan, config->run, out->dataset, &out->windows));
    MH_TRY(mh_training_data_load(comm, out->dataset, o->replicas, o->memory, &out->data));
    MH_TRY(mh_training_data_standardize(comm, (mh_standardize)o->standardize, (float)o->outlier_limit,
                                        o->replicas, &out->data));
    MH_TRY(mh_comm_agree(comm, read_weights(o, out)));
    MH_TRY(mh_comm_agree(comm, create_model(o, config->candidate, out)));
    out->trained.fold = training_plan_fold(config->plan, config->stage);
    if (out->validation != NULL)
        MH_TRY(mh_validator_create(comm, out->validation, &out->trained, &out->validator));
    MH_TRY(mh_comm_agree(comm, create_trainer(comm, o, config, out)));
cleanup:
    return status;
}

void training_stage_clear(training_stage *stage)
{
    mh_trainer_destroy(stage->trainer);
    mh_validator_destroy(stage->validator);
    mh_trained_clear(&stage->trained);
    mh_training_data_clear(&stage->data);
    mh_dataset_close(stage->validation);
    mh_dataset_close(stage->dataset);
    mh_memory_free(stage->positive_weight);
    mh_memory_free(stage->head_weight);
    *stage = (training_stage){0};
}
