#include "distribution.h"

#include <stdint.h>

#include "multihead/base/memory.h"

mh_status mh_distribution_table(size_t rows, size_t columns, double **out)
{
    size_t count = 0;

    if (__builtin_mul_overflow(rows, columns, &count))
        count = SIZE_MAX; /* which memory refuses */
    return mh_memory_array(count, sizeof **out, out);
}

void mh_distribution_accumulate(double *weights, size_t count)
{
    for (size_t i = 1; i < count; i++)
        weights[i] += weights[i - 1];

    double total = weights[count - 1];

    for (size_t i = 0; i < count; i++)
        weights[i] /= total;
}

/* A step is arithmetic, not a branch: which way it goes cannot be predicted. */
size_t mh_distribution_find(const double *running_sums, size_t count, double uniform)
{
    size_t first = 0;

    while (count > 1) {
        size_t half = count / 2;

        first += half & -(size_t)(running_sums[first + half - 1] < uniform);
        count -= half;
    }
    return first + (count == 1 && running_sums[first] < uniform);
}
