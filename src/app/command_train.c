#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "folder.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/model/baseline.h"
#include "multihead/tensor/matrix.h"
#include "multihead/training/checkpoint.h"
#include "multihead/training/thresholds.h"
#include "plot.h"
#include "preset.h"
#include "report.h"
#include "run_folder.h"
#include "startup.h"
#include "training_plan.h"
#include "training_stage.h"

enum { DEFAULT_REPLICAS = 8 };

/* What a training run is made of. */
typedef struct {
    run_folder folder;
    char *description; /* options.ini */
    training_plan plan;
    training_stage stage; /* the one under way */
    mh_position position; /* where the stage before it ended                        */
    char *history;        /* the log up to there, on rank 0; NULL when there is none */
} job;

static mh_status check_shares(const options *o)
{
    if (o->dropout >= 1 || o->input_dropout >= 1)
        return MH_FAIL(MH_ERR_USAGE, "--%s %g: expected a share below 1",
                       o->dropout >= 1 ? "dropout" : "input-dropout",
                       o->dropout >= 1 ? o->dropout : o->input_dropout);
    if (o->average_decay >= 1)
        return MH_FAIL(MH_ERR_USAGE, "--average-decay %g: expected a share below 1, such as 0.99",
                       o->average_decay);
    if (o->margin >= 1)
        return MH_FAIL(MH_ERR_USAGE, "--margin %g: expected a probability below 1", o->margin);
    return MH_OK;
}

static mh_status check_model(const options *o)
{
    if (o->linear_path && o->hidden.count == 0 && options_is_given(o, "hidden"))
        return MH_FAIL(MH_ERR_USAGE, "--hidden none is a linear model already: leave out --linear-path");
    if (o->loss != MH_LOSS_CROSS_ENTROPY && o->head_activation != MH_HEAD_ACTIVATION_NONE)
        return MH_FAIL(MH_ERR_USAGE, "--loss focal and asymmetric take logits: leave out --head-activation");
    return MH_OK;
}

mh_status command_train_check(const options *o)
{
    mh_status status = MH_OK;

    if (strchr(o->run, '/') != NULL || strcmp(o->run, ".") == 0 || strcmp(o->run, "..") == 0)
        return MH_FAIL(MH_ERR_USAGE, "--run %s: expected a name; --output is the folder it goes under",
                       o->run);
    if (o->learning_rate <= 0)
        return MH_FAIL(MH_ERR_USAGE, "--learning-rate must be above 0");
    if (o->init != NULL && strcmp(o->resume, "auto") != 0 && strcmp(o->resume, "none") != 0)
        return MH_FAIL(MH_ERR_USAGE,
                       "--init and --resume FILE contradict each other: both say where to start");
    MH_TRY(check_shares(o));
    MH_TRY(check_model(o));
    MH_TRY(training_plan_check(o));
    MH_TRY(data_source_check(o));
cleanup:
    return status;
}

/* ---- preparing ---- */

/* Rank 0 looks at the run's folder; the others learn what it found. */
static mh_status examine_folder(const mh_comm *comm, const options *o, run_folder *folder)
{
    mh_status status = mh_comm_rank(comm) == 0 ? run_folder_examine(o, folder) : MH_OK;

    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_broadcast(comm, folder, sizeof *folder);
cleanup:
    return status;
}

static mh_status choose_replicas(const mh_comm *comm, options *o, const run_folder *folder)
{
    size_t ranks = mh_comm_ranks(comm);

    if (folder->replicas != 0)
        o->replicas = folder->replicas;
    else if (o->replicas == 0)
        o->replicas = ranks > DEFAULT_REPLICAS ? ranks : DEFAULT_REPLICAS;
    if (o->replicas < ranks)
        return MH_FAIL(MH_ERR_USAGE,
                       "%zu ranks are more than the %zu replicas: every rank needs one; "
                       "--replicas says how many",
                       ranks, o->replicas);
    return MH_OK;
}

/* Where a stopped run goes on: the stage, and the log of those before it. */
static mh_status find_stage(const mh_comm *comm, job *job)
{
    mh_status status = MH_OK;

    if (job->folder.state != RUN_IS_STOPPED)
        return MH_OK;
    if (mh_comm_rank(comm) == 0)
        status = mh_checkpoint_load_stage(job->folder.checkpoint, &job->position.stage, &job->history);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_broadcast(comm, &job->position.stage, sizeof job->position.stage);
    if (job->position.stage >= job->plan.stages)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: is of stage %zu, and this run has %zu", job->folder.checkpoint,
                         job->position.stage + 1, job->plan.stages);
cleanup:
    return status;
}

static mh_status prepare(const mh_comm *comm, options *o, job *job)
{
    mh_status status = MH_OK;

    MH_TRY(choose_replicas(comm, o, &job->folder));
    MH_TRY(preset_apply(comm, o));
    MH_TRY(training_plan_create(comm, o, &job->plan));
    MH_TRY(find_stage(comm, job));
    MH_TRY(mh_comm_agree(comm, options_describe(o, &job->description)));
cleanup:
    return status;
}

/* ---- stages ---- */

