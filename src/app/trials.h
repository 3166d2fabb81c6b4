#ifndef MULTIHEAD_SRC_APP_TRIALS_H
#define MULTIHEAD_SRC_APP_TRIALS_H

#include "multihead/training/ensemble.h"
#include "run_folder.h"
#include "training_plan.h"

/*
 * What the trials of a run leave: a model each in <run>/folds/, and a choice. While several candidates are tried the
 * files are candidate-C-fold-I.h5; the chosen one's are then fold-I.h5, and the others are removed.
 */
typedef struct {
    size_t candidate;
    size_t epochs; /* best for it, mean over its folds */
    double loss;   /* the validation loss in that epoch */
} trial_choice;

/** Keeps the model of a trial. On rank 0. */
mh_status trials_save(const run_folder *folder, const training_plan *plan, size_t stage,
                      const mh_trained *trained);

/** Chooses by the log, once all trials are done, and sorts the files. On rank 0; again on a resumed run. */
mh_status trials_choose(const run_folder *folder, const training_plan *plan, const char *history,
                        trial_choice *out);

/** Loads the models of the chosen candidate, one for each fold. */
mh_status trials_load(const run_folder *folder, const training_plan *plan, mh_ensemble *out);

#endif
