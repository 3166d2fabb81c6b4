#include "multihead/model/loss.h"

#include <assert.h>

#include "head_columns.h"
#include "multihead/kernel/kernel.h"
#include "multihead/model/metrics.h"

static mh_loss_shape shape_of(const mh_loss_config *config)
{
    static const mh_loss_shape_kind kinds[] = {[MH_LOSS_CROSS_ENTROPY] = MH_SHAPE_CROSS_ENTROPY,
                                               [MH_LOSS_FOCAL] = MH_SHAPE_FOCAL,
                                               [MH_LOSS_ASYMMETRIC] = MH_SHAPE_ASYMMETRIC};

    if (config == NULL)
        return (mh_loss_shape){.kind = MH_SHAPE_CROSS_ENTROPY};
    return (mh_loss_shape){kinds[config->kind], config->gamma, config->gamma_negative, config->margin};
}

void mh_loss_add(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                 const mh_panels *logits, float *slopes, float *slope_sums, float *scratch, mh_tally *tally)
{
    const mh_head_columns columns = head_columns(heads, scratch);
    const mh_heads_loss loss = {.shape = shape_of(config),
                                .logits = *logits,
                                .slopes = slopes,
                                .slope_sums = slope_sums,
                                .labels = batch->labels,
                                .weights = batch->weights,
                                .positive_weights = config != NULL ? config->positive_weight : NULL,
                                .loss = tally->loss,
                                .known = tally->known};

    assert(batch->heads == heads->count && logits->rows == batch->rows);
    assert(loss.shape.kind == MH_SHAPE_CROSS_ENTROPY || !columns.has_sigmoid);
    if (all_are_binary(heads))
        mh_kernel_now()->binary_loss(&loss);
    else
        mh_kernel_now()->heads_loss(&columns, &loss);
}

void mh_loss_add_rows(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                      const float *logits, float *slopes, float *scratch, mh_tally *tally)
{
    /* Only read, but what panels borrow is not const. */
    mh_panels rows = mh_panels_of_rows((float *)logits, batch->rows, heads->columns);

    mh_loss_add(heads, config, batch, &rows, slopes, NULL, scratch, tally);
}

void mh_loss_add_probabilities(const mh_heads *heads, const mh_batch *batch, const float *probabilities,
                               mh_tally *tally)
{
    for (size_t row = 0; row < batch->rows; row++) {
        for (size_t h = 0; h < heads->count; h++) {
            const mh_head *head = &heads->head[h];
            mh_label label = batch->labels[row * batch->heads + h];

            if (label == MH_LABEL_MISSING)
                continue;
            tally->known[h]++;
            tally->loss[h] +=
                mh_log_loss(head, probabilities + row * heads->columns + head->columns.first, label);
        }
    }
}
