#ifndef MULTIHEAD_SRC_APP_HISTORY_FILE_H
#define MULTIHEAD_SRC_APP_HISTORY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"

/* Stages that are told apart; those behind count to the last. */
enum { HISTORY_STAGES = 64 };

/* What history.csv says of a run, by the names of its columns. */
typedef struct {
    size_t epochs; /* lines; 1 or more                                  */
    bool has_validation;
    double best_epoch, best_loss;  /* where validation_loss is least, with validation    */
    size_t stages;                 /* of a run that trained several times; 0: without such a column */
    double before[HISTORY_STAGES]; /* [stages] last epoch before each                    */
} history_summary;

/** MH_ERR_FORMAT, naming the file, where a column is missing, no epoch is finished yet or a line is broken. */
mh_status history_file_read(const char *path, history_summary *out);

#endif
