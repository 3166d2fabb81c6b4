#ifndef MULTIHEAD_TRAINING_PREDICTOR_H
#define MULTIHEAD_TRAINING_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/data/dataset.h"
#include "multihead/training/ensemble.h"

/*
 * Goes through a data set block by block and predicts. Blocks are dealt to ranks in turn, and a block goes
 * through the model in chunks of a fixed number of rows, so that a row's numbers do not depend on the ranks.
 */
typedef struct mh_predictor mh_predictor;

/* Rows with what the model says of them; borrowed from the predictor until the next call. */
typedef struct {
    size_t first_row;    /* in the data set's selection                              */
    mh_batch batch;      /* 0 rows on ranks that are through before others; labels NULL where unknown */
    const float *logits; /* [rows x columns]; NULL where probabilities are averages          */
    const float *probabilities;  /* [rows x columns]                                         */
    const mh_label *predictions; /* [rows x heads]                                          */
} mh_prediction;

/**
 * `ensemble` and `dataset` are kept; the data set must have been told to expect the ensemble's schema.
 *
 * Probabilities are averaged in double in the order of members and then rounded to float32; predictions are made
 * from that. Where the ensemble has chosen members, each row has the numbers of its own.
 */
mh_status mh_predictor_create(const mh_ensemble *ensemble, mh_dataset *dataset, size_t rank, size_t ranks,
                              mh_predictor **out);
void mh_predictor_destroy(mh_predictor *predictor);

/** Rows of a block, and of the chunks that go through the model together. */
size_t mh_predictor_block_rows(const mh_predictor *predictor);
size_t mh_predictor_chunk_rows(void);

/** Rows of this rank, in all rounds together. */
size_t mh_predictor_rows(const mh_predictor *predictor);

/** Rounds until every rank is through: as many calls of next, the same number on every rank. */
size_t mh_predictor_rounds(const mh_predictor *predictor);

/** The next block of this rank. Needs no other rank; may fail on one rank only. */
mh_status mh_predictor_next(mh_predictor *predictor, mh_prediction *out);

#endif
