#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "loss_reference.h"
#include "multihead/kernel/kernel.h"
#include "multihead/model/loss.h"
#include "toy.h"

/*
 * The loss of binary heads by every set of kernels, against a reference in double. A few roundings and functions of at most
 * 2 ulp are 8 ulp, and as much of 1: a margin is subtracted, and powers see the rounding of a logarithm.
 */
static const double ROUNDING = 8 * 0x1p-23;

static const float GUARD = 12345.0f; /* behind an array's end */

typedef struct {
    size_t rows, heads;
    mh_schema schema;
    mh_heads all;
    mh_batch batch;
    float *logits, *panels, *slopes;
    float *slope_sums;
    double *expected;
    mh_panels matrix;
    mh_tally oracle, tally;
} loss_case;

static loss_case case_start(size_t rows, size_t heads, double size)
{
    loss_case c = {.rows = rows, .heads = heads, .oracle = toy_tally(heads), .tally = toy_tally(heads)};
    size_t *classes = malloc(heads * sizeof *classes), floats = mh_panels_floats(rows, heads);

    for (size_t h = 0; h < heads; h++)
        classes[h] = 2;
    c.schema = toy_schema(1, heads, classes);
    MUST(mh_heads_create(&c.schema, MH_HEADS_BINARY, MH_HEAD_ACTIVATION_NONE, &c.all));
    c.batch = toy_batch(&c.schema, rows);
    c.logits = malloc(rows * heads * sizeof *c.logits);
    c.expected = malloc(rows * heads * sizeof *c.expected);
    c.panels = malloc(floats * sizeof *c.panels);
    c.slopes = malloc(floats * sizeof *c.slopes);
    c.slope_sums = malloc((heads + 1) * sizeof *c.slope_sums);
    for (size_t i = 0; i < rows * heads; i++)
        c.logits[i] = (float)(size * toy_number(i));
    for (size_t i = 0; i < floats; i++)
        c.panels[i] = NAN; /* what fills panels up must not be seen */
    c.matrix = mh_panels_of(c.panels, rows, heads);
    mh_panels_fill(&c.matrix, c.logits);
    free(classes);
    return c;
}

static void case_end(loss_case *c)
{
    toy_tally_free(&c->oracle);
    toy_tally_free(&c->tally);
    toy_batch_free(&c->batch);
    mh_heads_clear(&c->all);
    mh_schema_clear(&c->schema);
    free(c->logits);
    free(c->expected);
    free(c->panels);
    free(c->slopes);
    free(c->slope_sums);
}

static void run(const mh_kernel *kernel, loss_case *c, const mh_loss_config *config, const mh_panels *logits,
                float *slopes)
{
    static const mh_loss_shape_kind kinds[] = {MH_SHAPE_CROSS_ENTROPY, MH_SHAPE_FOCAL, MH_SHAPE_ASYMMETRIC};

    for (size_t h = 0; h < c->heads; h++) {
        c->tally.loss[h] = 0;
        c->tally.known[h] = 0;
        c->slope_sums[h] = 1.0f;
    }
    c->slope_sums[c->heads] = GUARD;
    kernel->binary_loss(&(mh_heads_loss){
        .shape = {kinds[config->kind], config->gamma, config->gamma_negative, config->margin},
        .logits = *logits,
        .slopes = slopes,
        .slope_sums = c->slope_sums,
        .labels = c->batch.labels,
        .weights = c->batch.weights,
        .positive_weights = config->positive_weight,
        .loss = c->tally.loss,
        .known = c->tally.known});
}

static bool is_near(double value, double expected, double scale)
{
    return (isnan(value) && isnan(expected)) || value == expected ||
           fabs(value - expected) <= ROUNDING * (fabs(expected) + scale);
}

static void expect_oracle(const mh_kernel *kernel, loss_case *c, const mh_panels *slopes, double scale)
{
    expect_slope_sums(kernel->name, slopes, c->slope_sums);
    cr_expect(c->slope_sums[c->heads] == GUARD);
    for (size_t h = 0; h < c->heads; h++) {
        cr_expect(is_near(c->tally.loss[h], c->oracle.loss[h], scale), "%s: loss of head %zu of %zu: %g, %g",
                  kernel->name, h, c->heads, c->tally.loss[h], c->oracle.loss[h]);
        cr_expect(c->tally.known[h] == c->oracle.known[h], "%s: head %zu", kernel->name, h);
        for (size_t row = 0; row < c->rows; row++) {
            double value = (double)*mh_panels_element(slopes, row, h);
            double expected = c->expected[row * c->heads + h];

            cr_expect(is_near(value, expected, scale), "%s: slope of row %zu, head %zu of %zu: %a, %a (z %g)",
                      kernel->name, row, h, c->heads, value, expected, (double)c->logits[row * c->heads + h]);
        }
    }
}

/* In panels, row by row, and in place. */
static void check(loss_case *c, const mh_loss_config *config, double scale)
{
    mh_panels slopes = c->matrix, rows = mh_panels_of_rows(c->logits, c->rows, c->heads);
    mh_panels row_slopes = mh_panels_of_rows(c->slopes, c->rows, c->heads);

    slopes.values = c->slopes;
    loss_reference(&c->all, config, &c->batch, c->logits, c->expected, &c->oracle);
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        const mh_kernel *kernel = mh_kernel_available(k);

        run(kernel, c, config, &c->matrix, slopes.values);
        expect_oracle(kernel, c, &slopes, scale);
        run(kernel, c, config, &rows, row_slopes.values);
        expect_oracle(kernel, c, &row_slopes, scale);
        mh_panels_fill(&slopes, c->logits);
        run(kernel, c, config, &slopes, slopes.values);
        expect_oracle(kernel, c, &slopes, scale);
    }
}

