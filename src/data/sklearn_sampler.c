#include "sklearn_sampler.h"

#include <string.h>

#include "distribution.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "numpy_random.h"
#include "poisson.h"
#include "python_set.h"

/*
 * Every sum here is in the order of numpy and every draw in the order of scikit-learn 1.2.1: another order
 * would be as good a data set, but another one.
 */
struct mh_sklearn_sampler {
    mh_generator_config config;
    mh_poisson label_count;
    mh_poisson length;
    double *label_probability; /* [labels]            */
    double *label_sums;        /* [labels] running    */
    double *word_probability;  /* [features x labels] */

    mh_numpy_random start;  /* before row 0            */
    mh_numpy_random random; /* before row `position`   */
    size_t position;

    /* Scratch of a row. */
    mh_python_set *chosen;
    uint32_t *chosen_labels;    /* [labels], in the order of the set  */
    double *chosen_probability; /* [labels], of one word              */
    double *word_sums;          /* [features] running                 */
    float *skipped_features;    /* [features], rows nobody asked for  */
    mh_label *skipped_labels;   /* [labels]                           */
};

/* How numpy 1.24 adds: partial sums of a block, values added without splitting, values of one inner loop. */
enum { LANES = 8, BLOCK = 128, PIECE = 8192 };

static double next_uniform(void *random)
{
    return mh_numpy_random_uniform(random);
}

static double block_sum(const double *values, size_t count)
{
    double lanes[LANES] = {0};
    double sum = 0.0;
    size_t whole = count - count % LANES;

    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += values[i + lane];
    }
    if (whole > 0)
        sum =
            ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    for (size_t i = whole; i < count; i++)
        sum += values[i];
    return sum;
}

static double pairwise_sum(const double *values, size_t count)
{
    size_t half = count / 2 - count / 2 % LANES;

    if (count <= BLOCK)
        return block_sum(values, count);
    return pairwise_sum(values, half) + pairwise_sum(values + half, count - half);
}

/* The sum of neighbours in memory: pieces one after the other, a piece pairwise. */
static double numpy_sum(const double *values, size_t count)
{
    double sum = 0.0;

    for (size_t first = 0; first < count; first += PIECE)
        sum += pairwise_sum(values + first, count - first < PIECE ? count - first : PIECE);
    return sum;
}

static void draw_label_probability(mh_sklearn_sampler *sampler)
{
    size_t labels = sampler->config.labels;
    double *probability = sampler->label_probability;
    double running_sum = 0.0;

    for (size_t label = 0; label < labels; label++)
        probability[label] = mh_numpy_random_uniform(&sampler->random);

    double total = numpy_sum(probability, labels);

    for (size_t label = 0; label < labels; label++) {
        probability[label] /= total;
        running_sum += probability[label];
        sampler->label_sums[label] = running_sum;
    }
}

static void draw_word_probability(mh_sklearn_sampler *sampler)
{
    size_t features = sampler->config.features, labels = sampler->config.labels;
    double *probability = sampler->word_probability;
    double *totals = sampler->chosen_probability;

    for (size_t i = 0; i < features * labels; i++)
        probability[i] = mh_numpy_random_uniform(&sampler->random);

    /* numpy adds row to row, except that a single column lies in one piece and is summed as such. */
    for (size_t label = 0; label < labels; label++)
        totals[label] = 0.0;
    for (size_t word = 0; word < features; word++) {
        for (size_t label = 0; label < labels; label++)
            totals[label] += probability[word * labels + label];
    }
    if (labels == 1)
        totals[0] = numpy_sum(probability, features);
    for (size_t word = 0; word < features; word++) {
        for (size_t label = 0; label < labels; label++)
            probability[word * labels + label] /= totals[label];
    }
}

mh_status mh_sklearn_sampler_create(const mh_generator_config *config, mh_sklearn_sampler **out)
{
    mh_status status = MH_OK;
    mh_sklearn_sampler *sampler = NULL;
    size_t features = config->features, labels = config->labels;

    MH_TRY(mh_memory_new(sizeof *sampler, &sampler));
    sampler->config = *config;
    sampler->label_count = mh_poisson_of_mean(config->mean_labels);
    sampler->length = mh_poisson_of_mean(config->length);
    MH_TRY(mh_distribution_table(features, labels, &sampler->word_probability));
    MH_TRY(mh_distribution_table(labels, 1, &sampler->label_probability));
    MH_TRY(mh_distribution_table(labels, 1, &sampler->label_sums));
    MH_TRY(mh_distribution_table(labels, 1, &sampler->chosen_probability));
    MH_TRY(mh_distribution_table(features, 1, &sampler->word_sums));
    MH_TRY(mh_python_set_create(labels, &sampler->chosen));
    MH_TRY(mh_memory_array(labels, sizeof *sampler->chosen_labels, &sampler->chosen_labels));
    MH_TRY(mh_memory_array(features, sizeof *sampler->skipped_features, &sampler->skipped_features));
    MH_TRY(mh_memory_array(labels, sizeof *sampler->skipped_labels, &sampler->skipped_labels));

    mh_numpy_random_seed(&sampler->random, (uint32_t)config->seed);
    draw_label_probability(sampler);
    draw_word_probability(sampler);
    sampler->start = sampler->random;
cleanup:
    if (status != MH_OK) {
        mh_sklearn_sampler_destroy(sampler);
        sampler = NULL;
    }
    *out = sampler;
    return status;
}