/* How long the last stage trains: as the folds found best, or as the options say where there are none. */
static mh_status choose_epochs(const mh_comm *comm, const options *o, const job *job, size_t stage,
                               size_t *epochs)
{
    mh_status status = MH_OK;

    *epochs = o->epochs;
    if (!training_plan_is_refit(&job->plan, stage))
        return MH_OK;
    if (mh_comm_rank(comm) == 0)
        status = mh_history_best_epoch(job->history, job->plan.folds, epochs);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_broadcast(comm, epochs, sizeof *epochs);
    if (*epochs == 0) {
        status = MH_FAIL(MH_ERR_NUMERIC,
                         "no epoch had a finite validation loss: a smaller --learning-rate may help");
        goto cleanup;
    }
    mh_log_info("training on all rows for %zu epochs, which validation found best", *epochs);
cleanup:
    return status;
}

static mh_status begin_stage(const mh_comm *comm, const options *o, job *job, size_t stage)
{
    mh_status status = MH_OK;
    training_stage_config config = {
        .plan = &job->plan, .stage = stage, .folder = job->folder.folder, .description = job->description};
    bool goes_on = job->folder.state == RUN_IS_STOPPED && stage == job->position.stage;
    bool is_first = goes_on || stage == 0;

    MH_TRY(choose_epochs(comm, o, job, stage, &config.epochs));
    MH_TRY(training_stage_prepare(comm, o, &config, &job->stage));
    if (goes_on)
        status = mh_trainer_restore(job->stage.trainer, job->folder.checkpoint);
    else if (stage > 0)
        status = mh_trainer_follow(job->stage.trainer, &job->position, job->history);
    MH_TRY(mh_comm_agree(comm, status));
    if (!is_first)
        return MH_OK;
    status = mh_comm_rank(comm) == 0 ? run_folder_begin(&job->folder, job->description) : MH_OK;
    MH_TRY(mh_comm_agree(comm, status));
    startup_tell(comm, o, &job->folder, &job->plan, &job->stage);
cleanup:
    return status;
}

static void fold_path(const job *job, size_t stage, char path[RUN_PATH_BYTES])
{
    char name[64];

    snprintf(name, sizeof name, "folds/fold-%zu.h5", stage + 1);
    run_folder_path(&job->folder, name, path);
}

/* Keeps what the next stage, and the thresholds, need of this one. */
static mh_status end_stage(const mh_comm *comm, job *job, size_t stage)
{
    mh_status status = MH_OK;
    char path[RUN_PATH_BYTES];
    const mh_position *position = mh_trainer_position(job->stage.trainer);

    if (stage + 1 == job->plan.stages)
        return MH_OK;
    fold_path(job, stage, path);
    if (mh_comm_rank(comm) == 0)
        status = folder_make_for(path);
    if (status == MH_OK && mh_comm_rank(comm) == 0)
        status = mh_trained_save(&job->stage.trained, path);
    if (status == MH_OK) {
        mh_memory_free(job->history);
        status = mh_memory_text(mh_trainer_history(job->stage.trainer), &job->history);
    }
    MH_TRY(mh_comm_agree(comm, status));
    if (position->best_epoch > 0)
        mh_log_info("%s: validation loss %.5f in epoch %zu", job->stage.title, position->best_loss,
                    position->best_epoch);
    job->position = *position;
    training_stage_clear(&job->stage);
cleanup:
    return status;
}

static mh_status run_stages(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = MH_OK;

    for (size_t stage = job->position.stage; stage < job->plan.stages; stage++) {
        MH_TRY(begin_stage(comm, o, job, stage));
        MH_TRY(mh_trainer_run(comm, job->stage.trainer));
        MH_TRY(end_stage(comm, job, stage));
    }
cleanup:
    return status;
}

/* ---- thresholds ---- */

/* The models of the folds, and the rows that each of them never saw. */
static mh_status open_folds(const options *o, const job *job, mh_ensemble *ensemble, mh_dataset **dataset)
{
    mh_status status = MH_OK;
    char path[MH_SPLIT_GROUPS_MAX][RUN_PATH_BYTES], *paths[MH_SPLIT_GROUPS_MAX];

    for (size_t i = 0; i < job->plan.folds; i++) {
        fold_path(job, i, path[i]);
        paths[i] = path[i];
    }
    MH_TRY(mh_ensemble_load(paths, job->plan.folds, ensemble));
    if (job->plan.folds == 1) {
        mh_dataset *training = NULL;

        status = training_plan_open(o, &job->plan, 0, &training, dataset);
        mh_dataset_close(training);
    } else {
        MH_TRY(data_source_open(o, dataset));
        MH_TRY(mh_ensemble_choose_out_of_fold(ensemble, *dataset));
    }
    if (status == MH_OK)
        status = mh_dataset_expect(*dataset, &ensemble->common.schema);
cleanup:
    return status;
}

