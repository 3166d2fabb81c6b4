#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

/* Rows that are validated on: where they come from, when training stops, folds, thresholds. */

TestSuite(validation, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 400, HEADS = 4, LOST_PERCENT = 10 };

static const size_t binary[HEADS] = {2, 2, 2, 2};

/* Few rows and a fast rate: soon the training rows are known by heart. */
#define SMALL "--data d.h5 --hidden 24 --batch-size 50 --learning-rate 0.03 --progress no"
#define FOLDS SMALL " --cross-validate 3 --epochs 12 --patience 2"

static void make_rows(void)
{
    if (!file_exists("d.h5"))
        odd_file_add_rows("d.h5", ROWS, HEADS, binary, LOST_PERCENT);
}

static void must_train(int ranks, const char *options)
{
    make_rows();
    outcome o = run_program(ranks, "train %s", options);
    MUST_EXIT(o, 0);
}

/* What evaluate --json calls loss. */
static double loss_of(const char *model, const char *rows)
{
    outcome o = run_program(1, "evaluate --model %s %s --json -", model, rows);
    const char *loss = strstr(o.out, "\"loss\": ");

    cr_assert(o.exit_code == 0 && loss != NULL, "stdout:\n%s\nstderr:\n%s", o.out, o.err);
    return atof(loss + strlen("\"loss\": "));
}

static bool has_column(const csv *table, const char *name)
{
    for (size_t column = 0; column < table->columns; column++)
        if (strcmp(table->name[column], name) == 0)
            return true;
    return false;
}

static const char *field(const csv *table, size_t line, const char *name)
{
    for (size_t column = 0; column < table->columns; column++)
        if (strcmp(table->name[column], name) == 0)
            return table->field[line][column];
    return "no such column";
}

/* Lines of a stage, which counts from 1, and the place among them of its lowest validation loss, from 1. */
static size_t lines_of(const csv *history, size_t stage, size_t *best)
{
    size_t lines = 0;
    double least = INFINITY;

    *best = 0;
    for (size_t line = 0; line < history->lines; line++) {
        const char *loss = field(history, line, "validation_loss"); /* empty in the last stage */

        if ((size_t)csv_number(history, line, "stage") != stage)
            continue;
        lines++;
        if (loss[0] != '\0' && atof(loss) < least) {
            least = atof(loss);
            *best = lines;
        }
    }
    return lines;
}

/* ---- which rows ---- */

Test(validation, a_loss_on_a_share_of_the_rows_is_a_column_of_the_history)
{
    make_rows();
    outcome o = run_program(2, "train " SMALL " --validation-fraction 0.25 --epochs 3");
    MUST_EXIT(o, 0);
    EXPECT_WORDS(o.err, "300 rows");
    EXPECT_WORDS(o.err, "  validate d.h5: 100 rows");
    const csv *history = read_csv("outputs/run/history.csv");

    cr_assert(history->lines == 3 && has_column(history, "validation_loss"));
    cr_expect(!has_column(history, "stage"), "there is one stage only");
    for (size_t line = 0; line < 3; line++)
        cr_expect(csv_number(history, line, "validation_loss") > 0);
    EXPECT_NO_FILE("outputs/run/folds");
}

Test(validation, without_it_there_is_no_such_column)
{
    must_train(1, SMALL " --epochs 2");
    cr_expect(!has_column(read_csv("outputs/run/history.csv"), "validation_loss"));
}

/* Dropout and class weights are of training only. Losses are float32 terms. */
Test(validation, its_loss_is_what_evaluate_says_of_these_rows)
{
    make_rows();
    odd_file_add_rows("v.h5", 123, HEADS, binary, LOST_PERCENT);
    must_train(2, SMALL " --validation-data v.h5 --epochs 2 --dropout 0.25 --positive-weight auto "
                        "--standardize yes");
    cr_expect(fabs(csv_number(read_csv("outputs/run/history.csv"), 1, "validation_loss") -
                   loss_of("outputs/run", "--data v.h5")) < 1e-6);
}

Test(validation, rows_are_the_same_however_they_are_said)
{
    must_train(1, SMALL " --rows :300 --validation-rows 300: --epochs 3 --run rows");
    must_train(2, SMALL " --rows :300 --validation-data d.h5 --validation-rows -100: --epochs 3 --run data");
    EXPECT_SAME_FILE("outputs/rows/model.h5", "outputs/data/model.h5");
    EXPECT_SAME_HISTORY("outputs/rows/history.csv", "outputs/data/history.csv");
}

