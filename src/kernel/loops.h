#ifndef MULTIHEAD_SRC_KERNEL_LOOPS_H
#define MULTIHEAD_SRC_KERNEL_LOOPS_H

#include "multihead/kernel/kernel.h"
#include "vector.h"

/* The functions of one instruction set, as kernel.h describes them. */
void KERNEL(multiply)(const mh_product *product);
void KERNEL(multiply_gradient)(const mh_gradient_product *product, size_t first, size_t count);
void KERNEL(sum_columns)(const mh_panels *a, const mh_leaves *leaves, bool adds, float *sums);
void KERNEL(binary_loss)(const mh_heads_loss *loss);
void KERNEL(heads_loss)(const mh_head_columns *heads, const mh_heads_loss *loss);
void KERNEL(probabilities)(const mh_head_columns *heads, const mh_panels *logits, float *probabilities);
void KERNEL(apply)(mh_function f, const float *x, size_t count, float *y);
void KERNEL(adam)(const mh_adam_numbers *numbers, size_t count, const float *restrict sum,
                  float *restrict first, float *restrict second, float *restrict parameters);
void KERNEL(adam_moments)(const mh_adam_numbers *numbers, size_t count, const float *restrict sum,
                          float *restrict first, float *restrict second);
void KERNEL(adam_direction)(const mh_adam_numbers *numbers, size_t count, const float *restrict first,
                            const float *restrict second, const float *restrict parameters,
                            float *restrict direction);
void KERNEL(add)(size_t count, const float *restrict from, float *restrict into);
bool KERNEL(is_finite)(size_t count, const float *values);

#endif
