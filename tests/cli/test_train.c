#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(train, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define SMALL "--hidden 16,16 --batch-size 128 --epochs 3"

static void must_generate(const char *options)
{
    outcome o = run_program(1, "generate --samples 997 %s", options);

    MUST_EXIT(o, 0);
}

static void must_train(int ranks, const char *options)
{
    outcome o = run_program(ranks, "train " SMALL " %s", options);

    MUST_EXIT(o, 0);
}

/* ---- what is left ---- */

Test(train, leaves_a_run_folder_and_nothing_else)
{
    must_generate("--output d.h5");
    must_train(1, "--data d.h5 --run a");
    EXPECT_NAMES(".", "d.h5 outputs");
    EXPECT_NAMES("outputs", "a");
    EXPECT_NAMES("outputs/a", has_program("gnuplot") ? "checkpoints history.csv loss.png model.h5 options.ini"
                                                     : "checkpoints history.csv model.h5 options.ini");
    EXPECT_NAMES("outputs/a/checkpoints", "step-000000024.h5");
}

Test(train, draws_a_picture_where_there_is_gnuplot)
{
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char begins[8] = {0};

    if (!has_program("gnuplot"))
        SKIP_TEST("there is no gnuplot");
    must_train(1, "--generate --samples 500 --run \"it's a run\"");
    FILE *file = fopen("outputs/it's a run/loss.png", "rb");
    cr_assert(file != NULL);
    cr_expect(fread(begins, 1, 8, file) == 8 && memcmp(begins, png, 8) == 0, "no PNG");
    fclose(file);
}

/* Alone: mpirun puts its own folder, and with it /usr/bin/gnuplot, back into the path. */
Test(train, goes_on_without_gnuplot_and_says_so_once)
{
    char path[PATH_MAX];

    /* Open MPI looks for ssh, even where it starts nothing elsewhere. */
    cr_assert(mkdir("bin", 0777) == 0 && symlink("/bin/true", "bin/ssh") == 0);
    cr_assert(setenv("PATH", realpath("bin", path), 1) == 0);
    outcome o = run_program(1, "train " SMALL " --generate --samples 500 --run a");
    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.err, "warning: no loss.png: gnuplot") == 1, "stderr:\n%s", o.err);
    EXPECT_NAMES("outputs/a", "checkpoints history.csv model.h5 options.ini");
}

Test(train, history_has_a_line_an_epoch)
{
    static const char *const names[] = {"epoch", "step", "learning_rate", "train_loss", "seconds"};

    must_train(2, "--generate --samples 997 --run a --learning-rate 0.002");
    const csv *history = read_csv("outputs/a/history.csv");

    cr_assert(history->lines == 3);
    for (size_t i = 0; i < 5; i++)
        cr_expect(strcmp(history->name[i], names[i]) == 0, "column %zu is %s", i, history->name[i]);
    for (size_t line = 0; line < 3; line++) {
        /* 997 rows in batches of 128: 8 steps an epoch, the last one of what is left. */
        cr_expect(csv_number(history, line, "epoch") == (double)line + 1);
        cr_expect(csv_number(history, line, "step") == 8 * ((double)line + 1));
        cr_expect(csv_number(history, line, "learning_rate") == 0.002);
        cr_expect(csv_number(history, line, "seconds") > 0);
    }
    cr_expect(csv_number(history, 2, "train_loss") < csv_number(history, 0, "train_loss"));
    cr_expect(csv_number(history, 2, "seconds") > csv_number(history, 0, "seconds"));
}

Test(train, keeps_the_newest_checkpoints)
{
    must_train(1, "--generate --samples 500 --run every --checkpoint-every 1");
    EXPECT_NAMES("outputs/every/checkpoints", "step-000000008.h5 step-000000012.h5");
    must_train(1, "--generate --samples 500 --run one --checkpoint-every 1 --keep 1");
    EXPECT_NAMES("outputs/one/checkpoints", "step-000000012.h5");
    must_train(1, "--generate --samples 500 --run second --checkpoint-every 2");
    EXPECT_NAMES("outputs/second/checkpoints", "step-000000008.h5 step-000000012.h5");
    must_train(1, "--generate --samples 500 --run never --checkpoint-every 0");
    EXPECT_NAMES("outputs/never/checkpoints", "");
}

