#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/model/loss.h"
#include "toy.h"

/*
 * Tolerances: a term and a slope are float32 numbers made of a few float32 operations and functions, so they are right to
 * a few 2^-24 of their size (test_kernel_heads.c says how many); sums are double.
 */
static const double ROUNDING = 1e-6;

/* Heads, a batch and what the loss makes of some logits. */
typedef struct {
    mh_schema schema;
    mh_heads heads;
    mh_batch batch;
    const mh_loss_config *config; /* NULL: cross entropy */
    float *logits, *slopes, *scratch;
    mh_tally tally;
} loss_case;

static loss_case loss_start(size_t rows, size_t heads, const size_t *classes, mh_head_kind kind,
                            mh_head_activation activation)
{
    loss_case c = {.schema = toy_schema(1, heads, classes), .tally = toy_tally(heads)};

    MUST(mh_heads_create(&c.schema, kind, activation, &c.heads));
    c.batch = toy_batch(&c.schema, rows);
    c.logits = calloc(rows * c.heads.columns, sizeof *c.logits);
    c.slopes = malloc(rows * c.heads.columns * sizeof *c.slopes);
    c.scratch = calloc(mh_heads_scratch(&c.heads) + 1, sizeof *c.scratch);
    cr_assert(c.logits != NULL && c.slopes != NULL && c.scratch != NULL);
    toy_fill(c.slopes, rows * c.heads.columns, 99); /* what is not written shows */
    return c;
}

static void loss_run(loss_case *c)
{
    mh_loss_add_rows(&c->heads, c->config, &c->batch, c->logits, c->slopes, c->scratch, &c->tally);
}

static void loss_end(loss_case *c)
{
    toy_tally_free(&c->tally);
    toy_batch_free(&c->batch);
    mh_heads_clear(&c->heads);
    mh_schema_clear(&c->schema);
    free(c->logits);
    free(c->slopes);
    free(c->scratch);
}

/* Logits in [-size, size). */
static void set_logits(loss_case *c, double size)
{
    for (size_t i = 0; i < c->batch.rows * c->heads.columns; i++)
        c->logits[i] = (float)(size * toy_number(i));
}

/* ---- a reference in double ---- */

