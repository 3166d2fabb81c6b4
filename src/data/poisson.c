#include "poisson.h"

#include <math.h>

static const double smallest_ptrs_mean = 10.0;

mh_poisson mh_poisson_of_mean(double mean)
{
    mh_poisson poisson = {.mean = mean};

    if (mean < smallest_ptrs_mean) {
        poisson.exp_minus_mean = exp(-mean);
        return poisson;
    }
    poisson.log_mean = log(mean);
    poisson.b = 0.931 + 2.53 * sqrt(mean);
    poisson.a = -0.059 + 0.02483 * poisson.b;
    poisson.log_inverse_alpha = log(1.1239 + 1.1328 / (poisson.b - 3.4));
    poisson.v_r = 0.9277 - 3.6224 / (poisson.b - 2.0);
    return poisson;
}

static double draw_small(const mh_poisson *poisson, const mh_uniform_source *source)
{
    double number = 0.0;

    for (double product = source->next(source->state); product > poisson->exp_minus_mean; number++)
        product *= source->next(source->state);
    return number;
}

/*
 * log(Gamma(x)) for x >= 1: Stirling's series at x or, where that is small, at a shifted place. Coefficients
 * as printed in Zhang & Jin, "Computation of Special Functions", 1996: numpy has these digits, not lgamma's.
 */
static double log_gamma(double x)
{
    static const double series[] = {8.333333333333333e-02,  -2.777777777777778e-03, 7.936507936507937e-04,
                                    -5.952380952380952e-04, 8.417508417508418e-04,  -1.917526917526918e-03,
                                    6.410256410256410e-03,  -2.955065359477124e-02, 1.796443723688307e-01,
                                    -1.39243221690590e+00};
    static const double log_two_pi = 1.8378770664093453;
    int terms = (int)(sizeof series / sizeof *series);
    int shift = x < 7.0 ? (int)(7.0 - x) : 0;

    if (x == 1.0 || x == 2.0)
        return 0.0;

    double place = x + shift;
    double inverse_square = (1.0 / place) * (1.0 / place);
    double sum = series[terms - 1];

    for (int i = terms - 2; i >= 0; i--)
        sum = sum * inverse_square + series[i];

    double result = sum / place + 0.5 * log_two_pi + (place - 0.5) * log(place) - place;

    for (int i = 0; i < shift; i++) {
        place -= 1.0;
        result -= log(place);
    }
    return result;
}

static double draw_ptrs(const mh_poisson *poisson, const mh_uniform_source *source)
{
    const double a = poisson->a, b = poisson->b;

    for (;;) {
        double u = source->next(source->state) - 0.5;
        double v = source->next(source->state);
        double edge = 0.5 - fabs(u); /* 0 at the ends of u, where the number is then -infinity and refused */
        double number = floor((2 * a / edge + b) * u + poisson->mean + 0.43);

        if (edge >= 0.07 && v <= poisson->v_r)
            return number;
        if (number < 0 || (edge < 0.013 && v > edge))
            continue;
        if (log(v) + poisson->log_inverse_alpha - log(a / (edge * edge) + b) <=
            -poisson->mean + number * poisson->log_mean - log_gamma(number + 1))
            return number;
    }
}

uint64_t mh_poisson_draw(const mh_poisson *poisson, const mh_uniform_source *source, uint64_t lowest,
                         uint64_t highest)
{
    uint64_t number = 0;

    do {
        if (poisson->mean >= smallest_ptrs_mean)
            number = (uint64_t)draw_ptrs(poisson, source);
        else if (poisson->mean > 0.0)
            number = (uint64_t)draw_small(poisson, source);
    } while (number < lowest || number > highest);
    return number;
}

double mh_poisson_chance(double mean, uint64_t lowest, uint64_t highest)
{
    if (mean == 0.0)
        return lowest == 0 ? 1.0 : 0.0;

    /* From the top, or where all above is negligible, down to where all below is. */
    double number = fmin((double)highest, floor(mean + 10.0 * sqrt(mean) + 20.0));
    double term = 1.0;
    double sum = 0.0;

    while (number >= (double)lowest && (number >= mean || term > 1e-17)) {
        term = exp(number * log(mean) - mean - lgamma(number + 1.0));
        sum += term;
        number--;
    }
    return sum;
}
