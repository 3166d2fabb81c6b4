#ifndef MULTIHEAD_TESTS_TOY_H
#define MULTIHEAD_TESTS_TOY_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/model/model.h"
#include "multihead/tensor/batch.h"
#include "multihead/tensor/schema.h"

/* Small data and models for tests. Whatever is made here is let go with the function beside it. */

/** Number i of a fixed sequence that looks random, in [-1, 1). Not the project's own generator. */
double toy_number(uint64_t i);
void toy_fill(float *values, size_t count, uint64_t seed);

/** A schema of these heads, without names: classes [heads]. */
mh_schema toy_schema(size_t inputs, size_t heads, const size_t *classes);

/** Features in [-1, 1) and labels of every class. */
mh_batch toy_batch(const mh_schema *schema, size_t rows);
void toy_batch_free(mh_batch *batch);

/** `missing_every` 3 takes every third label away. */
void toy_batch_lose_labels(mh_batch *batch, size_t missing_every);

/** An initialized model. `hidden` [layers]. */
mh_model *toy_model(const mh_schema *schema, mh_head_kind kind, mh_head_activation activation,
                    const size_t *hidden, size_t layers);

/** A tally of `heads` zeros. */
mh_tally toy_tally(size_t heads);
void toy_tally_free(mh_tally *tally);

/** The largest absolute difference. */
double toy_distance(const float *a, const float *b, size_t count);

#endif
