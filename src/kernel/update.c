#include <math.h>
#include <stdint.h>

#include "loops.h"

/* Plain loops: compilers make vectors of them, and nothing here may be fused. */

void KERNEL(adam)(const mh_adam_numbers *numbers, size_t count, const float *restrict sum,
                  float *restrict first, float *restrict second, float *restrict parameters)
{
    const mh_adam_numbers n = *numbers;

    for (size_t i = 0; i < count; i++) {
        float gradient = n.scale * sum[i];

        first[i] = n.beta1 * first[i] + n.one_minus_beta1 * gradient;
        second[i] = n.beta2 * second[i] + n.one_minus_beta2 * gradient * gradient;
        parameters[i] =
            n.decay * parameters[i] - n.step_size * first[i] / (sqrtf(second[i]) * n.correction + n.epsilon);
    }
}

void KERNEL(adam_moments)(const mh_adam_numbers *numbers, size_t count, const float *restrict sum,
                          float *restrict first, float *restrict second)
{
    const mh_adam_numbers n = *numbers;

    for (size_t i = 0; i < count; i++) {
        float gradient = n.scale * sum[i];

        first[i] = n.beta1 * first[i] + n.one_minus_beta1 * gradient;
        second[i] = n.beta2 * second[i] + n.one_minus_beta2 * gradient * gradient;
    }
}

void KERNEL(adam_direction)(const mh_adam_numbers *numbers, size_t count, const float *restrict first,
                            const float *restrict second, const float *restrict parameters,
                            float *restrict direction)
{
    const mh_adam_numbers n = *numbers;

    for (size_t i = 0; i < count; i++)
        direction[i] =
            n.step_size * first[i] / (sqrtf(second[i]) * n.correction + n.epsilon) + n.decay * parameters[i];
}

void KERNEL(add)(size_t count, const float *restrict from, float *restrict into)
{
    for (size_t i = 0; i < count; i++)
        into[i] += from[i];
}

/*
 * The largest of all bits but the sign: infinity's and NaN's are the largest there are. The maximum of integers is an
 * operation of whole vectors, and no compiler may think that it knows the answer.
 */
bool KERNEL(is_finite)(size_t count, const float *values)
{
    const int32_t all_but_sign = 0x7fffffff, infinity = 0x7f800000;
    int32_t largest = 0;

    for (size_t i = 0; i < count; i++) {
        int32_t bits;

        memcpy(&bits, &values[i], sizeof bits);
        bits &= all_but_sign;
        largest = bits > largest ? bits : largest;
    }
    return largest < infinity;
}
