#include "multihead/training/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/data/loader.h"
#include "multihead/parallel/allreduce.h"
#include "multihead/training/clip.h"
#include "multihead/training/kept_weights.h"
#include "multihead/training/progress.h"

struct mh_trainer {
    mh_trainer_config config;
    const mh_training_data *data;
    mh_trained *trained;
    mh_validator *validator;
    bool is_root;
    mh_span hosted; /* replicas of this rank */
    size_t heads;
    size_t batches; /* of an epoch */

    mh_loader *loader;
    mh_workspace *workspace;
    mh_allreduce *allreduce;
    mh_adam *adam;
    mh_history *history;
    char *earlier_history; /* of a run that goes on */
    mh_progress progress;
    mh_position position;

    mh_tally tally;    /* of one replica's part of a batch                                       */
    int64_t *known;    /* [batches x heads] known labels of each batch; NULL when all are known  */
    float *weights;    /* [heads] of the loss in a batch                                         */
    double weight_sum; /* of all heads                                                           */
    double rate;       /* of the last step                                                       */
    mh_kept_weights kept;
    double *replica_loss; /* [hosted] share of a step's loss                                        */
    double *epoch_loss;   /* [hosted x heads] share of the epoch's losses so far                    */
    double *head_loss;    /* [hosted x heads] the same at the end, then [heads] summed              */
};

/* ---- making one ---- */

/* Biases and the linear path may go their own way: a part for each tensor, or one for all where they do not. */
static mh_status create_adam(mh_trainer *t)
{
    mh_status status = MH_OK;
    const mh_trainer_config *config = &t->config;
    const mh_layout *layout = mh_model_layout(t->trained->model);
    mh_span path = mh_model_linear_path(t->trained->model);
    mh_adam_config adam = config->adam;
    mh_adam_part *parts = NULL;
    double path_rate = config->linear_path_rate > 0 ? config->linear_path_rate : 1.0;

    MH_TRY(mh_memory_array(layout->tensors, sizeof *parts, &parts));
    for (size_t i = 0; i < layout->tensors; i++) {
        const mh_tensor *tensor = &layout->tensor[i];
        bool is_path = path.count > 0 && tensor->span.first == path.first;

        parts[i] = (mh_adam_part){.span = tensor->span,
                                  .rate = is_path ? path_rate : 1.0,
                                  .decays = tensor->columns > 0 || !config->spares_biases};
    }
    if (config->spares_biases || path_rate != 1.0) {
        adam.parts = parts;
        adam.part_count = layout->tensors;
    }
    MH_TRY(mh_adam_create(&adam, layout->count, &t->adam));
cleanup:
    mh_memory_free(parts);
    return status;
}

static mh_status create_parts(mh_trainer *t, size_t rank, size_t ranks)
{
    mh_status status = MH_OK;
    const mh_trainer_config *config = &t->config;
    size_t parameters = mh_model_layout(t->trained->model)->count;
    mh_loader_config loader = {.rows = t->data->rows,
                               .batch_size = config->batch_size,
                               .replicas = config->replicas,
                               .hosted = t->hosted,
                               .shuffles = config->shuffles,
                               .seed = config->seed};

    MH_TRY(mh_loader_create(&t->data->shard, &loader, &t->loader));
    t->batches = mh_loader_batches(t->loader);
    size_t chunk = mh_model_chunk_rows(t->trained->model);
    size_t most = mh_loader_replica_rows_max(t->loader);
    MH_TRY(mh_workspace_create(t->trained->model, most < chunk ? most : chunk, &t->workspace));
    MH_TRY(mh_allreduce_create(parameters, config->replicas, rank, ranks, &t->allreduce));
    MH_TRY(create_adam(t));
    MH_TRY(mh_kept_weights_create(parameters, t->validator != NULL && config->patience > 0,
                                  config->average_decay, &t->kept));
cleanup:
    return status;
}

static mh_status create_sums(mh_trainer *t)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_array(t->heads, sizeof *t->tally.loss, &t->tally.loss));
    MH_TRY(mh_memory_array(t->heads, sizeof *t->tally.known, &t->tally.known));
    if (t->data->missing_labels > 0)
        MH_TRY(mh_memory_array(t->batches, t->heads * sizeof *t->known, &t->known));
    MH_TRY(mh_memory_array(t->heads, sizeof *t->weights, &t->weights));
    MH_TRY(mh_memory_array(t->hosted.count, sizeof *t->replica_loss, &t->replica_loss));
    MH_TRY(mh_memory_array(t->hosted.count, t->heads * sizeof *t->epoch_loss, &t->epoch_loss));
    MH_TRY(mh_memory_array(t->hosted.count, t->heads * sizeof *t->head_loss, &t->head_loss));
