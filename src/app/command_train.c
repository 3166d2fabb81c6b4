#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "injection.h"
#include "multihead/base/interrupt.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/watchdog.h"
#include "multihead/tensor/matrix.h"
#include "multihead/training/checkpoint.h"
#include "multihead/training/thresholds.h"
#include "preset.h"
#include "run_folder.h"
#include "startup.h"
#include "training_plan.h"
#include "training_result.h"
#include "training_stage.h"
#include "trials.h"
#include "versions.h"

enum { DEFAULT_REPLICAS = 8, LONGEST_MARGIN_SECONDS = 60 };

/* What a training run is made of. */
typedef struct {
    run_folder folder;
    mh_checkpoint_head head; /* of a stopped run; the texts on rank 0 only */
    char *description;       /* options.ini */
    training_plan plan;
    training_stage stage; /* the one under way                                      */
    mh_position position; /* where the stage before it ended                        */
    double deadline;      /* mh_clock_seconds() until which it has to have stopped; 0: none */
    char versions[512];   /* of the program and its libraries                       */
    trial_choice choice;
    char *history; /* the log up to there, on rank 0; NULL when there is none */
} job;

static mh_status check_shares(const options *o)
{
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
    injection injection;

    if (strchr(o->run, '/') != NULL || strcmp(o->run, ".") == 0 || strcmp(o->run, "..") == 0)
        return MH_FAIL(MH_ERR_USAGE, "--run %s: expected a name; --output is the folder it goes under",
                       o->run);
    if (o->learning_rate <= 0)
        return MH_FAIL(MH_ERR_USAGE, "--learning-rate must be above 0");
    if (o->init != NULL && strcmp(o->resume, "auto") != 0 && strcmp(o->resume, "none") != 0)
        return MH_FAIL(MH_ERR_USAGE,
                       "--init and --resume FILE contradict each other: both say where to start");
    if (o->inject != NULL)
        MH_TRY(injection_parse(o->inject, &injection));
    MH_TRY(check_shares(o));
    MH_TRY(check_model(o));
    MH_TRY(training_plan_check(o));
    MH_TRY(data_source_check(o));
cleanup:
    return status;
}

/* ---- preparing ---- */

/* The walltime less what may come between: a twentieth of it, a minute at most. Counted from the program's start. */
static double deadline_of(const options *o)
{
    double margin = o->time_limit / 20;

    if (o->time_limit == 0)
        return 0;
    margin = margin < LONGEST_MARGIN_SECONDS ? margin : LONGEST_MARGIN_SECONDS;
    return o->started + o->time_limit - margin;
}

static mh_status plan_fault(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    injection injection;

    if (o->inject == NULL)
        return MH_OK;
    MH_TRY(injection_parse(o->inject, &injection));
    MH_TRY(injection_plan(&injection, mh_comm_rank(comm), mh_comm_ranks(comm)));
cleanup:
    return mh_comm_agree(comm, status);
}

/* Rank 0 looks at the run's folder; the others learn what it found. */
static mh_status examine_folder(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = mh_comm_rank(comm) == 0 ? run_folder_examine(o, &job->folder, &job->head) : MH_OK;

    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_broadcast(comm, &job->folder, sizeof job->folder);
    mh_comm_broadcast(comm, &job->head.position, sizeof job->head.position);
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
    if (job->folder.state != RUN_IS_STOPPED)
        return MH_OK;
    job->position = job->head.position;
    if (job->position.stage >= job->plan.stages)
        return MH_FAIL(MH_ERR_FORMAT, "%s: is of stage %zu, and this run has %zu", job->folder.checkpoint,
                       job->position.stage + 1, job->plan.stages);
    if (mh_comm_rank(comm) != 0)
        return MH_OK;
    versions_compare(job->folder.checkpoint, job->head.versions, job->versions);
    job->history = job->head.history;
    job->head.history = NULL;
    return MH_OK;
}

