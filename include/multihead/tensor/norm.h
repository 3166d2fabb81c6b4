#ifndef MULTIHEAD_TENSOR_NORM_H
#define MULTIHEAD_TENSOR_NORM_H

#include <stddef.h>

/**
 * The sum of the squares of values [count], which may be 0. In double, in an order that depends on `count` alone, so
 * numbers whose squares are no float32 count as well.
 */
double mh_square_sum(const float *values, size_t count);

#endif
