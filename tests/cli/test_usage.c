#include <criterion/criterion.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(usage, .init = enter_folder, .fini = leave_folder, .timeout = 120);

/* Exit code 2 and one line that has these words, said once however many ranks there are; nothing is left
 * behind. */
static void expect_usage_error(int ranks, const char *arguments, const char *words)
{
    outcome o = run_program(ranks, "%s", arguments);

    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, words);
    cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    cr_expect(ranks > 1 || count_lines(o.err, "") == 1, "more than one line:\n%s", o.err);
    cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
    EXPECT_NO_FILE("outputs");
}

/* ---- help and version ---- */

Test(usage, help_goes_to_stdout_and_names_every_command)
{
    static const char *const commands[] = {"generate", "import",  "train", "evaluate",
                                           "predict",  "inspect", "bench"};
    outcome o = run_program(1, "--help");

    EXPECT_EXIT(o, 0);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        EXPECT_WORDS(o.out, commands[i]);
    cr_expect(o.err[0] == '\0', "stderr:\n%s", o.err);
}

Test(usage, each_command_has_help_with_its_options)
{
    static const char *const commands[] = {"generate", "import", "train", "evaluate", "predict", "bench"};
    static const char *const options[] = {"--shards K",  "--label-xml FILE", "--epochs N",
                                          "--json FILE", "--output FILE",    "--steps N"};

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        outcome o = run_program(1, "%s --help", commands[i]);

        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.out, options[i]);
    }
}

Test(usage, help_is_printed_once_by_many_ranks)
{
    outcome o = run_program(3, "train --help");

    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.out, "  --epochs N") == 1, "stdout:\n%s", o.out);
}

Test(usage, version_names_the_libraries)
{
    outcome o = run_program(1, "--version");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "multihead ");
    EXPECT_WORDS(o.out, "Open MPI");
    EXPECT_WORDS(o.out, "OpenBLAS");
    EXPECT_WORDS(o.out, "HDF5");
}

Test(usage, no_words_at_all_are_answered_with_help)
{
    outcome o = run_program(1, " ");

    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.out, "multihead COMMAND [OPTIONS]");
}

/* ---- wrong words ---- */

Test(usage, an_unknown_command_is_named)
{
    expect_usage_error(1, "tarin --data x.h5", "no command \"tarin\"");
    expect_usage_error(3, "tarin --data x.h5", "no command \"tarin\"");
}

Test(usage, an_option_without_a_command_is_refused)
{
    outcome o = run_program(1, "--replicas 3");

    EXPECT_EXIT(o, 2);
}

Test(usage, an_unknown_option_brings_a_suggestion)
{
    expect_usage_error(1, "train --epoch 3 --data x.h5", "did you mean --epochs?");
    expect_usage_error(3, "train --epoch 3 --data x.h5", "did you mean --epochs?");
    expect_usage_error(1, "train --batchsize 3 --data x.h5", "did you mean --batch-size?");
}

Test(usage, an_option_of_another_command_is_unknown)
{
    expect_usage_error(1, "train --data x.h5 --json -", "no option --json");
}

Test(usage, a_value_that_is_missing_is_asked_for)
{
    expect_usage_error(1, "train --data x.h5 --epochs", "--epochs needs a value");
    expect_usage_error(1, "train --data --epochs 3", "--data needs a value");
}

Test(usage, a_word_that_belongs_to_no_option_is_named)
{
    expect_usage_error(1, "train --epochs 3 x.h5", "x.h5");
}

