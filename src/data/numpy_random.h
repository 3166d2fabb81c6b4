#ifndef MULTIHEAD_DATA_NUMPY_RANDOM_H
#define MULTIHEAD_DATA_NUMPY_RANDOM_H

#include <stdint.h>

/*
 * The draws of numpy.random.RandomState(seed), bit for bit, as far as scikit-learn's generator uses them.
 *
 * Method: Mersenne Twister MT19937 with the seeding of 2002, Matsumoto & Nishimura, "Mersenne Twister", ACM
 * TOMACS 8 (1998). Plain data: a copy of the struct is a bookmark in the sequence.
 */
enum { MH_NUMPY_WORDS = 624 };

typedef struct {
    uint32_t state[MH_NUMPY_WORDS];
    uint32_t words[MH_NUMPY_WORDS]; /* the numbers that the state stands for                       */
    uint32_t next;                  /* the word to hand out next; MH_NUMPY_WORDS when all are used */
} mh_numpy_random;

void mh_numpy_random_seed(mh_numpy_random *random, uint32_t seed);

/** In [0, 1), 53 bits of two draws: random_sample() and uniform(). */
double mh_numpy_random_uniform(mh_numpy_random *random);

/** In 0..largest, by masked rejection: randint(largest + 1). Draws nothing where `largest` is 0. */
uint32_t mh_numpy_random_integer(mh_numpy_random *random, uint32_t largest);

#endif
