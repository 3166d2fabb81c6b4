#include "multihead/training/adam.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "adam_step.h"
#include "multihead/base/memory.h"
#include "multihead/kernel/kernel.h"

struct mh_adam {
    mh_adam_config config;
    mh_adam_part *parts; /* [config.part_count] */
    uint64_t steps;
    mh_span stepped;      /* elements that a step is taken with                                */
    float *own[2];        /* [count] memory of the moments; NULL where that is somebody else's */
    float *first_moment;  /* [count]                                                           */
    float *second_moment; /* [count]                                                           */
};

mh_status mh_adam_create(const mh_adam_config *config, size_t count, mh_adam **out)
{
    mh_status status = MH_OK;
    mh_adam *adam = NULL;

    MH_TRY(mh_memory_new(sizeof *adam, &adam));
    adam->config = *config;
    adam->config.part_count = config->part_count > 0 ? config->part_count : 1;
    MH_TRY(mh_memory_array(adam->config.part_count, sizeof *adam->parts, &adam->parts));
    adam->parts[0] = (mh_adam_part){{0, count}, 1.0, true, true};
    if (config->part_count > 0)
        memcpy(adam->parts, config->parts, config->part_count * sizeof *adam->parts);
    for (size_t i = 0; i < 2; i++)
        MH_TRY(mh_memory_array(count, sizeof *adam->own[i], &adam->own[i]));
    adam->stepped = (mh_span){0, count};
    adam->first_moment = adam->own[0];
    adam->second_moment = adam->own[1];
cleanup:
    if (status != MH_OK) {
        mh_adam_destroy(adam);
        adam = NULL;
    }
    *out = adam;
    return status;
}

static void free_own(mh_adam *adam)
{
    for (size_t i = 0; i < 2; i++) {
        mh_memory_free(adam->own[i]);
        adam->own[i] = NULL;
    }
}

void mh_adam_destroy(mh_adam *adam)
{
    if (adam == NULL)
        return;
    mh_memory_free(adam->parts);
    free_own(adam);
    mh_memory_free(adam);
}

void mh_adam_move(mh_adam *adam, mh_span part, float *first_moment, float *second_moment)
{
    assert(adam->config.rule == MH_ADAM_USUAL);
    memcpy(first_moment + part.first, adam->first_moment + part.first, part.count * sizeof *first_moment);
    memcpy(second_moment + part.first, adam->second_moment + part.first, part.count * sizeof *second_moment);
    free_own(adam);
    adam->stepped = part;
    adam->first_moment = first_moment;
    adam->second_moment = second_moment;
}

static void update(const mh_adam_numbers *numbers, mh_span span, const float *sum, float *m, float *v,
                   float *parameters)
{
    mh_kernel_now()->adam(numbers, span.count, sum + span.first, m + span.first, v + span.first,
                          parameters + span.first);
}

/* What is the same for every part; computed in double as PyTorch does. */
static mh_adam_numbers numbers_of(const mh_adam *adam, double scale)
{
    const mh_adam_config *config = &adam->config;

    return (mh_adam_numbers){
        .scale = (float)scale,
        .beta1 = (float)config->beta1,
        .one_minus_beta1 = (float)(1.0 - config->beta1),
        .beta2 = (float)config->beta2,
        .one_minus_beta2 = (float)(1.0 - config->beta2),
        .correction = (float)(1.0 / sqrt(1.0 - pow(config->beta2, (double)adam->steps))),
        .epsilon = (float)config->epsilon,
    };
}

void mh_adam_step(mh_adam *adam, double learning_rate, double scale, const float *sum, float *parameters)
{
    adam->steps++;

    mh_adam_numbers numbers = numbers_of(adam, scale);
    double first_correction = 1.0 - pow(adam->config.beta1, (double)adam->steps);

    for (size_t i = 0; i < adam->config.part_count; i++) {
        const mh_adam_part *part = &adam->parts[i];
        double rate = part->rate * learning_rate;
        double decay = part->decays ? adam->config.weight_decay : 0.0;

        if (adam->config.rule == MH_ADAM_LAMB) {
            const lamb_part lamb = {.span = part->span, .rate = rate, .is_adapted = part->adapts};

            numbers.decay = (float)decay;
            numbers.step_size = (float)(1.0 / first_correction);
            lamb_update(&numbers, &lamb, sum, adam->first_moment, adam->second_moment, parameters);
        } else {
            numbers.decay = (float)(1.0 - learning_rate * decay);
            numbers.step_size = (float)(rate / first_correction);
            update(&numbers, mh_span_overlap(part->span, adam->stepped), sum, adam->first_moment,
                   adam->second_moment, parameters);
        }
    }
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
