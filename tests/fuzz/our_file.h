#ifndef MULTIHEAD_TESTS_FUZZ_OUR_FILE_H
#define MULTIHEAD_TESTS_FUZZ_OUR_FILE_H

#include <stddef.h>

#include "multihead/training/checkpoint.h"

/* Small files as the program writes them, and what they are of. */
enum { INPUTS = 3, HEADS = 2, WIDTH = 4, ROWS = 8, REPLICAS = 2 };

/* A run that such a checkpoint is read into; it owns what it points to. */
typedef struct {
    mh_trained trained;
    mh_adam *adam;
    mh_position position;
    mh_kept_checkpoint kept;
    double head_loss[HEADS], epoch_loss[REPLICAS * HEADS];
    uint64_t row_checksum[REPLICAS];
    mh_training_state state;
} our_run;

void our_run_create(our_run *run);
void our_run_clear(our_run *run);

typedef struct {
    const void *bytes; /* kept until the process ends      */
    size_t size;       /* with the seal                    */
    size_t contents;   /* bytes in front of it             */
} our_file;

/** Each is made once. */
const our_file *our_data_set(void);
const our_file *our_model(void);
const our_file *our_checkpoint(void);

#endif
