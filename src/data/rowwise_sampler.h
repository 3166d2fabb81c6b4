#ifndef MULTIHEAD_DATA_ROWWISE_SAMPLER_H
#define MULTIHEAD_DATA_ROWWISE_SAMPLER_H

#include "multihead/data/generator.h"

/* The generator's method rowwise: row i from (seed, i) alone, in time that grows with the row. */
typedef struct mh_rowwise_sampler mh_rowwise_sampler;

/** Copies the config, which mh_generator_create has found sensible. */
mh_status mh_rowwise_sampler_create(const mh_generator_config *config, mh_rowwise_sampler **out);

/** NULL is fine. */
void mh_rowwise_sampler_destroy(mh_rowwise_sampler *sampler);

/** See mh_generator_rows. */
void mh_rowwise_sampler_rows(mh_rowwise_sampler *sampler, size_t first, size_t count, float *features,
                             mh_label *labels);

#endif