Test(validation, looking_at_rows_is_not_training_on_them)
{
    must_train(1, SMALL " --rows :300 --validation-rows 300: --epochs 3 --run validated");
    must_train(1, SMALL " --rows :300 --epochs 3 --run plain");
    EXPECT_SAME_FILE("outputs/validated/model.h5", "outputs/plain/model.h5");
}

Test(validation, rows_made_in_memory_can_be_left_out_too)
{
    outcome o = run_program(2, "train --generate --samples 300 --hidden 8 --epochs 2 --validation-fold 2/3");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, ": 100 rows");
}

/* ---- patience, and all rows ---- */

Test(validation, patience_keeps_the_best_epochs_weights)
{
    must_train(1, SMALL " --rows :60 --validation-rows 60: --epochs 200 --patience 4");
    const csv *history = read_csv("outputs/run/history.csv");
    size_t best = 0;

    cr_assert(history->lines < 200);
    for (size_t line = 1; line < history->lines; line++)
        if (csv_number(history, line, "validation_loss") < csv_number(history, best, "validation_loss"))
            best = line;
    cr_expect(history->lines == best + 1 + 4, "%zu epochs, the best is number %zu", history->lines, best + 1);
    cr_expect(fabs(csv_number(history, best, "validation_loss") -
                   loss_of("outputs/run", "--data d.h5 --rows 60:")) < 1e-6);
}

/* The rate does not change and nothing is shuffled: the last stage is a run of so many epochs on all rows. */
Test(validation, refitting_trains_on_all_rows_for_as_long_as_was_best)
{
    char options[256];
    size_t best = 0, none = 0;

    must_train(1, SMALL " --validation-fraction 0.3 --epochs 40 --patience 3 --refit yes");
    EXPECT_NAMES("outputs/run/folds", "fold-1.h5");
    const csv *history = read_csv("outputs/run/history.csv");

    cr_expect(lines_of(history, 1, &best) == best + 3);
    cr_expect(lines_of(history, 2, &none) == best);
    cr_expect(none == 0, "the last stage has validation losses");
    cr_expect(csv_number(history, history->lines - 1, "epoch") == (double)history->lines);
    cr_expect(strcmp(field(history, history->lines - 1, "validation_loss"), "") == 0);
    snprintf(options, sizeof options, SMALL " --epochs %zu --run plain", best);
    must_train(1, options);
    EXPECT_SAME_FILE("outputs/run/model.h5", "outputs/plain/model.h5");
}

/* ---- folds ---- */

Test(validation, every_fold_is_left_out_once_and_then_none)
{
    size_t best = 0;

    must_train(1, FOLDS);
    EXPECT_NAMES("outputs/run/folds", "fold-1.h5 fold-2.h5 fold-3.h5");
    EXPECT_FILE("outputs/run/model.h5");
    const csv *history = read_csv("outputs/run/history.csv");

    for (size_t stage = 1; stage <= 3; stage++)
        cr_expect(lines_of(history, stage, &best) >= 3 && best > 0, "stage %zu", stage);
    cr_expect(lines_of(history, 4, &best) >= 1 && best == 0);
    cr_expect(lines_of(history, 5, &best) == 0);
    outcome o =
        run_program(2, "evaluate --out-of-fold --model 'outputs/run/folds/*.h5' --data d.h5 --json -");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "\"rows\": 400");
}

/* A fold of a cross-validation and a run of that fold alone: no dropout and no shuffle, which count epochs on. */
Test(validation, a_fold_by_itself_is_the_same_fold)
{
    must_train(1, FOLDS " --run all");
    must_train(1, SMALL " --validation-fold 2/3 --epochs 12 --patience 2 --run one");
    EXPECT_SAME_FILE("outputs/one/model.h5", "outputs/all/folds/fold-2.h5");
    must_train(1, SMALL " --validation-fold 2/3 --split-seed 2 --epochs 12 --patience 2 --run other");
    cr_expect(!files_are_same("outputs/one/model.h5", "outputs/other/model.h5"),
              "the split's seed makes no difference");
}

static void expect_same_on_ranks(const char *options)
{
    char words[512], path[64];

    for (int ranks = 1; ranks <= 3; ranks++) {
        snprintf(words, sizeof words, SMALL " %s --run on%d", options, ranks);
        must_train(ranks, words);
        snprintf(path, sizeof path, "outputs/on%d/model.h5", ranks);
        EXPECT_SAME_FILE("outputs/on1/model.h5", path);
        snprintf(path, sizeof path, "outputs/on%d/history.csv", ranks);
        EXPECT_SAME_HISTORY("outputs/on1/history.csv", path);
    }
}

