#include "rowwise_sampler.h"

#include <string.h>

#include "distribution.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/base/random.h"
#include "poisson.h"

/*
 * A topic is what gives a row words: with two categories a label (topic = label), with more a class of a head
 * (topic = head * categories + class).
 */
struct mh_rowwise_sampler {
    mh_generator_config config;
    size_t topics;
    mh_poisson label_count;
    mh_poisson length;
    double *label_weight; /* [labels], two categories only                                      */
    double *label_sums;   /* [labels], or of each head's classes [labels x categories]; running */
    double *word_sums;    /* [topics x features] running                                        */
    size_t *chosen;       /* [labels] scratch: the topics of a row                              */
};

/* Which of the distributions' streams. */
enum { LABEL_STREAM, WORD_STREAM };

/* The draws of one row. */
typedef struct {
    mh_random stream;
    uint64_t drawn;
} row_draws;

static double next_uniform(void *state)
{
    row_draws *draws = state;

    return mh_random_uniform(&draws->stream, draws->drawn++);
}

/* Weights u or u^4 with u in (0, 1], so that a sum is never 0; a row of the table is one distribution. */
static void draw_distributions(double *sums, size_t rows, size_t columns, mh_random stream, bool is_peaked)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            double weight = 1.0 - mh_random_uniform(&stream, row * columns + column);

            sums[row * columns + column] = is_peaked ? weight * weight * (weight * weight) : weight;
        }
        mh_distribution_accumulate(sums + row * columns, columns);
    }
}

mh_status mh_rowwise_sampler_create(const mh_generator_config *config, mh_rowwise_sampler **out)
{
    mh_status status = MH_OK;
    mh_rowwise_sampler *sampler = NULL;
    size_t heads = config->labels;
    bool is_binary = config->categories == 2;

    MH_TRY(mh_memory_new(sizeof *sampler, &sampler));
    sampler->config = *config;
    sampler->length = mh_poisson_of_mean(config->length);
    MH_TRY(mh_distribution_table(heads, is_binary ? 1 : config->categories, &sampler->label_sums));
    sampler->topics = is_binary ? heads : heads * config->categories;
    MH_TRY(mh_distribution_table(sampler->topics, config->features, &sampler->word_sums));
    MH_TRY(mh_memory_array(heads, sizeof *sampler->chosen, &sampler->chosen));

    mh_random label_stream = mh_random_stream(config->seed, MH_RANDOM_DISTRIBUTIONS, LABEL_STREAM, 0);
    mh_random word_stream = mh_random_stream(config->seed, MH_RANDOM_DISTRIBUTIONS, WORD_STREAM, 0);

    if (is_binary) {
        sampler->label_count = mh_poisson_of_mean(config->mean_labels);
        MH_TRY(mh_distribution_table(heads, 1, &sampler->label_weight));
        for (size_t label = 0; label < heads; label++)
            sampler->label_weight[label] = 1.0 - mh_random_uniform(&label_stream, label);
        draw_distributions(sampler->label_sums, 1, heads, label_stream, false);
    } else {
        draw_distributions(sampler->label_sums, heads, config->categories, label_stream, false);
    }
    draw_distributions(sampler->word_sums, sampler->topics, config->features, word_stream, !is_binary);
cleanup:
    if (status != MH_OK) {
        mh_rowwise_sampler_destroy(sampler);
        sampler = NULL;
    }
    *out = sampler;
    return status;
}

void mh_rowwise_sampler_destroy(mh_rowwise_sampler *sampler)
{
    if (sampler == NULL)
        return;
    mh_memory_free(sampler->label_weight);
    mh_memory_free(sampler->label_sums);
    mh_memory_free(sampler->word_sums);
    mh_memory_free(sampler->chosen);
    mh_memory_free(sampler);
}

