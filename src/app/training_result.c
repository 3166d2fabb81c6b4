#include "training_result.h"

#include <stdio.h>

#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/model/baseline.h"
#include "plot.h"
#include "report.h"

/* What a model that knows only how frequent each class is would lose [heads]; returns the mean. */
static double base_losses(const mh_training_data *data, double *loss)
{
    const double *rates = data->base_rates;
    double sum = 0;

    for (size_t h = 0; h < data->schema.heads; h++) {
        loss[h] = mh_baseline_entropy(data->schema.classes[h], rates);
        rates += data->schema.classes[h];
        sum += loss[h];
    }
    return sum / (double)data->schema.heads;
}

static void draw(const run_folder *folder, const char *run, double base_loss)
{
    char history[RUN_PATH_BYTES], png[RUN_PATH_BYTES];

    run_folder_path(folder, "history.csv", history);
    run_folder_path(folder, "loss.png", png);
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
    return o->loss == MH_LOSS_CROSS_ENTROPY && o->positive_weight == NULL && o->dropout.share[0] == 0 &&
           o->input_dropout.share[0] == 0;
}

static void describe_validation(const mh_position *position, char *text, size_t bytes)
{
    text[0] = '\0';
    if (position->best_epoch > 0)
        snprintf(text, bytes, ", validation loss %.4f in epoch %zu", position->best_loss,
                 position->best_epoch);
}

mh_status training_result_save(const options *o, const run_folder *folder, const training_stage *stage,
                               const mh_position *position)
{
    mh_status status = MH_OK;
    size_t heads = stage->data.schema.heads;
    double *base_loss = NULL, mean_base_loss = 0, train_loss = 0;
    char model[RUN_PATH_BYTES], time[MH_TEXT_BYTES], validation[96];
    size_t epochs = mh_trainer_position(stage->trainer)->stage_epoch;

    MH_TRY(mh_memory_array(heads, sizeof *base_loss, &base_loss));
    run_folder_path(folder, "model.h5", model);
    mean_base_loss = base_losses(&stage->data, base_loss);
    draw(folder, o->run, mean_base_loss);
    MH_TRY(mh_trained_save(&stage->trained, model));
    for (size_t h = 0; h < heads; h++)
        train_loss += mh_trainer_head_loss(stage->trainer)[h] / (double)heads;
    describe_time(mh_trainer_seconds(stage->trainer), time, sizeof time);
    if (is_plain(o))
        report_warn_of_heads(&stage->data.schema, mh_trainer_head_loss(stage->trainer), base_loss);
    describe_validation(position, validation, sizeof validation);
    mh_log_info("done: train loss %.4f (base rates %.4f)%s after %zu epochs, %s: %s", train_loss,
                mean_base_loss, validation, epochs, time, model);
cleanup:
    mh_memory_free(base_loss);
    return status;
}
