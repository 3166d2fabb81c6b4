#include "multihead/tensor/tally.h"

#include <math.h>

static const double COARSE = 0x1p-8;
static const double FINE = 0x1p-40;

void mh_exact_sum_add(mh_exact_sum *sum, double term)
{
    if (!(fabs(term) < 0x1p50)) {
        sum->broken++;
        return;
    }
    double coarse = floor(term / COARSE);

    sum->high += (int64_t)coarse;
    sum->low += llrint((term - coarse * COARSE) / FINE); /* both exact but for the one rounding */
}

double mh_exact_sum_value(const mh_exact_sum *sum)
{
    if (sum->broken != 0)
        return NAN;
    return (double)((__int128)sum->high * ((__int128)1 << 32) + sum->low) * FINE;
}