Test(validation, a_share_of_the_rows_gives_the_same_bytes_on_any_number_of_ranks)
{
    expect_same_on_ranks("--validation-fraction 0.2 --epochs 12 --patience 2 --refit yes --shuffle yes");
}

Test(validation, folds_give_the_same_bytes_on_any_number_of_ranks)
{
    expect_same_on_ranks("--cross-validate 3 --epochs 4 --patience 2 --shuffle yes --average-decay 0.9 "
                         "--dropout 0.1 --standardize yes --thresholds tune");
}

/* ---- candidates ---- */

/* Nine of ten outputs dropped, for a few steps: far worse than none. */
Test(validation, of_several_dropouts_the_better_one_is_kept)
{
    must_train(1, SMALL " --dropout 0.9,0 --validation-fraction 0.3 --epochs 4 --run a");
    must_train(1, SMALL " --validation-fraction 0.3 --epochs 4 --run b");
    EXPECT_NAMES("outputs/a/folds", "fold-1.h5"); /* what was not chosen is gone */
    cr_expect(read_csv("outputs/a/history.csv")->lines == 8);
    outcome o = run_program(1, "predict --model outputs/a --data d.h5 --output a.csv");
    MUST_EXIT(o, 0);
    o = run_program(1, "predict --model outputs/b --data d.h5 --output b.csv");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("a.csv", "b.csv");
}

Test(validation, candidates_are_the_same_on_any_number_of_ranks)
{
    expect_same_on_ranks(
        "--dropout 0.5,0.1 --input-dropout 0.1,0 --cross-validate 2 --epochs 3 --shuffle yes");
    EXPECT_NAMES("outputs/on3/folds", "fold-1.h5 fold-2.h5");
}

Test(validation, the_first_of_two_candidates_may_be_the_better)
{
    make_rows();
    outcome o = run_program(2, "train " SMALL " --dropout 0.05,0.9 --cross-validate 2 --epochs 4");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "chosen: dropout 0.05");
    EXPECT_NAMES("outputs/run/folds", "fold-1.h5 fold-2.h5");
}

/* ---- thresholds ---- */

Test(validation, thresholds_are_kept_in_the_model_and_change_predictions)
{
    static double thresholds[HEADS], tuned[ROWS * HEADS], half[ROWS * HEADS];
    size_t rows = 0, columns = 0, differ = 0;

    must_train(1, SMALL " --rows :250 --epochs 2 --validation-fraction 0.4 --thresholds tune --run tuned");
    must_train(3, SMALL " --rows :250 --epochs 2 --validation-fraction 0.4 --thresholds tune --run tuned3");
    must_train(1, SMALL " --rows :250 --epochs 2 --validation-fraction 0.4 --run half");
    EXPECT_SAME_FILE("outputs/tuned/model.h5", "outputs/tuned3/model.h5");
    odd_file_extent("outputs/half/model.h5", "thresholds", &rows, &columns);
    cr_expect(rows == 0, "there are thresholds that nobody asked for");
    odd_file_read("outputs/tuned/model.h5", "thresholds", HEADS, thresholds);
    for (size_t h = 0; h < HEADS; h++)
        cr_expect(thresholds[h] > 0 && thresholds[h] < 1, "threshold %zu is %g", h + 1, thresholds[h]);

    outcome o = run_program(1, "predict --model outputs/tuned --data d.h5 --output tuned.h5");
    MUST_EXIT(o, 0);
    o = run_program(1, "predict --model outputs/tuned --thresholds 0.5 --data d.h5 --output half.h5");
    MUST_EXIT(o, 0);
    odd_file_read("tuned.h5", "predictions", ROWS * HEADS, tuned);
    odd_file_read("half.h5", "predictions", ROWS * HEADS, half);
    for (size_t i = 0; i < ROWS * HEADS; i++)
        differ += tuned[i] != half[i];
    cr_expect(differ > 0, "thresholds change no prediction");
}

/* ---- stopping and going on ---- */

