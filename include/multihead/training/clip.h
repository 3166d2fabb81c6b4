#ifndef MULTIHEAD_TRAINING_CLIP_H
#define MULTIHEAD_TRAINING_CLIP_H

#include <stddef.h>

/**
 * The factor for `sum` [count] that makes it a gradient no longer than `limit`: `scale`, or less where
 * |scale * sum| exceeds it. Summed in double, in an order that depends on `count` alone.
 *
 * Method: Pascanu, Mikolov, Bengio, arXiv:1211.5063.
 */
double mh_clip_scale(double scale, double limit, const float *sum, size_t count);

#endif
