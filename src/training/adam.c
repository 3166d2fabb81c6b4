#include "multihead/training/adam.h"

#include <math.h>

#include "multihead/base/memory.h"

struct mh_adam {
    mh_adam_config config;
    size_t count;
    uint64_t steps;
    float *first_moment;
    float *second_moment;
};

mh_status mh_adam_create(const mh_adam_config *config, size_t count, mh_adam **out)
{
    mh_status status = MH_OK;
    mh_adam *adam = NULL;

    MH_TRY(mh_memory_new(sizeof *adam, &adam));
    adam->config = *config;
    adam->count = count;
    MH_TRY(mh_memory_array(count, sizeof *adam->first_moment, &adam->first_moment));
    MH_TRY(mh_memory_array(count, sizeof *adam->second_moment, &adam->second_moment));
cleanup:
    if (status != MH_OK) {
        mh_adam_destroy(adam);
        adam = NULL;
    }
    *out = adam;
    return status;
}

void mh_adam_destroy(mh_adam *adam)
{
    if (adam == NULL)
        return;
    mh_memory_free(adam->first_moment);
    mh_memory_free(adam->second_moment);
    mh_memory_free(adam);
}

/* The numbers of a step that are the same for every parameter; computed in double as PyTorch does. */
typedef struct {
    float scale, decay, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, correction, epsilon;
} step_numbers;

static void update(step_numbers s, mh_span span, const float *restrict sum, float *restrict m,
                   float *restrict v, float *restrict parameters)
{
    for (size_t i = span.first; i < mh_span_end(span); i++) {
        float gradient = s.scale * sum[i];

        m[i] = s.beta1 * m[i] + s.one_minus_beta1 * gradient;
        v[i] = s.beta2 * v[i] + s.one_minus_beta2 * gradient * gradient;
        parameters[i] =
            s.decay * parameters[i] - s.step_size * m[i] / (sqrtf(v[i]) * s.correction + s.epsilon);
    }
}

static void update_span(mh_adam *adam, double learning_rate, double scale, mh_span span, const float *sum,
                        float *parameters)
{
    const mh_adam_config *config = &adam->config;
    double first_correction = 1.0 - pow(config->beta1, (double)adam->steps);
    double second_correction = 1.0 - pow(config->beta2, (double)adam->steps);
    step_numbers numbers = {
        .scale = (float)scale,
        .decay = (float)(1.0 - learning_rate * config->weight_decay),
        .beta1 = (float)config->beta1,
        .one_minus_beta1 = (float)(1.0 - config->beta1),
        .beta2 = (float)config->beta2,
        .one_minus_beta2 = (float)(1.0 - config->beta2),
        .step_size = (float)(learning_rate / first_correction),
        .correction = (float)(1.0 / sqrt(second_correction)),
        .epsilon = (float)config->epsilon,
    };

    update(numbers, span, sum, adam->first_moment, adam->second_moment, parameters);
}

void mh_adam_step(mh_adam *adam, double learning_rate, double scale, const float *sum, float *parameters)
{
    mh_span slow = adam->config.slow;
    size_t end = mh_span_end(slow);

    adam->steps++;
    update_span(adam, learning_rate, scale, (mh_span){0, slow.count > 0 ? slow.first : adam->count}, sum,
                parameters);
    if (slow.count == 0)
        return;
    update_span(adam, learning_rate * adam->config.slow_rate, scale, slow, sum, parameters);
    update_span(adam, learning_rate, scale, (mh_span){end, adam->count - end}, sum, parameters);
}

float *mh_adam_first_moment(mh_adam *adam)
{
    return adam->first_moment;
}

float *mh_adam_second_moment(mh_adam *adam)
{
    return adam->second_moment;
}

uint64_t mh_adam_steps(const mh_adam *adam)
{
    return adam->steps;
}

void mh_adam_set_steps(mh_adam *adam, uint64_t steps)
{
    adam->steps = steps;
}
