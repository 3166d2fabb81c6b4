#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "files.h"
#include "program.h"

TestSuite(resume, .init = enter_folder, .fini = leave_folder, .timeout = 180);

#define SMALL "--generate --samples 997 --hidden 16,16 --batch-size 128"

static void must_train(int ranks, const char *options)
{
    outcome o = run_program(ranks, "train " SMALL " %s", options);

    MUST_EXIT(o, 0);
}

/* ---- a run that is finished ---- */

Test(resume, a_finished_run_says_so)
{
    must_train(1, "--epochs 2 --run a");
    copy_file("outputs/a/model.h5", "model.h5", WHOLE_FILE);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "train " SMALL " --epochs 2 --run a");

        EXPECT_EXIT(o, 0);
        cr_expect(count_lines(o.err, "outputs/a is finished already") == 1, "stderr:\n%s", o.err);
        EXPECT_NO_WORDS(o.err, "epoch 1/2");
    }
    EXPECT_SAME_FILE("outputs/a/model.h5", "model.h5");
}

Test(resume, a_finished_run_may_be_asked_for_with_options_that_change_nothing)
{
    must_train(1, "--epochs 2 --run a");
    must_train(1, "--epochs 2 --run a --keep 5 --progress no --checkpoint-every 3");
}

Test(resume, other_options_are_refused_and_named)
{
    must_train(1, "--epochs 2 --run a");
    copy_file("outputs/a/model.h5", "model.h5", WHOLE_FILE);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "train " SMALL " --epochs 3 --seed 2 --run a");

        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, "epochs 2 (now 3)");
        EXPECT_WORDS(o.err, "seed 1 (now 2)");
        EXPECT_WORDS(o.err, "--resume none");
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    }
    EXPECT_SAME_FILE("outputs/a/model.h5", "model.h5");
}

Test(resume, none_starts_afresh)
{
    must_train(1, "--epochs 4 --run a --checkpoint-every 1");
    must_train(1, "--epochs 2 --run a --resume none --seed 2");
    must_train(1, "--epochs 2 --run b --seed 2");
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/b/model.h5");
    EXPECT_SAME_HISTORY("outputs/a/history.csv", "outputs/b/history.csv");
    EXPECT_NAMES("outputs/a/checkpoints", "step-000000016.h5");
}

/* ---- a run that was stopped ---- */

/* A second or so, long enough that a kill comes in its middle. */
#define LONG                                                                                                 \
    LONG_MODEL " --generate --method rowwise --samples 8000 --epochs 30 --batch-size 1024 --shuffle yes "    \
               "--checkpoint-every 2"

static void kill_in_the_middle(int ranks)
{
    program program = start_program(ranks, "train " LONG " --run killed");

    await_file("outputs/killed/checkpoints/step-000000032.h5");
    kill_program(&program);
    outcome o = finish_program(&program);
    cr_assert(o.exit_code != 0, "it was not killed; stderr:\n%s", o.err);
    EXPECT_NO_FILE("outputs/killed/model.h5");
}

static void expect_unbroken(int ranks)
{
    outcome o = run_program(2, "train " LONG " --run unbroken");
    MUST_EXIT(o, 0);
    o = run_program(ranks, "train " LONG " --run killed");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "trains on");
    EXPECT_WORDS(o.err, "from outputs/killed/checkpoints/step-");
    EXPECT_SAME_FILE("outputs/killed/model.h5", "outputs/unbroken/model.h5");
    EXPECT_SAME_HISTORY("outputs/killed/history.csv", "outputs/unbroken/history.csv");
    EXPECT_NAMES("outputs/killed/checkpoints", "step-000000224.h5 step-000000240.h5");
}

Test(resume, a_killed_run_goes_on_as_if_it_had_not_been)
{
    kill_in_the_middle(1);
    expect_unbroken(3);
}

Test(resume, a_run_with_a_killed_rank_does_not_hang_and_goes_on)
{
    kill_in_the_middle(3);
    expect_unbroken(1);
}