/* By its weight among the labels that are not set: a scan that always ends. */
static size_t scan_unset_label(const mh_rowwise_sampler *sampler, const mh_label *labels, double uniform)
{
    size_t all = sampler->config.labels;
    size_t last = all;
    double unset_weight = 0.0;

    for (size_t label = 0; label < all; label++)
        unset_weight += labels[label] == 0 ? sampler->label_weight[label] : 0.0;

    double place = uniform * unset_weight;

    for (size_t label = 0; label < all && place >= 0.0; label++) {
        if (labels[label] == 0) {
            place -= sampler->label_weight[label];
            last = label;
        }
    }
    return last;
}

/* Mostly bisection hits a label that is not set; where the set ones hold most of the weight, a scan helps. */
static size_t draw_unset_label(const mh_rowwise_sampler *sampler, row_draws *draws, const mh_label *labels)
{
    enum { TRIES = 8 };
    size_t all = sampler->config.labels;

    for (int i = 0; i < TRIES; i++) {
        size_t label = mh_distribution_find(sampler->label_sums, all, next_uniform(draws));

        if (labels[label] == 0)
            return label;
    }
    return scan_unset_label(sampler, labels, next_uniform(draws));
}

/* Writes the row's labels and its topics; returns how many topics. */
static size_t draw_label_set(mh_rowwise_sampler *sampler, row_draws *draws, mh_label *labels)
{
    const mh_uniform_source source = {next_uniform, draws};
    size_t all = sampler->config.labels;
    size_t wanted =
        mh_poisson_draw(&sampler->label_count, &source, sampler->config.allow_unlabeled ? 0 : 1, all);

    memset(labels, 0, all * sizeof *labels);
    for (size_t i = 0; i < wanted; i++) {
        size_t label = draw_unset_label(sampler, draws, labels);

        labels[label] = 1;
        sampler->chosen[i] = label;
    }
    return wanted;
}

/* The same for more than two categories. */
static size_t draw_classes(mh_rowwise_sampler *sampler, row_draws *draws, mh_label *labels)
{
    size_t categories = sampler->config.categories;

    for (size_t head = 0; head < sampler->config.labels; head++) {
        const double *sums = sampler->label_sums + head * categories;
        size_t class = mh_distribution_find(sums, categories, next_uniform(draws));

        labels[head] = (mh_label) class;
        sampler->chosen[head] = head * categories + class;
    }
    return sampler->config.labels;
}

/* One of `topics` chosen ones and a word of it, from one number: whole part and rest of topics * uniform. */
static size_t draw_word(const mh_rowwise_sampler *sampler, row_draws *draws, size_t topics)
{
    size_t features = sampler->config.features;

    if (topics == 0)
        return (size_t)mh_random_below(&draws->stream, draws->drawn++, features);

    double place =
        next_uniform(draws) * (double)topics; /* below topics, also rounded: uniform <= 1 - 2^-53 */
    size_t which = (size_t)place;
    const double *sums = sampler->word_sums + sampler->chosen[which] * features;

    return mh_distribution_find(sums, features, place - (double)which);
}

static void draw_row(mh_rowwise_sampler *sampler, size_t row, float *features, mh_label *labels)
{
    row_draws draws = {.stream = mh_random_stream(sampler->config.seed, MH_RANDOM_ROW, row, 0)};
    const mh_uniform_source source = {next_uniform, &draws};
    size_t topics = sampler->config.categories == 2 ? draw_label_set(sampler, &draws, labels)
                                                    : draw_classes(sampler, &draws, labels);
    uint64_t length = mh_poisson_draw(&sampler->length, &source, 1, UINT64_MAX);

    mh_phase_beat();
    memset(features, 0, sampler->config.features * sizeof *features);
    for (uint64_t i = 0; i < length; i++)
        features[draw_word(sampler, &draws, topics)]++;
}

void mh_rowwise_sampler_rows(mh_rowwise_sampler *sampler, size_t first, size_t count, float *features,
                             mh_label *labels)
{
    for (size_t row = 0; row < count; row++)
        draw_row(sampler, first + row, features + row * sampler->config.features,
                 labels + row * sampler->config.labels);
}
