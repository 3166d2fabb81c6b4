#ifndef MULTIHEAD_SRC_TRAINING_TRAINER_PARTS_H
#define MULTIHEAD_SRC_TRAINING_TRAINER_PARTS_H

#include "multihead/data/loader.h"
#include "multihead/parallel/allreduce.h"
#include "multihead/training/checkpoint_writer.h"
#include "multihead/training/kept_weights.h"
#include "multihead/training/progress.h"
#include "multihead/training/trainer.h"
#include "shared_gradient.h"

/*
 * What a trainer is made of: a step of it is in trainer.c, the way from step to step in trainer_loop.c, and what ranks of a
 * host share in trainer_share.c.
 */
struct mh_trainer {
    mh_trainer_config config;
    const mh_training_data *data;
    mh_trained *trained;
    mh_validator *validator;
    size_t rank, ranks;
    bool is_root;
    mh_span hosted; /* replicas of this rank */
    size_t heads;
    mh_deal deal;   /* of the rows of an epoch */
    size_t batches; /* of an epoch             */

    mh_loader *loader;
    mh_workspace *workspace;
    mh_allreduce *allreduce;
    shared_gradient *shared; /* has the workspace, where ranks help each other; NULL: they do not */
    mh_adam *adam;
    float *common; /* the parameters, where ranks have them together; NULL: each has its own */
    mh_history *history;
    char *earlier_history; /* of a run that goes on */
    mh_progress progress;
    mh_position position;

    mh_tally *tally;   /* [hosted] of each replica's part of a batch                              */
    mh_batch *part;    /* [hosted] these parts, of the batch that is being computed               */
    mh_draw *draw;     /* [hosted]                                                                */
    int64_t *known;    /* [batches of a window x heads] known labels of each; NULL when all are  */
    mh_span counted;   /* batches that these are of                                              */
    float *weights;    /* [heads] of the loss in a batch                                         */
    double weight_sum; /* of all heads                                                           */
    mh_kept_weights kept;
    double *replica_loss; /* [hosted] share of a step's loss                                        */
    double *step_loss;    /* [hosted x heads] the same for each head                                */
    double *epoch_loss;   /* [hosted x heads] sum of them over the epoch so far                     */
    double *head_loss;    /* [hosted x heads] the same at the end, then [heads] summed              */

    /* Checkpoints and stopping. */
    mh_checkpoint_writer *writer; /* on rank 0, where anything is written                           */
    double *all_epoch_loss;       /* [replicas x heads] epoch_loss of all ranks                     */
    uint64_t *all_row_checksum;   /* [replicas]                                                     */
    mh_kept_checkpoint kept_checkpoint, kept_before; /* the latter should the one under way fail */
    int request;                                     /* what the ranks agreed on in the last step */
    double last_checkpoint;         /* mh_clock_seconds() of it, or of the start                      */
    double last_step, longest_step; /* the clock after the last one; seconds                        */
};

/* Rows that go through the model at a time: as many as make a chunk, or all that this rank has of a batch. */
size_t mh_trainer_workspace_rows(const mh_trainer *t);

/* The parameters are the model's own again, as they are: where ranks had them together. */
void mh_trainer_take_back(mh_trainer *t);

/*
 * Whether ranks have the weights together as products read them. Then each lays its part of them out when it has stepped it,
 * and all meet; otherwise each rank lays all of them out before it computes.
 */
bool mh_trainer_lays_out_together(const mh_trainer *t);
void mh_trainer_lay_out(mh_trainer *t);

/* What ranks ask each other for after a step; the largest one wins. */
enum {
    MH_REQUEST_NOTHING,
    MH_REQUEST_CHECKPOINT,
    MH_REQUEST_STOP_IN_TIME,
    MH_REQUEST_STOP_BY_SIGNAL /* and its number */
};

#endif
