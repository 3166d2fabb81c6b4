#include "trainer_parts.h"

#include <math.h>
#include <string.h>

#include "multihead/base/clock.h"
#include "multihead/base/fault.h"
#include "multihead/base/interrupt.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/training/clip.h"

enum { LEAST_SEGMENT = 8192 /* floats: a smaller one costs more in messages than it hides */ };

/* ---- making one ---- */

/*
 * Biases and the linear path may go their own way, and LAMB goes tensor by tensor: a part for each tensor, or one for
 * all where none of this is so. LAMB adapts matrices only, as its authors' code does: the bias of a binary head is one
 * number, which could never change its sign in steps that are a share of its size.
 */
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
                                  .decays = tensor->columns > 0 || !config->spares_biases,
                                  .adapts = tensor->columns > 0};
    }
    if (config->spares_biases || path_rate != 1.0 || config->adam.rule == MH_ADAM_LAMB) {
        adam.parts = parts;
        adam.part_count = layout->tensors;
    }
    MH_TRY(mh_adam_create(&adam, layout->count, &t->adam));
cleanup:
    mh_memory_free(parts);
    return status;
}

/* At layers, so that the sum of the upper ones is under way while the lower ones are computed. */
static mh_status cut_sum(mh_trainer *t)
{
    mh_status status = MH_OK;
    const mh_model *model = t->trained->model;
    size_t *cut = NULL, cuts = 0, end = mh_model_layout(model)->count;

    MH_TRY(mh_memory_array(mh_model_layout(model)->tensors, sizeof *cut, &cut));
    size_t starts = mh_model_layer_starts(model, cut);
    /* From the end on, as they become final; those that are kept move to the back. */
    for (size_t i = starts; i-- > 0;) {
        if (end - cut[i] < LEAST_SEGMENT || cut[i] < LEAST_SEGMENT)
            continue;
        end = cut[i];
        cuts++;
        cut[starts - cuts] = end;
    }
    status = mh_allreduce_cut(t->allreduce, cut + starts - cuts, cuts);
cleanup:
    mh_memory_free(cut);
    return status;
}

size_t mh_trainer_workspace_rows(const mh_trainer *t)
{
    size_t chunk = mh_model_chunk_rows(t->trained->model);
    size_t rows = t->hosted.count * mh_deal_part_rows_max(&t->deal, 1);

    return rows < chunk ? rows : chunk;
}

static mh_status create_parts(mh_trainer *t, size_t rank, size_t ranks)
{
    mh_status status = MH_OK;
    const mh_trainer_config *config = &t->config;
    size_t parameters = mh_model_layout(t->trained->model)->count;
    mh_loader_config loader = {.order = {.deal = t->deal,
                                         .windows = config->windows,
                                         .hosted = t->hosted,
                                         .shuffles = config->shuffles,
                                         .seed = config->seed},
                               .epochs = config->epochs,
                               .standardizer = &t->data->standardizer};

    MH_TRY(mh_loader_create(&t->data->shard, &loader, &t->loader));
    if (config->warmup_epochs > 0)
        t->config.schedule.warmup_steps = config->warmup_epochs * t->batches;
    size_t together = mh_model_parts_at_once(t->trained->model, mh_deal_part_rows_max(&t->deal, 1));
    MH_TRY(mh_workspace_create(t->trained->model, mh_trainer_workspace_rows(t), &t->workspace));
    MH_TRY(mh_allreduce_create(parameters, config->replicas, together, rank, ranks, &t->allreduce));
    if (config->overlaps)
        MH_TRY(cut_sum(t));
    MH_TRY(create_adam(t));
    MH_TRY(mh_kept_weights_create(parameters, t->validator != NULL && config->patience > 0,
                                  config->average_decay, &t->kept));
cleanup:
    return status;
}

static mh_status create_parts_of_batch(mh_trainer *t)
{
    mh_status status = MH_OK;
    size_t parts = t->hosted.count;

    MH_TRY(mh_memory_array(parts, sizeof *t->tally, &t->tally));
    MH_TRY(mh_memory_array(parts, sizeof *t->part, &t->part));
    MH_TRY(mh_memory_array(parts, sizeof *t->draw, &t->draw));
    MH_TRY(mh_memory_array(parts, t->heads * sizeof *t->tally->loss, &t->tally[0].loss));
    MH_TRY(mh_memory_array(parts, t->heads * sizeof *t->tally->known, &t->tally[0].known));
    for (size_t i = 1; i < parts; i++)
        t->tally[i] = (mh_tally){t->tally[0].loss + i * t->heads, t->tally[0].known + i * t->heads};
cleanup:
    return status;
}

