#ifndef MULTIHEAD_BASE_WHOLE_FILE_H
#define MULTIHEAD_BASE_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"

/*
 * Files that are there as a whole or not at all: written under another name in the same folder (a hidden one, so
 * that no pattern finds it), synced to disk, renamed, and the folder synced. Whatever a crash or a full disk leaves
 * behind never has the file's own name, and what had that name before stays as it was. None of these needs another
 * rank.
 */

enum { MH_WHOLE_FILE_PATH_BYTES = 4096 };

/** folder/name -> folder/.name.partial; false where that is too long. */
bool mh_whole_file_partial(const char *path, char partial[MH_WHOLE_FILE_PATH_BYTES]);

/**
 * Writes `bytes` of `data` to `path`, in the place of what may be there.
 *
 * MH_ERR_IO, with the system's own word on why, and before anything is written where the disk has less room than that.
 */
mh_status mh_whole_file_write(const char *path, const void *data, size_t bytes);

/** Syncs a file that stands under its partial name, and gives it its own. Removes it where that fails. */
mh_status mh_whole_file_commit(const char *partial, const char *path);

/**
 * Removes a file that is superseded, and leaves its room to the next mh_whole_file_write in this folder: to write over
 * what is on disk already takes half of the time of a new file. Whoever has it open still has the old contents until
 * then. The last one stays, hidden, until mh_whole_file_sweep.
 */
void mh_whole_file_retire(const char *path);

/** Removes what writers that were killed left in a folder, and what was retired. */
void mh_whole_file_sweep(const char *folder);

#endif
