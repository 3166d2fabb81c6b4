#include "multihead/model/curve.h"

#include <math.h>

#include "multihead/base/memory.h"

__extension__ typedef unsigned __int128 wide; /* pairs of more than 2^32 rows */

mh_status mh_curve_create(size_t count, mh_mark *marks, mh_curve *out)
{
    mh_status status = MH_OK;
    mh_mark *scratch = NULL;
    size_t kept = 0;

    *out = (mh_curve){.mark = marks};
    for (size_t i = 0; i < count; i++) {
        mh_truth truth = mh_mark_truth(marks[i]);

        out->is_broken |= truth == MH_TRUTH_BROKEN;
        out->positives += truth == MH_TRUTH_POSITIVE;
        if (truth != MH_TRUTH_MISSING)
            marks[kept++] = marks[i];
    }
    out->count = kept;
    MH_TRY(mh_memory_array(kept, sizeof *scratch, &scratch));
    mh_marks_sort(kept, marks, scratch);
cleanup:
    mh_memory_free(scratch);
    return status;
}

/* A group of equally probable rows, and all that are at least as probable: those a threshold below it predicts. */
typedef struct {
    size_t end; /* rows so far, this group included        */
    int64_t hits, misses;
    int64_t found; /* positive rows so far, this group's too */
} step;

/* Goes on to the next group; false behind the last. Starts from a step of zeros. */
static bool next(const mh_curve *curve, step *s)
{
    size_t first = s->end;

    if (first == curve->count)
        return false;
    s->hits = s->misses = 0;
    for (; s->end < curve->count && mh_mark_place(curve->mark[s->end]) == mh_mark_place(curve->mark[first]);
         s->end++) {
        bool is_positive = mh_mark_truth(curve->mark[s->end]) == MH_TRUTH_POSITIVE;

        s->hits += is_positive;
        s->misses += !is_positive;
    }
    s->found += s->hits;
    return true;
}

double mh_curve_roc_auc(const mh_curve *curve)
{
    int64_t negatives = (int64_t)curve->count - curve->positives;
    wide halves = 0; /* pairs in the right order count two, ties one */
    step s = {0};

    if (curve->is_broken || curve->positives == 0 || negatives == 0)
        return NAN;
    while (next(curve, &s))
        halves += (wide)s.misses * (wide)(2 * (s.found - s.hits) + s.hits);
    return (double)halves / (2.0 * (double)curve->positives * (double)negatives);
}

double mh_curve_average_precision(const mh_curve *curve)
{
    double sum = 0;
    step s = {0};

    if (curve->is_broken || curve->positives == 0)
        return NAN;
    while (next(curve, &s))
        sum += (double)s.hits * ((double)s.found / (double)s.end);
    return sum / (double)curve->positives;
}

/* A number t with lower <= t < upper, half-way where float32 has one. */
static float between(float lower, float upper)
{
    float middle = (float)(0.5 * ((double)lower + (double)upper));

    return middle < upper ? middle : lower;
}

/* What is to be made large when the rows up to a step are predicted. */
static double f1(const mh_curve *curve, const step *s)
{
    return 2.0 * (double)s->found / (double)((int64_t)s->end + curve->positives);
}

static double worth(const step *s, double price)
{
    return 2.0 * (double)s->found - price * (double)s->end;
}

/* `price` is NaN for F1. What is not above 0 is no better than predicting nothing, which `best` stands for. */
static float best_threshold(const mh_curve *curve, double price, float best)
{
    double most = 0;
    step s = {0};

    while (next(curve, &s)) {
        float lowest = mh_mark_probability(curve->mark[s.end - 1]);
        float below = s.end < curve->count ? mh_mark_probability(curve->mark[s.end]) : 0.0f;
        float threshold = between(below, lowest);
        double value = isnan(price) ? f1(curve, &s) : worth(&s, price);

        if (lowest == 0.0f) /* no threshold is below it */
            break;
        if (value > most || (value == most && value > 0 && fabsf(threshold - 0.5f) < fabsf(best - 0.5f))) {
            most = value;
            best = threshold;
        }
    }
    return best;
}

float mh_curve_best_threshold(const mh_curve *curve)
{
    return curve->is_broken ? 0.5f : best_threshold(curve, NAN, 0.5f);
}

float mh_curve_priced_threshold(const mh_curve *curve, double price)
{
    if (curve->is_broken || curve->count == 0)
        return 0.5f;
    return best_threshold(curve, price, mh_mark_probability(curve->mark[0]));
}

void mh_curve_points(const mh_curve *curve, size_t count, mh_curve_point *points)
{
    size_t made = 0;
    step s = {0};

    while (!curve->is_broken && curve->positives > 0 && next(curve, &s)) {
        for (;
             made < count && (double)s.found * (double)count >= (double)(made + 1) * (double)curve->positives;
             made++)
            points[made] =
                (mh_curve_point){(double)s.found / (double)curve->positives, (double)s.found / (double)s.end};
    }
    for (; made < count; made++)
        points[made] = (mh_curve_point){NAN, NAN};
}
