#include <math.h>
#include <stdio.h>
#include <string.h>

#include "multihead/base/clock.h"
#include "multihead/base/interrupt.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "trainer_parts.h"

/* From step to step: epochs, the log, checkpoints, and stopping on the way. */

/* ---- checkpoints ---- */

static mh_training_state state_of(mh_trainer *t)
{
    return (mh_training_state){.trained = t->trained,
                               .adam = t->adam,
                               .position = &t->position,
                               .kept = &t->kept_checkpoint,
                               .head_loss = t->head_loss,
                               .best = t->kept.best,
                               .average = t->kept.average,
                               .replicas = t->config.replicas,
                               .epoch_loss = t->all_epoch_loss,
                               .row_checksum = t->all_row_checksum};
}

mh_status mh_trainer_restore(mh_trainer *t, const char *checkpoint)
{
    mh_status status = MH_OK;
    mh_training_state state = state_of(t);

    MH_TRY(mh_checkpoint_load(checkpoint, &state, &t->earlier_history));
    for (size_t r = 0; r < t->hosted.count; r++)
        if (t->all_row_checksum[t->hosted.first + r] != t->data->row_checksum[r])
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s was made with other rows: those of replica %zu are not what they were; "
                           "--resume none starts afresh",
                           checkpoint, t->hosted.first + r + 1);
    memcpy(t->epoch_loss, t->all_epoch_loss + t->hosted.first * t->heads,
           t->hosted.count * t->heads * sizeof *t->epoch_loss);
cleanup:
    return status;
}

/* Brings what each rank knows of its replicas, `bytes` for each, to rank 0; `all` holds this rank's already. */
static void gather_replicas(const mh_comm *comm, const mh_trainer *t, void *all, size_t bytes)
{
    for (size_t rank = 1; rank < t->ranks; rank++) {
        mh_span hosted = mh_allreduce_hosted(t->config.replicas, rank, t->ranks);

        mh_comm_hand_to_root(comm, rank, (char *)all + hosted.first * bytes, hosted.count * bytes);
    }
}

/* How the last checkpoint went: one that could not be written is no reason to stop, the next one will be tried. */
static void hear_of_checkpoint(mh_trainer *t)
{
    if (mh_checkpoint_writer_finish(t->writer) == MH_OK)
        return;
    t->kept_checkpoint = t->kept_before;
    mh_log_warning("no checkpoint, going on without: %s", mh_status_message());
}

/* Whether this is the epoch whose checkpoint is to be kept for its validation loss. */
static void choose_kept(mh_trainer *t, double validation_loss)
{
    const mh_kept_checkpoint *kept = &t->kept_checkpoint;

    t->kept_before = *kept;
    if (kept->step == 0 ? isfinite(validation_loss) : validation_loss < kept->loss)
        t->kept_checkpoint = (mh_kept_checkpoint){t->position.step, validation_loss};
}

/* Begins to write one, on rank 0, from what all ranks have. `validation_loss` is NaN where none was measured. */
static void save(const mh_comm *comm, mh_trainer *t, double validation_loss)
{
    mh_training_state state = state_of(t);
    mh_checkpoint_texts texts = {.options = t->config.options, .versions = t->config.versions};

    memcpy(t->all_epoch_loss + t->hosted.first * t->heads, t->epoch_loss,
           t->hosted.count * t->heads * sizeof *t->epoch_loss);
    if (t->position.batch > 0) /* at an epoch's beginning nobody asks for them */
        gather_replicas(comm, t, t->all_epoch_loss, t->heads * sizeof *t->all_epoch_loss);
    if (t->writer == NULL)
        return;
    mh_phase_enter("writing a checkpoint");
    hear_of_checkpoint(t);
    choose_kept(t, validation_loss);
    t->position.seconds = mh_history_seconds(t->history);
    texts.history = mh_history_text(t->history);
    mh_checkpoint_writer_start(t->writer, &state, &texts);
    t->last_checkpoint = mh_clock_seconds();
}

/* Whether one is due after a step, from numbers that are equal on all ranks. */
static bool is_due_after_step(const mh_trainer *t)
{
    const mh_interval *interval = &t->config.checkpoint_every;

    return t->request == MH_REQUEST_CHECKPOINT ||
           (interval->unit == MH_INTERVAL_STEPS && interval->every > 0 &&
            t->position.step % (uint64_t)interval->every == 0);
}

static bool is_due_after_epoch(const mh_trainer *t)
{
    const mh_interval *interval = &t->config.checkpoint_every;

    return interval->unit == MH_INTERVAL_EPOCHS && interval->every > 0 &&
           t->position.epoch % (size_t)interval->every == 0;
}

/* ---- stopping ---- */

