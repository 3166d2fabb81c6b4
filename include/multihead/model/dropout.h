#ifndef MULTIHEAD_MODEL_DROPOUT_H
#define MULTIHEAD_MODEL_DROPOUT_H

#include <stddef.h>

#include "multihead/kernel/panels.h"
#include "multihead/tensor/batch.h"

/*
 * Dropout: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent neural
 * networks from overfitting", JMLR 15, 2014. What is left is scaled up, so that predicting needs no change.
 */

/** What elements that are left are multiplied with: 1 / (1 - rate). */
float mh_dropout_scale(float rate);

/**
 * Sets each element of y with probability `rate` (a multiple of 2^-16, 0..1) to 0 and scales the others.
 *
 *   layer   of the model, so that each has numbers of its own
 *   first   place in its batch of the first row: an element's fate is a function of (draw, layer, first + row,
 *           column), so cutting a batch in slices changes nothing
 */
void mh_dropout_apply(const mh_draw *draw, size_t layer, size_t first, float rate, const mh_panels *y);

#endif