static mh_status create_sums(mh_trainer *t)
{
    mh_status status = MH_OK;

    MH_TRY(create_parts_of_batch(t));
    if (t->data->missing_labels > 0)
        MH_TRY(mh_memory_array(mh_windows_batches(&t->config.windows, &t->deal, 0).count,
                               t->heads * sizeof *t->known, &t->known));
    MH_TRY(mh_memory_array(t->heads, sizeof *t->weights, &t->weights));
    MH_TRY(mh_memory_array(t->hosted.count, sizeof *t->replica_loss, &t->replica_loss));
    MH_TRY(mh_memory_array(t->hosted.count, t->heads * sizeof *t->step_loss, &t->step_loss));
    MH_TRY(mh_memory_array(t->hosted.count, t->heads * sizeof *t->epoch_loss, &t->epoch_loss));
    MH_TRY(mh_memory_array(t->hosted.count, t->heads * sizeof *t->head_loss, &t->head_loss));
    MH_TRY(mh_memory_array(t->config.replicas, t->heads * sizeof *t->all_epoch_loss, &t->all_epoch_loss));
    MH_TRY(mh_memory_array(t->config.replicas, sizeof *t->all_row_checksum, &t->all_row_checksum));
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
    t->rank = rank;
    t->ranks = ranks;
    t->hosted = mh_allreduce_hosted(config->replicas, rank, ranks);
    t->heads = data->schema.heads;
    t->deal = (mh_deal){data->rows, config->batch_size, config->replicas};
    t->batches = mh_deal_batches(&t->deal);
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
    mh_trainer_take_back(t);
    mh_checkpoint_writer_destroy(t->writer);
    mh_loader_destroy(t->loader);
    if (t->shared == NULL)
        mh_workspace_destroy(t->workspace);
    shared_gradient_destroy(t->shared);
    mh_allreduce_destroy(t->allreduce);
    mh_adam_destroy(t->adam);
    mh_history_close(t->history);
    mh_memory_free(t->earlier_history);
    if (t->tally != NULL) {
        mh_memory_free(t->tally[0].loss);
        mh_memory_free(t->tally[0].known);
    }
    mh_memory_free(t->tally);
    mh_memory_free(t->part);
    mh_memory_free(t->draw);
    mh_memory_free(t->known);
    mh_memory_free(t->weights);
    mh_kept_weights_clear(&t->kept);
    mh_memory_free(t->replica_loss);
    mh_memory_free(t->step_loss);
    mh_memory_free(t->epoch_loss);
    mh_memory_free(t->all_epoch_loss);
    mh_memory_free(t->all_row_checksum);
    mh_memory_free(t->head_loss);
    mh_memory_free(t);
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
        return (double)mh_deal_batch_rows(&t->deal, batch);
    return (double)t->known[(batch - t->counted.first) * t->heads + head];
}

/*
 * The gradient is summed over rows and divided by rows and heads once, in the step. A head whose labels are not all
 * known has fewer rows to be divided by, and one may weigh more than another: its weight in the batch makes up for
 * both. NULL where all labels are known and all heads weigh the same.
 */
static const float *batch_weights(mh_trainer *t, size_t batch)
{
    const double *head_weights = t->config.head_weights;
    double rows = (double)mh_deal_batch_rows(&t->deal, batch);

    if (t->known == NULL && head_weights == NULL)
        return NULL;
    for (size_t h = 0; h < t->heads; h++) {
        double known = divisor(t, batch, h);
        double weight = head_weights != NULL ? head_weights[h] : 1.0;

        t->weights[h] = known > 0 ? (float)(weight * rows / known) : 0.0f;
    }
    return t->weights;
}

/* Notes the losses of a replica's part of a batch; returns its share of the batch's loss. */
static double note_loss(mh_trainer *t, size_t batch, size_t replica)
{
    double *step_loss = t->step_loss + replica * t->heads;
    mh_tally *tally = &t->tally[replica];
    double sum = 0;

    for (size_t h = 0; h < t->heads; h++) {
        double known = divisor(t, batch, h);
        double share = known > 0 ? tally->loss[h] / known : 0.0;

        step_loss[h] = share;
        sum += t->config.head_weights != NULL ? t->config.head_weights[h] * share : share;
        tally->loss[h] = 0;
        tally->known[h] = 0;
    }
    return sum / t->weight_sum;
}

