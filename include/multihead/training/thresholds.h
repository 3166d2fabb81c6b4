#ifndef MULTIHEAD_TRAINING_THRESHOLDS_H
#define MULTIHEAD_TRAINING_THRESHOLDS_H

#include "multihead/data/dataset.h"
#include "multihead/training/ensemble.h"
#include "multihead/training/label_scores.h"
#include "multihead/training/trained.h"

/*
 * Thresholds for `probability > threshold` that make F1 largest on given rows, best some that were not trained on.
 *
 * The global threshold makes micro-F1 over all labels largest. From there a label may have its own: for micro-F1 the
 * one with which it adds most to it, for macro-F1 the one of its own largest F1. With few positive rows that learns
 * noise: the best of many thresholds is then best by luck. So a label with fewer than `least_positives` positive
 * rows keeps the global one. Labels with more than two classes keep 0.5, which nobody asks for.
 *
 * The same bits on any number of ranks.
 */
typedef enum {
    MH_THRESHOLDS_MICRO, /* each label's own, for micro-F1               */
    MH_THRESHOLDS_MACRO, /* each label's own, for its own F1             */
    MH_THRESHOLDS_GLOBAL /* one for all, for micro-F1                    */
} mh_threshold_objective;

enum { MH_THRESHOLD_LEAST_POSITIVES = 20 };

typedef struct {
    mh_threshold_objective objective;
    size_t least_positives; /* for an own threshold: MH_THRESHOLD_LEAST_POSITIVES   */
} mh_threshold_config;

typedef struct {
    float global;
    size_t own; /* how many labels have a threshold of their own */
} mh_threshold_summary;

/**
 * From rows held by the ranks, each its own.
 *
 *   thresholds   out: [heads], on every rank
 *   summary      out, or NULL
 *
 * Collective over comm. Fails on all ranks together.
 */
mh_status mh_thresholds_tune(const mh_comm *comm, mh_label_scores *scores, const mh_threshold_config *config,
                             float *thresholds, mh_threshold_summary *summary);

/** The same on the selected rows of a data set with labels, as predicted by `ensemble`. Collective. */
mh_status mh_ensemble_tune(const mh_comm *comm, const mh_ensemble *ensemble, mh_dataset *dataset,
                           const mh_threshold_config *config, float *thresholds,
                           mh_threshold_summary *summary);

/** The same into trained->thresholds; `ensemble` is the model itself, or the models of its folds. Collective. */
mh_status mh_trained_tune(const mh_comm *comm, mh_trained *trained, const mh_ensemble *ensemble,
                          mh_dataset *dataset, const mh_threshold_config *config,
                          mh_threshold_summary *summary);

#endif
