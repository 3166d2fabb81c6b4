#ifndef MULTIHEAD_SRC_APP_RUN_FOLDER_H
#define MULTIHEAD_SRC_APP_RUN_FOLDER_H

#include <stdbool.h>

#include "multihead/training/checkpoint.h"
#include "options.h"

/* The folder of a run, <output>/<run>/: what is in it, and so what is to be done. All of it on rank 0. */

enum { RUN_PATH_BYTES = 4096 };

typedef enum {
    RUN_IS_NEW,     /* train from the first weights          */
    RUN_IS_STOPPED, /* train on from a checkpoint            */
    RUN_IS_FINISHED /* model.h5 is there, with these options */
} run_state;

typedef struct {
    char folder[RUN_PATH_BYTES];
    run_state state;
    char checkpoint[RUN_PATH_BYTES]; /* where a stopped run goes on          */
    size_t replicas;                 /* of a stopped run; 0 for a new one    */
    size_t memory;                   /* of a stopped run, --memory           */
    bool is_unwanted;                /* --resume none: what is there can go  */
} run_folder;

/**
 * Looks, changes nothing; from then on a folder that is there is this process's, unless the run is finished: MH_ERR_IO
 * where another training is at work in it. MH_ERR_USAGE, naming the differences, where a run of that name was made with other
 * options and --resume is not none. MH_ERR_IO, too, where there is a checkpoint that cannot be read.
 *
 * `head` is that of the checkpoint of a stopped run; to be cleared.
 */
mh_status run_folder_examine(const options *options, run_folder *out, mh_checkpoint_head *head);

/**
 * Makes the folders, writes options.ini, and takes away what an earlier run left: model.h5, the mark of a
 * finished one, and its checkpoints when this run is new. (The history is replaced when it is opened.)
 * `options` must hold what the run is made with, replicas included.
 */
mh_status run_folder_begin(const run_folder *folder, const char *description);

/** <folder>/<name> */
void run_folder_path(const run_folder *folder, const char *name, char path[RUN_PATH_BYTES]);

#endif
