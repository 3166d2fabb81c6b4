#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>

#include "files.h"
#include "program.h"

/*
 * How well the tutorial's models learn in their 100 epochs, and how they do on 100,000 rows that they have
 * not seen, with rows shuffled as the tutorial does. The windows are PyTorch's spread over seeds, in which a
 * single seed of either program may fall outside on the fresh rows: so each seed's loss, and the mean over
 * seeds of the rest. Slow: ctest -L slow. Prints a line for each run.
 */
TestSuite(tutorial, .init = enter_folder, .fini = leave_folder, .timeout = 600);

typedef struct {
    const char *name, *options;
    double loss_least, loss_most; /* of training, each seed     */
    double subset_accuracy_least; /* on the fresh rows, mean    */
    double hamming_loss_most;
    double f1_micro_least;
} expectation;

typedef struct {
    double subset_accuracy, hamming_loss, f1_micro;
} quality;

static double number(const json_t *root, const char *key)
{
    return json_number_value(json_object_get(root, key));
}

static quality train_and_score(const expectation *e, int seed)
{
    outcome o =
        run_program(1, "train --data d.h5 --rows :9900 --shuffle yes --progress no --run %d --seed %d %s",
                    seed, seed, e->options);
    MUST_EXIT(o, 0);

    char path[64];
    snprintf(path, sizeof path, "outputs/%d/history.csv", seed);
    const csv *history = read_csv(path);
    cr_assert(history->lines == 100);
    double loss = csv_number(history, history->lines - 1, "train_loss");

    o = run_program(1, "evaluate --model outputs/%d/model.h5 --data fresh.h5 --json scores.json", seed);
    MUST_EXIT(o, 0);
    json_t *root = json_load_file("scores.json", 0, NULL);
    cr_assert(root != NULL && number(root, "rows") == 100000);
    quality q = {number(root, "subset_accuracy"), number(root, "hamming_loss"), number(root, "f1_micro")};
    json_decref(root);

    fprintf(stderr,
            "%-20s seed %d  train loss %.4f  subset accuracy %.4f  Hamming loss %.4f  micro-F1 %.4f\n",
            e->name, seed, loss, q.subset_accuracy, q.hamming_loss, q.f1_micro);
    cr_expect(ge(dbl, loss, e->loss_least), "seed %d", seed);
    cr_expect(le(dbl, loss, e->loss_most), "seed %d", seed);
    return q;
}

enum { SEEDS = 3 };

static void expect_quality(const expectation *e)
{
    quality mean = {0};
    outcome o = run_program(1, "generate --output d.h5 --samples 10000");
    MUST_EXIT(o, 0);
    o = run_program(1, "generate --output fresh.h5 --samples 110000 --rows 10000:");
    MUST_EXIT(o, 0);

    for (int seed = 1; seed <= SEEDS; seed++) {
        quality q = train_and_score(e, seed);

        mean.subset_accuracy += q.subset_accuracy / SEEDS;
        mean.hamming_loss += q.hamming_loss / SEEDS;
        mean.f1_micro += q.f1_micro / SEEDS;
    }
    cr_expect(ge(dbl, mean.subset_accuracy, e->subset_accuracy_least));
    cr_expect(le(dbl, mean.hamming_loss, e->hamming_loss_most));
    cr_expect(ge(dbl, mean.f1_micro, e->f1_micro_least));
}

Test(tutorial, binary_heads)
{
    const expectation e = {"binary", "--heads binary", 0.247, 0.259, 0.595, 0.1245, 0.835};

    expect_quality(&e);
}

Test(tutorial, softmax_heads)
{
    const expectation e = {"softmax", "--heads softmax", 0.235, 0.255, 0.590, 0.1265, 0.833};

    expect_quality(&e);
}

Test(tutorial, softmax_heads_on_sigmoids)
{
    const expectation e = {"softmax on sigmoids",
                           "--heads softmax --head-activation sigmoid",
                           0.420,
                           0.427,
                           0.590,
                           0.1265,
                           0.833};

    expect_quality(&e);
}