static double sigmoid_of(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

static double focal(double p, double gamma)
{
    return pow(1.0 - p, gamma) * -log(p);
}

/* Of one head: focal and asymmetric as their papers write them. */
static double reference_shaped_loss(const mh_loss_config *config, const mh_head *head, const double *z,
                                    mh_label label)
{
    double sum = 0.0, p = sigmoid_of(z[0]);

    if (!head->is_binary) {
        for (size_t c = 0; c < head->classes; c++)
            sum += exp(z[c]);
        return focal(exp(z[label]) / sum, (double)config->gamma);
    }
    if (label == 0 && config->kind == MH_LOSS_ASYMMETRIC) {
        double lowered = fmax(p - (double)config->margin, 0.0);

        return pow(lowered, (double)config->gamma_negative) * -log(1.0 - lowered);
    }
    return focal(label == 1 ? p : 1.0 - p, (double)config->gamma);
}

/* The loss of one head of one row, with the plain formulas, which are fine for small logits. */
static double reference_loss(const loss_case *c, size_t h, const double *z, mh_label label)
{
    const mh_heads *heads = &c->heads;
    double sum = 0.0;

    if (c->config != NULL && c->config->positive_weight != NULL && label == 1) {
        mh_loss_config unweighted = *c->config;
        loss_case same = *c;

        unweighted.positive_weight = NULL;
        same.config = &unweighted;
        return (double)c->config->positive_weight[h] * reference_loss(&same, h, z, label);
    }
    if (c->config != NULL && c->config->kind != MH_LOSS_CROSS_ENTROPY)
        return reference_shaped_loss(c->config, &heads->head[h], z, label);
    if (heads->head[h].is_binary)
        return label == 1 ? -log(sigmoid_of(z[0])) : -log(1.0 - sigmoid_of(z[0]));
    for (size_t k = 0; k < heads->head[h].classes; k++)
        sum += exp(heads->activation == MH_HEAD_ACTIVATION_SIGMOID ? sigmoid_of(z[k]) : z[k]);

    double own = heads->activation == MH_HEAD_ACTIVATION_SIGMOID ? sigmoid_of(z[label]) : z[label];

    return log(sum) - own;
}

/* Central differences: off by step^2 and 2^-53 / step. */
static double reference_slope(const loss_case *c, size_t h, double *z, mh_label label, size_t column)
{
    const double step = 1e-5;
    double at = z[column];

    z[column] = at + step;

    double above = reference_loss(c, h, z, label);

    z[column] = at - step;

    double below = reference_loss(c, h, z, label);

    z[column] = at;
    return (above - below) / (2.0 * step);
}

static void expect_reference(const loss_case *c)
{
    double loss[8] = {0};
    int64_t known[8] = {0};

    for (size_t row = 0; row < c->batch.rows; row++) {
        for (size_t h = 0; h < c->heads.count; h++) {
            mh_span columns = c->heads.head[h].columns;
            size_t first = row * c->heads.columns + columns.first;
            mh_label label = c->batch.labels[row * c->heads.count + h];
            double weight = c->batch.weights != NULL ? (double)c->batch.weights[h] : 1.0;
            double z[8];

            for (size_t k = 0; k < columns.count; k++)
                z[k] = (double)c->logits[first + k];
            known[h] += label != MH_LABEL_MISSING;
            loss[h] += label != MH_LABEL_MISSING ? reference_loss(c, h, z, label) : 0.0;
            for (size_t k = 0; k < columns.count; k++) {
                double slope = label != MH_LABEL_MISSING ? reference_slope(c, h, z, label, k) : 0.0;

                cr_expect(epsilon_eq(dbl, (double)c->slopes[first + k], weight * slope, weight * ROUNDING));
            }
        }
    }
    for (size_t h = 0; h < c->heads.count; h++) {
        cr_expect(epsilon_eq(dbl, c->tally.loss[h], loss[h], (double)c->batch.rows * ROUNDING));
        cr_expect(eq(i64, c->tally.known[h], known[h]));
    }
}

/* Binary, softmax of 3 and of 2 classes, binary again (softmax with more than two classes only by auto). */
static const size_t mixed[] = {2, 3, 2, 4};

/* ---- values ---- */

Test(loss, zero_logits_cost_log_two_per_label)
{
    loss_case binary = loss_start(3, 4, (const size_t[]){2, 2, 2, 2}, MH_HEADS_BINARY, 0);
    loss_case softmax = loss_start(3, 4, (const size_t[]){2, 2, 2, 2}, MH_HEADS_SOFTMAX, 0);

    loss_run(&binary);
    loss_run(&softmax);
    for (size_t h = 0; h < 4; h++) {
        cr_expect(epsilon_eq(dbl, binary.tally.loss[h], 3 * log(2.0), 3 * ROUNDING));
        cr_expect(epsilon_eq(dbl, softmax.tally.loss[h], 3 * log(2.0), 3 * ROUNDING));
        cr_expect(eq(i64, binary.tally.known[h], 3));
    }
    loss_end(&binary);
    loss_end(&softmax);
}

Test(loss, values_and_slopes_equal_the_reference)
{
    loss_case c = loss_start(40, 4, mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);

    set_logits(&c, 6.0);
    loss_run(&c);
    expect_reference(&c);
    loss_end(&c);
}

Test(loss, values_and_slopes_through_a_sigmoid_equal_the_reference)
{
    loss_case c = loss_start(40, 4, mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_SIGMOID);

    set_logits(&c, 6.0);
    loss_run(&c);
    expect_reference(&c);
    loss_end(&c);
}

Test(loss, is_added_to_the_tally)
{
    loss_case c = loss_start(5, 4, mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);

    set_logits(&c, 2.0);
    loss_run(&c);

    double once = c.tally.loss[1];

    loss_run(&c);
    cr_expect(epsilon_eq(dbl, c.tally.loss[1], 2.0 * once, 1e-12)); /* the same double sum once more */
    cr_expect(eq(i64, c.tally.known[1], 10));
    loss_end(&c);
}

/* exp(1000) is no number; a right answer costs nothing and a wrong one 1000. */
Test(loss, large_logits_are_finite)
{
    for (size_t kind = 0; kind < 2; kind++) {
        loss_case c =
            loss_start(2, 1, (const size_t[]){2}, kind == 0 ? MH_HEADS_BINARY : MH_HEADS_SOFTMAX, 0);
        mh_label *labels = (mh_label *)c.batch.labels;

        for (size_t row = 0; row < 2; row++) {
            labels[row] = 1;
            for (size_t k = 0; k < c.heads.columns; k++) {
                bool is_up = (row == 0) == (k + 1 == c.heads.columns);

                c.logits[row * c.heads.columns + k] =
                    kind == 0 ? (is_up ? 1000.0f : -1000.0f) : (is_up ? 500.0f : -500.0f);
            }
        }
        loss_run(&c);
        cr_expect(epsilon_eq(dbl, c.tally.loss[0], 1000.0, 1e-3)); /* 1000 has 2^-14 between floats */
        for (size_t i = 0; i < 2 * c.heads.columns; i++)
            cr_expect(isfinite(c.slopes[i]) && fabsf(c.slopes[i]) <= 1.0f);
        /* Only the wrong row pulls. */
        cr_expect(epsilon_eq(dbl, (double)c.slopes[c.heads.columns - 1], 0.0, ROUNDING));
        cr_expect(epsilon_eq(dbl, (double)c.slopes[2 * c.heads.columns - 1], -1.0, ROUNDING));
        loss_end(&c);
    }
}

/* The tutorial's second model can get no lower: sigmoids are between 0 and 1. */
Test(loss, through_a_sigmoid_has_a_floor)
{
    loss_case c = loss_start(1, 1, (const size_t[]){2}, MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_SIGMOID);

    ((mh_label *)c.batch.labels)[0] = 1;
    c.logits[0] = -1000.0f;
    c.logits[1] = 1000.0f;
    loss_run(&c);
    cr_expect(epsilon_eq(dbl, c.tally.loss[0], log(1.0 + exp(-1.0)), ROUNDING));
    cr_expect(c.slopes[0] == 0.0f && c.slopes[1] == 0.0f);
    loss_end(&c);
}

/* Two softmax logits say what one binary logit says: their difference. */
Test(loss, softmax_of_two_classes_equals_binary)
{
    enum { ROWS = 50 };
    loss_case softmax = loss_start(ROWS, 1, (const size_t[]){2}, MH_HEADS_SOFTMAX, 0);
    loss_case binary = loss_start(ROWS, 1, (const size_t[]){2}, MH_HEADS_BINARY, 0);

    set_logits(&softmax, 5.0);
    for (size_t row = 0; row < ROWS; row++)
        binary.logits[row] = softmax.logits[2 * row + 1] - softmax.logits[2 * row];
    loss_run(&softmax);
    loss_run(&binary);
    /* The logit above is rounded too, at a size of up to 10: 2^-21 a row. */
    cr_expect(epsilon_eq(dbl, softmax.tally.loss[0], binary.tally.loss[0], ROWS * ROUNDING));
    for (size_t row = 0; row < ROWS; row++) {
        double slope = (double)binary.slopes[row];

        cr_expect(epsilon_eq(dbl, (double)softmax.slopes[2 * row + 1], slope, ROUNDING));
        cr_expect(epsilon_eq(dbl, (double)softmax.slopes[2 * row], -slope, ROUNDING));
    }
    loss_end(&softmax);
    loss_end(&binary);
}

/* ---- labels, weights, memory ---- */

Test(loss, missing_labels_cost_nothing_and_pull_nowhere)
{
    loss_case c = loss_start(40, 4, mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);

    toy_batch_lose_labels(&c.batch, 3);
    set_logits(&c, 6.0);
    loss_run(&c);
    expect_reference(&c);
    cr_expect(lt(i64, c.tally.known[0], 40));
    for (size_t row = 0; row < 40; row++)
        if (c.batch.labels[4 * row + 1] == MH_LABEL_MISSING)
            for (size_t k = 0; k < 3; k++)
                cr_expect(c.slopes[row * c.heads.columns + c.heads.head[1].columns.first + k] == 0.0f);
    loss_end(&c);
}

Test(loss, weights_scale_slopes_and_not_the_tally)
{
    const float weights[] = {2.0f, 0.5f, 3.0f, 0.0f};
    loss_case c = loss_start(40, 4, mixed, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);

    c.batch.weights = weights;
    set_logits(&c, 6.0);
    loss_run(&c);
    expect_reference(&c);
    loss_end(&c);
}

Test(loss, slopes_may_replace_the_logits)
{
    for (size_t sigmoid = 0; sigmoid < 2; sigmoid++) {
        loss_case c = loss_start(40, 4, mixed, MH_HEADS_AUTO,
                                 sigmoid ? MH_HEAD_ACTIVATION_SIGMOID : MH_HEAD_ACTIVATION_NONE);
        mh_tally tally = toy_tally(4);

        toy_batch_lose_labels(&c.batch, 5);
        set_logits(&c, 6.0);
        loss_run(&c);
        mh_loss_add_rows(&c.heads, NULL, &c.batch, c.logits, c.logits, c.scratch, &tally);
        EXPECT_SAME_BITS(c.logits, c.slopes, 40 * c.heads.columns);
        EXPECT_SAME_BITS(tally.loss, c.tally.loss, 4);
        toy_tally_free(&tally);
        loss_end(&c);
    }
}

Test(loss, nan_logits_show_in_the_loss)
{
    loss_case binary = loss_start(1, 1, (const size_t[]){2}, MH_HEADS_BINARY, 0);
    loss_case softmax = loss_start(1, 1, (const size_t[]){3}, MH_HEADS_SOFTMAX, 0);

    binary.logits[0] = softmax.logits[1] = NAN;
    loss_run(&binary);
    loss_run(&softmax);
    cr_expect(isnan(binary.tally.loss[0]));
    cr_expect(isnan(softmax.tally.loss[0]));
    loss_end(&binary);
    loss_end(&softmax);
}

/* ---- other losses, and weights of positive labels ---- */

enum { SHAPED_ROWS = 40 };

static const size_t shaped_classes[] = {2, 4, 2};

/* Terms are products of a power, which libm rounds to 2^-23, and a logarithm: still a few roundings. */
static void check_shaped(const mh_loss_config *config, mh_head_kind kind, size_t heads, const size_t *classes)
{
    loss_case c = loss_start(SHAPED_ROWS, heads, classes, kind, MH_HEAD_ACTIVATION_NONE);

    c.config = config;
    set_logits(&c, 3.0);
    toy_batch_lose_labels(&c.batch, 5);
    loss_run(&c);
    expect_reference(&c);
    loss_end(&c);
}

Test(loss, focal_is_that_of_its_paper_for_both_kinds_of_heads)
{
    const mh_loss_config gamma_2 = {.kind = MH_LOSS_FOCAL, .gamma = 2.0f};
    const mh_loss_config gamma_half = {.kind = MH_LOSS_FOCAL, .gamma = 0.5f};

    check_shaped(&gamma_2, MH_HEADS_AUTO, 3, shaped_classes);
    check_shaped(&gamma_half, MH_HEADS_AUTO, 3, shaped_classes);
}

Test(loss, focal_with_gamma_0_is_cross_entropy)
{
    const mh_loss_config config = {.kind = MH_LOSS_FOCAL};
    loss_case c = loss_start(SHAPED_ROWS, 3, shaped_classes, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);

    c.config = &config;
    set_logits(&c, 3.0);
    loss_run(&c);
    c.config = NULL;
    expect_reference(&c);
    loss_end(&c);
}

Test(loss, asymmetric_is_that_of_its_paper)
{
    static const size_t yes_no[] = {2, 2};
    const mh_loss_config usual = {
        .kind = MH_LOSS_ASYMMETRIC, .gamma = 1.0f, .gamma_negative = 4.0f, .margin = 0.05f};
    const mh_loss_config no_margin = {.kind = MH_LOSS_ASYMMETRIC, .gamma = 0.0f, .gamma_negative = 2.0f};

    check_shaped(&usual, MH_HEADS_BINARY, 2, yes_no);
    check_shaped(&no_margin, MH_HEADS_BINARY, 2, yes_no);
}

Test(loss, positive_weight_multiplies_rows_of_class_1)
{
    const float weights[] = {3.0f, 1.0f, 0.5f};
    const mh_loss_config plain = {.positive_weight = weights};
    const mh_loss_config focal_too = {.kind = MH_LOSS_FOCAL, .gamma = 2.0f, .positive_weight = weights};

    check_shaped(&plain, MH_HEADS_AUTO, 3, shaped_classes);
    check_shaped(&plain, MH_HEADS_SOFTMAX, 3, shaped_classes);
    check_shaped(&focal_too, MH_HEADS_AUTO, 3, shaped_classes);
}

Test(loss, other_losses_stay_finite_for_logits_of_any_size)
{
    static const size_t yes_no[] = {2};
    const mh_loss_config configs[] = {
        {.kind = MH_LOSS_FOCAL, .gamma = 2.0f},
        {.kind = MH_LOSS_FOCAL, .gamma = 0.5f},
        {.kind = MH_LOSS_ASYMMETRIC, .gamma = 1.0f, .gamma_negative = 4.0f, .margin = 0.05f},
        {.kind = MH_LOSS_ASYMMETRIC, .gamma = 0.0f, .gamma_negative = 1.0f}};
    const float logits[] = {-1e30f, -200.0f, -90.0f, 0.0f, 90.0f, 200.0f, 1e30f};

    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        for (mh_head_kind kind = MH_HEADS_BINARY; kind <= MH_HEADS_SOFTMAX; kind++) {
            loss_case c = loss_start(14, 1, yes_no, kind, MH_HEAD_ACTIVATION_NONE);

            if (configs[i].kind == MH_LOSS_ASYMMETRIC && kind == MH_HEADS_SOFTMAX)
                kind++; /* is for binary heads */
            c.config = &configs[i];
            for (size_t row = 0; row < 14; row++) {
                ((mh_label *)c.batch.labels)[row] = row % 2;
                c.logits[row * c.heads.columns] = logits[row / 2];
            }
            loss_run(&c);
            cr_expect(isfinite(c.tally.loss[0]));
            for (size_t k = 0; k < 14 * c.heads.columns; k++)
                cr_expect(isfinite(c.slopes[k]), "loss %zu, slope %zu", i, k);
            loss_end(&c);
        }
    }
}

