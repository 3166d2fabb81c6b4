#include "multihead/training/schedule.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

double mh_schedule_rate(const mh_schedule *schedule, double epochs_done, uint64_t steps_done)
{
    double rate = schedule->rate;

    if (schedule->kind == MH_SCHEDULE_COSINE)
        rate *= 0.5 * (1.0 + cos(PI * epochs_done / (double)schedule->epochs));
    else if (schedule->kind == MH_SCHEDULE_STEP)
        rate *= pow(schedule->factor, floor(epochs_done / (double)schedule->every));
    if (steps_done < schedule->warmup_steps)
        rate *= (double)(steps_done + 1) / (double)schedule->warmup_steps;
    return rate;
}

double mh_rate_scale_factor(mh_rate_scale scale, size_t batch_rows, size_t reference_rows)
{
    double ratio = (double)batch_rows / (double)reference_rows;

    switch (scale) {
    case MH_RATE_SCALE_NONE:
        break;
    case MH_RATE_SCALE_LINEAR:
        return ratio;
    case MH_RATE_SCALE_SQRT:
        return sqrt(ratio);
    }
    return 1.0;
}
