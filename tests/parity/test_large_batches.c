#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "files.h"
#include "program.h"

/*
 * Batches 32 times as large, in as many epochs, so 32 times fewer steps: Adam at the rate of the small ones falls
 * behind, LAMB with a warm-up does not, nor does Adam at a rate that grows with the batch. On rows like the tutorial's.
 * The windows are about twice as wide as the spread of two seeds (README). Slow: ctest -L slow. Prints a line for each
 * run.
 */
TestSuite(large_batches, .init = enter_folder, .fini = leave_folder, .timeout = 600);

enum { EPOCHS = 20 };

/* On rows that were not trained on. */
static double loss_with(const char *name, const char *options)
{
    char path[64];
    outcome o = run_program(1,
                            "train --data d.h5 --rows :50000 --validation-data d.h5 --validation-rows 50000: "
                            "--shuffle yes --schedule cosine --epochs %d --progress no --run %s %s",
                            EPOCHS, name, options);

    MUST_EXIT(o, 0);
    snprintf(path, sizeof path, "outputs/%s/history.csv", name);
    const csv *history = read_csv(path);
    cr_assert(history->lines == EPOCHS);
    double loss = csv_number(history, history->lines - 1, "validation_loss");

    fprintf(stderr, "%-20s validation loss %.4f\n", name, loss);
    return loss;
}

Test(large_batches, lamb_and_scaled_adam_learn_as_much_as_small_ones)
{
    outcome o = run_program(1, "generate --output d.h5 --samples 60000");
    MUST_EXIT(o, 0);
    double small = loss_with("small", "--batch-size 256");
    double adam = loss_with("adam", "--batch-size 8192");
    double lamb =
        loss_with("lamb", "--batch-size 8192 --optimizer lamb --learning-rate 0.02 --warmup 2epochs");
    double scaled = loss_with("scaled", "--batch-size 8192 --learning-rate-scale linear "
                                        "--reference-batch 256 --warmup 2epochs");

    cr_expect(ge(dbl, adam, small + 0.02));
    cr_expect(le(dbl, lamb, small + 0.006));
    cr_expect(le(dbl, scaled, small + 0.006));
}
