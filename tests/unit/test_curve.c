#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "expect.h"
#include "multihead/model/curve.h"

/* What scikit-learn has is in test_scikit.c; here is what it does not have. */

enum { MOST = 8 };

static mh_mark marks[MOST];

static mh_curve curve_of(size_t count, const float *probabilities, const mh_label *labels)
{
    mh_curve curve;

    for (size_t i = 0; i < count; i++)
        marks[i] = mh_mark_of(probabilities[i], labels[i]);
    MUST(mh_curve_create(count, marks, &curve));
    return curve;
}

static float threshold_of(size_t count, const float *probabilities, const mh_label *labels)
{
    mh_curve curve = curve_of(count, probabilities, labels);

    return mh_curve_best_threshold(&curve);
}

Test(curve, leaves_out_what_is_missing)
{
    mh_curve curve =
        curve_of(4, (const float[]){0.1f, 0.9f, 0.5f, 0.4f}, (const mh_label[]){0, MH_LABEL_MISSING, 1, 0});

    cr_expect(eq(sz, curve.count, 3));
    cr_expect(eq(i64, curve.positives, 1));
    cr_expect(mh_curve_roc_auc(&curve) == 1.0 && mh_curve_average_precision(&curve) == 1.0);
}

Test(curve, one_class_alone_has_no_roc)
{
    mh_curve curve = curve_of(2, (const float[]){0.1f, 0.9f}, (const mh_label[]){1, 1});

    cr_expect(isnan(mh_curve_roc_auc(&curve)) && mh_curve_average_precision(&curve) == 1.0);
    curve = curve_of(2, (const float[]){0.1f, 0.9f}, (const mh_label[]){0, 0});
    cr_expect(isnan(mh_curve_roc_auc(&curve)) && isnan(mh_curve_average_precision(&curve)));
    curve = curve_of(0, NULL, NULL);
    cr_expect(isnan(mh_curve_roc_auc(&curve)) && isnan(mh_curve_average_precision(&curve)));
}

Test(curve, a_probability_that_is_none_breaks_it)
{
    mh_curve curve = curve_of(3, (const float[]){0.1f, NAN, 0.9f}, (const mh_label[]){0, 1, 1});
    mh_curve_point point;

    cr_expect(isnan(mh_curve_roc_auc(&curve)) && isnan(mh_curve_average_precision(&curve)));
    cr_expect(mh_curve_best_threshold(&curve) == 0.5f);
    mh_curve_points(&curve, 1, &point);
    cr_expect(isnan(point.precision));
}

/* Predicting the upper three finds both positive rows: F1 4/5; half-way between 0.25 and 0.125. */
Test(curve, the_best_threshold_is_half_way)
{
    cr_expect(threshold_of(4, (const float[]){0.125f, 0.25f, 0.5f, 0.75f}, (const mh_label[]){0, 1, 0, 1}) ==
              0.1875f);
}

Test(curve, of_equal_f1_the_threshold_nearest_a_half)
{
    /* One of one found, or two of two with two wrong: F1 is 2/3 both times, at 0.85 and 0.35, 0.65 and 0.15. */
    const float low[] = {0.9f, 0.8f, 0.7f, 0.4f, 0.3f}, high[] = {0.9f, 0.4f, 0.3f, 0.2f, 0.1f};
    const mh_label labels[] = {1, 0, 0, 1, 0};

    cr_expect(epsilon_eq(flt, threshold_of(5, low, labels), 0.35f, 1e-6f));
    cr_expect(epsilon_eq(flt, threshold_of(5, high, labels), 0.65f, 1e-6f));
}

Test(curve, threshold_without_a_positive_row_is_a_half)
{
    cr_expect(threshold_of(3, (const float[]){0.1f, 0.2f, 0.9f}, (const mh_label[]){0, 0, 0}) == 0.5f);
    cr_expect(threshold_of(0, NULL, NULL) == 0.5f);
}

/* Neighbouring float32 numbers have nothing between them: the threshold is the lower one. */
Test(curve, threshold_separates_neighbouring_numbers)
{
    float upper = nextafterf(0.3f, 1.0f);

    cr_expect(threshold_of(2, (const float[]){0.3f, upper}, (const mh_label[]){0, 1}) == 0.3f);
}

/* p > t can never hold for p = 0. */
Test(curve, zero_is_never_predicted)
{
    cr_expect(threshold_of(3, (const float[]){0.0f, 0.0f, 0.5f}, (const mh_label[]){1, 1, 1}) == 0.25f);
}

Test(curve, points_are_at_even_recalls)
{
    mh_curve curve =
        curve_of(5, (const float[]){0.9f, 0.8f, 0.7f, 0.6f, 0.5f}, (const mh_label[]){1, 0, 1, 1, 1});
    mh_curve_point points[4];

    mh_curve_points(&curve, 4, points);
    for (size_t i = 0; i < 4; i++)
        cr_expect(points[i].recall == 0.25 * (double)(i + 1));
    cr_expect(points[0].precision == 1.0 && points[1].precision == 2.0 / 3.0 && points[3].precision == 0.8);
}
