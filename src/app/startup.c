#include "startup.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "multihead/base/cpu.h"
#include "multihead/base/log.h"
#include "multihead/base/text.h"
#include "multihead/parallel/placement.h"
#include "multihead/tensor/matrix.h"
#include "row_memory.h"

void startup_describe_kernel(char *text, size_t bytes)
{
    char cpu[128], library[32];

    mh_cpu_name(cpu, sizeof cpu);
    if (!mh_kernel_uses_blas()) {
        snprintf(text, bytes, "multihead's own for %s, on %s (%s)", mh_kernel_now()->title, cpu,
                 mh_vector_name(mh_cpu_vector()));
        return;
    }
    /* "OpenBLAS 0.3.21 NO_LAPACKE ...": the first two words. */
    snprintf(library, sizeof library, "%s", mh_matrix_library());
    char *space = strchr(library, ' ');
    if (space != NULL && (space = strchr(space + 1, ' ')) != NULL)
        *space = '\0';
    snprintf(text, bytes, "%s with its %s kernel, on %s (%s)", library, mh_matrix_kernel(), cpu,
             mh_vector_name(mh_cpu_vector()));
}

void startup_warn_of_kernel(void)
{
    if (mh_kernel_uses_blas() && mh_matrix_kernel_is_weak())
        mh_log_warning(
            "the %s kernel uses less than this CPU's %s: training will be slower than it could be; "
            "unset OPENBLAS_CORETYPE, or set it to a type that fits",
            mh_matrix_kernel(), mh_vector_name(mh_cpu_vector()));
}

static void describe_classes(const mh_schema *schema, char *text, size_t bytes)
{
    size_t least = schema->classes[0], most = schema->classes[0];

    for (size_t h = 1; h < schema->heads; h++) {
        least = schema->classes[h] < least ? schema->classes[h] : least;
        most = schema->classes[h] > most ? schema->classes[h] : most;
    }
    if (least == most)
        snprintf(text, bytes, "%zu classes", least);
    else
        snprintf(text, bytes, "%zu to %zu classes", least, most);
}

static void tell_data(const mh_dataset *dataset, const mh_training_data *data)
{
    char rows[MH_TEXT_BYTES], missing[MH_TEXT_BYTES], classes[64];

    describe_classes(&data->schema, classes, sizeof classes);
    mh_log_info("  data     %s: %s rows, %zu features, %zu labels of %s", mh_dataset_name(dataset),
                mh_text_count(data->rows, rows), data->schema.inputs, data->schema.heads, classes);
    if (data->missing_labels > 0)
        mh_log_info("           %s labels are missing and count nowhere",
                    mh_text_count((size_t)data->missing_labels, missing));
}

static void tell_model(const mh_trained *trained)
{
    const mh_model *model = trained->model;
    const mh_heads *heads = mh_model_heads(model);
    char widths[256], count[MH_TEXT_BYTES];
    size_t used = (size_t)snprintf(widths, sizeof widths, "%zu", mh_model_inputs(model)), binary = 0;

    for (size_t i = 0; i < mh_model_hidden_layers(model) && used < sizeof widths; i++)
        used += (size_t)snprintf(widths + used, sizeof widths - used, "-%zu", mh_model_hidden(model, i));
    for (size_t h = 0; h < heads->count; h++)
        binary += heads->head[h].is_binary;
    mh_log_info("  model    %s, %zu heads (%zu binary, %zu softmax%s): %s parameters", widths, heads->count,
                binary, heads->count - binary,
                heads->activation == MH_HEAD_ACTIVATION_SIGMOID ? " on sigmoids" : "",
                mh_text_count(mh_model_layout(model)->count, count));
}

/* Where the rate is not just the one that was asked for. */
static void tell_rate(const options *o, const training_stage *stage)
{
    char scale[128] = "", warmup[128] = "";
    size_t batches = mh_trainer_batches(stage->trainer), steps = (size_t)o->warmup.every;

    if (o->learning_rate_scale != MH_RATE_SCALE_NONE)
        snprintf(scale, sizeof scale, ": %g for batches of %zu, times %s%zu / %zu%s", o->learning_rate,
                 o->reference_batch, o->learning_rate_scale == MH_RATE_SCALE_SQRT ? "the root of " : "",
                 o->batch_size, o->reference_batch, steps > 0 ? ";" : "");
    if (o->warmup.unit == MH_INTERVAL_EPOCHS)
        steps *= batches;
    if (steps > 0)
        snprintf(warmup, sizeof warmup, "%s after a warm-up of %zu steps", scale[0] == '\0' ? "" : " reached",
                 steps);
    if (scale[0] != '\0' || warmup[0] != '\0')
        mh_log_info("  rate     %g%s%s", training_stage_rate(o), scale, warmup);
    if (steps > o->epochs * batches)
        mh_log_warning("--warmup: the %zu steps of this run are over before its %zu are", o->epochs * batches,
                       steps);
}

