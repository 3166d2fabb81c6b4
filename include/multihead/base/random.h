#ifndef MULTIHEAD_BASE_RANDOM_H
#define MULTIHEAD_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Random numbers as functions: the n-th number of a stream is the same whoever draws it and in whatever order.
 *
 * Method: Philox4x32-10, Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * A stream is the key that Philox makes of (seed, purpose, which, part); the index is the counter.
 */

/* What numbers are for. A new use gets a new number, so that it does not change the old ones. */
typedef enum {
    MH_RANDOM_WEIGHTS = 1,       /* which = tensor                  */
    MH_RANDOM_SHUFFLE = 2,       /* which = epoch, part = replica   */
    MH_RANDOM_DISTRIBUTIONS = 3, /* of the generator                */
    MH_RANDOM_ROW = 4,           /* of the generator: which = row   */
    MH_RANDOM_BENCH = 5,
    MH_RANDOM_SPLIT = 6,   /* part = 0: order of rows, 1: ties */
    MH_RANDOM_DROPOUT = 7, /* which = step, part = replica * layers + layer */
    MH_RANDOM_BLOCKS = 8,  /* which = epoch, part = replica                 */
    MH_RANDOM_WINDOW = 9   /* which = epoch * windows + window, part = replica */
} mh_random_purpose;

typedef struct {
    uint32_t key[2];
} mh_random;

mh_random mh_random_stream(uint64_t seed, mh_random_purpose purpose, uint64_t which, uint32_t part);

/** Number `index` of the stream: 64 random bits. */
uint64_t mh_random_bits(const mh_random *stream, uint64_t index);

/** Words first..first+blocks*4-1 of the stream's other sequence: four for each block, fast in great numbers. */
void mh_random_words(const mh_random *stream, uint64_t first_block, size_t blocks, uint32_t *out);

/** In [0, 1), a multiple of 2^-53. */
double mh_random_uniform(const mh_random *stream, uint64_t index);

/** Normal with mean 0 and deviation 1, from two numbers of the stream: 2 * index and the next (Box, Muller 1958). */
double mh_random_normal(const mh_random *stream, uint64_t index);

/** In 0..bound-1; the bias is below bound / 2^64. */
uint64_t mh_random_below(const mh_random *stream, uint64_t index, uint64_t bound);

/** Philox4x32-10 itself: four words from a counter and a key. */
void mh_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
