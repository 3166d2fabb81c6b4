#ifndef MULTIHEAD_TRAINING_CHECKPOINT_WRITER_H
#define MULTIHEAD_TRAINING_CHECKPOINT_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/training/checkpoint.h"

/*
 * Writes checkpoints while training goes on: what is saved is copied at once, and a thread of its own then waits for
 * the disk. One is under way at most. Nothing here needs another rank.
 */
typedef struct mh_checkpoint_writer mh_checkpoint_writer;

/** Into `folder` (copied), of which the `keep` newest remain, and the state's kept one. */
mh_status mh_checkpoint_writer_create(const char *folder, size_t keep, mh_checkpoint_writer **out);

/** Waits for what is under way, and removes what is left of retired ones. NULL is fine. */
void mh_checkpoint_writer_destroy(mh_checkpoint_writer *writer);

/**
 * Takes the state as it is now, and begins to write it. Waits for the one before, if that is still under way. How it
 * went is to be asked for.
 */
void mh_checkpoint_writer_start(mh_checkpoint_writer *writer, const mh_training_state *state,
                                const mh_checkpoint_texts *texts);

/** Whether one that was started is done, and its result not yet asked for: mh_checkpoint_writer_finish will not wait. */
bool mh_checkpoint_writer_is_done(const mh_checkpoint_writer *writer);

/** Waits for what is under way and says how it went; MH_OK where there is nothing. */
mh_status mh_checkpoint_writer_finish(mh_checkpoint_writer *writer);

/** Seconds that the last one took, copying included; 0 before the first. */
double mh_checkpoint_writer_seconds(const mh_checkpoint_writer *writer);

/** Where the last one that was started goes. */
const char *mh_checkpoint_writer_path(const mh_checkpoint_writer *writer);

#endif
