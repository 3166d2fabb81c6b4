#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "multihead/training/schedule.h"

/* Some roundings of a double near 1. */
static const double TOLERANCE = 1e-15;

enum { LATE = 1000 }; /* steps done: any warm-up is over */

static double rate_after(const mh_schedule *schedule, double epochs)
{
    return mh_schedule_rate(schedule, epochs, LATE);
}

Test(schedule, constant_stays)
{
    const mh_schedule schedule = {.kind = MH_SCHEDULE_CONSTANT, .rate = 0.1 + 0.2, .epochs = 10};

    for (double epochs = 0; epochs < 20; epochs += 0.75)
        cr_expect(mh_schedule_rate(&schedule, epochs, 0) == 0.1 + 0.2);
}

/* cos(pi/3) = 1/2: after a third of the epochs three quarters of the rate are left. */
Test(schedule, cosine_goes_from_the_rate_over_its_half_to_0)
{
    const mh_schedule schedule = {.kind = MH_SCHEDULE_COSINE, .rate = 0.5, .epochs = 12};

    cr_expect(rate_after(&schedule, 0) == 0.5);
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 4), 0.375, TOLERANCE));
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 6), 0.25, TOLERANCE));
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 8), 0.125, TOLERANCE));
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 12), 0.0, TOLERANCE));
}

Test(schedule, cosine_falls_within_an_epoch_too)
{
    const mh_schedule schedule = {.kind = MH_SCHEDULE_COSINE, .rate = 0.5, .epochs = 12};
    double before = rate_after(&schedule, 0);

    for (double epochs = 0.125; epochs <= 12; epochs += 0.125) {
        double rate = rate_after(&schedule, epochs);

        cr_expect(lt(dbl, rate, before), "after %g epochs", epochs);
        before = rate;
    }
}

Test(schedule, step_is_taken_after_every_so_many_epochs)
{
    const mh_schedule schedule = {.kind = MH_SCHEDULE_STEP, .rate = 0.8, .every = 3, .factor = 0.25};

    cr_expect(rate_after(&schedule, 0) == 0.8);
    cr_expect(rate_after(&schedule, 2.99) == 0.8);
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 3), 0.2, TOLERANCE));
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 5.99), 0.2, TOLERANCE));
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 6), 0.05, TOLERANCE));
    cr_expect(epsilon_eq(dbl, rate_after(&schedule, 9), 0.0125, TOLERANCE));
}

Test(schedule, warmup_rises_in_equal_parts_to_the_rate)
{
    const mh_schedule schedule = {.rate = 0.4, .warmup_steps = 4};

    cr_expect(epsilon_eq(dbl, mh_schedule_rate(&schedule, 0, 0), 0.1, TOLERANCE));
    cr_expect(epsilon_eq(dbl, mh_schedule_rate(&schedule, 0, 1), 0.2, TOLERANCE));
    cr_expect(epsilon_eq(dbl, mh_schedule_rate(&schedule, 0, 2), 0.3, TOLERANCE));
    cr_expect(mh_schedule_rate(&schedule, 0, 3) == 0.4);
    cr_expect(mh_schedule_rate(&schedule, 0, 4) == 0.4);
}

Test(schedule, a_rate_grows_with_the_batch_or_its_root_or_not)
{
    cr_expect(mh_rate_scale_factor(MH_RATE_SCALE_NONE, 8192, 1024) == 1.0);
    cr_expect(mh_rate_scale_factor(MH_RATE_SCALE_LINEAR, 8192, 1024) == 8.0);
    cr_expect(mh_rate_scale_factor(MH_RATE_SCALE_LINEAR, 256, 1024) == 0.25);
    cr_expect(mh_rate_scale_factor(MH_RATE_SCALE_SQRT, 16384, 1024) == 4.0);
    cr_expect(mh_rate_scale_factor(MH_RATE_SCALE_SQRT, 256, 1024) == 0.5);
    for (size_t scale = MH_RATE_SCALE_NONE; scale <= MH_RATE_SCALE_SQRT; scale++)
        cr_expect(mh_rate_scale_factor((mh_rate_scale)scale, 1000, 1000) == 1.0);
}

Test(schedule, warmup_goes_with_any_kind)
{
    const mh_schedule cosine = {.kind = MH_SCHEDULE_COSINE, .rate = 1.0, .epochs = 2, .warmup_steps = 10};
    const mh_schedule step = {
        .kind = MH_SCHEDULE_STEP, .rate = 1.0, .every = 1, .factor = 0.5, .warmup_steps = 10};

    cr_expect(epsilon_eq(dbl, mh_schedule_rate(&cosine, 1, 4), 0.5 * 0.5, TOLERANCE));
    cr_expect(epsilon_eq(dbl, mh_schedule_rate(&step, 1, 1), 0.5 * 0.2, TOLERANCE));
}