Test(train, says_at_the_start_what_it_does)
{
    static const char *const lines[] = {"  data ",  "  shards ", "  model ",
                                        "  ranks ", "  kernel ", "  run "};
    outcome o = run_program(2, "train " SMALL " --generate --samples 997");

    EXPECT_EXIT(o, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_expect(count_lines(o.err, lines[i]) == 1, "'%s' is not there once:\n%s", lines[i], o.err);
    EXPECT_WORDS(o.err, "997 rows, 12 features, 5 labels of 2 classes");
    EXPECT_WORDS(o.err, "5 heads (5 binary, 0 softmax): 565 parameters"); /* 13*16 + 17*16 + 17*5 */
    EXPECT_WORDS(o.err, "2 ranks on 1 host");
    cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
}

Test(train, shows_progress_unless_told_not_to)
{
    outcome o = run_program(1, "train " SMALL " --generate --samples 500 --run a");
    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.err, "epoch 3/3  loss ") == 1, "stderr:\n%s", o.err);
    EXPECT_WORDS(o.err, " rows/s");
    cr_expect(strchr(o.err, '\r') == NULL, "a progress bar, and no terminal");

    o = run_program(1, "train " SMALL " --generate --samples 500 --run b --progress no");
    EXPECT_EXIT(o, 0);
    EXPECT_NO_WORDS(o.err, "epoch 3/3");
}

Test(train, warns_of_heads_that_end_at_their_base_rate)
{
    /* Nothing can be learned from a feature that is the same everywhere. */
    static double features[200], labels[400];

    for (size_t row = 0; row < 200; row++) {
        labels[2 * row] = odd_label(row, 0, 2);
        labels[2 * row + 1] = odd_label(row, 1, 2);
    }
    odd_file_add("d.h5", "features", AS_FLOAT32, 200, 1, features);
    odd_file_add("d.h5", "labels", AS_UINT8, 200, 2, labels);
    outcome o = run_program(2, "train --data d.h5 " SMALL);
    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.err, "warning: label_1 ends no better") == 1, "stderr:\n%s", o.err);
    cr_expect(count_lines(o.err, "warning: label_2 ends no better") == 1, "stderr:\n%s", o.err);
}

/* ---- where the rows come from makes no difference ---- */

Test(train, rows_in_shards_folders_globs_and_lists_are_the_same_rows)
{
    must_generate("--output d.h5");
    must_generate("--output shards --shards 3");
    must_train(1, "--data d.h5 --run file");
    must_train(1, "--data shards --run folder");
    must_train(2, "--data shards --run folder2");
    must_train(1, "--data 'shards/*.h5' --run glob");
    must_train(1, "--data shards/shard-00000.h5 shards/shard-00001.h5 shards/shard-00002.h5 --run list");
    EXPECT_SAME_FILE("outputs/file/model.h5", "outputs/folder/model.h5");
    EXPECT_SAME_FILE("outputs/file/model.h5", "outputs/folder2/model.h5");
    EXPECT_SAME_FILE("outputs/file/model.h5", "outputs/glob/model.h5");
    EXPECT_SAME_FILE("outputs/file/model.h5", "outputs/list/model.h5");

    must_train(1, "--data shards/shard-00001.h5 shards/shard-00000.h5 shards/shard-00002.h5 --run other");
    cr_expect(!files_are_same("outputs/file/model.h5", "outputs/other/model.h5"),
              "the order does not matter");
}

Test(train, rows_made_in_memory_are_those_of_the_file)
{
    must_generate("--output d.h5 --seed 5 --labels 4");
    must_train(1, "--data d.h5 --rows 100:-10 --run file");
    must_train(1, "--generate --samples 997 --data-seed 5 --labels 4 --rows 100:-10 --run memory");
    must_train(3, "--generate --samples 997 --data-seed 5 --labels 4 --rows 100:-10 --run memory3");
    EXPECT_SAME_FILE("outputs/file/model.h5", "outputs/memory/model.h5");
    EXPECT_SAME_FILE("outputs/file/model.h5", "outputs/memory3/model.h5");
}

Test(train, seed_and_shuffle_make_a_difference)
{
    must_train(1, "--generate --samples 997 --run a");
    must_train(1, "--generate --samples 997 --run b --seed 2");
    must_train(1, "--generate --samples 997 --run c --shuffle yes");
    cr_expect(!files_are_same("outputs/a/model.h5", "outputs/b/model.h5"));
    cr_expect(!files_are_same("outputs/a/model.h5", "outputs/c/model.h5"));
}

