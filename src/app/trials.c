#include "trials.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "multihead/training/history.h"

static void chosen_path(const run_folder *folder, size_t fold, char path[RUN_PATH_BYTES])
{
    char name[64];

    snprintf(name, sizeof name, "folds/fold-%zu.h5", fold + 1);
    run_folder_path(folder, name, path);
}

static void trial_path(const run_folder *folder, const training_plan *plan, size_t candidate, size_t fold,
                       char path[RUN_PATH_BYTES])
{
    char name[96];

    if (plan->candidates == 1) {
        chosen_path(folder, fold, path);
        return;
    }
    snprintf(name, sizeof name, "folds/candidate-%zu-fold-%zu.h5", candidate + 1, fold + 1);
    run_folder_path(folder, name, path);
}

mh_status trials_save(const run_folder *folder, const training_plan *plan, size_t stage,
                      const mh_trained *trained)
{
    mh_status status = MH_OK;
    char path[RUN_PATH_BYTES];

    trial_path(folder, plan, training_plan_candidate(plan, stage), stage % plan->folds, path);
    MH_TRY(folder_make_for(path));
    MH_TRY(mh_trained_save(trained, path));
cleanup:
    return status;
}

/* A file that is gone was sorted before the run was stopped. */
static mh_status sort_files(const run_folder *folder, const training_plan *plan, size_t chosen)
{
    char from[RUN_PATH_BYTES], to[RUN_PATH_BYTES];

    for (size_t candidate = 0; plan->candidates > 1 && candidate < plan->candidates; candidate++) {
        for (size_t fold = 0; fold < plan->folds; fold++) {
            trial_path(folder, plan, candidate, fold, from);
            chosen_path(folder, fold, to);
            int result = candidate == chosen ? rename(from, to) : unlink(from);
            if (result != 0 && errno != ENOENT)
                return MH_FAIL(MH_ERR_IO, "%s: cannot be %s: %s", from,
                               candidate == chosen ? "renamed" : "removed", strerror(errno));
        }
    }
    return MH_OK;
}

mh_status trials_choose(const run_folder *folder, const training_plan *plan, const char *history,
                        trial_choice *out)
{
    mh_status status = MH_OK;

    *out = (trial_choice){.loss = NAN};
    for (size_t candidate = 0; candidate < plan->candidates; candidate++) {
        size_t epochs = 0;
        double loss = NAN;

        MH_TRY(mh_history_best_epoch(history, training_plan_trials(plan, candidate), &epochs, &loss));
        if (epochs > 0 && !(loss >= out->loss))
            *out = (trial_choice){candidate, epochs, loss};
    }
    if (out->epochs == 0) {
        status = MH_FAIL(MH_ERR_NUMERIC,
                         "no epoch had a finite validation loss: a smaller --learning-rate may help");
        goto cleanup;
    }
    MH_TRY(sort_files(folder, plan, out->candidate));
cleanup:
    return status;
}

mh_status trials_load(const run_folder *folder, const training_plan *plan, mh_ensemble *out)
{
    char path[MH_SPLIT_GROUPS_MAX][RUN_PATH_BYTES], *paths[MH_SPLIT_GROUPS_MAX];

    for (size_t fold = 0; fold < plan->folds; fold++) {
        chosen_path(folder, fold, path[fold]);
        paths[fold] = path[fold];
    }
    return mh_ensemble_load(paths, plan->folds, out);
}
