#include "multihead/model/loss.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "multihead/kernel/kernel.h"
#include "multihead/model/metrics.h"
#include "softmax.h"

/* One binary head of one row. */
static float binary_loss(float z, bool is_positive, float *dz)
{
    float e = expf(-fabsf(z));
    float p = (z >= 0.0f ? 1.0f : e) / (1.0f + e);

    *dz = is_positive ? p - 1.0f : p;
    /* max(z,0) - z*y + log1p(exp(-|z|)) does not overflow for large logits. */
    return fmaxf(is_positive ? -z : z, 0.0f) + log1pf(e);
}

/* One softmax head of one row; dz may be z. */
static float softmax_loss(mh_head_activation activation, size_t classes, const float *z, mh_label label,
                          float *dz)
{
    float target = score(activation, z[label]);
    float largest = largest_score(activation, classes, z);
    float sum = 0.0f;

    if (activation == MH_HEAD_ACTIVATION_NONE) {
        sum = softmax(activation, classes, z, largest, dz);
        dz[label] -= 1.0f;
    } else {
        /* The slope of the sigmoid needs the logits, which dz may be about to replace: so the sum first. */
        for (size_t c = 0; c < classes; c++)
            sum += expf(score(activation, z[c]) - largest);
        for (size_t c = 0; c < classes; c++) {
            float s = score(activation, z[c]);
            float p = expf(s - largest) / sum;

            dz[c] = (p - (c == label ? 1.0f : 0.0f)) * s * (1.0f - s);
        }
    }
    return (largest - target) + logf(sum);
}

/* ---- focal and asymmetric ---- */

/* log of the logistic function: -softplus(-s). */
static float log_sigmoid(float s)
{
    return fminf(s, 0.0f) - log1pf(expf(-fabsf(s)));
}

/* (1 - p)^gamma * -log p of a logit s that should be large, p = sigmoid(s); its slope in s. */
static float focal_binary_loss(float s, float gamma, float *ds)
{
    float p = sigmoid(s), log_p = log_sigmoid(s);
    float factor = powf(sigmoid(-s), gamma); /* 1 - p, without its rounding */

    *ds = factor * (gamma * p * log_p + p - 1.0f);
    return -factor * log_p;
}

/* A negative label under the asymmetric loss: p is lowered by the margin, p^gamma * -log(1 - p). */
static float asymmetric_negative_loss(float z, float gamma, float margin, float *dz)
{
    float p = sigmoid(z), lowered = p - margin;

    *dz = 0.0f;
    if (lowered <= 0.0f)
        return 0.0f;
    /* Without a margin, 1 - p and its logarithm keep their digits only when made from z. */
    float rest = margin == 0.0f ? sigmoid(-z) : 1.0f - lowered;
    float log_rest = margin == 0.0f ? log_sigmoid(-z) : logf(rest);
    float ratio = margin == 0.0f ? 1.0f : sigmoid(-z) / rest; /* also where both are 0 */
    float factor = powf(lowered, gamma);

    /* A power of -1 may be infinite, and 0 times that is not 0. */
    float slope = gamma > 0.0f ? gamma * powf(lowered, gamma - 1.0f) * log_rest * sigmoid(-z) : 0.0f;

    *dz = p * (factor * ratio - slope);
    return -factor * log_rest;
}

static float shaped_binary_loss(const mh_loss_config *config, float z, bool is_positive, float *dz)
{
    float loss = 0.0f;

    if (!is_positive && config->kind == MH_LOSS_ASYMMETRIC)
        return asymmetric_negative_loss(z, config->gamma_negative, config->margin, dz);
    loss = focal_binary_loss(is_positive ? z : -z, config->gamma, dz);
    if (!is_positive)
        *dz = -*dz;
    return loss;
}

/* Cross entropy's slopes are p - (c is the label); those of focal are the same times one factor. */
static float focal_softmax_loss(size_t classes, const float *z, mh_label label, float gamma, float *dz)
{
    float loss = softmax_loss(MH_HEAD_ACTIVATION_NONE, classes, z, label, dz);
    float p = expf(-loss), rest = -dz[label]; /* dz[label] = p - 1 */
    float factor = powf(rest, gamma);
    float slope = factor + (rest > 0.0f ? gamma * p * powf(rest, gamma - 1.0f) * loss : 0.0f);

    for (size_t c = 0; c < classes; c++)
        dz[c] *= slope;
    return factor * loss;
}

