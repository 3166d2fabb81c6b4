#ifndef MULTIHEAD_SRC_APP_TRAINING_PLAN_H
#define MULTIHEAD_SRC_APP_TRAINING_PLAN_H

#include "multihead/data/dataset.h"
#include "multihead/data/split.h"
#include "multihead/parallel/communicator.h"
#include "options.h"

/*
 * Which rows a run trains on and validates on. A run has one stage, or several: one for each fold that is left out
 * in turn, or one for the part that is held out, and at last one on all rows.
 */
typedef struct {
    size_t stages;
    size_t folds;   /* stages that leave rows out to choose the number of epochs, before the last one */
    size_t rows;    /* of the selection                                           */
    uint8_t *group; /* [rows] whose rows are left out together; NULL without a split */
    size_t first_left_out; /* group that the first stage validates on             */
    mh_fold fold;          /* of the first stage, for the model to remember; count 0 without folds */
} training_plan;

/** Whether the options name rows to validate on. */
bool training_plan_validates(const options *options);

/** MH_ERR_USAGE where the options about validation contradict each other. */
mh_status training_plan_check(const options *options);

/** Splits the rows where the options say so. Collective over comm; free with training_plan_clear. */
mh_status training_plan_create(const mh_comm *comm, const options *options, training_plan *out);
void training_plan_clear(training_plan *plan);

/** Whether a stage trains on all rows after others have chosen the number of epochs. */
bool training_plan_is_refit(const training_plan *plan, size_t stage);

/**
 * Opens the rows of a stage. Needs no other rank.
 *
 *   validation   out: NULL where the stage has none; may be NULL
 */
mh_status training_plan_open(const options *options, const training_plan *plan, size_t stage,
                             mh_dataset **training, mh_dataset **validation);

/** The fold whose rows a stage leaves out; count 0 where they are none of equal folds. */
mh_fold training_plan_fold(const training_plan *plan, size_t stage);

/** "fold 2/5", "held out", "all rows", or "" where there is one stage. */
const char *training_plan_title(const training_plan *plan, size_t stage, char *text, size_t bytes);

#endif
