#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

/* Three of ten labels are missing; one step of a linear model, against its gradient written out in double. */

TestSuite(missing, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 300, HEADS = 3, CLASSES_MOST = 4, INPUTS = ODD_INPUTS };

static const size_t classes[HEADS] = {2, 3, 4};
static const size_t outputs[HEADS] = {1, 3, 4}; /* a binary head has one */

static double weight[HEADS][CLASSES_MOST * INPUTS], bias[HEADS][CLASSES_MOST];
static double labels[ROWS][HEADS];

static void write_first_weights(void)
{
    for (size_t h = 0; h < HEADS; h++) {
        char name[64];

        for (size_t i = 0; i < outputs[h] * INPUTS; i++)
            weight[h][i] = odd_feature(1000 + h, i);
        for (size_t i = 0; i < outputs[h]; i++)
            bias[h][i] = odd_feature(2000 + h, i);
        snprintf(name, sizeof name, "model/out%zu.weight", h + 1);
        odd_file_add("init.h5", name, AS_FLOAT32, outputs[h], INPUTS, weight[h]);
        snprintf(name, sizeof name, "model/out%zu.bias", h + 1);
        odd_file_add("init.h5", name, AS_FLOAT32, outputs[h], 0, bias[h]);
    }
}

/* Probabilities of one row; returns the loss. */
static double probabilities_of(size_t row, size_t h, double probability[CLASSES_MOST])
{
    double logit[CLASSES_MOST], sum = 0;
    size_t label = (size_t)labels[row][h];

    for (size_t c = 0; c < outputs[h]; c++) {
        logit[c] = bias[h][c];
        for (size_t i = 0; i < INPUTS; i++)
            logit[c] += weight[h][c * INPUTS + i] * odd_feature(row, i);
        sum += exp(logit[c]);
    }
    if (outputs[h] == 1) {
        probability[0] = 1 / (1 + exp(-logit[0]));
        return -log(label == 1 ? probability[0] : 1 - probability[0]);
    }
    for (size_t c = 0; c < outputs[h]; c++)
        probability[c] = exp(logit[c]) / sum;
    return -log(probability[label]);
}

/* The mean over the head's known rows; the model's loss is the mean over heads. Returns the head's loss. */
static double gradient_of(size_t h, double of_weight[CLASSES_MOST * INPUTS], double of_bias[CLASSES_MOST])
{
    double loss = 0, known = 0, probability[CLASSES_MOST];

    for (size_t row = 0; row < ROWS; row++)
        known += labels[row][h] >= 0;
    for (size_t row = 0; row < ROWS; row++) {
        if (labels[row][h] < 0)
            continue;
        loss += probabilities_of(row, h, probability) / known;
        for (size_t c = 0; c < outputs[h]; c++) {
            double is_true = labels[row][h] == (double)(outputs[h] == 1 ? 1 : c);
            double of_logit = (probability[c] - is_true) / known / HEADS;

            of_bias[c] += of_logit;
            for (size_t i = 0; i < INPUTS; i++)
                of_weight[c * INPUTS + i] += of_logit * odd_feature(row, i);
        }
    }
    return loss;
}

static void expect_gradient(const char *checkpoint, const char *name, size_t count, const double *expected)
{
    double first_moment[CLASSES_MOST * INPUTS];

    odd_file_read(checkpoint, name, count, first_moment);
    for (size_t i = 0; i < count; i++) /* float32 sums over some 200 rows, of numbers below 1 */
        cr_expect(epsilon_eq(dbl, 10 * first_moment[i], expected[i], 1e-6), "%s, element %zu", name, i);
}

Test(missing, labels_count_in_neither_gradient_nor_loss)
{
    double loss = 0;

    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 30);
    odd_file_read("d.h5", "labels", ROWS * HEADS, labels[0]);
    write_first_weights();
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o =
            run_program(ranks, "train --data d.h5 --hidden none --init init.h5 --epochs 1 --run on%d", ranks);
        MUST_EXIT(o, 0);
        EXPECT_WORDS(o.err, "labels are missing and count nowhere");
    }
    for (size_t h = 0; h < HEADS; h++) {
        double of_weight[CLASSES_MOST * INPUTS] = {0}, of_bias[CLASSES_MOST] = {0};
        char name[64];

        loss += gradient_of(h, of_weight, of_bias) / HEADS;
        for (int ranks = 1; ranks <= 3; ranks += 2) {
            const char *checkpoint = ranks == 1 ? "outputs/on1/checkpoints/step-000000001.h5"
                                                : "outputs/on3/checkpoints/step-000000001.h5";

            snprintf(name, sizeof name, "first_moment/out%zu.weight", h + 1);
            expect_gradient(checkpoint, name, outputs[h] * INPUTS, of_weight);
            snprintf(name, sizeof name, "first_moment/out%zu.bias", h + 1);
            expect_gradient(checkpoint, name, outputs[h], of_bias);
        }
    }
    cr_expect(epsilon_eq(dbl, csv_number(read_csv("outputs/on1/history.csv"), 0, "train_loss"), loss, 1e-6));
}
