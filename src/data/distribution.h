#ifndef MULTIHEAD_DATA_DISTRIBUTION_H
#define MULTIHEAD_DATA_DISTRIBUTION_H

#include <stddef.h>

#include "multihead/base/status.h"

/*
 * Distributions over 0..count-1 as running sums: a uniform number finds its outcome by bisection.
 */

/** Memory for [rows x columns] doubles, zeroed. Fails with MH_ERR_MEMORY, also where the product overflows.
 */
mh_status mh_distribution_table(size_t rows, size_t columns, double **out);

/** Turns weights [count], one above 0, into running sums of which the last is exactly 1. */
void mh_distribution_accumulate(double *weights, size_t count);

/** The first outcome whose running sum is at least `uniform`; `count` where there is none. */
size_t mh_distribution_find(const double *running_sums, size_t count, double uniform);

#endif
