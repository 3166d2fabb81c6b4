#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "expect.h"
#include "multihead/training/history.h"
#include "scratch.h"

TestSuite(history, .init = scratch_make, .fini = scratch_remove);

static const char HEADER[] = "epoch,step,learning_rate,train_loss,seconds,";

/* Numbers that a few digits do not hold. */
static double loss_of(size_t epoch)
{
    return 1.0 / (3.0 * (double)epoch);
}

static void add(mh_history *history, size_t epoch)
{
    const mh_history_line line = {.epoch = epoch,
                                  .step = 7 * epoch,
                                  .learning_rate = 0.1 + 0.2,
                                  .train_loss = loss_of(epoch),
                                  .rows = 50};

    MUST(mh_history_add(history, &line));
}

/* A run of epochs first..last, the log of the earlier ones being `earlier`; returns what its checkpoint
 * keeps. */
static char *run_epochs(const char *earlier, size_t first, size_t last)
{
    mh_history *history = NULL;
    char *text = NULL;

    MUST(mh_history_open(scratch_path("history.csv"), (mh_history_columns){0}, earlier,
                         100.0 * (double)(first - 1), &history));
    mh_history_start(history);
    for (size_t epoch = first; epoch <= last; epoch++)
        add(history, epoch);
    text = strdup(mh_history_text(history));
    mh_history_close(history);
    return text;
}

static void expect_epochs(size_t epochs)
{
    char *text = scratch_read("history.csv", NULL);
    const char *line = strchr(text, '\n');

    cr_expect(strncmp(text, HEADER, strlen(HEADER)) == 0, "%s", text);
    for (size_t epoch = 1; epoch <= epochs; epoch++) {
        size_t number = 0, step = 0;
        double rate = 0.0, loss = 0.0, seconds = -1.0;

        cr_assert(line != NULL);
        line++;
        cr_assert(sscanf(line, "%zu,%zu,%lf,%lf,%lf,", &number, &step, &rate, &loss, &seconds) == 5, "%s",
                  line);
        cr_expect(number == epoch && step == 7 * epoch);
        cr_expect(rate == 0.1 + 0.2); /* the same doubles, not nearly */
        cr_expect(loss == loss_of(epoch));
        cr_expect(ge(dbl, seconds, 0.0));
        line = strchr(line, '\n');
    }
    cr_expect(line != NULL && line[1] == '\0', "more than %zu epochs: %s", epochs, text);
    free(text);
}

Test(history, numbers_read_back_as_the_same_doubles)
{
    free(run_epochs(NULL, 1, 5));
    expect_epochs(5);
}

/* Stopped between the line of epoch 5 and its checkpoint: the run goes on from epoch 3. */
Test(history, resuming_cuts_later_lines)
{
    char *kept = run_epochs(NULL, 1, 3), *later = NULL;

    free(run_epochs(kept, 4, 5));
    later = run_epochs(kept, 4, 4);
    expect_epochs(4);
    free(run_epochs(later, 5, 6));
    expect_epochs(6);
    free(kept);
    free(later);
}

/* The log is the checkpoint's, not the folder's: it may be gone, or another run's. */
Test(history, resuming_needs_no_file)
{
    char *kept = run_epochs(NULL, 1, 3);

    cr_assert(unlink(scratch_path("history.csv")) == 0);
    free(run_epochs(kept, 4, 5));
    expect_epochs(5);
    free(kept);
}

Test(history, starting_afresh_forgets_the_old_log)
{
    free(run_epochs(NULL, 1, 5));
    free(run_epochs(NULL, 1, 2));
    expect_epochs(2);
}

Test(history, every_line_is_there_at_once)
{
    mh_history *history = NULL;

    MUST(mh_history_open(scratch_path("history.csv"), (mh_history_columns){0}, NULL, 0.0, &history));
    add(history, 1);
    expect_epochs(1); /* while the run goes on */
    mh_history_close(history);
}

Test(history, seconds_go_on_from_before)
{
    mh_history *history = NULL;

    MUST(mh_history_open(NULL, (mh_history_columns){0}, NULL, 300.0, &history));
    mh_history_start(history);
    cr_expect(ge(dbl, mh_history_seconds(history), 300.0));
    cr_expect(lt(dbl, mh_history_seconds(history), 310.0));
    mh_history_close(history);
}

