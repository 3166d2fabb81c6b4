#include <criterion/criterion.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

/* The same bits on any number of ranks; 997 rows and batches of 100 divide by nothing. */

TestSuite(ranks, .init = enter_folder, .fini = leave_folder, .timeout = 300);

enum { ROWS = 997 };

static const size_t binary[] = {2, 2, 2, 2};
static const size_t mixed[] = {2, 3, 5};

static void expect_same_training(const char *options)
{
    static const int ranks[] = {1, 2, 3, 4, 5, 8};
    char path[64];

    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        outcome o = run_program(ranks[i], "train --epochs 2 --batch-size 100 --progress no --run on%d %s",
                                ranks[i], options);
        MUST_EXIT(o, 0);
        snprintf(path, sizeof path, "outputs/on%d/model.h5", ranks[i]);
        EXPECT_SAME_FILE("outputs/on1/model.h5", path);
        snprintf(path, sizeof path, "outputs/on%d/history.csv", ranks[i]);
        EXPECT_SAME_HISTORY("outputs/on1/history.csv", path);
    }
}

Test(ranks, binary_heads)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    expect_same_training("--data d.h5"); /* the tutorial's trunk */
}

Test(ranks, binary_heads_shuffled)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    expect_same_training("--data d.h5 --hidden 24,17 --shuffle yes");
}

/* Layers whose gradients are several pieces, which ranks make for each other. */
Test(ranks, gradients_that_are_made_in_pieces)
{
    odd_file_add_rows("d.h5", ROWS, 3, mixed, 30);
    expect_same_training("--data d.h5 --hidden 300,600,200 --linear-path yes --dropout 0.1");
}

/* Each rank lays out all weights, since LAMB is not stepped in parts. */
Test(ranks, gradients_that_are_made_in_pieces_and_stepped_by_each_rank)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    expect_same_training("--data d.h5 --hidden 300,600,200 --optimizer lamb");
}

/* The sum begins while the backward pass goes on, at each layer but the lowest. */
Test(ranks, sums_that_overlap_the_backward_pass)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    expect_same_training("--data d.h5 --hidden 90,100,90 --replicas 8 --overlap yes");
    outcome o = run_program(2, "train --data d.h5 --hidden 90,100,90 --replicas 8 --overlap no --epochs 2 "
                               "--batch-size 100 --progress no --run no");
    MUST_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/on8/model.h5", "outputs/no/model.h5");
}

Test(ranks, softmax_heads)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    expect_same_training("--data d.h5 --hidden 24,17 --heads softmax");
}

Test(ranks, softmax_heads_on_sigmoids_shuffled)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    expect_same_training(
        "--data d.h5 --hidden 24,17 --heads softmax --head-activation sigmoid --shuffle yes");
}

Test(ranks, mixed_heads)
{
    odd_file_add_rows("d.h5", ROWS, 3, mixed, 0);
    expect_same_training("--data d.h5 --hidden 24,17 --weight-decay 0.01");
}

Test(ranks, mixed_heads_with_missing_labels_shuffled)
{
    odd_file_add_rows("d.h5", ROWS, 3, mixed, 30);
    expect_same_training("--data d.h5 --hidden 24,17 --shuffle yes");
}

/* As many replicas as ranks, or one more: the tree of sums has parts of every shape. */
Test(ranks, thirteen_replicas)
{
    odd_file_add_rows("d.h5", ROWS, 3, mixed, 30);
    expect_same_training("--data d.h5 --hidden 24,17 --replicas 13");
}

Test(ranks, rows_made_in_memory)
{
    expect_same_training("--generate --samples 997 --method rowwise --categories 3 --hidden 24,17");
}

/* It would be the same everywhere if nothing were summed at all. */
Test(ranks, another_number_of_replicas_gives_other_bits)
{
    odd_file_add_rows("d.h5", ROWS, 3, mixed, 0);
    for (int replicas = 7; replicas <= 8; replicas++) {
        outcome o = run_program(3, "train --data d.h5 --epochs 2 --batch-size 100 --replicas %d --run of%d",
                                replicas, replicas);
        MUST_EXIT(o, 0);
    }
    cr_expect(!files_are_same("outputs/of7/model.h5", "outputs/of8/model.h5"));
}

