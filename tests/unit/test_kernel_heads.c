#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "heads_case.h"
#include "loss_reference.h"
#include "multihead/kernel/kernel.h"
#include "multihead/model/loss.h"
#include "toy.h"

/* Losses of any heads, by every set of kernels: see heads_case.h for what is held. */

static const mh_loss_config cross_entropy, focal_0 = {.kind = MH_LOSS_FOCAL},
                                           focal_2 = {.kind = MH_LOSS_FOCAL, .gamma = 2.0f},
                                           focal_half = {.kind = MH_LOSS_FOCAL, .gamma = 0.5f};

/* The loss of rows of the batch from `first` on. */
static void run(const mh_kernel *kernel, heads_case *c, const mh_panels *logits, size_t first, float *slopes)
{
    static const mh_loss_shape_kind kinds[] = {MH_SHAPE_CROSS_ENTROPY, MH_SHAPE_FOCAL, MH_SHAPE_ASYMMETRIC};
    mh_head_columns columns = heads_case_columns(c);

    memset(c->tally.loss, 0, c->heads.count * sizeof *c->tally.loss);
    memset(c->tally.known, 0, c->heads.count * sizeof *c->tally.known);
    for (size_t i = 0; i < c->columns; i++)
        c->slope_sums[i] = 1.0f;
    kernel->heads_loss(&columns, &(mh_heads_loss){.shape = {.kind = kinds[c->config->kind],
                                                            .gamma = c->config->gamma,
                                                            .gamma_negative = c->config->gamma_negative,
                                                            .margin = c->config->margin},
                                                  .logits = *logits,
                                                  .slopes = slopes,
                                                  .slope_sums = slopes != NULL ? c->slope_sums : NULL,
                                                  .labels = c->batch.labels + first * c->heads.count,
                                                  .weights = c->batch.weights,
                                                  .positive_weights = c->config->positive_weight,
                                                  .loss = c->tally.loss,
                                                  .known = c->tally.known});
}

static void run_reference(heads_case *c)
{
    memset(c->oracle.loss, 0, c->heads.count * sizeof *c->oracle.loss);
    memset(c->oracle.known, 0, c->heads.count * sizeof *c->oracle.known);
    loss_reference(&c->heads, c->config, &c->batch, c->logits, c->expected, &c->oracle);
}

/* A sum of losses is as near as one of its terms: none is negative. */
static bool loss_is_near(const heads_case *c, size_t h)
{
    double value = c->tally.loss[h], expected = c->oracle.loss[h];

    for (size_t row = 0; row < c->rows; row++)
        if (c->batch.labels[row * c->heads.count + h] != MH_LABEL_MISSING &&
            heads_case_is_near(c, row, h, value, expected))
            return true;
    return value == expected;
}

static void expect_reference(const mh_kernel *kernel, const heads_case *c, const mh_panels *slopes)
{
    if (slopes != NULL)
        expect_slope_sums(kernel->name, slopes, c->slope_sums);
    for (size_t h = 0; h < c->heads.count; h++) {
        mh_span own = c->heads.head[h].columns;

        for (size_t row = 0; row < c->rows && slopes != NULL; row++) {
            for (size_t k = own.first; k < mh_span_end(own); k++) {
                double value = (double)*mh_panels_element(slopes, row, k);
                double expected = c->expected[row * c->columns + k];

                cr_expect(heads_case_is_near(c, row, h, value, expected),
                          "%s: slope of row %zu of %zu, head %zu, column %zu of %zu: %a, %a", kernel->name,
                          row, c->rows, h, k - own.first, own.count, value, expected);
            }
        }
        cr_expect(loss_is_near(c, h), "%s: loss of head %zu: %a, %a", kernel->name, h, c->tally.loss[h],
                  c->oracle.loss[h]);
        cr_expect(c->tally.known[h] == c->oracle.known[h], "%s: head %zu", kernel->name, h);
    }
}

/* In panels and row by row; elsewhere, in place, and without slopes. */
static void check(heads_case *c)
{
    run_reference(c);
    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        for (int in_panels = 0; in_panels < 2; in_panels++) {
            const mh_kernel *kernel = mh_kernel_available(k);
            mh_panels slopes = heads_case_lay_out(c, c->slopes, in_panels),
                      logits = heads_case_lay_out(c, c->memory, in_panels);

            run(kernel, c, &logits, 0, NULL);
            expect_reference(kernel, c, NULL);
            run(kernel, c, &logits, 0, slopes.values);
            expect_reference(kernel, c, &slopes);
            heads_case_expect_guards(c, c->slopes, in_panels);
            run(kernel, c, &logits, 0, logits.values);
            expect_reference(kernel, c, &logits);
            heads_case_expect_guards(c, c->memory, in_panels);
        }
    }
}

