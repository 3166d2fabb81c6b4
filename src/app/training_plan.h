#ifndef MULTIHEAD_SRC_APP_TRAINING_PLAN_H
#define MULTIHEAD_SRC_APP_TRAINING_PLAN_H

#include "multihead/data/dataset.h"
#include "multihead/data/split.h"
#include "multihead/parallel/communicator.h"
#include "options.h"

/*
 * Which rows a run trains on and validates on. A run has one stage, or several: trials, each without some rows, one
 * for each fold of each candidate; and at last perhaps one on all rows, with the candidate and for as many epochs as
 * the trials found best.
 */
typedef struct {
    size_t stages;
    size_t trials;         /* stages with validation: candidates * folds of them, 0 without            */
    size_t candidates;     /* sets of options, of which the trials choose one                          */
    size_t folds;          /* trials of each candidate                                                 */
    bool refits;           /* whether the last stage trains on all rows                                */
    size_t rows;           /* of the selection                                                         */
    size_t *classes;       /* [heads] of all rows, which one fold may not have all of; NULL without a split */
    uint8_t *group;        /* [rows] whose rows are left out together; NULL without a split            */
    size_t first_left_out; /* group that the first fold validates on                                   */
    mh_fold fold;          /* of the first trial, for the model to remember; count 0 without folds     */
} training_plan;

/** Whether the options name rows to validate on. */
bool training_plan_validates(const options *options);

/** MH_ERR_USAGE where the options about validation contradict each other. */
mh_status training_plan_check(const options *options);

/** Splits the rows where the options say so. Collective over comm; free with training_plan_clear. */
mh_status training_plan_create(const mh_comm *comm, const options *options, training_plan *out);
void training_plan_clear(training_plan *plan);

/** Whether a stage trains on all rows after the trials. */
bool training_plan_is_refit(const training_plan *plan, size_t stage);

/** The candidate that a trial is of, and the stages that are its trials. */
size_t training_plan_candidate(const training_plan *plan, size_t stage);
mh_span training_plan_trials(const training_plan *plan, size_t candidate);

/** Values of a candidate. */
double training_plan_dropout(const options *options, size_t candidate);
double training_plan_input_dropout(const options *options, size_t candidate);

/**
 * Opens the rows of a stage. Needs no other rank.
 *
 *   validation   out: NULL where the stage has none; may be NULL
 */
mh_status training_plan_open(const options *options, const training_plan *plan, size_t stage,
                             mh_dataset **training, mh_dataset **validation);

/** The fold whose rows a stage leaves out; count 0 where they are none of equal folds. */
mh_fold training_plan_fold(const training_plan *plan, size_t stage);

/** "dropout 0.5, fold 2/5", "all rows", or "" where there is one stage. */
const char *training_plan_title(const options *options, const training_plan *plan, size_t stage, char *text,
                                size_t bytes);

#endif
