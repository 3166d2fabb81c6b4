#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(ensemble, .init = enter_folder, .fini = leave_folder, .timeout = 120);

enum { ROWS = 120, HEADS = 3, COLUMNS = 1 + 3 + 5 };

static const size_t mixed[HEADS] = {2, 3, 5};

static void must_train(const char *run, int seed, const char *more)
{
    if (!file_exists("d.h5"))
        odd_file_add_rows("d.h5", ROWS, HEADS, mixed, 0);
    outcome o =
        run_program(1, "train --data d.h5 --batch-size 50 --epochs 3 --run %s --seed %d %s", run, seed, more);
    MUST_EXIT(o, 0);
}

static void read_probabilities(const char *models, double out[ROWS * COLUMNS])
{
    outcome o = run_program(1, "predict --model %s --data d.h5 --output p.h5", models);
    MUST_EXIT(o, 0);
    odd_file_read("p.h5", "probabilities", ROWS * COLUMNS, out);
}

Test(ensemble, several_models_are_averaged)
{
    static double a[ROWS * COLUMNS], b[ROWS * COLUMNS], both[ROWS * COLUMNS];
    size_t wrong = 0;

    must_train("a", 1, "--hidden 16");
    must_train("b", 2, "--hidden 8,4");
    read_probabilities("outputs/a", a);
    read_probabilities("outputs/b/model.h5", b);
    read_probabilities("outputs/a outputs/b/model.h5", both);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        wrong += (float)both[i] != (float)((a[i] + b[i]) / 2);
    cr_expect(wrong == 0, "%zu numbers are no means", wrong);
}

/* The same bytes however the models are said, and on any number of ranks. */
Test(ensemble, order_and_repeats_do_not_matter)
{
    static const char *const ways[] = {"outputs/b outputs/a", "'outputs/?'", "'outputs/*/model.h5'",
                                       "outputs/a/ outputs/b/model.h5 ./outputs/a/model.h5 'outputs/[ab]'"};

    must_train("a", 1, "--hidden 16");
    must_train("b", 2, "--hidden 16");
    outcome o = run_program(1, "predict --model outputs/a outputs/b --data d.h5 --output first.csv");
    MUST_EXIT(o, 0);
    EXPECT_WORDS(o.err, "averaging 2 models: outputs/a/model.h5 and outputs/b/model.h5");
    for (int i = 0; i < 4; i++) {
        o = run_program(1 + i % 3, "predict --model %s --data d.h5 --output other.csv", ways[i]);
        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, "averaging 2 models");
        EXPECT_SAME_FILE("first.csv", "other.csv");
    }
    o = run_program(1, "predict --model outputs/a outputs/a --data d.h5 --output a.csv");
    EXPECT_EXIT(o, 0);
    EXPECT_NO_WORDS(o.err, "averaging");
}

Test(ensemble, is_evaluated_like_a_model)
{
    must_train("a", 1, "--hidden 16");
    must_train("b", 2, "--hidden 16");
    outcome o = run_program(1, "evaluate --model outputs/a outputs/b --data d.h5 --json one.json");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "120 rows");
    o = run_program(3, "evaluate --model outputs/b outputs/a --data d.h5 --json three.json");
    EXPECT_EXIT(o, 0);
    EXPECT_SAME_FILE("one.json", "three.json");
    o = run_program(1, "evaluate --model outputs/a --data d.h5 --json a.json");
    EXPECT_EXIT(o, 0);
    cr_expect(!files_are_same("one.json", "a.json"));
}

/* On one rank and on three: one message, and it says these words. */
static void expect_refusal(const char *command, int exit_code, const char *words)
{
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "%s", command);

        EXPECT_EXIT(o, exit_code);
        EXPECT_WORDS(o.err, words);
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    }
}

Test(ensemble, what_cannot_be_averaged_is_named)
{
    must_train("a", 1, "--hidden 16");
    must_train("b", 2, "--hidden 16 --heads softmax");
    expect_refusal("predict --model outputs/a outputs/b --data d.h5", 1,
                   "outputs/b/model.h5 has a softmax head 1, but outputs/a/model.h5 has a binary one");
    expect_refusal("predict --model outputs/a 'nothing*' --data d.h5", 1, "nothing*: no file matches");
    expect_refusal("predict --model outputs --data d.h5", 1, "is no folder of a run");
    expect_refusal("predict --data d.h5", 2, "--model");
    cr_assert(remove("outputs/b/model.h5") == 0);
    expect_refusal("evaluate --model 'outputs/*' --data d.h5", 1, "outputs/b: this run is not finished");
}

/* ---- out of fold ---- */

static void set_fold(const char *model, int64_t index, int64_t rows)
{
    odd_file_set_integers(model, "model", "validation_fold", 4, (const int64_t[]){index, 3, 7, rows});
}

