#ifndef MULTIHEAD_DATA_SKLEARN_SAMPLER_H
#define MULTIHEAD_DATA_SKLEARN_SAMPLER_H

#include "multihead/data/generator.h"

/* The generator's method sklearn: one sequence of draws, at a position. */
typedef struct mh_sklearn_sampler mh_sklearn_sampler;

/** Copies the config, which mh_generator_create has found sensible. */
mh_status mh_sklearn_sampler_create(const mh_generator_config *config, mh_sklearn_sampler **out);

/** NULL is fine. */
void mh_sklearn_sampler_destroy(mh_sklearn_sampler *sampler);

/** See mh_generator_rows. */
void mh_sklearn_sampler_rows(mh_sklearn_sampler *sampler, size_t first, size_t count, float *features,
                             mh_label *labels);

/** See mh_generator_distributions. */
void mh_sklearn_sampler_distributions(const mh_sklearn_sampler *sampler, const double **label_probability,
                                      const double **word_probability);

#endif
