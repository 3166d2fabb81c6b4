#include "multihead/model/loss.h"

#include <math.h>
#include <string.h>

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

static void scale(float *dz, size_t columns, float factor)
{
    for (size_t c = 0; c < columns; c++)
        dz[c] *= factor;
}

static void head_loss(const mh_heads *heads, size_t h, const float *logits, mh_label label, float weight,
                      float *dlogits, mh_tally *tally)
{
    const mh_head *head = &heads->head[h];
    const float *z = logits + head->columns.first;
    float *dz = dlogits + head->columns.first;

    if (label == MH_LABEL_MISSING) {
        memset(dz, 0, head->columns.count * sizeof *dz);
        return;
    }
    tally->known[h]++;
    if (head->is_binary)
        tally->loss[h] += (double)binary_loss(z[0], label == 1, dz);
    else
        tally->loss[h] += (double)softmax_loss(heads->activation, head->classes, z, label, dz);
    if (weight != 1.0f)
        scale(dz, head->columns.count, weight);
}

void mh_loss_add(const mh_heads *heads, const mh_batch *batch, const float *logits, float *dlogits,
                 mh_tally *tally)
{
    for (size_t row = 0; row < batch->rows; row++) {
        const mh_label *labels = batch->labels + row * batch->heads;

        for (size_t h = 0; h < heads->count; h++)
            head_loss(heads, h, logits + row * heads->columns, labels[h],
                      batch->weights != NULL ? batch->weights[h] : 1.0f, dlogits + row * heads->columns,
                      tally);
    }
}