static mh_status prepare(const mh_comm *comm, options *o, job *job)
{
    mh_status status = MH_OK;

    MH_TRY(choose_replicas(comm, o, &job->folder));
    MH_TRY(data_source_verify(comm, o));
    MH_TRY(preset_apply(comm, o));
    MH_TRY(training_plan_create(comm, o, &job->plan));
    MH_TRY(find_stage(comm, job));
    MH_TRY(mh_comm_agree(comm, options_describe(o, &job->description)));
cleanup:
    return status;
}

/* ---- stages ---- */

/* The trials are over: rank 0 chooses by their log, the others learn what. */
static mh_status choose(const mh_comm *comm, job *job)
{
    mh_status status = MH_OK;

    if (mh_comm_rank(comm) == 0)
        status = trials_choose(&job->folder, &job->plan, job->history, &job->choice);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_broadcast(comm, &job->choice, sizeof job->choice);
cleanup:
    return status;
}

static void tell_choice(const options *o, const job *job)
{
    if (job->plan.candidates > 1)
        mh_log_info("chosen: dropout %g, with a validation loss of %.5f in epoch %zu",
                    training_plan_dropout(o, job->choice.candidate), job->choice.loss, job->choice.epochs);
    if (job->plan.refits)
        mh_log_info("training on all rows for %zu epochs, which validation found best", job->choice.epochs);
}

static mh_status begin_stage(const mh_comm *comm, const options *o, job *job, size_t stage)
{
    mh_status status = MH_OK;
    bool goes_on = job->folder.state == RUN_IS_STOPPED && stage == job->position.stage;
    bool is_first = goes_on || stage == 0;
    bool is_refit = training_plan_is_refit(&job->plan, stage);
    training_stage_config config = {.plan = &job->plan,
                                    .stage = stage,
                                    .candidate = training_plan_candidate(&job->plan, stage),
                                    .epochs = o->epochs,
                                    .run = &job->folder,
                                    .description = job->description,
                                    .versions = job->versions,
                                    .deadline = job->deadline};

    if (is_refit) {
        MH_TRY(choose(comm, job));
        tell_choice(o, job);
        config.candidate = job->choice.candidate;
        config.epochs = job->choice.epochs;
    }
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
    status = startup_tell(comm, o, &job->folder, &job->plan, &job->stage);
cleanup:
    return status;
}

/* Keeps what comes later needs of this stage: its model, the log, where it ended. */
static mh_status end_stage(const mh_comm *comm, job *job, size_t stage)
{
    mh_status status = MH_OK;
    const mh_position *position = mh_trainer_position(job->stage.trainer);

    job->position = *position;
    if (job->plan.stages == 1 || training_plan_is_refit(&job->plan, stage))
        return MH_OK;
    if (mh_comm_rank(comm) == 0)
        status = trials_save(&job->folder, &job->plan, stage, &job->stage.trained);
    if (status == MH_OK) {
        mh_memory_free(job->history);
        status = mh_memory_text(mh_trainer_history(job->stage.trainer), &job->history);
    }
    MH_TRY(mh_comm_agree(comm, status));
    if (position->best_epoch > 0)
        mh_log_info("%s: validation loss %.5f in epoch %zu", job->stage.title, position->best_loss,
                    position->best_epoch);
cleanup:
    return status;
}

/* Without a stage on all rows, the result is the chosen trial's. */
static mh_status take_chosen(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = MH_OK;
    mh_ensemble chosen = {0};

    if (job->plan.refits || job->plan.trials < 2)
        return MH_OK;
    MH_TRY(choose(comm, job));
    tell_choice(o, job);
    MH_TRY(mh_comm_agree(comm, trials_load(&job->folder, &job->plan, &chosen)));
    memcpy(mh_model_parameters(job->stage.trained.model), mh_model_parameters(chosen.member[0].model),
           mh_model_layout(chosen.member[0].model)->count * sizeof(float));
    job->position.best_loss = job->choice.loss;
    job->position.best_epoch = job->choice.epochs;
cleanup:
    mh_ensemble_clear(&chosen);
    return status;
}