Test(resume, a_stopped_run_is_not_mixed_with_another)
{
    must_train(1, "--epochs 2 --checkpoint-every 1 --run a");
    cr_assert(remove("outputs/a/model.h5") == 0); /* as if it had been stopped */
    outcome o = run_program(1, "train " SMALL " --epochs 2 --run a --learning-rate 0.002");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "was made with other options");
    EXPECT_WORDS(o.err, "learning-rate 0.001 (now 0.002)");
}

Test(resume, a_damaged_checkpoint_is_skipped_for_the_one_before)
{
    must_train(1, "--epochs 6 --checkpoint-every 1 --run unbroken");
    must_train(1, "--epochs 6 --checkpoint-every 1 --run a");
    cr_assert(remove("outputs/a/model.h5") == 0);
    copy_file("outputs/unbroken/checkpoints/step-000000048.h5", "outputs/a/checkpoints/step-000000048.h5",
              5000);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "train " SMALL " --epochs 6 --checkpoint-every 1 --run a");

        EXPECT_EXIT(o, 0);
        if (ranks > 1)
            continue;
        cr_expect(count_lines(o.err, "warning: skipped a checkpoint: ") == 1, "stderr:\n%s", o.err);
        EXPECT_WORDS(o.err, "from outputs/a/checkpoints/step-000000040.h5");
    }
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/unbroken/model.h5");
}

Test(resume, a_checkpoint_that_cannot_be_read_is_no_reason_to_start_afresh)
{
    must_train(1, "--epochs 2 --checkpoint-every 1 --run a");
    cr_assert(remove("outputs/a/model.h5") == 0);
    /* Opening it fails, for root as well. */
    cr_assert(symlink("step-000000024.h5", "outputs/a/checkpoints/step-000000024.h5") == 0);
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "train " SMALL " --epochs 2 --checkpoint-every 1 --run a");

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "step-000000024.h5: cannot be read: ");
        EXPECT_WORDS(o.err, "--resume none would start afresh");
        EXPECT_NAMES("outputs/a/checkpoints", "step-000000008.h5 step-000000016.h5 step-000000024.h5");
    }
}

Test(resume, a_run_whose_checkpoints_are_all_damaged_starts_afresh_and_sets_them_aside)
{
    must_train(1, "--epochs 2 --checkpoint-every 1 --run unbroken");
    must_train(1, "--epochs 2 --checkpoint-every 1 --keep 1 --run a");
    cr_assert(remove("outputs/a/model.h5") == 0);
    copy_file("outputs/unbroken/checkpoints/step-000000016.h5", "outputs/a/checkpoints/step-000000016.h5",
              5000);
    must_train(2, "--epochs 2 --checkpoint-every 1 --keep 1 --run a");
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/unbroken/model.h5");
    EXPECT_NAMES("outputs/a/checkpoints", "step-000000016.h5 step-000000016.h5.damaged");
}

Test(resume, a_checkpoint_may_be_named)
{
    must_train(1, "--epochs 6 --checkpoint-every 1 --run a");
    copy_file("outputs/a/model.h5", "unbroken.h5", WHOLE_FILE);
    must_train(2, "--epochs 6 --checkpoint-every 1 --run a --resume outputs/a/checkpoints/step-000000040.h5");
    EXPECT_SAME_FILE("outputs/a/model.h5", "unbroken.h5");
    cr_expect(read_csv("outputs/a/history.csv")->lines == 6);
}