static void add_to_epoch(mh_trainer *t)
{
    for (size_t i = 0; i < t->hosted.count * t->heads; i++)
        t->epoch_loss[i] += t->step_loss[i];
}

/* Where a batch is on the way through this stage, in epochs. */
static double epochs_done(const mh_trainer *t, size_t batch)
{
    return (double)t->position.stage_epoch + (double)batch / (double)t->batches;
}

/* What may be wrong with this rank's rows, where somebody wants to know how that is. */
static mh_status meet_faults(const mh_trainer *t, size_t batch)
{
    void *memory = NULL;

    mh_fault_before_step(t->position.step + 1);
    if (mh_fault_take(MH_FAULT_READ_ERROR))
        return MH_FAIL(MH_ERR_IO, "the rows of batch %zu cannot be read: Input/output error", batch + 1);
    if (mh_fault_take(MH_FAULT_OUT_OF_MEMORY))
        return mh_memory_new(SIZE_MAX / 2, &memory);
    return MH_OK;
}

/*
 * Counts the known labels of a window's batches, which a loss is divided by before it is summed, when the first of them
 * comes. A rank that could not read its part counts none of it, and says so in the step.
 */
static void count_labels(const mh_comm *comm, mh_trainer *t, size_t batch, mh_status mine)
{
    mh_span window =
        mh_windows_batches(&t->config.windows, &t->deal, mh_windows_of_batch(&t->config.windows, batch));

    if (t->known == NULL || (batch >= t->counted.first && batch < mh_span_end(t->counted)))
        return;
    t->counted = window;
    memset(t->known, 0, window.count * t->heads * sizeof *t->known);
    for (size_t b = 0; b < window.count && mine == MH_OK; b++)
        mh_loader_count_labels(t->loader, window.first + b, t->known + b * t->heads);
    mh_comm_sum(comm, t->known, window.count * t->heads);
}

/* Who sums what is final of a gradient. */
typedef struct {
    const mh_comm *comm;
    mh_allreduce *allreduce;
} summer;

static void sum_from(void *who, size_t first)
{
    const summer *summer = who;

    mh_allreduce_advance(summer->comm, summer->allreduce, first);
}

static void take_parts(mh_trainer *t, size_t batch)
{
    const float *weights = batch_weights(t, batch);

    for (size_t r = 0; r < t->hosted.count; r++) {
        t->draw[r] = (mh_draw){t->config.seed, mh_adam_steps(t->adam), (uint32_t)(t->hosted.first + r)};
        mh_loader_batch(t->loader, batch, t->hosted.first + r, &t->part[r]);
        t->part[r].weights = weights;
        t->part[r].draw = &t->draw[r];
    }
}

/* Of some replicas; the last ones' is finished later where ranks of a host help each other. */
static void compute_gradient(const mh_comm *comm, mh_trainer *t, mh_span replicas, float *gradient)
{
    summer summer = {comm, t->allreduce};
    const mh_gradient_watch watch = {sum_from, &summer};
    const mh_batch *part = &t->part[replicas.first];
    mh_tally *tally = &t->tally[replicas.first];
    bool is_last = mh_span_end(replicas) == t->hosted.count;

    if (mh_fault_take(MH_FAULT_NAN)) {
        mh_model_gradient(t->trained->model, part, replicas.count, t->workspace, gradient, tally, NULL);
        gradient[0] = NAN;
    } else if (t->shared != NULL && is_last) {
        shared_gradient_begin(t->shared, part, replicas.count, gradient, tally);
    } else {
        mh_model_gradient(t->trained->model, part, replicas.count, t->workspace, gradient, tally,
                          t->config.overlaps ? &watch : NULL);
    }
}

/* The rows of every replica hosted here become leaves of the sum. Waits for ranks of this host at the most. */
static void compute_gradients(const mh_comm *comm, mh_trainer *t, size_t batch)
{
    size_t leaves = 0;

    take_parts(t, batch);
    if (!mh_trainer_lays_out_together(t))
        mh_workspace_prepare(t->workspace, t->trained->model);
    for (size_t r = 0; r < t->hosted.count; r += leaves) {
        float *gradient = mh_allreduce_next(t->allreduce, &leaves);

        compute_gradient(comm, t, (mh_span){r, leaves}, gradient);
        for (size_t i = r; i < r + leaves; i++)
            t->replica_loss[i] = note_loss(t, batch, i);
    }
    if (t->shared != NULL)
        shared_gradient_finish(t->shared);
}