Test(train, starts_from_the_weights_it_is_given)
{
    must_train(1, "--generate --samples 997 --run a");
    must_train(1, "--generate --samples 997 --run b --init outputs/a/model.h5 --seed 7");
    must_train(1, "--generate --samples 997 --run c --init outputs/a/model.h5 --seed 8");
    EXPECT_SAME_FILE("outputs/b/model.h5", "outputs/c/model.h5");

    const csv *first = read_csv("outputs/a/history.csv"), *second = read_csv("outputs/b/history.csv");
    cr_expect(csv_number(second, 0, "train_loss") < csv_number(first, 2, "train_loss"));
}

/* ---- options.ini ---- */

Test(train, a_runs_options_repeat_it_bit_for_bit)
{
    must_generate("--output shards --shards 2");
    must_train(1,
               "--data shards/shard-00000.h5 shards/shard-00001.h5 --rows 5: --shuffle yes --seed 9 --run a");
    outcome o = run_program(2, "train --config outputs/a/options.ini --run b");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/b/model.h5");
    EXPECT_SAME_HISTORY("outputs/a/history.csv", "outputs/b/history.csv");
}

Test(train, the_options_of_generated_rows_repeat_too)
{
    must_train(1, "--generate --samples 997 --no-unlabeled --learning-rate 0.0123456789 --run a");
    outcome o = run_program(1, "train --config=outputs/a/options.ini --run b");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/b/model.h5");
}

Test(train, the_command_line_replaces_a_configuration)
{
    write_text("my.ini", "# a comment\ngenerate = yes\nsamples=500\n\nhidden = 8\nepochs = 9\n");
    outcome o = run_program(1, "train --epochs 2 --config my.ini --run a");
    MUST_EXIT(o, 0);
    cr_expect(read_csv("outputs/a/history.csv")->lines == 2);
}

Test(train, a_configurations_mistakes_are_named_with_their_line)
{
    write_text("my.ini", "generate = yes\nepoch = 9\n");
    outcome o = run_program(1, "train --config my.ini");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "my.ini: line 2");

    o = run_program(1, "train --config none.ini");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "none.ini");
    EXPECT_NO_FILE("outputs");
}

/* ---- when files cannot be written half-way ---- */

/* A second or so. */
#define LONG LONG_MODEL " --generate --method rowwise --samples 8000 --epochs 30 --checkpoint-every 2"

Test(train, a_checkpoint_that_cannot_be_written_is_a_warning)
{
    program program = start_program(2, "train " LONG);

    await_file("outputs/run/checkpoints/step-000000016.h5");
    cr_assert(rename("outputs/run/checkpoints", "gone") == 0);
    outcome o = finish_program(&program);
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err,
                 "warning: no checkpoint, going on without: outputs/run/checkpoints/step-000000240.h5: "
                 "cannot be written: No such file or directory");
    EXPECT_FILE("outputs/run/model.h5");
}

Test(train, a_model_that_cannot_be_written_is_an_error)
{
    program program = start_program(2, "train " LONG);

    await_file("outputs/run/checkpoints/step-000000016.h5");
    cr_assert(mkdir("outputs/run/model.h5", 0777) == 0);
    outcome o = finish_program(&program);
    EXPECT_EXIT(o, 1);
    cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    EXPECT_WORDS(o.err, "outputs/run/model.h5: cannot be written");
    cr_expect(strstr(names_in("outputs/run"), "partial") == NULL, "left behind: %s", names_in("outputs/run"));
    EXPECT_NAMES("outputs/run/checkpoints", "step-000000224.h5 step-000000240.h5");
}

/* ---- a loss that is not finite ---- */

Test(train, stops_when_the_loss_is_not_finite)
{
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(
            ranks, "train --generate --samples 500 --learning-rate 1e36 --epochs 5 --run %d", ranks);

        EXPECT_EXIT(o, 1);
        cr_expect(count_lines(o.err, "multihead: the loss is not finite in epoch ") == 1, "stderr:\n%s",
                  o.err);
    }
    EXPECT_NO_FILE("outputs/1/model.h5");
    EXPECT_NO_FILE("outputs/3/model.h5");
}