static mh_status run_stages(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = MH_OK;

    for (size_t stage = job->position.stage; stage < job->plan.stages; stage++) {
        training_stage_clear(&job->stage);
        MH_TRY(begin_stage(comm, o, job, stage));
        mh_interrupt_install(); /* until here there is nothing to save */
        MH_TRY(mh_trainer_run(comm, job->stage.trainer));
        MH_TRY(end_stage(comm, job, stage));
    }
    MH_TRY(take_chosen(comm, o, job));
cleanup:
    return status;
}

/* ---- thresholds ---- */

/* The models of the folds, and the rows that each of them never saw. */
static mh_status open_folds(const options *o, const job *job, mh_ensemble *ensemble, mh_dataset **dataset)
{
    mh_status status = MH_OK;
    mh_dataset *training = NULL;

    MH_TRY(trials_load(&job->folder, &job->plan, ensemble));
    if (job->plan.folds > 1)
        MH_TRY(data_source_open(o, dataset));
    else
        MH_TRY(training_plan_open(o, &job->plan, 0, &training, dataset));
    MH_TRY(mh_dataset_expect(*dataset, &ensemble->common.schema));
    if (job->plan.folds > 1)
        MH_TRY(mh_ensemble_choose_out_of_fold(ensemble, *dataset));
cleanup:
    mh_dataset_close(training);
    return status;
}

static void tell_thresholds(const mh_threshold_summary *summary, size_t labels)
{
    if (summary->own == labels)
        mh_log_info("thresholds: each of the %zu labels has its own", labels);
    else if (summary->own > 0)
        mh_log_info("thresholds: %zu of %zu labels have their own, %.3f is for the others with two classes",
                    summary->own, labels, (double)summary->global);
    else
        mh_log_info("thresholds: %.3f for every label with two classes", (double)summary->global);
}

static mh_status tune_thresholds(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = MH_OK;
    const mh_threshold_config config = {.objective = o->thresholds_objective == 1 ? MH_THRESHOLDS_MICRO
                                                                                  : MH_THRESHOLDS_MACRO,
                                        .least_positives = MH_THRESHOLD_LEAST_POSITIVES};
    mh_threshold_summary summary = {0};
    mh_ensemble folds = {0}, itself = mh_ensemble_of(&job->stage.trained);
    mh_dataset *dataset = NULL;

    if (o->thresholds_objective == 0)
        return MH_OK;
    if (job->plan.refits)
        MH_TRY(mh_comm_agree(comm, open_folds(o, job, &folds, &dataset)));
    MH_TRY(mh_trained_tune(comm, &job->stage.trained, job->plan.refits ? &folds : &itself,
                           job->plan.refits ? dataset : job->stage.validation, &config, &summary));
    tell_thresholds(&summary, job->stage.data.schema.heads);
cleanup:
    mh_dataset_close(dataset);
    mh_ensemble_clear(&folds);
    return status;
}

static void destroy(job *job)
{
    training_stage_clear(&job->stage);
    training_plan_clear(&job->plan);
    mh_checkpoint_head_clear(&job->head);
    mh_memory_free(job->description);
    mh_memory_free(job->history);
}

mh_status command_train(const mh_comm *comm, options *o)
{
    mh_status status = MH_OK;
    job job = {0};

    mh_matrix_set_threads(o->threads);
    job.deadline = deadline_of(o);
    versions_describe(job.versions, sizeof job.versions);
    MH_TRY(plan_fault(comm, o));
    MH_TRY(mh_comm_agree(comm, mh_watchdog_start(o->stall_timeout)));
    MH_TRY(examine_folder(comm, o, &job));
    if (job.folder.state == RUN_IS_FINISHED) {
        mh_log_info("%s is finished already; --resume none trains it afresh", job.folder.folder);
        goto cleanup;
    }
    MH_TRY(prepare(comm, o, &job));
    MH_TRY(run_stages(comm, o, &job));
    MH_TRY(tune_thresholds(comm, o, &job));
    if (mh_comm_rank(comm) == 0)
        status = training_result_save(o, &job.folder, &job.stage, &job.position);
    status = mh_comm_agree(comm, status);
cleanup:
    mh_watchdog_stop();
    destroy(&job);
    return status;
}
