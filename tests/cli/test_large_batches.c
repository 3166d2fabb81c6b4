#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "program.h"

/* What large batches want: LAMB, a rate that grows with the batch, a warm-up. */

TestSuite(large_batches, .init = enter_folder, .fini = leave_folder, .timeout = 180);

#define SMALL                                                                                                \
    "--generate --method rowwise --samples 997 --hidden 12,7 --batch-size 256 --epochs 4 --progress no"
#define LAMB                                                                                                 \
    SMALL " --optimizer lamb --learning-rate 0.01 --learning-rate-scale sqrt --reference-batch 64 "          \
          "--warmup 2epochs --schedule cosine --weight-decay 0.1 --decay-biases no --clip-norm 1 "           \
          "--average-decay 0.9 --linear-path yes --linear-path-rate 0.3 --shuffle yes"

static void must_train(int ranks, const char *run, const char *options)
{
    outcome o = run_program(ranks, "train %s --run %s", options, run);
    MUST_EXIT(o, 0);
}

static void expect_same_runs(const char *a, const char *b)
{
    char first[64], second[64];

    expect_same_models(a, b);
    snprintf(first, sizeof first, "outputs/%s/history.csv", a);
    snprintf(second, sizeof second, "outputs/%s/history.csv", b);
    EXPECT_SAME_HISTORY(first, second);
}

/* ---- LAMB ---- */

Test(large_batches, lamb_learns_the_same_bits_on_any_number_of_ranks)
{
    must_train(1, "one", LAMB);
    must_train(2, "two", LAMB);
    must_train(3, "three", LAMB);
    expect_same_runs("one", "two");
    expect_same_runs("one", "three");
    must_train(1, "adam", LAMB " --optimizer adam");
    expect_other_models("one", "adam");
}

/* Four steps an epoch: it ends before the tenth and goes on from the eighth. */
Test(large_batches, a_run_of_lamb_goes_on_bit_for_bit)
{
    must_train(1, "unbroken", LAMB);
    outcome o =
        run_program(2, "train " LAMB " --run stopped --checkpoint-every 1 --inject kill@rank=1,step=10");
    cr_assert(o.exit_code != 0);
    EXPECT_NO_FILE("outputs/stopped/model.h5");
    o = run_program(3, "train " LAMB " --run stopped");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "trains on");
    expect_same_runs("unbroken", "stopped");
}

Test(large_batches, a_run_does_not_go_on_with_another_optimizer_or_scale)
{
    must_train(1, "a", LAMB " --checkpoint-every 1");
    cr_assert(remove("outputs/a/model.h5") == 0); /* as if it had been stopped */
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "train " LAMB " --run a --optimizer adam --learning-rate-scale linear "
                                       "--reference-batch 128 --warmup 8");

        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, "was made with other options");
        EXPECT_WORDS(o.err, "optimizer lamb (now adam)");
        EXPECT_WORDS(o.err, "learning-rate-scale sqrt (now linear)");
        EXPECT_WORDS(o.err, "reference-batch 64 (now 128)");
        EXPECT_WORDS(o.err, "warmup 2epochs (now 8)");
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    }
}

/* A run that began before there was a choice made the one that is the default now. */
Test(large_batches, a_run_from_before_there_was_a_choice_is_one_of_adam)
{
    must_train(1, "a", SMALL);
    cr_assert(system("grep -v -e optimizer -e scale -e reference outputs/a/options.ini > old.ini && "
                     "mv old.ini outputs/a/options.ini") == 0);
    outcome o = run_program(1, "train " SMALL " --run a");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "outputs/a is finished already");
    o = run_program(1, "train " SMALL " --run a --optimizer lamb");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "optimizer not given (now lamb)");
}

/* ---- the rate ---- */

static double last_rate(const char *run)
{
    char path[64];

    snprintf(path, sizeof path, "outputs/%s/history.csv", run);
    const csv *history = read_csv(path);
    return csv_number(history, history->lines - 1, "learning_rate");
}

