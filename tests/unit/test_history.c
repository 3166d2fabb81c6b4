#include <criterion/criterion.h>
#include <criterion/new/assert.h>
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
