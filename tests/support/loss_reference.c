#include "loss_reference.h"

#include <criterion/criterion.h>
#include <math.h>

/* Small numbers keep their digits: 1 - p is made from the other side, never by subtraction. */

static double sigmoid(double z)
{
    return z >= 0.0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

/* log(1 + e^z) */
static double softplus(double z)
{
    return fmax(z, 0.0) + log1p(exp(-fabs(z)));
}

static double score(mh_head_activation activation, float logit)
{
    return activation == MH_HEAD_ACTIVATION_SIGMOID ? sigmoid((double)logit) : (double)logit;
}

typedef struct {
    double loss, slope;
} term;

/* (1 - p)^gamma * -log p, and its derivative by log p: that of log p by a logit is 1 - p, or minus another class's p. */
static term focal(double gamma, double p, double rest, double minus_log_p)
{
    double factor = pow(rest, gamma);
    double slope = -factor;

    if (gamma > 0.0)
        slope -= rest > 0.0 ? gamma * p * pow(rest, gamma - 1.0) * minus_log_p : 0.0;
    return (term){factor * minus_log_p, slope};
}

/* p is lowered by the margin, p^gamma * -log(1 - p). */
static term asymmetric_negative(const mh_loss_config *config, double z)
{
    double gamma = (double)config->gamma_negative, margin = (double)config->margin;
    double p = sigmoid(z), lowered = p - margin, rest = sigmoid(-z) + margin;
    double minus_log_rest = margin > 0.0 ? -log(rest) : softplus(z);
    double by_p = 0.0; /* times 1 - p, which may be 0 where the logarithm is infinite */

    if (lowered <= 0.0)
        return (term){0.0, 0.0};
    by_p = pow(lowered, gamma) * (margin > 0.0 ? sigmoid(-z) / rest : 1.0);
    if (gamma > 0.0)
        by_p += gamma * pow(lowered, gamma - 1.0) * minus_log_rest * sigmoid(-z);
    return (term){pow(lowered, gamma) * minus_log_rest, p * by_p};
}

static term binary(const mh_loss_config *config, double z, bool is_positive)
{
    double s = is_positive ? z : -z,
           gamma = config->kind == MH_LOSS_CROSS_ENTROPY ? 0.0 : (double)config->gamma;

    if (config->kind == MH_LOSS_ASYMMETRIC && !is_positive)
        return asymmetric_negative(config, z);
    term t = focal(gamma, sigmoid(s), sigmoid(-s), softplus(-s));
    return (term){t.loss, (is_positive ? 1.0 : -1.0) * t.slope * sigmoid(-s)};
}

static double softmax(const mh_heads *heads, const mh_loss_config *config, size_t classes, const float *z,
                      mh_label label, double *slopes)
{
    double largest = -INFINITY, own = 0.0, others = 0.0, gamma = (double)config->gamma;

    for (size_t c = 0; c < classes; c++)
        largest = fmax(largest, score(heads->activation, z[c]));
    for (size_t c = 0; c < classes; c++)
        *(c == label ? &own : &others) += exp(score(heads->activation, z[c]) - largest);

    double sum = own + others, p = own / sum, rest = others / sum;
    double minus_log_p = rest < 0.5 ? -log1p(-rest) : largest - score(heads->activation, z[label]) + log(sum);
    term t = focal(config->kind == MH_LOSS_FOCAL ? gamma : 0.0, p, rest, minus_log_p);

    for (size_t c = 0; c < classes; c++) {
        double share = exp(score(heads->activation, z[c]) - largest) / sum;

        slopes[c] = t.slope * (c == label ? rest : -share);
        if (heads->activation == MH_HEAD_ACTIVATION_SIGMOID)
            slopes[c] *= sigmoid((double)z[c]) * sigmoid(-(double)z[c]);
    }
    return t.loss;
}

void loss_reference(const mh_heads *heads, const mh_loss_config *config, const mh_batch *batch,
                    const float *logits, double *slopes, mh_tally *tally)
{
    const mh_loss_config plain = {0}, *loss = config != NULL ? config : &plain;

    for (size_t row = 0; row < batch->rows; row++) {
        for (size_t h = 0; h < heads->count; h++) {
            const mh_head *head = &heads->head[h];
            size_t first = row * heads->columns + head->columns.first;
            mh_label label = batch->labels[row * heads->count + h];
            double weight = batch->weights != NULL ? (double)batch->weights[h] : 1.0;
            double own = label == 1 && loss->positive_weight != NULL ? (double)loss->positive_weight[h] : 1.0;
            term t = {0.0, 0.0};

            if (label == MH_LABEL_MISSING) {
                weight = 0.0;
            } else if (head->is_binary) {
                t = binary(loss, (double)logits[first], label == 1);
                slopes[first] = t.slope;
            } else {
                t.loss = softmax(heads, loss, head->classes, logits + first, label, slopes + first);
            }
            for (size_t c = 0; c < head->columns.count; c++)
                slopes[first + c] = label == MH_LABEL_MISSING ? 0.0 : weight * own * slopes[first + c];
            tally->loss[h] += own * t.loss;
            tally->known[h] += label != MH_LABEL_MISSING;
        }
    }
}

void probabilities_reference(const mh_heads *heads, size_t rows, const float *logits, double *probabilities)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t h = 0; h < heads->count; h++) {
            mh_span columns = heads->head[h].columns;
            const float *z = logits + row * heads->columns + columns.first;
            double *p = probabilities + row * heads->columns + columns.first, largest = -INFINITY, sum = 0.0;

            for (size_t c = 0; c < columns.count; c++)
                largest = fmax(largest, score(heads->activation, z[c]));
            for (size_t c = 0; c < columns.count; c++)
                sum += p[c] = exp(score(heads->activation, z[c]) - largest);
            for (size_t c = 0; c < columns.count; c++)
                p[c] = heads->head[h].is_binary ? sigmoid((double)z[c]) : p[c] / sum;
        }
    }
}

/* Each of at most 128 roundings is half a 2^-23rd. */
void expect_slope_sums(const char *kernel, const mh_panels *slopes, const float *sums)
{
    cr_assert(slopes->rows <= 128);
    for (size_t c = 0; c < slopes->columns; c++) {
        double expected = 1, size = 1, value = (double)sums[c];

        for (size_t row = 0; row < slopes->rows; row++) {
            double slope = (double)*mh_panels_element(slopes, row, c);

            expected += slope;
            size += fabs(slope);
        }
        bool is_near = fabs(value - expected) <= 64 * 0x1p-23 * size || (isnan(value) && isnan(expected));

        cr_expect(is_near, "%s: slopes of column %zu of %zu: %g, %g", kernel, c, slopes->columns, value,
                  expected);
    }
}
