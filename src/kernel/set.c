#include "loops.h"

#define TEXT_OF(name) #name
#define TEXT(name)    TEXT_OF(name)

extern const mh_kernel KERNEL(mh_kernel);

const mh_kernel KERNEL(mh_kernel) = {
    .name = TEXT(KERNEL_SET),
    .title = KERNEL_TITLE,
    .multiply = KERNEL(multiply),
    .multiply_gradient = KERNEL(multiply_gradient),
    .sum_columns = KERNEL(sum_columns),
    .binary_loss = KERNEL(binary_loss),
    .heads_loss = KERNEL(heads_loss),
    .probabilities = KERNEL(probabilities),
    .apply = KERNEL(apply),
    .adam = KERNEL(adam),
    .adam_moments = KERNEL(adam_moments),
    .adam_direction = KERNEL(adam_direction),
    .add = KERNEL(add),
    .is_finite = KERNEL(is_finite),
};
