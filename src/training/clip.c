#include "multihead/training/clip.h"

#include <math.h>

#include "multihead/tensor/norm.h"

double mh_clip_scale(double scale, double limit, const float *sum, size_t count)
{
    double length = scale * sqrt(mh_square_sum(sum, count));

    return length > limit ? scale * limit / length : scale;
}
