#ifndef MULTIHEAD_TRAINING_HISTORY_H
#define MULTIHEAD_TRAINING_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/tensor/span.h"

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
    size_t rows;         /* rows seen in this epoch                      */
    bool has_validation; /* whether there is a validation loss, and what */
    double validation_loss;
    size_t stage; /* from 0                                       */
} mh_history_line;

/* Columns beyond those that every log has. */
typedef struct {
    bool has_validation; /* validation_loss, empty where a stage has none */
    bool has_stages;     /* stage, from 1                                 */
} mh_history_columns;

/**
 * Opens the log of a run with `seconds` of training behind it.
 *
 *   earlier   what the log held at that time (mh_history_text, as the checkpoint kept it), NULL for a new run.
 *             The file is made to hold just that, whatever a stopped run wrote after its last checkpoint.
 */
mh_status mh_history_open(const char *path, mh_history_columns columns, const char *earlier, double seconds,
                          mh_history **out);
void mh_history_close(mh_history *history);

/** Starts the clock: training begins now. */
void mh_history_start(mh_history *history);

/** Seconds of training so far, with those before a resume. */
double mh_history_seconds(const mh_history *history);

/**
 * Writes the line of an epoch that has just ended. Where the disk does not take it, there is a warning, and it is
 * written with the next one that can be.
 */
mh_status mh_history_add(mh_history *history, const mh_history_line *line);

/** Writes what is not written yet, and fails where that is impossible. */
mh_status mh_history_finish(mh_history *history);

/**
 * The epoch whose validation loss, mean over some stages of a log, is lowest: counted within a stage, from 1. A stage
 * that stopped sooner counts with its last loss, since it stopped for not getting better. Of several stages, it is the
 * first epoch that is worse than the lowest by no more than half a standard error of their difference: what cannot be
 * told apart is better trained less (after the one-standard-error rule of Breiman, Friedman, Olshen, Stone 1984).
 *
 *   stages   from 0, where the log's column counts from 1
 *   epoch    out: 0 where the log has no such losses that are finite
 *   loss     out: the mean in that epoch
 */
mh_status mh_history_best_epoch(const char *text, mh_span stages, size_t *epoch, double *loss);

/** The whole log so far, header included; borrowed until the next line. */
const char *mh_history_text(const mh_history *history);

#endif