Test(usage, values_that_make_no_sense_are_refused)
{
    static const char *const wrong[][2] = {
        {"--rows 3", "--rows 3"},
        {"--rows a:b", "--rows a:b"},
        {"--rows 1:2:3", "--rows 1:2:3"},
        {"--epochs 0", "--epochs 0"},
        {"--epochs -1", "--epochs -1"},
        {"--epochs 1.5", "--epochs 1.5"},
        {"--learning-rate nan", "--learning-rate nan"},
        {"--learning-rate 0", "--learning-rate"},
        {"--shuffle perhaps", "--shuffle perhaps"},
        {"--heads many", "auto|binary|softmax"},
        {"--hidden 32,,64", "--hidden 32,,64"},
        {"--run a/b", "--run a/b"},
        {"--generate=yes", "--generate takes no value"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char arguments[256];

        snprintf(arguments, sizeof arguments, "train --data x.h5 %s", wrong[i][0]);
        expect_usage_error(1, arguments, wrong[i][1]);
    }
}

Test(usage, what_is_needed_is_asked_for)
{
    expect_usage_error(1, "generate", "--output");
    expect_usage_error(1, "train", "--data");
    expect_usage_error(1, "evaluate --data x.h5", "--model");
    expect_usage_error(1, "predict --data x.h5", "--model");
    expect_usage_error(1, "inspect", "inspect FILE");
}

/* ---- words that contradict each other, or the data ---- */

Test(usage, rows_are_made_or_read_but_not_both)
{
    expect_usage_error(1, "train --generate --data x.h5", "--generate and --data");
    expect_usage_error(3, "train --generate --data x.h5", "--generate and --data");
    expect_usage_error(1, "train --data x.h5 --samples 100", "add --generate");
    expect_usage_error(1, "evaluate --model m.h5 --data x.h5 --data-seed 3", "add --generate");
}

Test(usage, two_ways_to_start_are_one_too_many)
{
    expect_usage_error(1, "train --data x.h5 --init a.h5 --resume b.h5", "--init and --resume");
}

Test(usage, the_sigmoid_is_for_softmax_heads)
{
    expect_usage_error(1, "train --generate --samples 100 --head-activation sigmoid", "--heads softmax");
    expect_usage_error(3, "train --generate --samples 100 --head-activation sigmoid", "--heads softmax");
}

Test(usage, a_binary_head_has_two_classes)
{
    const size_t classes[] = {2, 3};

    odd_file_add_rows("d.h5", 50, 2, classes, 0);
    expect_usage_error(1, "train --data d.h5 --heads binary", "has 3 classes");
    expect_usage_error(3, "train --data d.h5 --heads binary", "has 3 classes");
}

Test(usage, sklearn_rows_have_two_categories)
{
    expect_usage_error(1, "generate --output d.h5 --categories 3", "--method rowwise");
    EXPECT_NO_FILE("d.h5");
}

Test(usage, every_rank_needs_a_replica)
{
    expect_usage_error(3, "train --generate --samples 100 --replicas 2",
                       "3 ranks are more than the 2 replicas");
}

Test(usage, more_shards_than_rows_are_refused)
{
    expect_usage_error(1, "generate --output shards --samples 5 --shards 6", "only 5 rows");
    expect_usage_error(3, "generate --output shards --shards 0", "--shards 0");
    EXPECT_NO_FILE("shards");
}

Test(usage, predictions_go_into_h5_or_csv)
{
    expect_usage_error(1, "predict --model m.h5 --data d.h5 --output p.txt", ".h5 or .csv");
}

/* ---- the first screen ---- */

Test(usage, the_first_steps_of_the_help_work_as_typed)
{
    outcome o = run_program(1, "generate --output data/tutorial.h5");
    MUST_EXIT(o, 0);
    o = run_program(2, "train --data data/tutorial.h5 --rows :9900 --run tutorial --epochs 3");
    MUST_EXIT(o, 0);
    EXPECT_FILE("outputs/tutorial/model.h5");

    o = run_program(1, "evaluate --model outputs/tutorial/model.h5 --data data/tutorial.h5 --rows -100:");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "100 rows");
    EXPECT_WORDS(o.out, "Hamming loss");

    o = run_program(1, "predict --model outputs/tutorial/model.h5 --data data/tutorial.h5 --rows -100:");
    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.out, "SAMPLE ") == 100, "not 100 samples:\n%s", o.out);
    cr_expect(count_lines(o.out, "SAMPLE 9900  PREDICTIONS: [") == 1, "row numbers are not the file's:\n%s",
              o.out);
    EXPECT_WORDS(o.out, "GROUND TRUTHS: [");
}