cleanup:
    return status;
}

mh_status mh_trainer_create(const mh_trainer_config *config, const mh_training_data *data,
                            mh_trained *trained, mh_validator *validator, size_t rank, size_t ranks,
                            mh_trainer **out)
{
    mh_status status = MH_OK;
    mh_trainer *t = NULL;

    MH_TRY(mh_memory_new(sizeof *t, &t));
    t->config = *config;
    t->data = data;
    t->trained = trained;
    t->validator = validator;
    t->is_root = rank == 0;
    t->hosted = mh_allreduce_hosted(config->replicas, rank, ranks);
    t->heads = data->schema.heads;
    for (size_t h = 0; h < t->heads; h++)
        t->weight_sum += config->head_weights != NULL ? config->head_weights[h] : 1.0;
    MH_TRY(create_parts(t, rank, ranks));
    MH_TRY(create_sums(t));
cleanup:
    if (status != MH_OK) {
        mh_trainer_destroy(t);
        t = NULL;
    }
    *out = t;
    return status;
}

void mh_trainer_destroy(mh_trainer *t)
{
    if (t == NULL)
        return;
    mh_loader_destroy(t->loader);
    mh_workspace_destroy(t->workspace);
    mh_allreduce_destroy(t->allreduce);
    mh_adam_destroy(t->adam);
    mh_history_close(t->history);
    mh_memory_free(t->earlier_history);
    mh_memory_free(t->tally.loss);
    mh_memory_free(t->tally.known);
    mh_memory_free(t->known);
    mh_memory_free(t->weights);
    mh_kept_weights_clear(&t->kept);
    mh_memory_free(t->replica_loss);
    mh_memory_free(t->epoch_loss);
    mh_memory_free(t->head_loss);
    mh_memory_free(t);
}

/* What a checkpoint holds of this trainer. */
static mh_training_state state_of(mh_trainer *t)
{
    return (mh_training_state){.trained = t->trained,
                               .adam = t->adam,
                               .position = &t->position,
                               .head_loss = t->head_loss,
                               .best = t->kept.best,
                               .average = t->kept.average};
}

mh_status mh_trainer_restore(mh_trainer *t, const char *checkpoint)
{
    mh_training_state state = state_of(t);

    return mh_checkpoint_load(checkpoint, &state, &t->earlier_history);
}

mh_status mh_trainer_follow(mh_trainer *t, const mh_position *before, const char *history)
{
    t->position = (mh_position){
        .epoch = before->epoch, .step = before->step, .seconds = before->seconds, .stage = before->stage + 1};
    mh_memory_free(t->earlier_history);
    return mh_memory_text(history, &t->earlier_history);
}

const mh_position *mh_trainer_position(const mh_trainer *t)
{
    return &t->position;
}

const char *mh_trainer_history(const mh_trainer *t)
{
    return t->history != NULL ? mh_history_text(t->history) : "";
}

size_t mh_trainer_batches(const mh_trainer *t)
{
    return t->batches;
}

const double *mh_trainer_head_loss(const mh_trainer *t)
{
    return t->head_loss;
}

double mh_trainer_seconds(const mh_trainer *t)
{
    return t->history != NULL ? mh_history_seconds(t->history) : t->position.seconds;
}

/* ---- a step ---- */

/* How many labels of a head are known in the global batch: what its loss is divided by. */
static double divisor(const mh_trainer *t, size_t batch, size_t head)
{
    if (t->known == NULL)
        return (double)mh_loader_batch_rows(t->loader, batch);
    return (double)t->known[batch * t->heads + head];
}

/*
 * The gradient is summed over rows and divided by rows and heads once, in the step. A head whose labels are not all
 * known has fewer rows to be divided by, and one may weigh more than another: its weight in the batch makes up for
 * both. NULL where all labels are known and all heads weigh the same.
 */
static const float *batch_weights(mh_trainer *t, size_t batch)
{
    const double *head_weights = t->config.head_weights;
    double rows = (double)mh_loader_batch_rows(t->loader, batch);

    if (t->known == NULL && head_weights == NULL)
        return NULL;
    for (size_t h = 0; h < t->heads; h++) {
        double known = divisor(t, batch, h);
        double weight = head_weights != NULL ? head_weights[h] : 1.0;

        t->weights[h] = known > 0 ? (float)(weight * rows / known) : 0.0f;
    }
    return t->weights;
}

