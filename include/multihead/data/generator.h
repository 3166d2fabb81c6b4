#ifndef MULTIHEAD_DATA_GENERATOR_H
#define MULTIHEAD_DATA_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/tensor/batch.h"

/*
 * Synthetic multi-label rows: word counts of documents that are about several topics (the labels).
 *
 * sklearn   bit for bit the rows of sklearn.datasets.make_multilabel_classification (1.2.1) with the same
 *           arguments and random_state = seed: one sequence of draws, so reaching row i costs drawing the
 *           rows before it. Two categories only, seed below 2^32.
 * rowwise   the same kind of rows, but row i is a function of (seed, i) alone, in time that does not
 *           depend on i; also with more categories.
 *
 * How rowwise draws; u is uniform in (0, 1], each u another one. The weights are drawn once from the seed:
 *
 *   categories = 2   Label l has weight u, word w given label l has weight u. A row has
 *                    Poisson(mean_labels) labels, drawn again until there are at most `labels` (and at
 *                    least one, unless allow_unlabeled); which ones: distinct labels, drawn one by one by
 *                    weight. It has Poisson(length) words, drawn again while 0; each word from one of the
 *                    row's labels, all of them equally likely, by that label's word weights. A row without
 *                    labels has uniform words.
 *   categories > 2   Class k of head h has weight u, word w given (h, k) has weight u^4: more contrast
 *                    than above, since every head speaks in every row. A row draws the class of each head
 *                    by weight, independently. It has Poisson(length) words, drawn again while 0; each
 *                    word from one of the heads, all of them equally likely, by the word weights of the
 *                    class that the head drew.
 *
 * Class 0 is thus the absence of a label with two categories, and a class like any other with more.
 */
typedef enum { MH_GENERATOR_SKLEARN, MH_GENERATOR_ROWWISE } mh_generator_method;

typedef struct {
    mh_generator_method method;
    size_t samples;       /* rows there are; neither method's rows depend on it                 */
    size_t features;      /* words of the vocabulary                                            */
    size_t labels;        /* heads                                                              */
    size_t categories;    /* classes of each head, 2..MH_CLASSES_MAX (sklearn: 2)               */
    double mean_labels;   /* of a row, before drawing again; only with two categories           */
    double length;        /* mean number of words of a row, above 0 and at most 2^23            */
    bool allow_unlabeled; /* whether a row may have no label at all; only with two categories   */
    uint64_t seed;
} mh_generator_config;

typedef struct mh_generator mh_generator;

/**
 * Copies the config. The generator holds features x labels doubles, with K > 2 categories K times as many.
 *
 * Fails with MH_ERR_USAGE where the config makes no sense, and names the option to change: also where less
 * than one draw in a million would fit, such as mean_labels far above labels. Fails with MH_ERR_MEMORY.
 */
mh_status mh_generator_create(const mh_generator_config *config, mh_generator **out);

/** NULL is fine. */
void mh_generator_destroy(mh_generator *generator);

/**
 * Makes rows first..first+count-1, all of them below `samples`.
 *
 *   features   out: [count x features] float32, small whole numbers
 *   labels     out: [count x labels]
 *
 * Going forward is cheap; with the sklearn method, going back starts again from row 0. Allocates nothing and
 * does not fail. One caller at a time for a generator.
 */
mh_status mh_generator_rows(mh_generator *generator, size_t first, size_t count, float *features,
                            mh_label *labels);

/**
 * The sklearn method's distributions, as return_distributions=True gives them; borrowed from the generator.
 *
 *   label_probability   [labels]
 *   word_probability    [features x labels]
 *
 * NULL and NULL with the rowwise method.
 */
void mh_generator_distributions(const mh_generator *generator, const double **label_probability,
                                const double **word_probability);

#endif