/* As if it had been stopped after so many epochs: what was written later is gone. */
static void cut_back(const char *run, size_t epochs)
{
    char path[128];
    const csv *history = read_csv("unbroken.csv");
    size_t stage = (size_t)csv_number(history, epochs - 1, "stage");

    for (size_t epoch = epochs + 1; epoch <= history->lines; epoch++) {
        snprintf(path, sizeof path, "outputs/%s/checkpoints/step-%09.0f.h5", run,
                 csv_number(history, epoch - 1, "step"));
        cr_assert(remove(path) == 0, "there is no %s", path);
    }
    for (size_t fold = stage; fold <= 3; fold++) {
        snprintf(path, sizeof path, "outputs/%s/folds/fold-%zu.h5", run, fold);
        cr_assert(remove(path) == 0, "there is no %s", path);
    }
    snprintf(path, sizeof path, "outputs/%s/model.h5", run);
    cr_assert(remove(path) == 0);
}

static void expect_to_go_on(int ranks, size_t epochs)
{
    cut_back("run", epochs);
    outcome o = run_program(ranks, "train " FOLDS " --thresholds tune --checkpoint-every 1 --keep 99");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "trains on");
    EXPECT_SAME_FILE("outputs/run/model.h5", "unbroken.h5");
    EXPECT_SAME_HISTORY("outputs/run/history.csv", "unbroken.csv");
    EXPECT_NAMES("outputs/run/folds", "fold-1.h5 fold-2.h5 fold-3.h5");
}

/* In the middle of the last stage, at its beginning, in the middle of a fold, between two folds, in the first. */
Test(validation, a_run_of_several_stages_goes_on_where_it_was_stopped)
{
    size_t lines[4], best = 0;

    must_train(1, FOLDS " --thresholds tune --checkpoint-every 1 --keep 99");
    copy_file("outputs/run/model.h5", "unbroken.h5", WHOLE_FILE);
    copy_file("outputs/run/history.csv", "unbroken.csv", WHOLE_FILE);
    for (size_t stage = 1; stage <= 4; stage++)
        lines[stage - 1] = lines_of(read_csv("unbroken.csv"), stage, &best);
    cr_assert(lines[0] > 1 && lines[2] > 1 && lines[3] > 1);
    expect_to_go_on(2, lines[0] + lines[1] + lines[2] + 1);
    expect_to_go_on(1, lines[0] + lines[1] + lines[2]);
    expect_to_go_on(3, lines[0] + lines[1] + 1);
    expect_to_go_on(2, lines[0]);
    expect_to_go_on(1, 1);
}

Test(validation, the_checkpoint_of_the_lowest_loss_stays)
{
    char best[64], newest[64], names[160];
    size_t lowest = 0;

    must_train(2, SMALL
               " --epochs 12 --validation-fraction 0.3 --learning-rate 0.1 --checkpoint-every 1 --keep 1");
    const csv *history = read_csv("outputs/run/history.csv");
    for (size_t line = 1; line < history->lines; line++)
        if (csv_number(history, line, "validation_loss") < csv_number(history, lowest, "validation_loss"))
            lowest = line;
    cr_assert(lowest + 1 < history->lines, "the last epoch is the best one: no test");
    snprintf(best, sizeof best, "step-%09.0f.h5", csv_number(history, lowest, "step"));
    snprintf(newest, sizeof newest, "step-%09.0f.h5", csv_number(history, history->lines - 1, "step"));
    snprintf(names, sizeof names, "%s %s", best, newest);
    EXPECT_NAMES("outputs/run/checkpoints", names);
}

/* A second or so, most of it in the last stage: killed at the beginning of the second fold. */
#define LONG                                                                                                 \
    "--generate --method rowwise --samples 6000 --epochs 12 --cross-validate 2 --shuffle yes "               \
    "--checkpoint-every 2 --keep 99 --progress no"

Test(validation, a_killed_run_of_several_stages_goes_on_as_if_it_had_not_been)
{
    program program = start_program(2, "train " LONG " --run killed");

    await_file("outputs/killed/checkpoints/step-000000042.h5");
    kill_program(&program);
    outcome o = finish_program(&program);
    cr_assert(o.exit_code != 0, "it was not killed; stderr:\n%s", o.err);
    EXPECT_NO_FILE("outputs/killed/model.h5");
    o = run_program(1, "train " LONG " --run killed");
    EXPECT_EXIT(o, 0);
    o = run_program(2, "train " LONG " --run unbroken");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/killed/model.h5", "outputs/unbroken/model.h5");
    EXPECT_SAME_FILE("outputs/killed/folds/fold-2.h5", "outputs/unbroken/folds/fold-2.h5");
    EXPECT_SAME_HISTORY("outputs/killed/history.csv", "outputs/unbroken/history.csv");
}