static const size_t shapes[][2] = {{1, 1}, {13, 31}, {128, 5}, {33, 17}, {70, 16}, {3, 100}, {1, 8}};

static void check_shapes(const mh_loss_config *config, double size, size_t missing_every,
                         const float *weights)
{
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        loss_case c = case_start(shapes[s][0], shapes[s][1], size);

        c.batch.weights = weights;
        if (missing_every > 0)
            toy_batch_lose_labels(&c.batch, missing_every);
        check(&c, config, 1.0);
        case_end(&c);
    }
}

Test(kernel_loss, equals_the_reference_in_all_shapes)
{
    check_shapes(&(mh_loss_config){0}, 6.0, 0, NULL);
}

Test(kernel_loss, equals_the_reference_for_huge_logits)
{
    check_shapes(&(mh_loss_config){0}, 1000.0, 3, NULL);
}

Test(kernel_loss, missing_labels_count_nothing_whatever_the_logit)
{
    loss_case c = case_start(13, 31, 6.0);

    for (size_t i = 0; i < c.rows * c.heads; i++) {
        ((mh_label *)c.batch.labels)[i] = MH_LABEL_MISSING;
        c.logits[i] = i % 2 ? NAN : INFINITY;
    }
    mh_panels_fill(&c.matrix, c.logits);
    check(&c, &(mh_loss_config){0}, 0.0);
    for (size_t i = 0; i < c.rows * c.heads; i++)
        cr_expect(c.expected[i] == 0.0);
    for (size_t h = 0; h < c.heads; h++)
        cr_expect(c.tally.loss[h] == 0.0 && c.tally.known[h] == 0);
    case_end(&c);
}

Test(kernel_loss, weights_and_positive_weights_are_those_of_the_reference)
{
    float weights[100], positive[100];

    for (size_t i = 0; i < 100; i++) {
        weights[i] = 0.25f * (float)(i % 7);
        positive[i] = 0.5f * (float)(i % 5);
    }
    check_shapes(&(mh_loss_config){.positive_weight = positive}, 4.0, 4, weights);
    check_shapes(&(mh_loss_config){.positive_weight = positive}, 4.0, 0, NULL);
    check_shapes(&(mh_loss_config){.kind = MH_LOSS_FOCAL, .gamma = 2, .positive_weight = positive}, 4.0, 4,
                 weights);
}

Test(kernel_loss, focal_and_asymmetric_are_those_of_the_reference)
{
    const mh_loss_config configs[] = {
        {.kind = MH_LOSS_FOCAL, .gamma = 0.0f},
        {.kind = MH_LOSS_FOCAL, .gamma = 2.0f},
        {.kind = MH_LOSS_FOCAL, .gamma = 0.5f},
        {.kind = MH_LOSS_ASYMMETRIC, .gamma = 0.0f, .gamma_negative = 0.0f},
        {.kind = MH_LOSS_ASYMMETRIC, .gamma = 1.0f, .gamma_negative = 4.0f, .margin = 0.05f},
        {.kind = MH_LOSS_ASYMMETRIC, .gamma = 0.5f, .gamma_negative = 2.5f, .margin = 0.05f},
        {.kind = MH_LOSS_ASYMMETRIC, .gamma = 0.0f, .gamma_negative = 1.5f}};

    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        check_shapes(&configs[i], 4.0, 5, NULL);
        check_shapes(&configs[i], 200.0, 5, NULL);
    }
}

Test(kernel_loss, training_and_evaluation_have_the_same_bits)
{
    loss_case c = case_start(33, 17, 4.0);
    mh_tally by_rows = toy_tally(17), in_panels = toy_tally(17);

    mh_loss_add(&c.all, NULL, &c.batch, &c.matrix, c.slopes, NULL, NULL, &in_panels);
    mh_loss_add_rows(&c.all, NULL, &c.batch, c.logits, NULL, NULL, &by_rows);
    EXPECT_SAME_BITS(by_rows.loss, in_panels.loss, 17);
    toy_tally_free(&by_rows);
    toy_tally_free(&in_panels);
    case_end(&c);
}

Test(kernel_loss, a_nan_logit_shows_in_its_heads_loss_and_no_other)
{
    loss_case c = case_start(5, 17, 4.0);

    c.logits[2 * 17 + 3] = NAN;
    mh_panels_fill(&c.matrix, c.logits);
    check(&c, &(mh_loss_config){0}, 1.0);
    for (size_t h = 0; h < 17; h++)
        cr_expect(isnan(c.tally.loss[h]) == (h == 3));
    case_end(&c);
}

Test(kernel_loss, slopes_keep_their_digits_where_the_label_is_almost_certain)
{
    loss_case c = case_start(1, 1, 0);

    ((mh_label *)c.batch.labels)[0] = 1;
    c.panels[0] = 30.0f;
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        run(mh_kernel_available(k), &c, &(mh_loss_config){0}, &c.matrix, c.slopes);
        cr_expect(epsilon_eq(dbl, (double)c.slopes[0] / -exp(-30.0), 1.0, 1e-6));
    }
    case_end(&c);
}