/* ---- using the model ---- */

/* Enough rows that each of three ranks has some, twice and a part of a third time. */
#define MANY_ROWS "--generate --method rowwise --samples 27001 --categories 3 --labels 4"

static void must_train_for_many_rows(void)
{
    outcome o = run_program(1, "train --generate --method rowwise --samples 997 --categories 3 --labels 4 "
                               "--hidden 24,17 --epochs 2");
    MUST_EXIT(o, 0);
}

static void expect_same_numbers(const char *model, const char *rows)
{
    char path[16];

    for (int ranks = 1; ranks <= 4; ranks++) {
        outcome o = run_program(ranks, "evaluate --model %s %s --json %d.json", model, rows, ranks);
        MUST_EXIT(o, 0);
        snprintf(path, sizeof path, "%d.json", ranks);
        EXPECT_SAME_FILE("1.json", path);
    }
}

Test(ranks, evaluate_gives_the_same_numbers)
{
    must_train_for_many_rows();
    expect_same_numbers("outputs/run/model.h5", MANY_ROWS);
}

/* Rankings and curves, which need all rows of a label in one place; some labels are missing. */
Test(ranks, evaluate_ranks_yes_no_labels_the_same)
{
    odd_file_add_rows("d.h5", 9001, 4, binary, 10);
    outcome o = run_program(1, "train --data d.h5 --rows :2000 --hidden 24 --epochs 2");
    MUST_EXIT(o, 0);
    expect_same_numbers("outputs/run/model.h5", "--data d.h5");
}

/* A model from four ranks is the one from one rank, and so are its metrics. */
Test(ranks, models_of_any_ranks_have_the_same_metrics)
{
    odd_file_add_rows("d.h5", ROWS, 4, binary, 0);
    for (int ranks = 1; ranks <= 4; ranks += 3) {
        outcome o = run_program(ranks, "train --data d.h5 --hidden 24 --epochs 3 --run on%d", ranks);
        MUST_EXIT(o, 0);
        o = run_program(ranks, "evaluate --model outputs/on%d/model.h5 --data d.h5 --json %d.json", ranks,
                        ranks);
        MUST_EXIT(o, 0);
    }
    EXPECT_SAME_FILE("1.json", "4.json");
}

Test(ranks, predict_gives_the_same_files)
{
    static const char *const forms[] = {"h5", "csv"};
    char first[16], path[16];

    must_train_for_many_rows();
    for (size_t i = 0; i < 2; i++) {
        snprintf(first, sizeof first, "1.%s", forms[i]);
        for (int ranks = 1; ranks <= 3; ranks++) {
            snprintf(path, sizeof path, "%d.%s", ranks, forms[i]);
            outcome o =
                run_program(ranks, "predict --model outputs/run/model.h5 " MANY_ROWS " --output %s", path);
            MUST_EXIT(o, 0);
            EXPECT_SAME_FILE(first, path);
        }
    }
}

Test(ranks, predict_and_inspect_print_the_same)
{
    must_train_for_many_rows();
    outcome alone = run_program(1, "predict --model outputs/run/model.h5 " MANY_ROWS " --rows 20000:20500");
    outcome many = run_program(3, "predict --model outputs/run/model.h5 " MANY_ROWS " --rows 20000:20500");
    MUST_EXIT(alone, 0);
    MUST_EXIT(many, 0);
    cr_expect(strcmp(alone.out, many.out) == 0, "on 3 ranks:\n%s", many.out);
    cr_expect(count_lines(alone.out, "SAMPLE 20499  PREDICTIONS") == 1);

    alone = run_program(1, "inspect outputs/run/model.h5");
    many = run_program(3, "inspect outputs/run/model.h5");
    EXPECT_EXIT(many, 0);
    cr_expect(strcmp(alone.out, many.out) == 0 && alone.out[0] != '\0', "on 3 ranks:\n%s", many.out);
}
