#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "files.h"
#include "fixture_file.h"
#include "odd_files.h"
#include "program.h"

/*
 * The tutorial's models through the whole program, against what PyTorch made of the same rows and first
 * weights. Tolerances are absolute; fixtures/README.md has PyTorch's own distance from float64, which is 10
 * times less.
 */
TestSuite(pytorch, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { STEPS = 3, ROWS = 1024, TENSORS = 18, PARAMETERS_MOST = 256 * 128 };

static const double LOSS = 1e-6, GRADIENT = 1e-6, WEIGHTS = 1e-5;

static const char *const tensors[TENSORS] = {
    "fc1.weight",  "fc1.bias",  "fc2.weight",  "fc2.bias",  "fc3.weight",  "fc3.bias",
    "fc4.weight",  "fc4.bias",  "out1.weight", "out1.bias", "out2.weight", "out2.bias",
    "out3.weight", "out3.bias", "out4.weight", "out4.bias", "out5.weight", "out5.bias"};

/* A file as h5py writes a state_dict: /model/<name> in PyTorch's shapes. */
static void write_first_weights(const char *fixture)
{
    for (size_t t = 0; t < TENSORS; t++) {
        char from[64], to[64];
        fixture_shape shape;

        snprintf(from, sizeof from, "init/%s", tensors[t]);
        snprintf(to, sizeof to, "model/%s", tensors[t]);
        double *values = fixture_read_double(fixture, from, &shape);
        odd_file_add("init.h5", to, AS_FLOAT32, shape.extent[0], shape.dimensions == 1 ? 0 : shape.extent[1],
                     values);
        free(values);
    }
}

/* `scale` times the tensors of a group of our file, against a group of the fixture. */
static void expect_tensors(const char *file, const char *group, double scale, const char *fixture,
                           const char *reference, double tolerance)
{
    static double ours[PARAMETERS_MOST];

    for (size_t t = 0; t < TENSORS; t++) {
        char name[64];
        fixture_shape shape;
        double farthest = 0;

        snprintf(name, sizeof name, "%s/%s", reference, tensors[t]);
        double *theirs = fixture_read_double(fixture, name, &shape);
        snprintf(name, sizeof name, "%s/%s", group, tensors[t]);
        odd_file_read(file, name, shape.count, ours);
        for (size_t i = 0; i < shape.count; i++)
            farthest = fmax(farthest, fabs(scale * ours[i] - theirs[i]));
        cr_expect(le(dbl, farthest, tolerance), "%s of %s against %s", name, file, reference);
        free(theirs);
    }
}

/* One epoch over the rows of 1, 2 and 3 batches: as many steps. */
static void expect_three_steps(const char *fixture, const char *options)
{
    fixture_shape shape;
    double *loss = fixture_read_double(fixture, "loss", &shape), sum = 0;
    char path[64], reference[16];

    write_first_weights(fixture);
    for (int steps = 1; steps <= STEPS; steps++) {
        outcome o =
            run_program(1,
                        "train --data %s/sklearn_multilabel_seed1.h5 --rows :%d --init init.h5 --replicas 1 "
                        "--epochs 1 --run after%d %s",
                        MH_FIXTURES, steps * ROWS, steps, options);
        MUST_EXIT(o, 0);
        snprintf(path, sizeof path, "outputs/after%d/history.csv", steps);
        const csv *history = read_csv(path);
        sum += loss[steps - 1];
        cr_expect(csv_number(history, 0, "step") == steps);
        cr_expect(epsilon_eq(dbl, csv_number(history, 0, "train_loss"), sum / steps, LOSS));

        snprintf(path, sizeof path, "outputs/after%d/model.h5", steps);
        snprintf(reference, sizeof reference, "adam%d", steps);
        expect_tensors(path, "model", 1, fixture, reference, WEIGHTS);
    }
    /* The first moment after one step is (1 - beta1) times the gradient. */
    expect_tensors("outputs/after1/checkpoints/step-000000001.h5", "first_moment", 10, fixture, "grad1",
                   GRADIENT);
    free(loss);
}

Test(pytorch, binary_heads)
{
    expect_three_steps("torch_binary_logits.h5", "--heads binary");
}

Test(pytorch, softmax_heads)
{
    expect_three_steps("torch_multi_logits.h5", "--heads softmax");
}

Test(pytorch, softmax_heads_on_sigmoids)
{
    expect_three_steps("torch_multi_sigmoid_ce.h5", "--heads softmax --head-activation sigmoid");
}

/* Eight replicas add in another order, and two ranks host them: the same to rounding. */
Test(pytorch, replicas_and_ranks_change_only_the_rounding)
{
    const char *fixture = "torch_binary_logits.h5";

    write_first_weights(fixture);
    outcome o =
        run_program(2, "train --data %s/sklearn_multilabel_seed1.h5 --rows :%d --init init.h5 --epochs 1",
                    MH_FIXTURES, ROWS);
    MUST_EXIT(o, 0);
    expect_tensors("outputs/run/checkpoints/step-000000001.h5", "first_moment", 10, fixture, "grad1",
                   GRADIENT);
}