/* What is validated on, and what that decides. */
static void tell_validation(const options *o, const training_plan *plan, const training_stage *stage)
{
    char rows[MH_TEXT_BYTES], patience[64] = "";

    if (stage->validator == NULL)
        return;
    if (o->patience > 0)
        snprintf(patience, sizeof patience, ", patience of %zu epochs", o->patience);
    if (plan->candidates > 1)
        mh_log_info("  choose   among %zu candidates of --dropout", plan->candidates);
    if (plan->folds > 1)
        mh_log_info("  folds    %zu, each left out once to choose the number of epochs%s; then all rows",
                    plan->folds, patience);
    else
        mh_log_info("  validate %s: %s rows%s%s", mh_dataset_name(stage->validation),
                    mh_text_count(mh_validator_rows(stage->validator), rows), patience,
                    plan->refits ? "; then all rows" : "");
}

/* Checkpoints that are kept, the one being written, and the model; better said now than when the disk is full. */
static void warn_of_space(const options *o, const run_folder *folder, const training_stage *stage)
{
    size_t parameters = mh_model_layout(stage->trained.model)->count;
    bool keeps_best = stage->validator != NULL && o->patience > 0;
    size_t checkpoint = (3u + keeps_best + (o->average_decay > 0)) * parameters * sizeof(float);
    size_t files = o->keep + 1u + (stage->validator != NULL),
           wanted = files * checkpoint + parameters * sizeof(float);
    struct statvfs volume;
    char needed[MH_TEXT_BYTES], left[MH_TEXT_BYTES], each[MH_TEXT_BYTES];

    if (statvfs(folder->folder, &volume) != 0 || (uint64_t)volume.f_bavail * volume.f_frsize >= wanted)
        return;
    mh_log_warning(
        "%s: the disk has %s left, and %zu checkpoints of %s and a model need %s; --keep says how many "
        "are kept",
        folder->folder, mh_text_bytes((size_t)(volume.f_bavail * volume.f_frsize), left), files,
        mh_text_bytes(checkpoint, each), mh_text_bytes(wanted, needed));
}

static void warn_of_launch(const mh_comm *comm, const mh_placement *placement)
{
    char text[512];

    if (mh_placement_is_crowded(placement, text, sizeof text))
        mh_log_warning("%s: slower than with a core for each thread; see mpirun --bind-to and --map-by, or "
                       "srun --cpu-bind and --cpus-per-task",
                       text);
    if (mh_comm_launch_differs(comm, text, sizeof text))
        mh_log_warning("%s", text);
}

mh_status startup_tell(const mh_comm *comm, const options *o, const run_folder *folder,
                       const training_plan *plan, const training_stage *stage)
{
    const mh_training_data *data = &stage->data;
    const mh_trained *trained = &stage->trained;
    const mh_deal deal = {data->rows, o->batch_size, o->replicas};
    mh_status status = MH_OK;
    mh_placement placement = {0};
    char least[MH_TEXT_BYTES], most[MH_TEXT_BYTES], kernel[256], where[1024];
    int64_t shard[2] = {(int64_t)data->shard.rows.count, -(int64_t)data->shard.rows.count};

    MH_TRY(mh_placement_gather(comm, o->threads, &placement));
    mh_placement_describe(&placement, where, sizeof where);
    mh_comm_max(comm, shard, 2); /* the largest, and minus the smallest */
    mh_text_count((size_t)-shard[1], least);
    mh_text_count((size_t)shard[0], most);
    startup_describe_kernel(kernel, sizeof kernel);

    mh_log_info("multihead %s", folder->state == RUN_IS_STOPPED ? "trains on" : "trains");
    tell_data(stage->dataset, data);
    tell_validation(o, plan, stage);
    mh_log_info("  shards   %s%s%s rows a rank, in %zu replicas", least, shard[0] != -shard[1] ? " to " : "",
                shard[0] != -shard[1] ? most : "", o->replicas);
    row_memory_tell(o, &stage->windows, &deal, &data->schema);
    tell_model(trained);
    mh_log_info("  ranks    %s, %zu thread%s%s", where, o->threads, o->threads == 1 ? "" : "s",
                placement.ranks == 1 ? "" : " each");
    mh_log_info("  kernel   %s", kernel);
    tell_rate(o, stage);
    mh_log_info("  run      %s: %zu epochs, batches of %zu, %s at %g, seed %zu%s%s", folder->folder,
                o->epochs, o->batch_size, o->optimizer == MH_ADAM_LAMB ? "LAMB" : "Adam",
                training_stage_rate(o), o->seed, folder->state == RUN_IS_STOPPED ? ", from " : "",
                folder->state == RUN_IS_STOPPED ? folder->checkpoint : "");
    startup_warn_of_kernel();
    if (mh_comm_rank(comm) == 0) {
        if (stage->validator != NULL)
            row_memory_warn_of_validation(o, mh_validator_rows(stage->validator), mh_comm_ranks(comm),
                                          &data->schema);
        warn_of_space(o, folder, stage);
        warn_of_launch(comm, &placement);
    }
cleanup:
    mh_placement_clear(&placement);
    return status;
}