static void describe_stop(const mh_trainer *t, char *text, size_t bytes)
{
    if (t->request > MH_REQUEST_STOP_BY_SIGNAL)
        snprintf(text, bytes, "%s", mh_interrupt_name(t->request - MH_REQUEST_STOP_BY_SIGNAL));
    else
        snprintf(text, bytes, "--time-limit");
}

static bool is_asked_to_stop(const mh_trainer *t)
{
    return t->request >= MH_REQUEST_STOP_IN_TIME;
}

/* The checkpoint is under way: it is waited for here, and all ranks learn how it went. Always fails. */
static mh_status stop(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;
    const mh_position *position = &t->position;
    char reason[64], cause[MH_STATUS_MESSAGE_BYTES];

    describe_stop(t, reason, sizeof reason);
    if (t->is_root)
        status = t->writer != NULL ? mh_checkpoint_writer_finish(t->writer)
                                   : MH_FAIL(MH_ERR_IO, "this run has no folder");
    if (status != MH_OK) {
        snprintf(cause, sizeof cause, "%s", mh_status_message());
        status = MH_FAIL(MH_ERR_IO, "stopped by %s, and no checkpoint could be written: %s", reason, cause);
    }
    MH_TRY(mh_comm_agree(comm, status));
    status =
        MH_FAIL(MH_STOPPED,
                "stopped by %s after step %llu (%zu epochs and %zu of %zu batches): %s; the same command "
                "goes on from there",
                reason, (unsigned long long)position->step, position->epoch, position->batch, t->batches,
                t->is_root ? mh_checkpoint_writer_path(t->writer) : "");
cleanup:
    return status;
}

/* ---- an epoch ---- */

static void start_epoch(mh_trainer *t)
{
    mh_loader_start_epoch(t->loader,
                          t->position.stage_epoch); /* a stage does not depend on those before it */
    t->counted = (mh_span){0};
    if (t->position.batch == 0) {
        memset(t->epoch_loss, 0, t->hosted.count * t->heads * sizeof *t->epoch_loss);
        t->position.skipped = 0;
    }
}

static void watch_clock(mh_trainer *t)
{
    double now = mh_clock_seconds();

    if (t->last_step > 0 && now - t->last_step > t->longest_step)
        t->longest_step = now - t->last_step;
    t->last_step = now;
    if (t->writer != NULL && mh_checkpoint_writer_is_done(t->writer))
        hear_of_checkpoint(t);
}

/* The batches of an epoch from where it stands. */
static mh_status run_batches(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;
    mh_position *position = &t->position;
    double loss = 0;

    while (position->batch < t->batches) {
        MH_TRY(mh_trainer_step(comm, t, position->batch, &loss));
        position->batch++;
        mh_progress_step(&t->progress, position->stage_epoch, position->batch, loss);
        watch_clock(t);
        if (position->batch == t->batches)
            break; /* the epoch's end has its line of the log written first */
        if (is_due_after_step(t) || is_asked_to_stop(t))
            save(comm, t, NAN);
        if (is_asked_to_stop(t))
            MH_TRY(stop(comm, t));
    }
cleanup:
    return status;
}

/* The epoch's loss of each head, mean over the batches that were taken, and of all heads together. */
static mh_status sum_losses(const mh_comm *comm, mh_trainer *t, double *train_loss)
{
    mh_status status = MH_OK;
    size_t taken = t->batches - t->position.skipped;
    double sum = 0;

    if (taken == 0)
        return MH_FAIL(
            MH_ERR_NUMERIC,
            "no batch of epoch %zu had a finite loss and gradient: a smaller --learning-rate or scaled "
            "features may help",
            t->position.epoch + 1);
    memcpy(t->head_loss, t->epoch_loss, t->hosted.count * t->heads * sizeof *t->head_loss);
    MH_TRY(mh_allreduce_doubles(comm, t->config.replicas, t->heads, t->head_loss));
    for (size_t h = 0; h < t->heads; h++) {
        t->head_loss[h] /= (double)taken;
        sum += t->config.head_weights != NULL ? t->config.head_weights[h] * t->head_loss[h] : t->head_loss[h];
    }
    *train_loss = sum / t->weight_sum;
    if (t->position.skipped > 0)
        mh_log_warning(
            "epoch %zu: %zu of %zu batches were left out, since their loss or gradient was not finite",
            t->position.epoch + 1, t->position.skipped, t->batches);
cleanup:
    return status;
}

/* Of the weights that training would give if it ended here. */
static double validation_loss_of(const mh_comm *comm, mh_trainer *t, float *candidate)
{
    mh_model *model = t->trained->model;
    float *trained = mh_model_parameters(model);

    mh_model_use_parameters(model, candidate);
    double loss = mh_validator_loss(comm, t->validator, NULL);
    mh_model_use_parameters(model, trained);
    return loss;
}

