#ifndef MULTIHEAD_TRAINING_CHECKPOINT_H
#define MULTIHEAD_TRAINING_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/training/adam.h"
#include "multihead/training/trained.h"

/*
 * A training run at rest: the model's file with both Adam moments (/first_moment/<name>,
 * /second_moment/<name>) and the position. Files are <folder>/epoch-000010.h5. None of these needs another
 * rank.
 */
typedef struct {
    size_t epoch;       /* epochs done, over all stages                                   */
    size_t batch;       /* batches done after them                                        */
    uint64_t step;      /* Adam steps done, over all stages                               */
    double seconds;     /* of training so far                                             */
    size_t stage;       /* of a run that trains several times: how many are behind        */
    size_t stage_epoch; /* epochs done in this one                                        */
    size_t best_epoch;  /* of this stage: that of the lowest validation loss, 0 without   */
    double best_loss;   /* that loss                                                      */
} mh_position;

enum { MH_CHECKPOINT_PATH_BYTES = 4096 };

/* What a checkpoint is made of, and what it is read into. All of it is the caller's. */
typedef struct {
    mh_trained *trained;
    mh_adam *adam;
    mh_position *position;
    double *head_loss; /* [heads] of the epoch that ended here                            */
    float *best;       /* [layout.count] parameters of the best epoch, NULL without       */
    float *average;    /* [layout.count] their running mean, NULL without                 */
} mh_training_state;

/**
 * Writes the checkpoint as a whole, or not at all.
 *
 *   options     the run's options.ini
 *   history     its log so far, so that a run that goes on from here has every line
 */
mh_status mh_checkpoint_save(const char *folder, const mh_training_state *state, const char *options,
                             const char *history);

/** Reads one into a model of the same shape. `history` is the caller's to free (mh_memory_free). */
mh_status mh_checkpoint_load(const char *path, const mh_training_state *state, char **history);

/** Just how many stages were behind, and the log; the caller frees it. */
mh_status mh_checkpoint_load_stage(const char *path, size_t *stage, char **history);

/** Just the options; the caller frees them. */
mh_status mh_checkpoint_load_options(const char *path, char **options);

/** The newest checkpoint in a folder that can be read, "" where there is none; warns of those that cannot. */
void mh_checkpoint_newest(const char *folder, char path[MH_CHECKPOINT_PATH_BYTES]);

/** Removes all but the `keep` newest. */
void mh_checkpoint_prune(const char *folder, size_t keep);

#endif