static void check_mixes(const mh_loss_config *config, mh_head_activation activation, double size,
                        size_t missing_every, const float *weights)
{
    for (size_t mix = 0; mix < HEADS_MIXES; mix++) {
        for (size_t r = 0; r < HEADS_ROW_COUNTS; r++) {
            heads_case c = heads_case_start(mix, activation, heads_row_counts[r], size);

            c.config = config;
            c.batch.weights = weights;
            if (missing_every > 0)
                toy_batch_lose_labels(&c.batch, missing_every);
            check(&c);
            heads_case_end(&c);
        }
    }
}

/* ---- losses ---- */

Test(kernel_heads, cross_entropy_is_that_of_the_reference)
{
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_NONE, 4.0, 0, NULL);
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_NONE, 30.0, 3, NULL);
}

Test(kernel_heads, cross_entropy_of_sigmoids_is_that_of_the_reference)
{
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_SIGMOID, 4.0, 0, NULL);
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_SIGMOID, 30.0, 3, NULL);
}

Test(kernel_heads, focal_is_that_of_the_reference)
{
    check_mixes(&focal_0, MH_HEAD_ACTIVATION_NONE, 4.0, 0, NULL);
    check_mixes(&focal_2, MH_HEAD_ACTIVATION_NONE, 4.0, 5, NULL);
    check_mixes(&focal_half, MH_HEAD_ACTIVATION_NONE, 4.0, 0, NULL);
    check_mixes(&focal_2, MH_HEAD_ACTIVATION_NONE, 30.0, 0, NULL);
}

Test(kernel_heads, huge_logits_are_those_of_the_reference)
{
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_NONE, 1000.0, 0, NULL);
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_SIGMOID, 1000.0, 0, NULL);
    check_mixes(&focal_2, MH_HEAD_ACTIVATION_NONE, 1000.0, 0, NULL);
}

Test(kernel_heads, tiny_logits_are_those_of_the_reference)
{
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_NONE, 0x1p-130, 0, NULL);
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_SIGMOID, 0x1p-130, 0, NULL);
}

Test(kernel_heads, weights_and_positive_weights_are_those_of_the_reference)
{
    float weights[HEADS_MOST], positive[HEADS_MOST];
    const mh_loss_config weighted = {.positive_weight = positive};
    const mh_loss_config weighted_focal = {.kind = MH_LOSS_FOCAL, .gamma = 2.0f, .positive_weight = positive};

    for (size_t i = 0; i < HEADS_MOST; i++) {
        weights[i] = 0.3f * (float)(i % 7);
        positive[i] = 0.7f * (float)(i % 5);
    }
    check_mixes(&cross_entropy, MH_HEAD_ACTIVATION_NONE, 4.0, 4, weights);
    check_mixes(&weighted, MH_HEAD_ACTIVATION_NONE, 4.0, 4, weights);
    check_mixes(&weighted, MH_HEAD_ACTIVATION_SIGMOID, 4.0, 0, NULL);
    check_mixes(&weighted_focal, MH_HEAD_ACTIVATION_NONE, 4.0, 4, weights);
}

/* exp(1e38) is no number and neither is 1e38 log(2); a difference of logits may be more than float32 has. */
Test(kernel_heads, logits_of_any_size_have_finite_slopes)
{
    static const float sizes[] = {-3e38f, -1e38f, -1000.0f, -0x1p-149f, 0.0f, 0x1p-149f, 1000.0f, 1e38f};
    const mh_loss_config *configs[] = {&cross_entropy, &focal_2, &focal_half};

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        for (size_t i = 0; i < 4; i++) {
            heads_case c = heads_case_start(HEADS_MIXED, i == 3 ? MH_HEAD_ACTIVATION_SIGMOID : 0, 33, 0);

            c.config = configs[i % 3];
            for (size_t j = 0; j < c.rows * c.columns; j++)
                c.logits[j] = sizes[(size_t)(4.0 + 4.0 * toy_number(j))];
            mh_panels logits = heads_case_lay_out(&c, c.memory, true),
                      slopes = heads_case_lay_out(&c, c.slopes, true);

            run(mh_kernel_available(k), &c, &logits, 0, slopes.values);
            for (size_t h = 0; h < c.heads.count; h++)
                cr_expect(c.tally.loss[h] >= 0, "head %zu: %g", h, c.tally.loss[h]);
            for (size_t row = 0; row < c.rows; row++)
                for (size_t column = 0; column < c.columns; column++)
                    cr_expect(fabsf(*mh_panels_element(&slopes, row, column)) <= 1.5f,
                              "row %zu, column %zu: %g", row, column,
                              (double)*mh_panels_element(&slopes, row, column));
            heads_case_end(&c);
        }
    }
}

