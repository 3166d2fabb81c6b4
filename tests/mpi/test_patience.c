#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"
#include "ranks.h"
#include "scratch.h"
#include "training_run.h"

/* Validation after each epoch: when training stops, which weights it keeps, how stages follow each other. */

TestSuite(patience, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch,
          .timeout = MPI_TEST_SECONDS);

enum { EPOCHS = 60 };

/* Labels that cannot be learned from the features are soon learned by heart, which does not help on other rows. */
static mh_trainer_config patient(size_t epochs, size_t patience)
{
    mh_trainer_config config = training_run_config();

    config.epochs = epochs;
    config.patience = patience;
    config.shuffles = true;
    config.columns = (mh_history_columns){.has_validation = true, .has_stages = true};
    config.folder = scratch_path(""); /* each rank's own; rank 0 writes */
    return config;
}

static void start(training_run *run, const mh_comm *comm, const mh_trainer_config *config)
{
    mh_trained_config model = training_run_model();

    training_run_start(run, comm, &model, config, true);
}

/* The validation losses of the log's lines; returns how many there are. */
static size_t losses_in(const char *history, double losses[EPOCHS])
{
    size_t lines = 0;

    for (const char *line = strchr(history, '\n'); line != NULL && line[1] != '\0';
         line = strchr(line + 1, '\n')) {
        cr_assert(lt(sz, lines, EPOCHS));
        cr_assert(sscanf(line + 1, "%*u,%*u,%*f,%*f,%*f,%*f,%lf,", &losses[lines]) == 1, "%s", line);
        lines++;
    }
    return lines;
}

static void expect_patience_in(const char *history, const mh_position *position, size_t patience)
{
    double losses[EPOCHS];
    size_t lines = losses_in(history, losses), best = 0;

    cr_assert(eq(sz, lines, position->stage_epoch));
    for (size_t i = 1; i < lines; i++)
        if (losses[i] < losses[best]) {
            cr_expect(le(sz, i - best, patience), "it went on beyond epoch %zu", best + 1 + patience);
            best = i;
        }
    cr_expect(eq(sz, position->best_epoch, best + 1));
    cr_expect(position->best_loss == losses[best]);
    cr_expect(eq(sz, lines, best + 1 + patience));
}

Test(patience, stops_that_many_epochs_after_the_best)
{
    mh_trainer_config config = patient(EPOCHS, 3);
    training_run run;

    start(&run, world, &config);
    MUST(mh_trainer_run(world, run.trainer));

    const mh_position *position = mh_trainer_position(run.trainer);

    cr_assert(lt(sz, position->stage_epoch, EPOCHS));
    cr_expect(eq(sz, position->stage_epoch, position->best_epoch + 3));
    if (mh_comm_rank(world) == 0)
        expect_patience_in(mh_trainer_history(run.trainer), position, 3);
    training_run_end(&run);
}

Test(patience, keeps_the_weights_of_the_best_epoch)
{
    mh_trainer_config config = patient(EPOCHS, 3);
    training_run run, again;

    start(&run, world, &config);
    MUST(mh_trainer_run(world, run.trainer));

    const mh_position *position = mh_trainer_position(run.trainer);

    cr_expect(mh_validator_loss(world, run.validator, NULL) == position->best_loss);
    /* The same run, told to end there. */
    config = patient(position->best_epoch, 0);
    start(&again, world, &config);
    MUST(mh_trainer_run(world, again.trainer));
    EXPECT_SAME_BITS(mh_model_parameters(run.trained.model), mh_model_parameters(again.trained.model),
                     mh_model_layout(run.trained.model)->count);
    training_run_end(&run);
    training_run_end(&again);
}

/* What is validated, and kept, is then the running mean. */
Test(patience, keeps_the_average_of_the_best_epoch)
{
    mh_trainer_config config = patient(EPOCHS, 3);
    training_run run, again;

    config.average_decay = 0.8;
    start(&run, world, &config);
    MUST(mh_trainer_run(world, run.trainer));

    const mh_position *position = mh_trainer_position(run.trainer);

    cr_assert(lt(sz, position->stage_epoch, EPOCHS));
    cr_expect(mh_validator_loss(world, run.validator, NULL) == position->best_loss);
    config = patient(position->best_epoch, 0);
    config.average_decay = 0.8;
    start(&again, world, &config);
    MUST(mh_trainer_run(world, again.trainer));
    EXPECT_SAME_BITS(mh_model_parameters(run.trained.model), mh_model_parameters(again.trained.model),
                     mh_model_layout(run.trained.model)->count);
    training_run_end(&run);
    training_run_end(&again);
}