/* Adds a replica's part of a batch to its sums of the epoch; returns its share of the batch's loss. */
static double keep_loss(mh_trainer *t, size_t batch, size_t replica)
{
    double *epoch_loss = t->epoch_loss + replica * t->heads;
    double sum = 0;

    for (size_t h = 0; h < t->heads; h++) {
        double known = divisor(t, batch, h);
        double share = known > 0 ? t->tally.loss[h] / known : 0.0;

        epoch_loss[h] += share;
        sum += t->config.head_weights != NULL ? t->config.head_weights[h] * share : share;
        t->tally.loss[h] = 0;
        t->tally.known[h] = 0;
    }
    return sum / t->weight_sum;
}

/* Where a batch is on the way through this stage, in epochs. */
static double epochs_done(const mh_trainer *t, size_t batch)
{
    return (double)t->position.stage_epoch + (double)batch / (double)t->batches;
}

mh_status mh_trainer_step(const mh_comm *comm, mh_trainer *t, size_t batch, double *loss)
{
    mh_status status = MH_OK;
    const float *weights = batch_weights(t, batch);
    const float *sum = NULL;
    double rows = (double)mh_loader_batch_rows(t->loader, batch), scale = 0;

    /* Local: the rows of every replica hosted here become a leaf of the sum. */
    mh_allreduce_start(t->allreduce);
    for (size_t r = 0; r < t->hosted.count; r++) {
        mh_batch part; /* borrowed from the loader until the next one */
        mh_draw draw = {t->config.seed, mh_adam_steps(t->adam), (uint32_t)(t->hosted.first + r)};

        mh_loader_batch(t->loader, batch, t->hosted.first + r, &part);
        part.weights = weights;
        part.draw = &draw;
        mh_model_gradient(t->trained->model, &part, t->workspace, mh_allreduce_leaf(t->allreduce), &t->tally);
        t->replica_loss[r] = keep_loss(t, batch, r);
    }

    /* Collective: every rank arrives here. */
    MH_TRY(mh_allreduce_finish(comm, t->allreduce, MH_OK, NULL, t->replica_loss));
    *loss = t->replica_loss[0];
    if (!isfinite(*loss)) {
        status = MH_FAIL(MH_ERR_NUMERIC,
                         "the loss is not finite in epoch %zu, batch %zu: a smaller "
                         "--learning-rate or scaled features may help",
                         t->position.epoch + 1, batch + 1);
        goto cleanup;
    }

    /* Local and equal everywhere: the same sum gives the same step. */
    sum = mh_allreduce_sum(t->allreduce);
    scale = 1.0 / (rows * t->weight_sum);
    if (t->config.clip_norm > 0)
        scale = mh_clip_scale(scale, t->config.clip_norm, sum, mh_model_layout(t->trained->model)->count);
    t->rate = mh_schedule_rate(&t->config.schedule, epochs_done(t, batch), mh_adam_steps(t->adam));
    mh_adam_step(t->adam, t->rate, scale, sum, mh_model_parameters(t->trained->model));
    t->position.step++;
    mh_kept_weights_add(&t->kept, mh_adam_steps(t->adam), mh_model_parameters(t->trained->model));
cleanup:
    return status;
}

/* ---- an epoch ---- */

static void start_epoch(const mh_comm *comm, mh_trainer *t)
{
    mh_loader_shuffle(t->loader, t->position.stage_epoch); /* a stage does not depend on those before it */
    memset(t->epoch_loss, 0, t->hosted.count * t->heads * sizeof *t->epoch_loss);
    if (t->known == NULL)
        return;
    memset(t->known, 0, t->batches * t->heads * sizeof *t->known);
    for (size_t batch = 0; batch < t->batches; batch++)
        mh_loader_count_labels(t->loader, batch, t->known + batch * t->heads);
    mh_comm_sum(comm, t->known, t->batches * t->heads);
}

/* The epoch's loss of each head, mean over batches, and of all heads together. */
static mh_status sum_losses(const mh_comm *comm, mh_trainer *t, double *train_loss)
{
    mh_status status = MH_OK;
    double sum = 0;

    memcpy(t->head_loss, t->epoch_loss, t->hosted.count * t->heads * sizeof *t->head_loss);
    MH_TRY(mh_allreduce_doubles(comm, t->config.replicas, t->heads, t->head_loss));
    for (size_t h = 0; h < t->heads; h++) {
        t->head_loss[h] /= (double)t->batches;
        sum += t->config.head_weights != NULL ? t->config.head_weights[h] * t->head_loss[h] : t->head_loss[h];
    }
    *train_loss = sum / t->weight_sum;
cleanup:
    return status;
}

