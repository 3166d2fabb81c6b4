#ifndef MULTIHEAD_TRAINING_VALIDATOR_H
#define MULTIHEAD_TRAINING_VALIDATOR_H

#include "multihead/data/dataset.h"
#include "multihead/parallel/communicator.h"
#include "multihead/training/trained.h"

/*
 * The loss on rows that are not trained on, measured again and again while a model learns: the rows stay in
 * memory, dealt to ranks in chunks of a fixed number of rows, so that the number does not depend on the ranks.
 */
typedef struct mh_validator mh_validator;

/**
 * Loads the selected rows of a data set with labels, standardized as the model has it.
 *
 *   trained   kept, and measured as it then is
 *
 * Collective over comm; fails on all ranks together, with MH_ERR_FORMAT where the columns do not fit.
 */
mh_status mh_validator_create(const mh_comm *comm, mh_dataset *dataset, const mh_trained *trained,
                              mh_validator **out);
void mh_validator_destroy(mh_validator *validator);

size_t mh_validator_rows(const mh_validator *validator);

/**
 * The cross entropy of each head over its known labels, whatever is being minimized, and their mean: what
 * evaluate calls loss. A head without a known label adds 0.
 *
 *   head_loss   out: [heads], or NULL
 *
 * Collective over comm. NaN where a loss is not finite, the same on every rank.
 */
double mh_validator_loss(const mh_comm *comm, mh_validator *validator, double *head_loss);

#endif