static mh_status tune_thresholds(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = MH_OK;
    const mh_threshold_config config = {.least_positives = MH_THRESHOLD_LEAST_POSITIVES};
    mh_threshold_summary summary = {0};
    mh_ensemble folds = {0}, alone = mh_ensemble_of(&job->stage.trained);
    mh_dataset *dataset = NULL;
    bool has_folds = job->plan.folds > 0;

    if (!o->tune_thresholds)
        return MH_OK;
    if (has_folds)
        MH_TRY(mh_comm_agree(comm, open_folds(o, job, &folds, &dataset)));
    MH_TRY(mh_trained_tune(comm, &job->stage.trained, has_folds ? &folds : &alone,
                           has_folds ? dataset : job->stage.validation, &config, &summary));
    mh_log_info("thresholds: %zu of %zu labels have their own, the others %.3f", summary.own,
                job->stage.data.schema.heads, (double)summary.global);
cleanup:
    mh_dataset_close(dataset);
    mh_ensemble_clear(&folds);
    return status;
}

/* ---- finishing, on rank 0 ---- */

/* What a model that knows only how frequent each class is would lose [heads]; returns the mean. */
static double base_losses(const job *job, double *loss)
{
    const double *rates = job->stage.data.base_rates;
    double sum = 0;

    for (size_t h = 0; h < job->stage.data.schema.heads; h++) {
        loss[h] = mh_baseline_entropy(job->stage.data.schema.classes[h], rates);
        rates += job->stage.data.schema.classes[h];
        sum += loss[h];
    }
    return sum / (double)job->stage.data.schema.heads;
}

static void draw(const job *job, const char *run, double base_loss)
{
    char history[RUN_PATH_BYTES], png[RUN_PATH_BYTES];

    run_folder_path(&job->folder, "history.csv", history);
    run_folder_path(&job->folder, "loss.png", png);
    if (plot_loss(history, run, base_loss, png) != MH_OK)
        mh_log_warning("no loss.png: %s; history.csv has the numbers", mh_status_message());
}

/* "3.0 s", "12:30 min" */
static void describe_time(double seconds, char *text, size_t bytes)
{
    char duration[MH_TEXT_BYTES];

    if (seconds < 60)
        snprintf(text, bytes, "%.1f s", seconds);
    else
        snprintf(text, bytes, "%s min", mh_text_duration(seconds, duration));
}

/* Whether the training loss is the cross entropy that a base rate has: not reweighted, and without dropout. */
static bool is_plain(const options *o)
{
    return o->loss == MH_LOSS_CROSS_ENTROPY && o->positive_weight == NULL && o->dropout == 0 &&
           o->input_dropout == 0;
}

static void describe_validation(const job *job, char *text, size_t bytes)
{
    const mh_position *position = mh_trainer_position(job->stage.trainer);

    text[0] = '\0';
    if (position->best_epoch > 0)
        snprintf(text, bytes, ", validation loss %.4f in epoch %zu", position->best_loss,
                 position->best_epoch);
}

static mh_status finish(const options *o, job *job)
{
    mh_status status = MH_OK;
    size_t heads = job->stage.data.schema.heads;
    double *base_loss = NULL, mean_base_loss = 0, train_loss = 0;
    char model[RUN_PATH_BYTES], time[MH_TEXT_BYTES], validation[96];
    const mh_position *position = mh_trainer_position(job->stage.trainer);

    MH_TRY(mh_memory_array(heads, sizeof *base_loss, &base_loss));
    run_folder_path(&job->folder, "model.h5", model);
    mean_base_loss = base_losses(job, base_loss);
    draw(job, o->run, mean_base_loss);
    MH_TRY(mh_trained_save(&job->stage.trained, model));
    for (size_t h = 0; h < heads; h++)
        train_loss += mh_trainer_head_loss(job->stage.trainer)[h] / (double)heads;
    describe_time(mh_trainer_seconds(job->stage.trainer), time, sizeof time);
    if (is_plain(o))
        report_warn_of_heads(&job->stage.data.schema, mh_trainer_head_loss(job->stage.trainer), base_loss);
    describe_validation(job, validation, sizeof validation);
    mh_log_info("done: train loss %.4f (base rates %.4f)%s after %zu epochs, %s: %s", train_loss,
                mean_base_loss, validation, position->stage_epoch, time, model);
cleanup:
    mh_memory_free(base_loss);
    return status;
}

static void destroy(job *job)
{
    training_stage_clear(&job->stage);
    training_plan_clear(&job->plan);
    mh_memory_free(job->description);
    mh_memory_free(job->history);
}

mh_status command_train(const mh_comm *comm, options *o)
{
    mh_status status = MH_OK;
    job job = {0};

    mh_matrix_set_threads(o->threads);
    MH_TRY(examine_folder(comm, o, &job.folder));
    if (job.folder.state == RUN_IS_FINISHED) {
        mh_log_info("%s is finished already; --resume none trains it afresh", job.folder.folder);
        goto cleanup;
    }
    MH_TRY(prepare(comm, o, &job));
    MH_TRY(run_stages(comm, o, &job));
    MH_TRY(tune_thresholds(comm, o, &job));
    status = mh_comm_rank(comm) == 0 ? finish(o, &job) : MH_OK;
    status = mh_comm_agree(comm, status);
cleanup:
    destroy(&job);
    return status;
}
