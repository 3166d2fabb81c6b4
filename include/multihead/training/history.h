#ifndef MULTIHEAD_TRAINING_HISTORY_H
#define MULTIHEAD_TRAINING_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/*
 * The loss log: history.csv, a line for each epoch, columns by name. Columns of time have seconds or per_s in
 * their name; every other one is the same on any number of ranks. Numbers read back as the same doubles.
 *
 * Only rank 0 writes; where `path` is NULL a history takes everything and does nothing.
 */
typedef struct mh_history mh_history;

typedef struct {
    size_t epoch;  /* from 1                        */
    uint64_t step; /* Adam steps so far             */
    double learning_rate;
    double train_loss;
    size_t rows;   /* rows seen in this epoch       */
} mh_history_line;

/**
 * Opens the log of a run that has `epochs` epochs and `seconds` of training behind it: lines of later epochs
 * (of a run that was stopped between a line and its checkpoint) are taken out. 0 starts a new log.
 */
mh_status mh_history_open(const char *path, size_t epochs, double seconds, mh_history **out);
void mh_history_close(mh_history *history);

/** Starts the clock: training begins now. */
void mh_history_start(mh_history *history);

/** Seconds of training so far, with those before a resume. */
double mh_history_seconds(const mh_history *history);

/** Writes the line of an epoch that has just ended, and flushes it. */
mh_status mh_history_add(mh_history *history, const mh_history_line *line);

#endif
