#ifndef MULTIHEAD_TRAINING_CHECKPOINT_FOLDER_H
#define MULTIHEAD_TRAINING_CHECKPOINT_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/training/checkpoint.h"

/* The checkpoints of a run: <folder>/step-000001230.h5. Nothing here needs another rank. */

/** Where the checkpoint of a step is. */
void mh_checkpoint_path(const char *folder, uint64_t step, char path[MH_CHECKPOINT_PATH_BYTES]);

/**
 * The newest one that is whole, "" where there is none; warns of those that are damaged, and why. `head` is to be
 * cleared.
 *
 * MH_ERR_IO: one that is newer than any whole one cannot be read, which says nothing of what is in it.
 */
mh_status mh_checkpoint_newest(const char *folder, char path[MH_CHECKPOINT_PATH_BYTES],
                               mh_checkpoint_head *head);

/** Those that are left are damaged: they get other names, so that none is taken for one of a run that starts afresh. */
void mh_checkpoint_set_aside(const char *folder);

/** Removes all but the `keep` newest and that of `kept_step` (0: none). */
void mh_checkpoint_prune(const char *folder, size_t keep, uint64_t kept_step);

#endif
