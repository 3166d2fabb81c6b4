#ifndef MULTIHEAD_PARALLEL_SHARED_WORK_H
#define MULTIHEAD_PARALLEL_SHARED_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/parallel/communicator.h"

/*
 * Work that ranks of one host do for each other, so that none waits while another one is late. In a round each rank offers
 * pieces of its own, in memory that all of them see, and takes pieces until there are none: first its own, then others'.
 * (Work stealing: Blumofe, Leiserson, "Scheduling multithreaded computations by work stealing", J. ACM 46, 1999.)
 */
typedef struct mh_shared_work mh_shared_work;

/**
 *   bytes   of memory for this rank's part of the work; the rank with the most decides
 *
 * *out is NULL where ranks have no such memory (one rank, several hosts), which is no failure. Collective, and fails on all
 * ranks together; destroy is not collective.
 */
mh_status mh_shared_work_create(const mh_comm *comm, size_t bytes, mh_shared_work **out);
void mh_shared_work_destroy(mh_shared_work *work);

/** A rank's memory, from the beginning of a page on, zeros at first. Who offers pieces lets others write there. */
void *mh_shared_work_memory(const mh_shared_work *work, size_t rank);

/**
 * Opens this rank's part of the next round: pieces 0..pieces - 1, or none. What was written before is there for whoever
 * takes one. All ranks must have met since the last round. Not collective.
 */
void mh_shared_work_offer(mh_shared_work *work, size_t pieces);

/**
 * Takes a piece of some rank, which is to be done and then returned. Waits while there may be one, and until all pieces of
 * this rank are done, by whomever; then false. After offer, by every rank that has not failed.
 */
bool mh_shared_work_take(mh_shared_work *work, size_t *rank, size_t *piece);
void mh_shared_work_return(mh_shared_work *work, size_t rank);

#endif