Test(kernel_heads, losses_keep_their_digits_where_the_label_is_almost_certain)
{
    static const float z[] = {-3.0f, 30.0f, 0.0f};
    double others = exp(-33.0) + exp(-30.0), p = 1.0 / (1.0 + others);

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        heads_case c = heads_case_start(3, MH_HEAD_ACTIVATION_NONE, 1, 0);
        size_t first = c.heads.head[1].columns.first;

        ((mh_label *)c.batch.labels)[1] = 1;
        memcpy(c.logits + first, z, sizeof z);
        mh_panels logits = heads_case_lay_out(&c, c.memory, false);

        run(mh_kernel_available(k), &c, &logits, 0, logits.values);
        cr_expect(epsilon_eq(dbl, c.tally.loss[1] / log1p(others), 1.0, 1e-6));
        cr_expect(epsilon_eq(dbl, (double)logits.values[first] / (exp(-33.0) * p), 1.0, 1e-6));
        cr_expect(epsilon_eq(dbl, (double)logits.values[first + 1] / (-others * p), 1.0, 1e-6));
        heads_case_end(&c);
    }
}

/* ---- bits ---- */

/* Each row alone, in the first lane; all of them, in panels and row by row. */
Test(kernel_heads, a_row_has_the_same_bits_wherever_it_stands)
{
    const mh_loss_config *configs[] = {&cross_entropy, &focal_2, &focal_half, &cross_entropy};

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        for (size_t i = 0; i < 4 * HEADS_MIXES; i++) {
            const mh_kernel *kernel = mh_kernel_available(k);
            heads_case c = heads_case_start(i / 4, i % 4 == 3 ? MH_HEAD_ACTIVATION_SIGMOID : 0, 33, 4.0);
            double loss[HEADS_MOST] = {0};

            c.config = configs[i % 4];
            toy_batch_lose_labels(&c.batch, 7);
            mh_panels alone = heads_case_lay_out(&c, c.memory, false),
                      together = heads_case_lay_out(&c, c.slopes, true);

            for (size_t row = 0; row < c.rows; row++) {
                mh_panels own = mh_panels_slice(&alone, row, 1);

                run(kernel, &c, &own, row, own.values);
                for (size_t h = 0; h < c.heads.count; h++)
                    loss[h] += c.tally.loss[h];
            }
            run(kernel, &c, &together, 0, together.values);
            EXPECT_SAME_BITS(loss, c.tally.loss, c.heads.count);
            mh_panels_spill(&together, c.logits);
            EXPECT_SAME_BITS(c.logits, c.memory, c.rows * c.columns);
            heads_case_end(&c);
        }
    }
}