void mh_sklearn_sampler_destroy(mh_sklearn_sampler *sampler)
{
    if (sampler == NULL)
        return;
    mh_memory_free(sampler->word_probability);
    mh_memory_free(sampler->label_probability);
    mh_memory_free(sampler->label_sums);
    mh_memory_free(sampler->chosen_probability);
    mh_memory_free(sampler->word_sums);
    mh_python_set_destroy(sampler->chosen);
    mh_memory_free(sampler->chosen_labels);
    mh_memory_free(sampler->skipped_features);
    mh_memory_free(sampler->skipped_labels);
    mh_memory_free(sampler);
}

/* Distinct labels: as many draws as labels are missing, until none is. */
static void draw_labels(mh_sklearn_sampler *sampler, const mh_uniform_source *source, mh_label *labels)
{
    size_t all = sampler->config.labels;
    size_t wanted =
        mh_poisson_draw(&sampler->label_count, source, sampler->config.allow_unlabeled ? 0 : 1, all);

    memset(labels, 0, all * sizeof *labels);
    mh_python_set_clear(sampler->chosen);
    while (mh_python_set_size(sampler->chosen) < wanted) {
        for (size_t missing = wanted - mh_python_set_size(sampler->chosen); missing > 0; missing--) {
            double uniform = mh_numpy_random_uniform(&sampler->random);
            size_t label = mh_distribution_find(sampler->label_sums, all, uniform);

            /* Rounding may leave the last sum just below 1; scikit-learn fails in the one case of 2^53. */
            if (label == all)
                label--;
            if (labels[label] == 0)
                mh_python_set_add(sampler->chosen, (uint32_t)label);
            labels[label] = 1;
        }
    }
}

/* The running sums of the words' probabilities, added over the chosen labels. */
static void sum_words(mh_sklearn_sampler *sampler)
{
    size_t features = sampler->config.features, chosen = mh_python_set_size(sampler->chosen);
    const double *probability = sampler->word_probability;

    mh_python_set_list(sampler->chosen, sampler->chosen_labels);
    for (size_t word = 0; word < features; word++, probability += sampler->config.labels) {
        for (size_t i = 0; i < chosen; i++)
            sampler->chosen_probability[i] = probability[sampler->chosen_labels[i]];
        sampler->word_sums[word] = numpy_sum(sampler->chosen_probability, chosen);
    }
    mh_distribution_accumulate(sampler->word_sums, features);
}

static void draw_row(mh_sklearn_sampler *sampler, float *features, mh_label *labels)
{
    const mh_uniform_source source = {next_uniform, &sampler->random};
    size_t vocabulary = sampler->config.features;

    mh_phase_beat(); /* a rank may skip through the rows of all before it */
    draw_labels(sampler, &source, labels);

    uint64_t length = mh_poisson_draw(&sampler->length, &source, 1, UINT64_MAX);

    memset(features, 0, vocabulary * sizeof *features);
    if (mh_python_set_size(sampler->chosen) == 0) {
        for (uint64_t i = 0; i < length; i++)
            features[mh_numpy_random_integer(&sampler->random, (uint32_t)(vocabulary - 1))]++;
        return;
    }
    sum_words(sampler);
    for (uint64_t i = 0; i < length; i++) {
        double uniform = mh_numpy_random_uniform(&sampler->random);

        features[mh_distribution_find(sampler->word_sums, vocabulary, uniform)]++;
    }
}

void mh_sklearn_sampler_rows(mh_sklearn_sampler *sampler, size_t first, size_t count, float *features,
                             mh_label *labels)
{
    if (first < sampler->position) {
        sampler->random = sampler->start;
        sampler->position = 0;
    }
    for (; sampler->position < first; sampler->position++)
        draw_row(sampler, sampler->skipped_features, sampler->skipped_labels);
    for (size_t row = 0; row < count; row++)
        draw_row(sampler, features + row * sampler->config.features, labels + row * sampler->config.labels);
    sampler->position += count;
}

void mh_sklearn_sampler_distributions(const mh_sklearn_sampler *sampler, const double **label_probability,
                                      const double **word_probability)
{
    *label_probability = sampler->label_probability;
    *word_probability = sampler->word_probability;
}
