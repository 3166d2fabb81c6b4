#ifndef MULTIHEAD_TESTS_DOUBLE_MODEL_H
#define MULTIHEAD_TESTS_DOUBLE_MODEL_H

#include "multihead/model/model.h"

/*
 * A model once more, in double and by the plainest loops that are fast enough: its gradient as it is without rounding.
 * Without linear path, dropout, weights of heads, and activation of heads.
 */
typedef struct double_model double_model;

/** With the weights as they are now; the model's heads and layout are borrowed. */
double_model *double_model_of(mh_model *model);
void double_model_free(double_model *model);

/**
 * Adds the gradient of these rows to that of all rows before.
 *
 * The slope of a ReLU jumps at 0. So close to it that float32 may come out on the other side, either slope is right, and
 * nothing could be compared: such rows lose their labels, also in the batch. Returns how many did.
 */
size_t double_model_add(double_model *model, mh_batch *batch);

/** The gradient of all rows that were added [layout.count], laid out as the model's. */
void double_model_gradient(const double_model *model, double *gradient);

#endif
