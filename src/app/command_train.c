#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/model/baseline.h"
#include "multihead/parallel/allreduce.h"
#include "multihead/tensor/matrix.h"
#include "multihead/training/trainer.h"
#include "multihead/training/training_data.h"
#include "plot.h"
#include "report.h"
#include "run_folder.h"
#include "startup.h"

enum { DEFAULT_REPLICAS = 8 };

/* What a training run is made of. */
typedef struct {
    run_folder folder;
    mh_dataset *dataset;
    mh_training_data data;
    mh_trained trained;
    mh_trainer *trainer;
    char *description; /* options.ini */
} job;

mh_status command_train_check(const options *o)
{
    if (strchr(o->run, '/') != NULL || strcmp(o->run, ".") == 0 || strcmp(o->run, "..") == 0)
        return MH_FAIL(MH_ERR_USAGE, "--run %s: expected a name; --output is the folder it goes under",
                       o->run);
    if (o->learning_rate <= 0)
        return MH_FAIL(MH_ERR_USAGE, "--learning-rate must be above 0");
    if (o->init != NULL && strcmp(o->resume, "auto") != 0 && strcmp(o->resume, "none") != 0)
        return MH_FAIL(MH_ERR_USAGE,
                       "--init and --resume FILE contradict each other: both say where to start");
    return data_source_check(o);
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

static void choose_replicas(options *o, size_t ranks, const run_folder *folder)
{
    if (folder->replicas != 0)
        o->replicas = folder->replicas;
    else if (o->replicas == 0)
        o->replicas = ranks > DEFAULT_REPLICAS ? ranks : DEFAULT_REPLICAS;
}

static mh_status load_data(const mh_comm *comm, const options *o, job *job)
{
    mh_status status = MH_OK;

    if (o->replicas < mh_comm_ranks(comm)) {
        status = MH_FAIL(MH_ERR_USAGE,
                         "%zu ranks are more than the %zu replicas: every rank needs one; "
                         "--replicas says how many",
                         mh_comm_ranks(comm), o->replicas);
        goto cleanup;
    }
    MH_TRY(mh_comm_agree(comm, data_source_open(o, &job->dataset)));
    MH_TRY(mh_training_data_load(comm, job->dataset, o->replicas, &job->data));
cleanup:
    return status;
}

/* The model at its start: drawn from the seed, or read from --init. */
static mh_status create_model(const options *o, job *job)
{
    mh_status status = MH_OK;
    mh_trained_config config = {.hidden = o->hidden.width,
                                .hidden_layers = o->hidden.count,
                                .heads = (mh_head_kind)o->heads,
                                .activation = (mh_head_activation)o->head_activation};

    MH_TRY(mh_trained_create(&job->data.schema, &config, &job->trained));
    memcpy(job->trained.base_rates, job->data.base_rates,
           mh_trained_rates(&job->trained) * sizeof *job->data.base_rates);
    mh_model_initialize(job->trained.model, o->seed);
    if (o->init != NULL)
        MH_TRY(mh_trained_load_parameters(&job->trained, o->init));
cleanup:
    return status;
}

static mh_status create_trainer(const options *o, size_t rank, size_t ranks, job *job)
{
    mh_status status = MH_OK;
    mh_trainer_config config = {
        .epochs = o->epochs,
        .batch_size = o->batch_size,
        .replicas = o->replicas,
        .shuffles = o->shuffle,
        .seed = o->seed,
        .schedule = {.rate = o->learning_rate},
        .adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = o->weight_decay},
        .checkpoint_every = o->checkpoint_every,
        .keep = o->keep,
        .folder = job->folder.folder,
        .options = job->description,
        .shows_progress = o->progress,
    };

    MH_TRY(mh_trainer_create(&config, &job->data, &job->trained, NULL, rank, ranks, &job->trainer));
    if (job->folder.state == RUN_IS_STOPPED)
        MH_TRY(mh_trainer_restore(job->trainer, job->folder.checkpoint));
cleanup:
    return status;
}

static mh_status prepare(const mh_comm *comm, options *o, job *job)
{
    mh_status status = MH_OK;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);

    choose_replicas(o, ranks, &job->folder);
    MH_TRY(load_data(comm, o, job));
    MH_TRY(mh_comm_agree(comm, create_model(o, job)));
    MH_TRY(mh_comm_agree(comm, options_describe(o, &job->description)));
    MH_TRY(mh_comm_agree(comm, create_trainer(o, rank, ranks, job)));
    status = rank == 0 ? run_folder_begin(&job->folder, job->description) : MH_OK;
    MH_TRY(mh_comm_agree(comm, status));
    startup_tell(comm, o, &job->folder, job->dataset, &job->data, &job->trained);
cleanup:
    return status;
}

/* ---- finishing, on rank 0 ---- */

/* What a model that knows only how frequent each class is would lose [heads]; returns the mean. */
static double base_losses(const job *job, double *loss)
{
    const double *rates = job->data.base_rates;
    double sum = 0;

    for (size_t h = 0; h < job->data.schema.heads; h++) {
        loss[h] = mh_baseline_entropy(job->data.schema.classes[h], rates);
        rates += job->data.schema.classes[h];
        sum += loss[h];
    }
    return sum / (double)job->data.schema.heads;
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

static mh_status finish(const options *o, job *job)
{
    mh_status status = MH_OK;
    size_t heads = job->data.schema.heads;
    double *base_loss = NULL, mean_base_loss = 0, train_loss = 0;
    char model[RUN_PATH_BYTES], time[MH_TEXT_BYTES];

    MH_TRY(mh_memory_array(heads, sizeof *base_loss, &base_loss));
    run_folder_path(&job->folder, "model.h5", model);
    mean_base_loss = base_losses(job, base_loss);
    draw(job, o->run, mean_base_loss);
    MH_TRY(mh_trained_save(&job->trained, model));
    for (size_t h = 0; h < heads; h++)
        train_loss += mh_trainer_head_loss(job->trainer)[h] / (double)heads;
    describe_time(mh_trainer_seconds(job->trainer), time, sizeof time);
    report_warn_of_heads(&job->data.schema, mh_trainer_head_loss(job->trainer), base_loss);
    mh_log_info("done: train loss %.4f (base rates %.4f) after %zu epochs, %s: %s", train_loss,
                mean_base_loss, o->epochs, time, model);
cleanup:
    mh_memory_free(base_loss);
    return status;
}

static void destroy(job *job)
{
    mh_trainer_destroy(job->trainer);
    mh_trained_clear(&job->trained);
    mh_training_data_clear(&job->data);
    mh_dataset_close(job->dataset);
    mh_memory_free(job->description);
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
    MH_TRY(mh_trainer_run(comm, job.trainer));
    status = mh_comm_rank(comm) == 0 ? finish(o, &job) : MH_OK;
    status = mh_comm_agree(comm, status);
cleanup:
    destroy(&job);
    return status;
}