/* Measures the validation loss and remembers the best epoch; NaN where nothing is validated. */
static double validate(const mh_comm *comm, mh_trainer *t)
{
    mh_position *position = &t->position;
    float *parameters = mh_model_parameters(t->trained->model);
    double loss = NAN;

    if (t->validator == NULL)
        return loss;
    mh_kept_weights_swap(&t->kept, parameters);
    loss = mh_validator_loss(comm, t->validator, NULL);
    if (position->best_epoch == 0 ? isfinite(loss) : loss < position->best_loss) {
        position->best_epoch = position->stage_epoch;
        position->best_loss = loss;
        mh_kept_weights_remember(&t->kept, parameters);
    }
    mh_kept_weights_swap(&t->kept, parameters);
    return loss;
}

/* Whether the last epoch is over, or there is no patience left. From numbers that are equal on all ranks. */
static bool is_done(const mh_trainer *t)
{
    const mh_position *position = &t->position;

    return position->stage_epoch >= t->config.epochs ||
           (t->kept.best != NULL && position->stage_epoch - position->best_epoch >= t->config.patience);
}

/* A checkpoint that cannot be written is no reason to stop. */
static void save_checkpoint(mh_trainer *t)
{
    const mh_trainer_config *config = &t->config;
    mh_training_state state = state_of(t);
    char folder[MH_CHECKPOINT_PATH_BYTES];

    t->position.seconds = mh_history_seconds(t->history);
    snprintf(folder, sizeof folder, "%s/checkpoints", config->folder);
    if (mh_checkpoint_save(folder, &state, config->options, mh_history_text(t->history)) == MH_OK)
        mh_checkpoint_prune(folder, config->keep);
    else
        mh_log_warning("no checkpoint of epoch %zu, going on without: %s", t->position.epoch,
                       mh_status_message());
}

/* Only rank 0 writes; all ranks learn how it went. */
static mh_status write_epoch(const mh_comm *comm, mh_trainer *t, double train_loss, double validation_loss)
{
    mh_status status = MH_OK;
    const mh_trainer_config *config = &t->config;
    mh_history_line line = {.epoch = t->position.epoch,
                            .step = t->position.step,
                            .learning_rate = t->rate,
                            .train_loss = train_loss,
                            .rows = t->data->rows,
                            .has_validation = t->validator != NULL,
                            .validation_loss = validation_loss,
                            .stage = t->position.stage};
    bool is_due =
        config->checkpoint_every > 0 && (t->position.epoch % config->checkpoint_every == 0 || is_done(t));

    status = mh_history_add(t->history, &line);
    if (status == MH_OK && t->is_root && config->folder != NULL && is_due)
        save_checkpoint(t);
    return mh_comm_agree(comm, status);
}

static mh_status open_history(const mh_comm *comm, mh_trainer *t)
{
    char path[MH_CHECKPOINT_PATH_BYTES];
    bool is_written = t->is_root && t->config.folder != NULL;

    snprintf(path, sizeof path, "%s/history.csv", t->config.folder != NULL ? t->config.folder : "");
    return mh_comm_agree(comm, mh_history_open(is_written ? path : NULL, t->config.columns,
                                               t->earlier_history, t->position.seconds, &t->history));
}

mh_status mh_trainer_run(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;
    mh_position *position = &t->position;
    double loss = 0, train_loss = 0, validation_loss = 0;

    MH_TRY(open_history(comm, t));
    t->progress = mh_progress_start(t->is_root && t->config.shows_progress, t->config.title, t->config.epochs,
                                    position->stage_epoch, t->batches, t->data->rows);
    mh_history_start(t->history);
    while (!is_done(t)) {
        start_epoch(comm, t);
        for (size_t batch = 0; batch < t->batches; batch++) {
            MH_TRY(mh_trainer_step(comm, t, batch, &loss));
            mh_progress_step(&t->progress, position->stage_epoch, batch + 1, loss);
        }
        position->epoch++;
        position->stage_epoch++;
        MH_TRY(sum_losses(comm, t, &train_loss));
        validation_loss = validate(comm, t);
        mh_progress_epoch(&t->progress, position->stage_epoch, train_loss, validation_loss, is_done(t));
        MH_TRY(write_epoch(comm, t, train_loss, validation_loss));
    }
    position->seconds = mh_history_seconds(t->history);
    mh_kept_weights_result(&t->kept, position->best_epoch > 0, mh_model_parameters(t->trained->model));
cleanup:
    return status;
}
