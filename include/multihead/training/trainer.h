#ifndef MULTIHEAD_TRAINING_TRAINER_H
#define MULTIHEAD_TRAINING_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/parallel/communicator.h"
#include "multihead/training/adam.h"
#include "multihead/training/trained.h"
#include "multihead/training/training_data.h"

/* Data-parallel training: each rank computes gradients on its replicas' rows, all ranks take the same step. */
typedef struct mh_trainer mh_trainer;

typedef struct {
    size_t epochs;
    size_t batch_size; /* global                      */
    size_t replicas;   /* at least the ranks          */
    bool shuffles;
    uint64_t seed;
    double learning_rate;
    mh_adam_config adam;
    size_t checkpoint_every; /* epochs; 0: none       */
    size_t keep;             /* checkpoints           */
    const char *folder;      /* the run's; NULL: nothing is written */
    const char *options;     /* options.ini as a text */
    bool shows_progress;
} mh_trainer_config;

/** Keeps the config's texts, `data` and `trained`. Needs no other rank. */
mh_status mh_trainer_create(const mh_trainer_config *config, const mh_training_data *data,
                            mh_trained *trained, size_t rank, size_t ranks, mh_trainer **out);
void mh_trainer_destroy(mh_trainer *trainer);

/** Goes to where a checkpoint left off: parameters, moments, position. Needs no other rank. */
mh_status mh_trainer_restore(mh_trainer *trainer, const char *checkpoint);

/**
 * Trains from where the trainer stands to the last epoch, writing history and checkpoints (on rank 0).
 *
 * Collective over comm; fails on all ranks together, with MH_ERR_NUMERIC when the loss is not finite.
 */
mh_status mh_trainer_run(const mh_comm *comm, mh_trainer *trainer);

/**
 * One step on one global batch: all that mh_trainer_run does between two batches. For measuring. Collective.
 *
 *   loss   out: the batch's loss before the step, mean over heads
 */
mh_status mh_trainer_step(const mh_comm *comm, mh_trainer *trainer, size_t batch, double *loss);
size_t mh_trainer_batches(const mh_trainer *trainer);

/** The mean loss of each head in the last epoch [heads]; on every rank. Borrowed. */
const double *mh_trainer_head_loss(const mh_trainer *trainer);

/** Seconds that training has taken so far. */
double mh_trainer_seconds(const mh_trainer *trainer);

#endif