Test(ensemble, out_of_fold_every_row_counts_once)
{
    must_train("a", 1, "--hidden 16");
    must_train("b", 2, "--hidden 8");
    must_train("c", 3, "--hidden 4");
    set_fold("outputs/a/model.h5", 2, ROWS);
    set_fold("outputs/b/model.h5", 3, ROWS);
    set_fold("outputs/c/model.h5", 1, ROWS);
    outcome o = run_program(1, "evaluate --out-of-fold --model 'outputs/*' --data d.h5 --json one.json");
    MUST_EXIT(o, 0);
    EXPECT_WORDS(o.out, "120 rows");
    EXPECT_WORDS(o.err, "out of fold: 3 models");
    o = run_program(3, "evaluate --out-of-fold --model 'outputs/*' --data d.h5 --json three.json");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("one.json", "three.json");
    o = run_program(1, "evaluate --model 'outputs/*' --data d.h5 --json average.json");
    MUST_EXIT(o, 0);
    cr_expect(!files_are_same("one.json", "average.json"));
    expect_refusal("evaluate --out-of-fold --model outputs/a outputs/c --data d.h5", 1,
                   "no model of fold 3/3 is among the 2 given");
    expect_refusal("evaluate --out-of-fold --model 'outputs/*' --data d.h5 --rows :100", 1, "d.h5 has 100");
    expect_refusal("predict --out-of-fold --model 'outputs/*' --data d.h5", 2, "--out-of-fold");
}

/* Instead of the members' own: of one model and of several. Only the first label has two classes. */
Test(ensemble, takes_one_threshold_for_all)
{
    static const char *const models[] = {"outputs/a", "outputs/a outputs/b"};
    static double predictions[ROWS * HEADS];

    must_train("a", 1, "--hidden 16");
    must_train("b", 2, "--hidden 16");
    for (int i = 0; i < 4; i++) {
        size_t ones = 0, others = 0;
        outcome o = run_program(1, "predict --model %s --data d.h5 --thresholds %d --output p.h5",
                                models[i / 2], i % 2);
        MUST_EXIT(o, 0);
        odd_file_read("p.h5", "predictions", ROWS * HEADS, predictions);
        for (size_t row = 0; row < ROWS; row++) {
            ones += predictions[row * HEADS] == 1;
            others += predictions[row * HEADS + 2] != 0;
        }
        cr_expect(ones == (i % 2 == 0 ? ROWS : 0), "%zu above %d", ones, i % 2);
        cr_expect(others > 0);
    }
}

static double f1_micro(const char *json)
{
    json_t *root = json_load_file(json, 0, NULL);

    cr_assert(root != NULL);
    double value = json_number_value(json_object_get(root, "f1_micro"));
    json_decref(root);
    return value;
}

/* Thresholds from rows that no model of the ensemble was trained on go to a file, and from there into predictions. */
Test(ensemble, out_of_fold_thresholds_go_through_a_file)
{
    static const size_t yes_no[HEADS] = {2, 2, 2};
    const char *evaluate = "evaluate --model 'outputs/r/folds/*.h5' --data d.h5 --out-of-fold";

    odd_file_add_rows("d.h5", ROWS, HEADS, yes_no, 0);
    outcome o = run_program(1, "train --data d.h5 --batch-size 50 --epochs 5 --run r --cross-validate 3");
    MUST_EXIT(o, 0);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        o = run_program(ranks, "%s --write-thresholds t%d.txt", evaluate, ranks);
        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, "thresholds of 3 labels");
    }
    EXPECT_SAME_FILE("t1.txt", "t3.txt");
    /* Its first line is a header to read_csv. */
    cr_expect(read_csv("t1.txt")->lines == HEADS - 1);

    o = run_program(1, "%s --thresholds t1.txt --json tuned.json", evaluate);
    EXPECT_EXIT(o, 0);
    o = run_program(1, "%s --json plain.json", evaluate);
    EXPECT_EXIT(o, 0);
    cr_expect(f1_micro("tuned.json") >= f1_micro("plain.json"));
}

Test(ensemble, thresholds_that_do_not_fit_are_refused)
{
    must_train("a", 1, "");
    write_text("two.txt", "0.5\n0.5\n");
    write_text("odd.txt", "0.5\n1.5\n0.5\n");
    outcome o = run_program(1, "evaluate --model outputs/a --data d.h5 --thresholds two.txt");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "expected a number for each of the 3 labels");
    o = run_program(1, "evaluate --model outputs/a --data d.h5 --thresholds odd.txt");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "1.5 is no probability");
    o = run_program(3, "evaluate --model outputs/a --data d.h5 --thresholds nowhere.txt");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "nowhere.txt");
}
