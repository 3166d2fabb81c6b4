#ifndef MULTIHEAD_TESTS_TRAINING_RUN_H
#define MULTIHEAD_TESTS_TRAINING_RUN_H

#include "multihead/training/trainer.h"

/* A small training run with all that training can do, on all ranks (world) or on each of them alone. */
typedef struct {
    mh_dataset *dataset, *validation; /* the latter NULL where nothing is validated */
    mh_training_data data;
    mh_trained trained;
    mh_validator *validator;
    mh_trainer *trainer;
} training_run;

/* No number here divides another: parts of batches and of replicas are uneven. */
enum { RUN_ROWS = 53, RUN_INPUTS = 5, RUN_HEADS = 3, RUN_REPLICAS = 5, RUN_BATCH_SIZE = 24 };

extern const size_t run_classes[RUN_HEADS]; /* 2, 3, 2: the one in the middle is a softmax head */

/** A plain one: 3 epochs of Adam with batches in order. */
mh_trainer_config training_run_config(void);

/** Two hidden layers and no more. */
mh_trained_config training_run_model(void);

/** Rows whose labels have little to do with their features, so that learning them soon does not help on others;
 * three of ten labels are missing. Opened from a file in the scratch folder. */
mh_dataset *training_run_rows(const char *name, uint64_t seed, size_t rows);

/** In place: the trainer keeps where the data and the model are. */
void training_run_start(training_run *run, const mh_comm *comm, const mh_trained_config *model,
                        const mh_trainer_config *config, bool validates);
void training_run_end(training_run *run);

/** Parameters, losses of the last epoch, and where it stands, but for the time. */
void training_run_expect_same(const training_run *a, const training_run *b);

#endif
