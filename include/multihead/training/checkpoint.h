#ifndef MULTIHEAD_TRAINING_CHECKPOINT_H
#define MULTIHEAD_TRAINING_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/hdf5_image.h"
#include "multihead/training/adam.h"
#include "multihead/training/trained.h"

/*
 * A training run at rest: all that it takes to go on, bit for bit, on any number of ranks. It is the model's file
 * (so evaluate and predict take it too) with both Adam moments (/first_moment/<name>, /second_moment/<name>), where
 * the run stands (/step, /epoch, /batch, ...), what it was made with and its log. None of these needs another rank.
 */
typedef struct {
    size_t epoch;       /* epochs done, over all stages                                       */
    size_t batch;       /* batches done of the one under way                                  */
    size_t skipped;     /* of them, those left out because they were not finite               */
    uint64_t step;      /* Adam steps done, over all stages                                   */
    size_t stage;       /* of a run that trains several times: how many are behind            */
    size_t stage_epoch; /* epochs done in this one                                            */
    size_t best_epoch;  /* of this stage: that of the lowest validation loss, 0 without       */
    double seconds;     /* of training so far                                                 */
    double rate;        /* of the last step                                                   */
    double best_loss;   /* of best_epoch                                                      */
} mh_position;

/* The checkpoint that is kept for its validation loss, however old it gets. */
typedef struct {
    uint64_t step; /* 0: none yet */
    double loss;
} mh_kept_checkpoint;

enum { MH_CHECKPOINT_PATH_BYTES = 4096 };

/* What a checkpoint is made of, and what it is read into. All of it is the caller's. */
typedef struct {
    mh_trained *trained;
    mh_adam *adam;
    mh_position *position;
    mh_kept_checkpoint *kept;
    double *head_loss; /* [heads] of the last epoch that is over                                  */
    float *best;       /* [layout.count] parameters of the best epoch, NULL without               */
    float *average;    /* [layout.count] their running mean, NULL without                         */
    size_t replicas;
    double *epoch_loss;     /* [replicas x heads] shares of the losses of the epoch under way      */
    uint64_t *row_checksum; /* [replicas] of the rows that are trained on                          */
} mh_training_state;

/* What does not change while training goes on, but for the log. */
typedef struct {
    const char *options;  /* options.ini                                                            */
    const char *versions; /* of the program and its libraries, for people                           */
    const char *history;  /* the log so far, so that a run that goes on from here has every line    */
} mh_checkpoint_texts;

/**
 * Brings the file of a checkpoint up to date in memory: no system call, and after the first time little more than
 * copying. `image` is NULL at first, and is made anew when the log has outgrown it.
 */
mh_status mh_checkpoint_draw(const mh_training_state *state, const mh_checkpoint_texts *texts,
                             mh_hdf5_image **image);

/**
 * Reads one into a model of the same shape. `history` is the caller's to free (mh_memory_free).
 *
 * MH_ERR_FORMAT: it is damaged, or of another model or number of replicas. MH_ERR_IO: it cannot be read.
 */
mh_status mh_checkpoint_load(const char *path, const mh_training_state *state, char **history);

/* What a run has to know before it is made: where it goes on and with what. */
typedef struct {
    mh_position position;
    char *options, *versions, *history;
} mh_checkpoint_head;

/**
 * Reads that of a checkpoint; to be cleared. All of the file is compared with its checksums.
 *
 * MH_ERR_FORMAT: it is damaged or no checkpoint. MH_ERR_IO: it may be whole, but cannot be read.
 */
mh_status mh_checkpoint_load_head(const char *path, mh_checkpoint_head *head);

void mh_checkpoint_head_clear(mh_checkpoint_head *head);

#endif
