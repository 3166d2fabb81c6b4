#include <math.h>

#include "adam_step.h"
#include "multihead/kernel/kernel.h"
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

static double trust_ratio(double parameter_squares, double update_squares)
{
    return parameter_squares > 0 && update_squares > 0 ? sqrt(parameter_squares / update_squares) : 1.0;
}

void lamb_update(const mh_adam_numbers *numbers, const lamb_part *part, const float *sum, float *m, float *v,
                 float *parameters)
{
    double parameter_squares = 0, update_squares = 0;
    float update[BLOCK];
    const mh_kernel *kernel = mh_kernel_now();

    for (size_t done = 0; done < part->span.count; done += BLOCK) {
        mh_span b = block_at(part->span, done);

        kernel->adam_moments(numbers, b.count, sum + b.first, m + b.first, v + b.first);
        if (!part->is_adapted)
            continue;
        kernel->adam_direction(numbers, b.count, m + b.first, v + b.first, parameters + b.first, update);
        parameter_squares += mh_square_sum(parameters + b.first, b.count);
        update_squares += mh_square_sum(update, b.count);
    }
    float step = (float)(part->rate * trust_ratio(parameter_squares, update_squares));

    for (size_t done = 0; done < part->span.count; done += BLOCK) {
        mh_span b = block_at(part->span, done);

        kernel->adam_direction(numbers, b.count, m + b.first, v + b.first, parameters + b.first, update);
        for (size_t i = 0; i < b.count; i++)
            parameters[b.first + i] -= step * update[i];
    }
}