Test(validation, a_finished_run_says_so_and_refuses_other_folds)
{
    must_train(1, FOLDS);
    outcome o = run_program(2, "train " FOLDS);
    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.err, "outputs/run is finished already") == 1, "stderr:\n%s", o.err);
    o = run_program(1, "train " FOLDS " --cross-validate 4 --split-seed 2");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "cross-validate 3 (now 4)");
    EXPECT_WORDS(o.err, "split-seed 1 (now 2)");
}

Test(validation, a_runs_options_repeat_it)
{
    must_train(1, FOLDS " --run a");
    outcome o = run_program(2, "train --config outputs/a/options.ini --run b");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/a/model.h5", "outputs/b/model.h5");
    EXPECT_SAME_HISTORY("outputs/a/history.csv", "outputs/b/history.csv");
}

/* ---- what makes no sense ---- */

static void expect_refusal(const char *options, int code, const char *words)
{
    outcome o = run_program(1, "train --data d.h5 --epochs 2 %s", options);

    EXPECT_EXIT(o, code);
    EXPECT_WORDS(o.err, words);
    cr_expect(count_lines(o.err, "multihead: ") == 1, "%s: not one message:\n%s", options, o.err);
    EXPECT_NO_FILE("outputs/run/model.h5");
}

Test(validation, options_that_contradict_each_other_are_refused)
{
    make_rows();
    expect_refusal("--validation-fraction 0.2 --validation-fold 1/3", 2, "contradict each other");
    expect_refusal("--validation-fraction 0.2 --cross-validate 3", 2, "contradict each other");
    expect_refusal("--validation-rows 10: --cross-validate 3", 2, "contradict each other");
    expect_refusal("--validation-data d.h5 --validation-fold 1/3", 2, "contradict each other");
    expect_refusal("--patience 3", 2, "--patience needs rows to validate on");
    expect_refusal("--refit yes", 2, "--refit needs rows to validate on");
    expect_refusal("--thresholds tune", 2, "--thresholds tune needs rows to validate on");
}

Test(validation, values_that_cannot_be_are_refused)
{
    static const char *const folds[] = {"0/3", "4/3", "1/1", "1", "1/3/5", "a/b", "1/1000000", "1/-3"};
    char options[64];

    make_rows();
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        snprintf(options, sizeof options, "--validation-fold %s", folds[i]);
        expect_refusal(options, 2, "expected I/K");
    }
    expect_refusal("--validation-fraction 1", 2, "expected a share below 1");
    expect_refusal("--validation-fraction -0.1", 2, "--validation-fraction -0.1: expected");
    expect_refusal("--cross-validate 1", 2, "--cross-validate 1: expected from 2");
    expect_refusal("--dropout 0.5,0.1", 2, "several --dropout need rows to choose by");
    expect_refusal("--dropout 0.5,0.1 --input-dropout 0.1,0.2,0.3 --validation-fraction 0.2", 2,
                   "--dropout has 2 candidates and --input-dropout has 3");
    expect_refusal("--dropout 0.5,1 --validation-fraction 0.2", 2, "--dropout 0.5,1: expected");
    expect_refusal("--thresholds tuned", 2, "--thresholds tuned: expected");
}

Test(validation, rows_that_are_too_few_or_not_there_are_named)
{
    make_rows();
    expect_refusal("--rows :5 --cross-validate 10 --replicas 1", 1, "5 rows are too few");
    expect_refusal("--rows :5 --validation-fraction 0.01 --replicas 1", 1, "5 rows are too few");
    expect_refusal("--validation-rows 400:", 1, "d.h5");
    expect_refusal("--validation-data nowhere.h5", 1, "nowhere.h5");
    odd_file_add("x.h5", "features", AS_FLOAT32, 2, 6, (const double[12]){0});
    expect_refusal("--validation-data x.h5", 1, "x.h5: there is no /labels");
}

Test(validation, rows_of_other_columns_are_refused_on_all_ranks)
{
    make_rows();
    odd_file_add("x.h5", "features", AS_FLOAT32, 2, 5, (const double[10]){0});
    odd_file_add("x.h5", "labels", AS_UINT8, 2, 4, (const double[8]){0});
    outcome o = run_program(3, "train --data d.h5 --validation-data x.h5");
    EXPECT_EXIT(o, 1);
    cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    EXPECT_WORDS(o.err, "x.h5");
}