/* Equal everywhere: the same sum gives the same step. Where ranks have the parameters together, each takes its part of it. */
static void take_step(mh_trainer *t, size_t batch, const float *sum)
{
    double rows = (double)mh_deal_batch_rows(&t->deal, batch), scale = 1.0 / (rows * t->weight_sum);

    if (t->config.clip_norm > 0)
        scale = mh_clip_scale(scale, t->config.clip_norm, sum, mh_model_layout(t->trained->model)->count);
    t->position.rate = mh_schedule_rate(&t->config.schedule, epochs_done(t, batch), mh_adam_steps(t->adam));
    mh_adam_step(t->adam, t->position.rate, scale, sum, mh_model_parameters(t->trained->model));
    if (mh_trainer_lays_out_together(t))
        mh_trainer_lay_out(t);
    else if (t->common != NULL)
        mh_allreduce_meet(t->allreduce);
    t->position.step++;
    mh_kept_weights_add(&t->kept, mh_adam_steps(t->adam), mh_model_parameters(t->trained->model));
    add_to_epoch(t);
}

/* The weights are as they were before the batch. */
static mh_status leave_out(mh_trainer *t, size_t batch, double loss)
{
    if (t->config.on_nonfinite == MH_NONFINITE_STOP)
        return MH_FAIL(MH_ERR_NUMERIC,
                       "the %s is not finite in epoch %zu, batch %zu: a smaller --learning-rate or scaled "
                       "features may help; --on-nonfinite skip leaves such batches out",
                       isfinite(loss) ? "gradient" : "loss", t->position.epoch + 1, batch + 1);
    t->position.skipped++;
    return MH_OK;
}

/* A step, and the writing of as much as the last time: twice, since both may take longer than they did. */
static double seconds_to_stop(const mh_trainer *t)
{
    return 2 * (t->longest_step + (t->writer != NULL ? mh_checkpoint_writer_seconds(t->writer) : 0));
}

/* What this rank asks the others for: the largest of all ranks is what happens. */
static int own_request(const mh_trainer *t)
{
    int signal = mh_interrupt_signal();
    double now = 0;

    if (signal != 0)
        return MH_REQUEST_STOP_BY_SIGNAL + signal;
    if (!t->is_root || (t->config.deadline == 0 && t->config.checkpoint_every.unit != MH_INTERVAL_SECONDS))
        return MH_REQUEST_NOTHING;
    now = mh_clock_seconds();
    if (t->config.deadline > 0 && now + seconds_to_stop(t) >= t->config.deadline)
        return MH_REQUEST_STOP_IN_TIME;
    if (t->config.checkpoint_every.unit == MH_INTERVAL_SECONDS && t->config.checkpoint_every.every > 0 &&
        now - t->last_checkpoint >= t->config.checkpoint_every.every)
        return MH_REQUEST_CHECKPOINT;
    return MH_REQUEST_NOTHING;
}

mh_status mh_trainer_step(const mh_comm *comm, mh_trainer *t, size_t batch, double *loss)
{
    mh_status status = MH_OK;

    mh_phase_set_step(t->position.step + 1);
    mh_phase_enter("computing the gradient");
    mh_allreduce_start(t->allreduce);
    status = meet_faults(t, batch);
    if (status == MH_OK)
        status = mh_loader_reach(t->loader, batch);
    count_labels(comm, t, batch, status);
    if (status == MH_OK)
        compute_gradients(comm, t, batch);
    else if (t->shared != NULL)
        shared_gradient_give_up(t->shared);

    /* Collective: every rank arrives here. */
    t->request = own_request(t);
    MH_TRY(mh_allreduce_finish(comm, t->allreduce, status, &t->request, t->replica_loss));
    *loss = t->replica_loss[0];
    if (isfinite(*loss) && mh_allreduce_is_finite(t->allreduce))
        take_step(t, batch, mh_allreduce_sum(t->allreduce));
    else
        status = leave_out(t, batch, *loss);
cleanup:
    return status;
}