Test(kernel_heads, binary_heads_have_the_bits_of_the_kernel_for_them_alone)
{
    enum { ROWS = 33, HEADS = 21 };
    const mh_loss_shape shapes[] = {{.kind = MH_SHAPE_CROSS_ENTROPY},
                                    {.kind = MH_SHAPE_FOCAL, .gamma = 2.0f},
                                    {.kind = MH_SHAPE_ASYMMETRIC, 1.0f, 4.0f, 0.05f}};
    size_t first[HEADS + 1];
    uint16_t labels[ROWS * HEADS];
    static float logits[ROWS * HEADS], slopes[2][ROWS * HEADS], scratch[2 * 16 * 32], weights[HEADS];

    for (size_t h = 0; h <= HEADS; h++)
        first[h] = h;
    for (size_t i = 0; i < ROWS * HEADS; i++) {
        labels[i] = i % 5 == 4 ? UINT16_MAX : i % 2;
        logits[i] = (float)(20 * toy_number(i));
        weights[i % HEADS] = 0.1f * (float)(i % HEADS);
    }
    for (size_t i = 0; mh_kernel_available(i / 6) != NULL; i++) {
        const mh_kernel *kernel = mh_kernel_available(i / 6);
        double loss[2][HEADS] = {{0}};
        int64_t known[2][HEADS] = {{0}};
        mh_head_columns columns = {.count = HEADS, .first = first, .scratch = scratch};
        mh_heads_loss l = {.shape = shapes[i % 3],
                           .logits = mh_panels_of_rows(logits, ROWS, HEADS),
                           .slopes = slopes[0],
                           .labels = labels,
                           .weights = i % 6 < 3 ? NULL : weights,
                           .positive_weights = i % 6 < 3 ? NULL : weights,
                           .loss = loss[0],
                           .known = known[0]};

        kernel->binary_loss(&l);
        l.slopes = slopes[1];
        l.loss = loss[1];
        l.known = known[1];
        kernel->heads_loss(&columns, &l);
        EXPECT_SAME_BITS(slopes[0], slopes[1], ROWS * HEADS);
        EXPECT_SAME_BITS(loss[0], loss[1], HEADS);
        EXPECT_SAME_BITS(known[0], known[1], HEADS);
    }
}

/* ---- labels that are missing, logits that are no numbers ---- */

Test(kernel_heads, missing_labels_count_nothing_whatever_the_logits)
{
    const mh_loss_config *configs[] = {&cross_entropy, &focal_2, &focal_half, &cross_entropy};
    static const float odd[] = {NAN, INFINITY, -INFINITY, 1e38f};

    for (size_t i = 0; i < 4; i++) {
        heads_case c = heads_case_start(HEADS_MIXED, i == 3 ? MH_HEAD_ACTIVATION_SIGMOID : 0, 33, 4.0);

        c.config = configs[i];
        toy_batch_lose_labels(&c.batch, 3);
        for (size_t row = 0; row < c.rows; row++) {
            for (size_t h = 0; h < c.heads.count; h++) {
                mh_span own = c.heads.head[h].columns;

                for (size_t k = own.first; k < mh_span_end(own); k++)
                    if (c.batch.labels[row * c.heads.count + h] == MH_LABEL_MISSING)
                        c.logits[row * c.columns + k] = odd[(row + k) % 4];
            }
        }
        check(&c);
        heads_case_end(&c);
    }
}

Test(kernel_heads, a_nan_shows_in_the_loss_of_its_head_and_no_other)
{
    const mh_loss_config *configs[] = {&cross_entropy, &focal_2, &focal_half, &cross_entropy};

    for (size_t k = 0; mh_kernel_available(k) != NULL; k++) {
        for (size_t i = 0; i < 4; i++) {
            heads_case c = heads_case_start(3, i == 3 ? MH_HEAD_ACTIVATION_SIGMOID : 0, 16, 4.0);

            c.config = configs[i];
            for (size_t j = 0; j < c.rows * c.columns; j++) {
                size_t column = j % c.columns, head = column == 0 ? 0 : column == c.columns - 1 ? 2 : 1;
                mh_panels logits = heads_case_lay_out(&c, c.memory, true);

                *mh_panels_element(&logits, j / c.columns, column) = NAN;
                run(mh_kernel_available(k), &c, &logits, 0, logits.values);
                for (size_t h = 0; h < 3; h++)
                    cr_expect(isnan(c.tally.loss[h]) == (h == head), "logit %zu, head %zu", j, h);
            }
            heads_case_end(&c);
        }
    }
}

Test(kernel_heads, training_and_evaluation_have_the_same_bits)
{
    heads_case c = heads_case_start(HEADS_MIXED, MH_HEAD_ACTIVATION_NONE, 33, 4.0);
    mh_panels logits = heads_case_lay_out(&c, c.memory, true);

    mh_loss_add(&c.heads, NULL, &c.batch, &logits, logits.values, NULL, c.scratch, &c.tally);
    mh_loss_add_rows(&c.heads, NULL, &c.batch, c.logits, NULL, c.scratch, &c.oracle);
    EXPECT_SAME_BITS(c.oracle.loss, c.tally.loss, c.heads.count);
    heads_case_end(&c);
}