Test(history, without_a_path_writes_nothing)
{
    mh_history *history = NULL;

    MUST(mh_history_open(NULL, (mh_history_columns){0}, NULL, 0.0, &history));
    add(history, 1);
    mh_history_close(history);
    mh_history_close(NULL);
    cr_expect(eq(sz, scratch_entries(), 0));
}

Test(history, a_folder_that_is_not_there_is_an_error)
{
    mh_history *history = NULL;

    EXPECT_FAILURE(
        mh_history_open(scratch_path("nowhere/history.csv"), (mh_history_columns){0}, NULL, 0.0, &history),
        MH_ERR_IO, "cannot be written");
    cr_expect(history == NULL);
}

/* ---- more columns ---- */

/* The header and the lines of two epochs, of which only the first has a validation loss. */
static char *log_with(mh_history_columns columns)
{
    const mh_history_line lines[2] = {
        {.epoch = 1,
         .step = 7,
         .learning_rate = 0.5,
         .train_loss = 0.25,
         .has_validation = true,
         .validation_loss = 1.0 / 3.0},
        {.epoch = 2, .step = 14, .learning_rate = 0.5, .train_loss = 0.125, .stage = 1}};
    mh_history *history = NULL;

    MUST(mh_history_open(scratch_path("history.csv"), columns, NULL, 0.0, &history));
    mh_history_start(history);
    MUST(mh_history_add(history, &lines[0]));
    MUST(mh_history_add(history, &lines[1]));
    mh_history_close(history);
    return scratch_read("history.csv", NULL);
}

/* Behind the columns that every log has, from the comma on. */
static void expect_ending(const char *text, size_t line, const char *ending)
{
    for (size_t i = 0; i < line; i++)
        text = strchr(text, '\n') + 1;

    size_t length = strcspn(text, "\n");
    const char *at = text;

    for (size_t comma = 0; comma < 6; comma++) {
        at += strcspn(at, ",\n");
        at += comma < 5 && *at == ',';
    }
    size_t left = length - (size_t)(at - text);

    cr_expect(left == strlen(ending) && strncmp(at, ending, left) == 0, "line %zu ends '%.*s', not '%s'",
              line, (int)left, at, ending);
}

Test(history, has_no_more_columns_than_asked_for)
{
    char *text = log_with((mh_history_columns){0});

    for (size_t line = 0; line < 3; line++)
        expect_ending(text, line, "");
    free(text);
}

/* 1/3 to all the digits of a double. */
Test(history, a_validation_loss_that_is_not_there_is_an_empty_field)
{
    char *text = log_with((mh_history_columns){.has_validation = true});

    expect_ending(text, 0, ",validation_loss");
    expect_ending(text, 1, ",0.3333333333333333");
    expect_ending(text, 2, ",");
    free(text);
}

Test(history, stages_count_from_1)
{
    char *text = log_with((mh_history_columns){.has_stages = true});

    expect_ending(text, 0, ",stage");
    expect_ending(text, 1, ",1");
    expect_ending(text, 2, ",2");
    free(text);
    text = log_with((mh_history_columns){.has_validation = true, .has_stages = true});
    expect_ending(text, 0, ",validation_loss,stage");
    expect_ending(text, 1, ",0.3333333333333333,1");
    expect_ending(text, 2, ",,2");
    free(text);
}

/* ---- the best epoch ---- */

static void expect_best(const char *log, size_t first, size_t count, size_t epoch, double loss)
{
    size_t best = 77;
    double best_loss = 77.0;

    MUST(mh_history_best_epoch(log, (mh_span){first, count}, &best, &best_loss));
    cr_expect(eq(sz, best, epoch), "of the log\n%s", log);
    if (epoch == 0)
        cr_expect(isnan(best_loss));
    else /* a mean of a few doubles */
        cr_expect(epsilon_eq(dbl, best_loss, loss, 1e-15), "of the log\n%s", log);
}