Test(patience, stops_at_the_same_epoch_with_the_same_bits_on_any_number_of_ranks)
{
    mh_trainer_config config = patient(EPOCHS, 3);
    training_run shared, single;

    start(&shared, world, &config);
    MUST(mh_trainer_run(world, shared.trainer));
    config.folder = NULL;
    start(&single, alone, &config);
    MUST(mh_trainer_run(alone, single.trainer));
    training_run_expect_same(&shared, &single);
    training_run_end(&shared);
    training_run_end(&single);
}

Test(patience, none_trains_to_the_last_epoch_and_keeps_it)
{
    mh_trainer_config config = patient(EPOCHS, 0);
    training_run run;

    start(&run, world, &config);
    MUST(mh_trainer_run(world, run.trainer));

    const mh_position *position = mh_trainer_position(run.trainer);

    cr_expect(eq(sz, position->stage_epoch, EPOCHS));
    cr_expect(lt(sz, position->best_epoch, EPOCHS));
    cr_expect(lt(dbl, position->best_loss, mh_validator_loss(world, run.validator, NULL)));
    training_run_end(&run);
}

/* ---- stages ---- */

/* Two stages of two and of three epochs; an epoch has three batches. */
Test(patience, a_stage_that_follows_counts_epochs_and_steps_on)
{
    mh_trainer_config config = patient(2, 0);
    training_run first, second;

    start(&first, world, &config);
    MUST(mh_trainer_run(world, first.trainer));
    config = patient(3, 0);
    start(&second, world, &config);
    MUST(mh_trainer_follow(second.trainer, mh_trainer_position(first.trainer),
                           mh_trainer_history(first.trainer)));
    MUST(mh_trainer_run(world, second.trainer));

    const mh_position *position = mh_trainer_position(second.trainer);

    cr_expect(eq(sz, position->epoch, 5));
    cr_expect(eq(u64, position->step, 15));
    cr_expect(eq(sz, position->stage, 1));
    cr_expect(eq(sz, position->stage_epoch, 3));
    cr_expect(le(sz, position->best_epoch, 3)); /* counted in its stage */
    cr_expect(ge(dbl, position->seconds, mh_trainer_position(first.trainer)->seconds));
    training_run_end(&first);
    training_run_end(&second);
}

Test(patience, a_stage_that_follows_writes_on_in_the_same_log)
{
    mh_trainer_config config = patient(2, 0);
    training_run first, second;
    size_t stages[] = {1, 1, 2, 2, 2}, line = 0;

    start(&first, alone, &config);
    MUST(mh_trainer_run(alone, first.trainer));
    config = patient(3, 0);
    start(&second, alone, &config);
    MUST(mh_trainer_follow(second.trainer, mh_trainer_position(first.trainer),
                           mh_trainer_history(first.trainer)));
    MUST(mh_trainer_run(alone, second.trainer));

    char *text = scratch_read("history.csv", NULL);

    cr_expect(strcmp(text, mh_trainer_history(second.trainer)) == 0);
    for (const char *at = strchr(text, '\n'); at != NULL && at[1] != '\0';
         at = strchr(at + 1, '\n'), line++) {
        size_t epoch = 0, step = 0, stage = 0;

        cr_assert(line < 5 && sscanf(at + 1, "%zu,%zu,%*f,%*f,%*f,%*f,%*f,%zu", &epoch, &step, &stage) == 3,
                  "%s", text);
        cr_expect(epoch == line + 1 && step == 3 * (line + 1) && stage == stages[line], "%s", at + 1);
    }
    cr_expect(eq(sz, line, 5));
    free(text);
    training_run_end(&first);
    training_run_end(&second);
}

/* Adam begins anew in each stage, and so does the best epoch: only epochs, and with them the shuffles, go on. */
Test(patience, a_stage_that_follows_learns_nothing_from_the_one_before)
{
    mh_trainer_config config = patient(2, 0);
    training_run first, second, fresh;

    config.shuffles = false;
    start(&first, world, &config);
    MUST(mh_trainer_run(world, first.trainer));
    start(&second, world, &config);
    MUST(mh_trainer_follow(second.trainer, mh_trainer_position(first.trainer), ""));
    MUST(mh_trainer_run(world, second.trainer));
    start(&fresh, world, &config);
    MUST(mh_trainer_run(world, fresh.trainer));
    EXPECT_SAME_BITS(mh_model_parameters(second.trained.model), mh_model_parameters(fresh.trained.model),
                     mh_model_layout(fresh.trained.model)->count);
    cr_expect(mh_trainer_position(second.trainer)->best_loss ==
              mh_trainer_position(fresh.trainer)->best_loss);
    training_run_end(&first);
    training_run_end(&second);
    training_run_end(&fresh);
}
