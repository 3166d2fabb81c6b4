#ifndef MULTIHEAD_SRC_KERNEL_LOOPS_H
#define MULTIHEAD_SRC_KERNEL_LOOPS_H

#include "multihead/kernel/kernel.h"
#include "vector.h"

/* The functions of one instruction set, as kernel.h describes them. */
void KERNEL(multiply)(const mh_product *product);
void KERNEL(multiply_gradient)(const mh_gradient_product *product);
void KERNEL(sum_columns)(const mh_panels *a, const mh_leaves *leaves, bool adds, float *sums);

#endif
