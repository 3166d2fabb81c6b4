#ifndef MULTIHEAD_TRAINING_ENSEMBLE_H
#define MULTIHEAD_TRAINING_ENSEMBLE_H

#include "multihead/training/trained.h"

/*
 * Models that answer the same question, whose probabilities are averaged: bagging, or the models of a
 * cross-validation. A single model is an ensemble of one.
 *
 * They agree in inputs, heads and classes, in names where both have some, and in the kind and activation of
 * their heads, so that one column means the same in all of them. All else may differ: hidden layers, loss,
 * standardization.
 */
typedef struct {
    size_t count;
    mh_trained *member; /* [count]                                                                      */
    char **path;        /* [count] where they came from; NULL with mh_ensemble_of                       */
    mh_trained common;  /* model and schema are the first member's, rates and thresholds means over all */
    uint8_t *chosen;    /* [rows] member that alone predicts a row; NULL: all of them predict every row */
} mh_ensemble;

/** Loads models or checkpoints. MH_ERR_FORMAT, naming two files, where they do not agree. */
mh_status mh_ensemble_load(char *const *paths, size_t count, mh_ensemble *out);
void mh_ensemble_clear(mh_ensemble *ensemble);

/** A threshold for each head [heads], instead of the members'. Not of mh_ensemble_of. */
mh_status mh_ensemble_set_thresholds(mh_ensemble *ensemble, const double *thresholds);

/** An ensemble of one model as it is now, borrowed: not to be cleared. */
mh_ensemble mh_ensemble_of(const mh_trained *trained);

/**
 * Has each row of the data set predicted by the one member that was not trained on it.
 *
 * MH_ERR_FORMAT unless the members are those of every fold, once each, of as many rows as the data set has, dealt
 * by one seed. That they are the same rows is up to the caller.
 */
mh_status mh_ensemble_choose_out_of_fold(mh_ensemble *ensemble, mh_dataset *dataset);

#endif