/* model.h5 is the mark of a finished run, and one that goes back to a checkpoint is not finished. */
Test(resume, a_run_that_goes_back_is_not_finished_until_it_ends)
{
    outcome o = run_program(1, "train " LONG " --keep 20 --run killed");
    MUST_EXIT(o, 0);
    cr_assert(rename("outputs/killed/checkpoints/step-000000240.h5", "last.h5") == 0);
    cr_assert(rename("outputs/killed/history.csv", "history.csv") == 0);
    program program =
        start_program(1, "train " LONG " --run killed --resume outputs/killed/checkpoints/step-000000016.h5");
    await_file("outputs/killed/history.csv"); /* until it has gone back */
    kill_program(&program);
    o = finish_program(&program);
    cr_assert(o.exit_code != 0 && !file_exists("outputs/killed/checkpoints/step-000000240.h5"),
              "it was not killed");
    EXPECT_NO_FILE("outputs/killed/model.h5");
    expect_unbroken(1);
}

/* Killed between the last checkpoint and model.h5, or there was no room for it. */
Test(resume, a_run_that_lacks_only_its_model_tells_the_same_loss)
{
    outcome whole = run_program(1, "train " SMALL " --epochs 2 --run a");
    MUST_EXIT(whole, 0);
    copy_file("outputs/a/model.h5", "model.h5", WHOLE_FILE);
    cr_assert(remove("outputs/a/model.h5") == 0);
    outcome again = run_program(1, "train " SMALL " --epochs 2 --run a");
    MUST_EXIT(again, 0);
    EXPECT_SAME_FILE("outputs/a/model.h5", "model.h5");

    const char *loss = strstr(whole.err, "done: train loss ");
    cr_assert(loss != NULL);
    char words[64];
    snprintf(words, sizeof words, "%.*s", (int)strcspn(loss, "("), loss);
    EXPECT_WORDS(again.err, words);
    cr_expect(count_lines(again.err, "warning: label_") == count_lines(whole.err, "warning: label_"));
}

/* A run of its own that begins at another one's checkpoint. */
Test(resume, a_checkpoint_may_be_another_runs)
{
    must_train(1, "--epochs 6 --checkpoint-every 1 --run a");
    must_train(1, "--epochs 6 --checkpoint-every 1 --run b --resume outputs/a/checkpoints/step-000000040.h5");
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/b/model.h5");
}

Test(resume, a_checkpoint_that_is_none_is_refused)
{
    must_train(1, "--epochs 2 --run a");
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "train " SMALL " --epochs 2 --run b --resume outputs/a/model.h5");
        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "outputs/a/model.h5");

        o = run_program(ranks, "train " SMALL " --epochs 2 --run b --resume nowhere.h5");
        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "nowhere.h5");
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    }
    EXPECT_NO_FILE("outputs/b");
}

/* ---- stopping in time, and what stands in the way ---- */

Test(resume, a_time_limit_ends_it_in_time_with_a_checkpoint)
{
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o =
            run_program(ranks, "train " LONG " --run killed --epochs 100000 --time-limit 3s --resume none");

        EXPECT_EXIT(o, 75);
        cr_expect(count_lines(o.err, "stopped by --time-limit after step ") == 1, "stderr:\n%s", o.err);
        EXPECT_NO_FILE("outputs/killed/model.h5");
        cr_expect(strstr(names_in("outputs/killed/checkpoints"), "step-") != NULL, "there is no checkpoint");
    }
}

Test(resume, a_signal_ends_it_with_a_checkpoint)
{
    static const int signals[] = {SIGUSR1, SIGTERM, SIGINT};

    for (int i = 0; i < 3; i++) {
        program program = start_program(i + 1, "train " LONG " --run killed%d", i);
        char path[64], unbroken[64];

        snprintf(path, sizeof path, "outputs/killed%d/checkpoints/step-000000016.h5", i);
        await_file(path);
        signal_rank(&program, signals[i]);
        outcome o = finish_program(&program);
        EXPECT_EXIT(o, 75);
        cr_expect(count_lines(o.err, "stopped by SIG") == 1, "stderr:\n%s", o.err);
        o = run_program(3 - i, "train " LONG " --run killed%d", i);
        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, "trains on");
        snprintf(path, sizeof path, "outputs/killed%d/model.h5", i);
        snprintf(unbroken, sizeof unbroken, "outputs/killed%d/model.h5", 0);
        EXPECT_SAME_FILE(path, unbroken);
    }
}

