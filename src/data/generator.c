#include "multihead/data/generator.h"

#include <assert.h>

#include "multihead/base/memory.h"
#include "poisson.h"
#include "rowwise_sampler.h"
#include "sklearn_sampler.h"

struct mh_generator {
    size_t samples;
    mh_sklearn_sampler *sklearn; /* one of them */
    mh_rowwise_sampler *rowwise;
};

/* Draws are repeated until they fit: at most a million times on average. */
static const double smallest_chance = 1e-6;

/* Word counts stay below 2^24, up to which float32 holds every whole number. Labels: more than plenty. */
static const double largest_mean = 0x1p23;

static mh_status check_sizes(const mh_generator_config *config)
{
    if (config->samples == 0)
        return MH_FAIL(MH_ERR_USAGE, "--samples 0: must be at least 1");
    if (config->features == 0)
        return MH_FAIL(MH_ERR_USAGE, "--features 0: must be at least 1");
    if (config->labels == 0)
        return MH_FAIL(MH_ERR_USAGE, "--labels 0: must be at least 1");
    if (config->categories < 2 || config->categories > MH_CLASSES_MAX)
        return MH_FAIL(MH_ERR_USAGE, "--categories %zu: must be from 2 to %d", config->categories,
                       MH_CLASSES_MAX);
    return MH_OK;
}

static mh_status check_sklearn(const mh_generator_config *config)
{
    if (config->categories != 2)
        return MH_FAIL(MH_ERR_USAGE,
                       "--categories %zu: must be 2 with --method sklearn; --method rowwise takes more",
                       config->categories);
    if (config->seed > UINT32_MAX)
        return MH_FAIL(MH_ERR_USAGE,
                       "--seed %llu: must be below 2^32 with --method sklearn; --method rowwise takes any",
                       (unsigned long long)config->seed);
    if (config->features > INT32_MAX)
        return MH_FAIL(MH_ERR_USAGE, "--features %zu: must be below 2^31 with --method sklearn",
                       config->features);
    if (config->labels > INT32_MAX)
        return MH_FAIL(MH_ERR_USAGE, "--labels %zu: must be below 2^31 with --method sklearn",
                       config->labels);
    return MH_OK;
}

static mh_status check_length(const mh_generator_config *config)
{
    if (!(config->length > 0.0 && config->length <= largest_mean))
        return MH_FAIL(MH_ERR_USAGE, "--length %g: must be above 0 and at most %.0f", config->length,
                       largest_mean);
    if (mh_poisson_chance(config->length, 1, UINT64_MAX) < smallest_chance)
        return MH_FAIL(MH_ERR_USAGE,
                       "--length %g: too small, hardly any row would get a word; must be %g or more",
                       config->length, 2.0 * smallest_chance);
    return MH_OK;
}

static mh_status check_mean_labels(const mh_generator_config *config)
{
    double mean = config->mean_labels;

    if (!(mean >= 0.0 && mean <= largest_mean))
        return MH_FAIL(MH_ERR_USAGE, "--mean-labels %g: must be from 0 to about --labels (%zu), at most %.0f",
                       mean, config->labels, largest_mean);
    if (mean == 0.0 && !config->allow_unlabeled)
        return MH_FAIL(MH_ERR_USAGE, "--mean-labels 0: must be above 0 with --no-unlabeled");
    if (mh_poisson_chance(mean, config->allow_unlabeled ? 0 : 1, config->labels) >= smallest_chance)
        return MH_OK;
    if (mean > 1.0)
        return MH_FAIL(
            MH_ERR_USAGE,
            "--mean-labels %g: too large, hardly any row would have at most --labels (%zu) of them; "
            "must be at most about %zu",
            mean, config->labels, config->labels);
    return MH_FAIL(
        MH_ERR_USAGE,
        "--mean-labels %g: too small with --no-unlabeled, hardly any row would have a label; must be "
        "%g or more",
        mean, 2.0 * smallest_chance);
}

static mh_status check(const mh_generator_config *config)
{
    mh_status status = MH_OK;

    MH_TRY(check_sizes(config));
    if (config->method == MH_GENERATOR_SKLEARN)
        MH_TRY(check_sklearn(config));
    MH_TRY(check_length(config));
    if (config->categories == 2)
        MH_TRY(check_mean_labels(config));
cleanup:
    return status;
}

mh_status mh_generator_create(const mh_generator_config *config, mh_generator **out)
{
    mh_status status = MH_OK;
    mh_generator *generator = NULL;

    MH_TRY(check(config));
    MH_TRY(mh_memory_new(sizeof *generator, &generator));
    generator->samples = config->samples;
    if (config->method == MH_GENERATOR_SKLEARN)
        MH_TRY(mh_sklearn_sampler_create(config, &generator->sklearn));
    else
        MH_TRY(mh_rowwise_sampler_create(config, &generator->rowwise));
cleanup:
    if (status != MH_OK) {
        mh_generator_destroy(generator);
        generator = NULL;
    }
    *out = generator;
    return status;
}

void mh_generator_destroy(mh_generator *generator)
{
    if (generator == NULL)
        return;
    mh_sklearn_sampler_destroy(generator->sklearn);
    mh_rowwise_sampler_destroy(generator->rowwise);
    mh_memory_free(generator);
}

mh_status mh_generator_rows(mh_generator *generator, size_t first, size_t count, float *features,
                            mh_label *labels)
{
    assert(first <= generator->samples && count <= generator->samples - first);
    if (generator->sklearn != NULL)
        mh_sklearn_sampler_rows(generator->sklearn, first, count, features, labels);
    else
        mh_rowwise_sampler_rows(generator->rowwise, first, count, features, labels);
    return MH_OK;
}

void mh_generator_distributions(const mh_generator *generator, const double **label_probability,
                                const double **word_probability)
{
    *label_probability = NULL;
    *word_probability = NULL;
    if (generator->sklearn != NULL)
        mh_sklearn_sampler_distributions(generator->sklearn, label_probability, word_probability);
}