static float shaped_loss(const mh_loss_config *config, const mh_head *head, const float *z, mh_label label,
                         float *dz)
{
    return head->is_binary ? shaped_binary_loss(config, z[0], label == 1, dz)
                           : focal_softmax_loss(head->classes, z, label, config->gamma, dz);
}

/* ---- a head of a row ---- */

static void scale(float *dz, size_t columns, float factor)
{
    for (size_t c = 0; c < columns; c++)
        dz[c] *= factor;
}

static void head_loss(const mh_heads *heads, const mh_loss_config *config, size_t h, const float *logits,
                      mh_label label, float weight, float *dlogits, mh_tally *tally)
{
    const mh_head *head = &heads->head[h];
    const float *z = logits + head->columns.first;
    float *dz = dlogits + head->columns.first;
    float loss = 0.0f;

    if (label == MH_LABEL_MISSING) {
        memset(dz, 0, head->columns.count * sizeof *dz);
        return;
    }
    tally->known[h]++;
    if (config != NULL && config->kind != MH_LOSS_CROSS_ENTROPY)
        loss = shaped_loss(config, head, z, label, dz);
    else if (head->is_binary)
        loss = binary_loss(z[0], label == 1, dz);
    else
        loss = softmax_loss(heads->activation, head->classes, z, label, dz);
    if (config != NULL && config->positive_weight != NULL && label == 1) {
        loss *= config->positive_weight[h];
        weight *= config->positive_weight[h];
    }
    tally->loss[h] += (double)loss;
    if (weight != 1.0f)
        scale(dz, head->columns.count, weight);
}

void mh_loss_add(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                 const float *logits, float *dlogits, mh_tally *tally)
{
    for (size_t row = 0; row < batch->rows; row++) {
        const mh_label *labels = batch->labels + row * batch->heads;

        for (size_t h = 0; h < heads->count; h++)
            head_loss(heads, config, h, logits + row * heads->columns, labels[h],
                      batch->weights != NULL ? batch->weights[h] : 1.0f, dlogits + row * heads->columns,
                      tally);
    }
}

/* ---- by the kernels ---- */

static mh_loss_shape shape_of(const mh_loss_config *config)
{
    static const mh_loss_shape_kind kinds[] = {[MH_LOSS_CROSS_ENTROPY] = MH_SHAPE_CROSS_ENTROPY,
                                               [MH_LOSS_FOCAL] = MH_SHAPE_FOCAL,
                                               [MH_LOSS_ASYMMETRIC] = MH_SHAPE_ASYMMETRIC};

    if (config == NULL)
        return (mh_loss_shape){.kind = MH_SHAPE_CROSS_ENTROPY};
    return (mh_loss_shape){kinds[config->kind], config->gamma, config->gamma_negative, config->margin};
}

bool mh_loss_has_kernel(const mh_heads *heads)
{
    return heads->columns == heads->count;
}

void mh_loss_add_panels(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                        const mh_panels *logits, float *slopes, mh_tally *tally)
{
    const mh_binary_loss loss = {.shape = shape_of(config),
                                 .logits = *logits,
                                 .slopes = slopes,
                                 .labels = batch->labels,
                                 .weights = batch->weights,
                                 .positive_weights = config != NULL ? config->positive_weight : NULL,
                                 .loss = tally->loss,
                                 .known = tally->known};

    assert(mh_loss_has_kernel(heads));
    mh_kernel_now()->binary_loss(&loss);
}

void mh_loss_add_rows(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                      const float *logits, float *slopes, mh_tally *tally)
{
    /* Only read, but what panels borrow is not const. */
    mh_panels rows = mh_panels_of_rows((float *)logits, batch->rows, heads->columns);

    if (mh_loss_has_kernel(heads))
        mh_loss_add_panels(heads, config, batch, &rows, slopes, tally);
    else
        mh_loss_add(heads, config, batch, logits, slopes, tally);
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