Test(resume, a_signal_that_finds_no_room_for_a_checkpoint_is_a_failure)
{
    program program = start_program(2, "train " LONG " --epochs 3000 --checkpoint-every 20 --run killed");

    await_file("outputs/killed/checkpoints/step-000000160.h5");
    cr_assert(rename("outputs/killed/checkpoints", "gone") == 0);
    signal_rank(&program, SIGUSR1);
    outcome o = finish_program(&program);
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err,
                 "stopped by SIGUSR1, and no checkpoint could be written: outputs/killed/checkpoints/step-");
}

Test(resume, two_trainings_do_not_share_a_folder)
{
    program first = start_program(1, "train " LONG " --epochs 300 --run killed");

    await_file("outputs/killed/checkpoints/step-000000016.h5");
    outcome o = run_program(2, "train " LONG " --epochs 300 --run killed --resume none");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "outputs/killed: another training is at work in this folder");
    kill_program(&first);
    finish_program(&first);
}

/* A checkpoint in the middle of an epoch says where that is. */
Test(resume, a_checkpoint_after_any_step_is_one_to_go_on_from)
{
    must_train(1, "--epochs 3 --checkpoint-every 5steps --keep 99 --run a");
    EXPECT_NAMES("outputs/a/checkpoints",
                 "step-000000005.h5 step-000000010.h5 step-000000015.h5 step-000000020.h5 "
                 "step-000000024.h5");
    outcome o = run_program(1, "inspect outputs/a/checkpoints/step-000000010.h5");
    EXPECT_WORDS(o.out, "after step 10: 1 epochs, and 2 batches of the next one");
    for (int step = 5; step <= 20; step += 5) {
        o = run_program(step / 5,
                        "train " SMALL " --epochs 3 --run b%d --checkpoint-every 0 --resume "
                        "outputs/a/checkpoints/step-%09d.h5",
                        step, step);
        EXPECT_EXIT(o, 0);
        char model[64], history[64];
        snprintf(model, sizeof model, "outputs/b%d/model.h5", step);
        snprintf(history, sizeof history, "outputs/b%d/history.csv", step);
        EXPECT_SAME_FILE("outputs/a/model.h5", model);
        EXPECT_SAME_HISTORY("outputs/a/history.csv", history);
    }
}

Test(resume, rows_that_changed_under_their_name_are_refused)
{
    outcome o = run_program(1, "generate --output d.h5 --samples 600");
    MUST_EXIT(o, 0);
    o = run_program(1, "train --data d.h5 --hidden 8 --epochs 2 --checkpoint-every 1 --run a");
    MUST_EXIT(o, 0);
    cr_assert(remove("outputs/a/model.h5") == 0);
    o = run_program(1, "generate --output d.h5 --samples 600 --seed 2");
    MUST_EXIT(o, 0);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        o = run_program(ranks, "train --data d.h5 --hidden 8 --epochs 2 --checkpoint-every 1 --run a");
        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "was made with other rows");
        EXPECT_WORDS(o.err, "--resume none");
    }
}

Test(resume, intervals_and_times_have_units)
{
    static const char *const wrong[] = {"--checkpoint-every 5parsecs", "--checkpoint-every 2.5",
                                        "--checkpoint-every -1",       "--time-limit soon",
                                        "--time-limit 1:99:00",        "--stall-timeout 5fortnights"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        outcome o = run_program(1, "train " SMALL " %s", wrong[i]);

        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, wrong[i]);
        EXPECT_WORDS(o.err, "expected");
    }
    must_train(1, "--epochs 2 --checkpoint-every 10min --time-limit 1-00:00:00 --stall-timeout 2h --run a");
    EXPECT_NAMES("outputs/a/checkpoints", "step-000000016.h5");
}