/* By the batch that all ranks have together. */
Test(large_batches, the_rate_grows_with_the_batch_and_not_with_the_ranks)
{
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "train " SMALL " --run linear --resume none --learning-rate 0.002 "
                                       "--learning-rate-scale linear --reference-batch 128");
        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, "  rate     0.004: 0.002 for batches of 128, times 256 / 128\n");
        EXPECT_WORDS(o.err, "batches of 256, Adam at 0.004");
        cr_expect(last_rate("linear") == 0.004);

        o = run_program(ranks, "train " SMALL " --run root --resume none --learning-rate 0.002 "
                               "--learning-rate-scale sqrt");
        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, "  rate     0.001: 0.002 for batches of 1024, times the root of 256 / 1024\n");
        cr_expect(last_rate("root") == 0.001);
    }
}

Test(large_batches, a_scaled_rate_is_the_rate_by_hand)
{
    must_train(1, "scaled",
               SMALL " --learning-rate 0.002 --learning-rate-scale linear --reference-batch 128");
    must_train(1, "by_hand", SMALL " --learning-rate 0.004");
    must_train(1, "none", SMALL " --learning-rate 0.004 --learning-rate-scale none --reference-batch 128");
    expect_same_runs("scaled", "by_hand");
    expect_same_runs("none", "by_hand");
}

/* The rate of a preset is meant for the batch that it would have taken itself. */
Test(large_batches, a_preset_scales_from_its_own_batch)
{
    outcome o = run_program(1, "train --generate --samples 6000 --preset tabular --hidden 4 --epochs 1 "
                               "--batch-size 600 --learning-rate-scale linear");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "--reference-batch 128");
    EXPECT_WORDS(o.err, "0.001 for batches of 128, times 600 / 128");
}

/* ---- warm-up ---- */

Test(large_batches, a_warmup_of_epochs_is_one_of_their_steps)
{
    must_train(1, "epochs", SMALL " --warmup 3epochs");
    must_train(1, "steps", SMALL " --warmup 12");
    must_train(1, "named", SMALL " --warmup 12steps");
    must_train(1, "none", SMALL);
    expect_same_runs("epochs", "steps");
    expect_same_runs("named", "steps");
    expect_other_models("none", "steps");
    outcome o = run_program(1, "train " SMALL " --warmup 3epochs --run a");
    EXPECT_WORDS(o.err, "  rate     0.001 after a warm-up of 12 steps\n");
}

/* Large batches make few steps. */
Test(large_batches, a_warmup_that_does_not_end_is_warned_of)
{
    outcome o = run_program(1, "train " SMALL " --warmup 17");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "warning: --warmup: the 16 steps of this run are over before its 17 are");
    o = run_program(1, "train " SMALL " --warmup 16 --run b");
    EXPECT_NO_WORDS(o.err, "warning: --warmup");
}

/* ---- wrong values ---- */

Test(large_batches, values_that_make_no_sense_are_refused)
{
    static const char *const wrong[][2] = {
        {"--optimizer sgd", "--optimizer sgd: expected adam|lamb"},
        {"--optimizer", "--optimizer needs a value: adam|lamb"},
        {"--learning-rate-scale cubic", "--learning-rate-scale cubic: expected none|linear|sqrt"},
        {"--reference-batch 0", "--reference-batch 0: expected a whole number from 1"},
        {"--reference-batch 1.5", "--reference-batch 1.5: expected a whole number from 1"},
        {"--warmup -1", "--warmup -1: expected steps such as 100, or epochs such as 5epochs"},
        {"--warmup 1.5", "--warmup 1.5: expected steps"},
        {"--warmup 0.5epochs", "--warmup 0.5epochs: expected steps"},
        {"--warmup 3min", "--warmup 3min: expected steps"},
        {"--warmup many", "--warmup many: expected steps"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        outcome o = run_program(1, "train --data x.h5 %s", wrong[i][0]);

        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, wrong[i][1]);
        cr_expect(count_lines(o.err, "") == 1, "not one line:\n%s", o.err);
    }
}
