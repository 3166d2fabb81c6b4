#include "bench_timing.h"

#include <stdlib.h>

#include "json_file.h"

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

bench_timing bench_timing_of(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, compare);
    return (bench_timing){seconds[0], seconds[count / 2], seconds[count * 9 / 10]};
}

json_t *bench_timing_json(bench_timing timing)
{
    json_t *object = json_object();

    json_object_set_new(object, "best", json_number(timing.best * 1e3));
    json_object_set_new(object, "median", json_number(timing.median * 1e3));
    json_object_set_new(object, "p90", json_number(timing.p90 * 1e3));
    return object;
}
