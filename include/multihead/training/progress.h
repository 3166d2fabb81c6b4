#ifndef MULTIHEAD_TRAINING_PROGRESS_H
#define MULTIHEAD_TRAINING_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What the person who waits sees: on a terminal a bar that moves with each step, elsewhere a line now and then
 * (about twenty in all, and one every half minute). Says nothing on ranks other than 0.
 */
typedef struct {
    bool is_shown;
    const char *title;  /* in front of it all, or NULL */
    size_t epochs;      /* of the whole run          */
    size_t batches;     /* of an epoch               */
    size_t rows;        /* of an epoch               */
    size_t first_epoch; /* done before the clock ran */
    double started;
    double last_shown;
    size_t columns; /* of the terminal, 0 without */
} mh_progress;

/** `first_epoch` is where this process begins, not 0 when it resumes. */
mh_progress mh_progress_start(bool is_shown, const char *title, size_t epochs, size_t first_epoch,
                              size_t batches, size_t rows);

/** After a step: `epoch` from 0, `batch` steps of it done, the loss of the step. */
void mh_progress_step(mh_progress *progress, size_t epoch, size_t batch, double loss);

/** After an epoch, from 1, with its mean loss and, unless that is NaN, the validation loss. */
void mh_progress_epoch(mh_progress *progress, size_t epoch, double loss, double validation_loss,
                       bool is_last);

#endif
