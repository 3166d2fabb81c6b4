#include "multihead/model/baseline.h"

#include <math.h>

void mh_baseline_predict(const mh_heads *heads, const double *rates, mh_label *prediction)
{
    for (size_t h = 0; h < heads->count; h++) {
        size_t best = 0;

        for (size_t c = 1; c < heads->head[h].classes; c++)
            if (rates[c] > rates[best])
                best = c;
        prediction[h] = (mh_label)best;
        rates += heads->head[h].classes;
    }
}

void mh_baseline_probabilities(const mh_heads *heads, const double *rates, float *probabilities)
{
    for (size_t h = 0; h < heads->count; h++) {
        const mh_head *head = &heads->head[h];
        float *own = probabilities + head->columns.first;

        if (head->is_binary)
            own[0] = (float)rates[1];
        for (size_t c = 0; c < head->classes && !head->is_binary; c++)
            own[c] = (float)rates[c];
        rates += head->classes;
    }
}

void mh_baseline_columns(const mh_heads *heads, const mh_metrics *metrics, double *roc_auc,
                         double *average_precision)
{
    for (size_t h = 0; h < heads->count; h++) {
        int64_t positives = metrics->head[h].support, known = metrics->head[h].known;
        bool has_positives = heads->head[h].classes == 2 && positives > 0;

        /* Every pair is a tie; the one threshold there is predicts class 1 everywhere. */
        roc_auc[h] = has_positives && positives < known ? 0.5 : NAN;
        average_precision[h] = has_positives ? (double)positives / (double)known : NAN;
    }
}

static const double SMALLEST_RATE = 0x1p-52;

void mh_baseline_loss_add(const mh_heads *heads, const double *rates, const mh_batch *batch, mh_tally *tally)
{
    for (size_t h = 0; h < heads->count; h++) {
        for (size_t row = 0; row < batch->rows; row++) {
            mh_label label = batch->labels[row * batch->heads + h];

            if (label == MH_LABEL_MISSING)
                continue;
            tally->known[h]++;
            tally->loss[h] -= log(fmax(rates[label], SMALLEST_RATE));
        }
        rates += heads->head[h].classes;
    }
}

double mh_baseline_entropy(size_t classes, const double *rates)
{
    double entropy = 0;

    for (size_t c = 0; c < classes; c++)
        if (rates[c] > 0)
            entropy -= rates[c] * log(rates[c]);
    return entropy;
}
