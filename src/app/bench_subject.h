#ifndef MULTIHEAD_SRC_APP_BENCH_SUBJECT_H
#define MULTIHEAD_SRC_APP_BENCH_SUBJECT_H

#include "multihead/training/trainer.h"
#include "options.h"

/*
 * What bench times: the trainer of the model that the options describe, ready for a step. Rows are random: what is in
 * them does not change the work. A label says in which part of [-1, 1) a feature is, so that a loss can be seen to fall.
 */

enum { BENCH_BATCHES = 4 /* that there are rows for, to be taken in turn */ };

typedef struct {
    mh_training_data data;
    mh_trained trained;
    mh_trainer *trainer;
    size_t replicas;
    size_t hosted; /* replicas of this rank */
} bench_subject;

/** --replicas, or what training takes without it. */
size_t bench_replicas(const options *options, size_t ranks);

/**
 * For one of `ranks` ranks; needs no other. MH_ERR_USAGE where the replicas are not between the ranks and the batch's
 * rows. Free with bench_subject_clear, also after a failure.
 */
mh_status bench_subject_create(const options *options, size_t batch_size, size_t replicas, size_t rank,
                               size_t ranks, bench_subject *out);
void bench_subject_clear(bench_subject *subject);

#endif