/* The same number but for the rounding of the probabilities; then where these are cut, as scikit-learn does. */
Test(loss, of_probabilities_equals_that_of_their_logits)
{
    loss_case c = loss_start(20, 3, (const size_t[]){2, 4, 2}, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);
    mh_tally tally = toy_tally(3);
    float *probabilities = calloc(20 * c.heads.columns, sizeof *probabilities);

    cr_assert(probabilities != NULL);
    toy_batch_lose_labels(&c.batch, 7);
    set_logits(&c, 3.0);
    mh_heads_probabilities(&c.heads, 20, c.logits, probabilities, c.scratch);
    loss_run(&c);
    mh_loss_add_probabilities(&c.heads, &c.batch, probabilities, &tally);
    for (size_t h = 0; h < 3; h++) {
        cr_expect(epsilon_eq(dbl, tally.loss[h], c.tally.loss[h], 20 * ROUNDING));
        cr_expect(eq(i64, tally.known[h], c.tally.known[h]));
    }
    for (size_t i = 0; i < 20 * c.heads.columns; i++)
        probabilities[i] = 0.0f;
    ((mh_label *)c.batch.labels)[0] = 1;
    c.batch.rows = 1;
    tally.loss[0] = 0;
    mh_loss_add_probabilities(&c.heads, &c.batch, probabilities, &tally);
    cr_expect(epsilon_eq(dbl, tally.loss[0], 23 * log(2), 1e-9));
    free(probabilities);
    toy_tally_free(&tally);
    loss_end(&c);
}
