#ifndef MULTIHEAD_TRAINING_ADAM_H
#define MULTIHEAD_TRAINING_ADAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/tensor/span.h"

/*
 * Adam with bias correction and eps outside the root, as PyTorch computes it; weight decay is decoupled.
 * Methods: Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.
 *
 * Or LAMB, which has the same moments and takes Adam's direction u, with the decay in it, for each part as far as that
 * part is long: a step takes rate * |parameters| / |u| * u away, whatever the size of the gradient. So the layers of a
 * network keep pace with each other at the high rates that large batches want. Where either length is 0 it takes
 * rate * u. Lengths are summed in double, in an order that depends on the part alone.
 * Method: You et al. 2020, arXiv:1904.00962, algorithm 2 with phi(z) = z, as its authors' own code has it.
 */
typedef struct mh_adam mh_adam;

typedef enum { MH_ADAM_USUAL, MH_ADAM_LAMB } mh_adam_rule;

/* Parameters with a rate of their own, such as the biases, which need not decay. */
typedef struct {
    mh_span span;
    double rate; /* times the learning rate; of the step; not of Adam's decay, but of LAMB's */
    bool decays;
    bool adapts; /* LAMB: to its length; where not, it takes rate * u. Adam: no matter */
} mh_adam_part;

typedef struct {
    mh_adam_rule rule;
    double beta1, beta2, epsilon;
    double
        weight_decay; /* Adam: a step takes rate * weight_decay of each parameter away; LAMB: as much of u */
    /* [part_count] parts of the vector in order and without gaps, copied; 0: all of it is one usual part. */
    const mh_adam_part *parts;
    size_t part_count;
} mh_adam_config;

mh_status mh_adam_create(const mh_adam_config *config, size_t count, mh_adam **out);
void mh_adam_destroy(mh_adam *adam);

/**
 * From now on a step is taken with `part` of the elements only, the others being somebody else's, and the moments are
 * here [count], borrowed; those of the part are moved there. Not with LAMB, which wants whole tensors.
 */
void mh_adam_move(mh_adam *adam, mh_span part, float *first_moment, float *second_moment);

/**
 * One step.
 *
 *   scale        the gradient is scale * sum
 *   sum          [count]
 *   parameters   [count], updated
 */
void mh_adam_step(mh_adam *adam, double learning_rate, double scale, const float *sum, float *parameters);

/* The state, for checkpoints: both moments [count], where they are now, and the steps taken. */
float *mh_adam_first_moment(mh_adam *adam);
float *mh_adam_second_moment(mh_adam *adam);
uint64_t mh_adam_steps(const mh_adam *adam);
void mh_adam_set_steps(mh_adam *adam, uint64_t steps);

#endif
