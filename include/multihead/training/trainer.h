#ifndef MULTIHEAD_TRAINING_TRAINER_H
#define MULTIHEAD_TRAINING_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/data/windows.h"
#include "multihead/parallel/communicator.h"
#include "multihead/training/adam.h"
#include "multihead/training/checkpoint.h"
#include "multihead/training/history.h"
#include "multihead/training/interval.h"
#include "multihead/training/schedule.h"
#include "multihead/training/trained.h"
#include "multihead/training/training_data.h"
#include "multihead/training/validator.h"

/* What is done about a batch whose loss or gradient is not finite; all ranks see the same sum. */
typedef enum {
    MH_NONFINITE_STOP, /* the run fails                               */
    MH_NONFINITE_SKIP  /* the batch is left out, as if it had no rows */
} mh_on_nonfinite;

/* Data-parallel training: each rank computes gradients on its replicas' rows, all ranks take the same step. */
typedef struct mh_trainer mh_trainer;

typedef struct {
    size_t epochs;     /* at most                     */
    size_t batch_size; /* global                      */
    size_t replicas;   /* at least the ranks          */
    bool overlaps;     /* sums gradients over the ranks while the backward pass goes on: the same bits */
    bool shuffles;
    mh_windows windows; /* of the rows, as the order of an epoch has them: see mh_training_data_load */
    uint64_t seed;
    mh_schedule schedule;
    size_t warmup_epochs;       /* of the schedule, in place of its warmup_steps; 0: those count       */
    mh_adam_config adam;        /* its parts are the trainer's business                                */
    bool spares_biases;         /* from weight decay, which PyTorch does not                           */
    double linear_path_rate;    /* times the learning rate; 0 stands for 1                             */
    double average_decay;       /* of the running mean of the weights, which then is the result; 0: none */
    double clip_norm;           /* longest gradient, 0: any length                                     */
    const double *head_weights; /* [heads] of the mean over heads, kept; NULL: all the same            */
    size_t patience; /* epochs without a lower validation loss until it stops, 0: as many as there are;
                                   then the weights of the best epoch are kept                         */
    mh_history_columns columns; /* of the history                                                      */
    mh_on_nonfinite on_nonfinite;
    mh_interval checkpoint_every; /* and at the end of the stage                                       */
    size_t keep;                  /* checkpoints                                                       */
    double deadline;              /* mh_clock_seconds() until which a checkpoint is to be there; 0: none */
    const char *folder;           /* the run's; NULL: nothing is written                               */
    const char *options;          /* options.ini as a text                                             */
    const char *versions;         /* of the libraries, for people                                      */
    bool shows_progress;
    const char *title; /* in front of the progress, "" or NULL */
} mh_trainer_config;

/**
 * Keeps the config's texts, `data`, `trained` and `validator`, which is NULL where nothing is validated. Needs no
 * other rank.
 */
mh_status mh_trainer_create(const mh_trainer_config *config, const mh_training_data *data,
                            mh_trained *trained, mh_validator *validator, size_t rank, size_t ranks,
                            mh_trainer **out);
void mh_trainer_destroy(mh_trainer *trainer);

/**
 * Lets ranks of one host sum gradients in memory that they share, and have the parameters and the optimizer's moments there
 * together, of which each steps its part; see mh_allreduce_share. Who is ready with its own gradient makes pieces of those of
 * ranks that are late (shared_work.h). While the trainer is there the model's parameters may be in that memory. Before the
 * first step; run does it by itself. Collective, and fails on all ranks together.
 */
mh_status mh_trainer_share(const mh_comm *comm, mh_trainer *trainer);

/**
 * Makes it the next stage of a run that has trained before: epochs, steps and seconds are counted on from
 * `before`, the log goes on behind `history` (copied).
 */
mh_status mh_trainer_follow(mh_trainer *trainer, const mh_position *before, const char *history);

/**
 * Goes to where a checkpoint left off: parameters, moments, position, sums of the epoch under way. Needs no other rank.
 *
 * MH_ERR_FORMAT where this rank's rows are not those that it was trained on.
 */
mh_status mh_trainer_restore(mh_trainer *trainer, const char *checkpoint);

/**
 * Trains from where the trainer stands to the last epoch, or until patience is over, writing history and checkpoints (on rank 0).
 *
 * Collective over comm; fails on all ranks together: MH_ERR_NUMERIC when the loss or the gradient is not finite,
 * MH_STOPPED when a signal or the deadline ended it early and a checkpoint was written (with how and where as the
 * message), MH_ERR_IO when that could not be written.
 */
mh_status mh_trainer_run(const mh_comm *comm, mh_trainer *trainer);

/**
 * One step on one global batch: all that mh_trainer_run does between two batches. For measuring. Collective.
 *
 *   loss   out: the batch's loss before the step, mean over heads
 */
mh_status mh_trainer_step(const mh_comm *comm, mh_trainer *trainer, size_t batch, double *loss);
size_t mh_trainer_batches(const mh_trainer *trainer);

/** Where it stands. Borrowed. */
const mh_position *mh_trainer_position(const mh_trainer *trainer);

/** The log so far, empty on ranks other than 0; borrowed until the next line. */
const char *mh_trainer_history(const mh_trainer *trainer);

/** The mean loss of each head in the last epoch [heads]; on every rank. Borrowed. */
const double *mh_trainer_head_loss(const mh_trainer *trainer);

/** Seconds that training has taken so far. */
double mh_trainer_seconds(const mh_trainer *trainer);

#endif
