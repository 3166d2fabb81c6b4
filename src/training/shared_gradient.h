#ifndef MULTIHEAD_SRC_TRAINING_SHARED_GRADIENT_H
#define MULTIHEAD_SRC_TRAINING_SHARED_GRADIENT_H

#include "multihead/model/model.h"
#include "multihead/parallel/allreduce.h"

/*
 * Ranks of one host help each other with the gradient of the weights: who is ready makes pieces of it from the rows of a
 * rank that is late. All derivatives of a rank's last pass are in memory that the others see, and so is its gradient.
 */
typedef struct shared_gradient shared_gradient;

/**
 *   rows        of this rank's passes, at most
 *   allreduce   shared; must stay, as the model must
 *   together    whether ranks have the weights together as they are laid out, each its part of them
 *
 * *out is NULL where ranks do not share memory, which is no failure. Collective, and fails on all ranks together; destroy is
 * not collective.
 */
mh_status shared_gradient_create(const mh_comm *comm, const mh_model *model, size_t rows,
                                 const mh_allreduce *allreduce, bool together, shared_gradient **out);
void shared_gradient_destroy(shared_gradient *shared);

/** What this rank's passes are to be made in; borrowed. */
mh_workspace *shared_gradient_workspace(const shared_gradient *shared);

/**
 * As mh_model_gradient, for the last ones of a step: `gradient`, which mh_allreduce_next gave out last, is whole only after
 * shared_gradient_finish.
 */
void shared_gradient_begin(shared_gradient *shared, const mh_batch *part, size_t parts, float *gradient,
                           mh_tally *tally);

/** Makes what is to be made of this rank's gradient and of others'. Each rank comes once a step. */
void shared_gradient_finish(shared_gradient *shared);

/** Instead, where a rank has failed: nobody is to wait for it, nor to finish what it had begun. */
void shared_gradient_give_up(shared_gradient *shared);

#endif