/* Measures the validation loss and remembers the best epoch; NaN where nothing is validated. */
static double validate(const mh_comm *comm, mh_trainer *t)
{
    mh_position *position = &t->position;
    float *candidate = t->kept.average != NULL ? t->kept.average : mh_model_parameters(t->trained->model);
    double loss = NAN;

    if (t->validator == NULL)
        return loss;
    loss = validation_loss_of(comm, t, candidate);
    if (position->best_epoch == 0 ? isfinite(loss) : loss < position->best_loss) {
        position->best_epoch = position->stage_epoch;
        position->best_loss = loss;
        mh_kept_weights_remember(&t->kept, candidate);
    }
    return loss;
}

/* Whether the last epoch is over, or there is no patience left. From numbers that are equal on all ranks. */
static bool is_done(const mh_trainer *t)
{
    const mh_position *position = &t->position;

    return position->batch == 0 &&
           (position->stage_epoch >= t->config.epochs ||
            (t->kept.best != NULL && position->stage_epoch - position->best_epoch >= t->config.patience));
}

static mh_status write_line(const mh_comm *comm, mh_trainer *t, double train_loss, double validation_loss)
{
    const mh_history_line line = {.epoch = t->position.epoch,
                                  .step = t->position.step,
                                  .learning_rate = t->position.rate,
                                  .train_loss = train_loss,
                                  .rows = t->data->rows,
                                  .has_validation = t->validator != NULL,
                                  .validation_loss = validation_loss,
                                  .stage = t->position.stage};

    return mh_comm_agree(comm, mh_history_add(t->history, &line));
}

static mh_status end_epoch(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;
    mh_position *position = &t->position;
    double train_loss = 0, validation_loss = 0;

    MH_TRY(sum_losses(comm, t, &train_loss));
    position->batch = 0;
    position->epoch++;
    position->stage_epoch++;
    validation_loss = validate(comm, t);
    mh_progress_epoch(&t->progress, position->stage_epoch, train_loss, validation_loss, is_done(t));
    MH_TRY(write_line(comm, t, train_loss, validation_loss));
    if (is_due_after_epoch(t) || is_due_after_step(t) || is_asked_to_stop(t) ||
        (is_done(t) && t->config.checkpoint_every.every > 0))
        save(comm, t, validation_loss);
    if (is_asked_to_stop(t) && !is_done(t))
        MH_TRY(stop(comm, t));
cleanup:
    return status;
}

/* ---- the whole way ---- */

static mh_status open_history(const mh_comm *comm, mh_trainer *t)
{
    char path[MH_CHECKPOINT_PATH_BYTES];
    bool is_written = t->is_root && t->config.folder != NULL;

    snprintf(path, sizeof path, "%s/history.csv", t->config.folder != NULL ? t->config.folder : "");
    return mh_comm_agree(comm, mh_history_open(is_written ? path : NULL, t->config.columns,
                                               t->earlier_history, t->position.seconds, &t->history));
}

static mh_status open_writer(const mh_comm *comm, mh_trainer *t)
{
    char folder[MH_CHECKPOINT_PATH_BYTES];
    mh_status status = MH_OK;

    memcpy(t->all_row_checksum + t->hosted.first, t->data->row_checksum,
           t->hosted.count * sizeof *t->all_row_checksum);
    gather_replicas(comm, t, t->all_row_checksum, sizeof *t->all_row_checksum);
    if (t->is_root && t->config.folder != NULL) {
        snprintf(folder, sizeof folder, "%s/checkpoints", t->config.folder);
        status = mh_checkpoint_writer_create(folder, t->config.keep, &t->writer);
    }
    return mh_comm_agree(comm, status);
}

static void start_clocks(mh_trainer *t)
{
    t->progress = mh_progress_start(t->is_root && t->config.shows_progress, t->config.title, t->config.epochs,
                                    t->position.stage_epoch, t->batches, t->data->rows);
    mh_history_start(t->history);
    t->last_checkpoint = mh_clock_seconds();
}

mh_status mh_trainer_run(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;

    MH_TRY(open_history(comm, t));
    MH_TRY(open_writer(comm, t));
    MH_TRY(mh_trainer_share(comm, t));
    start_clocks(t);
    while (!is_done(t)) {
        start_epoch(t);
        MH_TRY(run_batches(comm, t));
        MH_TRY(end_epoch(comm, t));
    }
    if (t->writer != NULL)
        hear_of_checkpoint(t);
    mh_checkpoint_writer_destroy(t->writer); /* it tidies up, before anything says that the run is finished */
    t->writer = NULL;
    t->position.seconds = mh_history_seconds(t->history);
    mh_phase_set_step(0);
    MH_TRY(mh_comm_agree(comm, mh_history_finish(t->history)));
    mh_trainer_take_back(t);
    mh_kept_weights_result(&t->kept, t->position.best_epoch > 0, mh_model_parameters(t->trained->model));
cleanup:
    return status;
}
