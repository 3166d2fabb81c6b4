#ifndef MULTIHEAD_SRC_APP_TRAINING_STAGE_H
#define MULTIHEAD_SRC_APP_TRAINING_STAGE_H

#include "multihead/training/trainer.h"
#include "multihead/training/training_data.h"
#include "multihead/training/validator.h"
#include "options.h"
#include "run_folder.h"
#include "training_plan.h"

/* One stage of a run, from its rows to its trainer. */
typedef struct {
    mh_dataset *dataset;    /* the rows that are trained on    */
    mh_dataset *validation; /* those that are not, or NULL     */
    mh_windows windows;     /* of the rows that are trained on */
    mh_training_data data;
    mh_trained trained;
    mh_validator *validator; /* NULL without validation */
    mh_trainer *trainer;
    float *positive_weight; /* [heads], or NULL */
    double *head_weight;    /* [heads], or NULL */
    char title[32];
} training_stage;

typedef struct {
    const training_plan *plan;
    size_t stage;
    size_t candidate;        /* whose options it takes */
    size_t epochs;           /* at most              */
    const run_folder *run;   /* where it is kept     */
    const char *description; /* options.ini          */
    const char *versions;    /* of the libraries     */
    double deadline;         /* see mh_trainer_config */
} training_stage_config;

/** The learning rate of a run: that of the options, for the batches that it has. */
double training_stage_rate(const options *options);

/**
 * Loads rows, makes the model at its start, and a trainer. Keeps what the config points to. Collective over comm;
 * fails on all ranks together. Free with training_stage_clear, also after a failure.
 */
mh_status training_stage_prepare(const mh_comm *comm, const options *options,
                                 const training_stage_config *config, training_stage *out);
void training_stage_clear(training_stage *stage);

#endif