Test(history, the_best_epoch_has_the_lowest_validation_loss)
{
    expect_best("epoch,train_loss,validation_loss\n1,9,0.5\n2,8,0.25\n3,7,0.75\n", 0, 1, 2, 0.25);
    /* Of equal ones the first. */
    expect_best("epoch,train_loss,validation_loss\n1,9,0.5\n2,8,0.25\n3,7,0.25\n", 0, 1, 2, 0.25);
}

Test(history, columns_are_found_by_name)
{
    expect_best("stage,x_validation_loss,validation_loss,epoch\n1,0.1,0.5,1\n1,0.2,0.25,2\n2,0.3,0.125,3\n",
                0, 1, 2, 0.25);
}

/* Both stages have their lowest loss elsewhere; the mean's lowest, 0.3, is far below the others beside their spread. */
Test(history, the_best_epoch_of_stages_is_that_of_the_mean)
{
    static const char log[] = "epoch,validation_loss,stage\n"
                              "1,0.8,1\n2,0.25,1\n3,0.3,1\n4,0.2,1\n"
                              "5,0.9,2\n6,0.95,2\n7,0.3,2\n8,0.5,2\n";

    expect_best(log, 0, 2, 3, 0.3);
    expect_best(log, 0, 1, 4, 0.2);
    expect_best(log, 1, 1, 3, 0.3);
}

/*
 * The lowest mean is 0.30, of epoch 3. Epoch 2 is worse by 0.1 and -0.08: by 0.01 in the mean, with a standard error of
 * 0.09. Epoch 1 is worse by 0.21 and 0.19, which is no accident.
 */
Test(history, an_earlier_epoch_that_cannot_be_told_from_the_best_is_taken)
{
    static const char log[] = "epoch,validation_loss,stage\n"
                              "1,0.51,1\n2,0.4,1\n3,0.3,1\n"
                              "4,0.49,2\n5,0.22,2\n6,0.3,2\n";

    expect_best(log, 0, 2, 2, 0.31);
}

/* The first stage stopped after two epochs: 0.9 + 0.4, 0.3 + 0.35, and then 0.3 again + 0.2, + 0.5. */
Test(history, a_shorter_stage_counts_on_with_its_last_loss)
{
    static const char log[] = "epoch,validation_loss,stage\n"
                              "1,0.9,1\n2,0.3,1\n"
                              "3,0.4,2\n4,0.35,2\n5,0.2,2\n6,0.5,2\n";

    expect_best(log, 0, 2, 3, 0.25);
}

/* The second stage is the short one. What comes behind it, also a stage that is not asked for, is not its loss. */
Test(history, a_shorter_stage_in_the_middle_counts_on_with_its_own_loss)
{
    static const char log[] = "epoch,validation_loss,stage\n"
                              "1,0.9,1\n2,0.8,1\n3,0.5,1\n"
                              "4,0.6,2\n5,0.4,2\n"
                              "6,7,3\n7,8,3\n8,9,3\n"
                              "9,,4\n";

    expect_best(log, 0, 2, 3, 0.45);
    expect_best(log, 1, 1, 2, 0.4);
}

/* The refit has no validation loss. */
Test(history, empty_fields_are_no_losses)
{
    static const char log[] = "epoch,validation_loss,stage\n1,0.5,1\n2,0.25,1\n3,,2\n4,,2\n";

    expect_best(log, 0, 1, 2, 0.25);
    expect_best(log, 1, 1, 0, 0.0);
}

Test(history, losses_that_are_no_numbers_are_not_the_best)
{
    expect_best("epoch,validation_loss,stage\n1,nan,1\n2,0.5,1\n3,-nan,1\n4,0.75,1\n", 0, 1, 2, 0.5);
    expect_best("epoch,validation_loss,stage\n1,0.1,1\n2,0.5,1\n3,nan,2\n4,0.75,2\n", 0, 2, 2, 0.625);
    expect_best("epoch,validation_loss,stage\n1,nan,1\n2,inf,1\n", 0, 1, 0, 0.0);
}

Test(history, without_validation_no_epoch_is_best)
{
    expect_best("", 0, 1, 0, 0.0);
    expect_best("epoch,train_loss\n", 0, 1, 0, 0.0);
    expect_best("epoch,train_loss\n1,0.5\n2,0.25\n", 0, 1, 0, 0.0);
    expect_best("epoch,validation_loss\n", 0, 1, 0, 0.0);
}
