#ifndef MULTIHEAD_SRC_APP_PREDICTION_WRITER_H
#define MULTIHEAD_SRC_APP_PREDICTION_WRITER_H

#include "multihead/training/predictor.h"

/* Where predictions go: to stdout for people, to a CSV or to an HDF5 file, whole or not at all. */
typedef enum { PREDICTIONS_AS_TEXT, PREDICTIONS_AS_CSV, PREDICTIONS_AS_HDF5 } prediction_form;

typedef struct prediction_writer prediction_writer;

/** By the end of the name: .csv, .h5 or .hdf5; anything else, and NULL, is text. */
prediction_form prediction_writer_form(const char *path);

/** `trained` and `dataset` are kept. */
mh_status prediction_writer_open(const char *path, const mh_trained *trained, const mh_dataset *dataset,
                                 prediction_writer **out);

/** Rows first..first+count-1 of the selection, from the arrays of `block`; in order, without gaps. */
mh_status prediction_writer_add(prediction_writer *writer, size_t first, size_t count,
                                const mh_prediction *block);

/** Gives the file its name. */
mh_status prediction_writer_commit(prediction_writer *writer);

/** What was not committed is removed. NULL is fine. */
void prediction_writer_close(prediction_writer *writer);

#endif
