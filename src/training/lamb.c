#include <math.h>

#include "adam_step.h"
#include "multihead/tensor/norm.h"

/*
 * A part is gone through twice: for its moments and the lengths, then for the step, which needs both lengths. What is
 * between the two, the update, is computed again in blocks that stay in L1, since to keep it would read and write as
 * many bytes as its inputs have.
 */
enum { BLOCK = 1024 };

static mh_span block_at(mh_span span, size_t done)
{
    return (mh_span){span.first + done, span.count - done < BLOCK ? span.count - done : BLOCK};
}

static void advance_moments(adam_numbers s, size_t count, const float *restrict sum, float *restrict m,
                            float *restrict v)
{
    for (size_t i = 0; i < count; i++) {
        float gradient = s.scale * sum[i];

        m[i] = s.beta1 * m[i] + s.one_minus_beta1 * gradient;
        v[i] = s.beta2 * v[i] + s.one_minus_beta2 * gradient * gradient;
    }
}

/* Adam's direction, and the decay. */
static void compute_update(adam_numbers s, const lamb_part *part, size_t count, const float *restrict m,
                           const float *restrict v, const float *restrict parameters, float *restrict update)
{
    float first_correction = part->first_correction, decay = part->decay;

    for (size_t i = 0; i < count; i++)
        update[i] =
            first_correction * m[i] / (sqrtf(v[i]) * s.correction + s.epsilon) + decay * parameters[i];
}

static double trust_ratio(double parameter_squares, double update_squares)
{
    return parameter_squares > 0 && update_squares > 0 ? sqrt(parameter_squares / update_squares) : 1.0;
}

void lamb_update(adam_numbers numbers, const lamb_part *part, const float *sum, float *m, float *v,
                 float *parameters)
{
    double parameter_squares = 0, update_squares = 0;
    float update[BLOCK];

    for (size_t done = 0; done < part->span.count; done += BLOCK) {
        mh_span b = block_at(part->span, done);

        advance_moments(numbers, b.count, sum + b.first, m + b.first, v + b.first);
        if (!part->is_adapted)
            continue;
        compute_update(numbers, part, b.count, m + b.first, v + b.first, parameters + b.first, update);
        parameter_squares += mh_square_sum(parameters + b.first, b.count);
        update_squares += mh_square_sum(update, b.count);
    }
    float step = (float)(part->rate * trust_ratio(parameter_squares, update_squares));

    for (size_t done = 0; done < part->span.count; done += BLOCK) {
        mh_span b = block_at(part->span, done);

        compute_update(numbers, part, b.count, m + b.first, v + b.first, parameters + b.first, update);
        for (size_t i = 0; i < b.count; i++)
            parameters[b.first + i] -= step * update[i];
    }
}
