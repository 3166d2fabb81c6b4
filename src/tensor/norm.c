#include "multihead/tensor/norm.h"

enum { LANES = 16 }; /* partial sums side by side, so that the compiler may use wide registers */

double mh_square_sum(const float *values, size_t count)
{
    double lane[LANES] = {0}, sum = 0;
    size_t whole = count / LANES * LANES;

    for (size_t i = 0; i < whole; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += (double)values[i + k] * (double)values[i + k];
    for (size_t i = whole; i < count; i++)
        lane[i - whole] += (double)values[i] * (double)values[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}
