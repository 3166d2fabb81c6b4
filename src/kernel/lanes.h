#ifndef MULTIHEAD_SRC_KERNEL_LANES_H
#define MULTIHEAD_SRC_KERNEL_LANES_H

#include "vector.h"

/* What moves values from lane to lane, bit by bit as they are. */

#if defined(__AVX512F__)
#define LOW_LANES_IN_TURN  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_LANES_IN_TURN 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(__AVX2__) && defined(__FMA__)
#define LOW_LANES_IN_TURN  0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_LANES_IN_TURN 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW_LANES_IN_TURN  0, 4, 1, 5
#define HIGH_LANES_IN_TURN 2, 6, 3, 7
#endif

/* Each half of a vector, widened. */
typedef double double_vector __attribute__((vector_size(4 * LANES)));

#if defined(__AVX512F__)
INLINE double_vector widened_low(vector v)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(v));
}

INLINE double_vector widened_high(vector v)
{
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
}
#elif defined(__AVX2__) && defined(__FMA__)
INLINE double_vector widened_low(vector v)
{
    return _mm256_cvtps_pd(_mm256_castps256_ps128(v));
}

INLINE double_vector widened_high(vector v)
{
    return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}
#else
INLINE double_vector widened_low(vector v)
{
    return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1), double_vector);
}

INLINE double_vector widened_high(vector v)
{
    return __builtin_convertvector(__builtin_shufflevector(v, v, 2, 3), double_vector);
}
#endif

/*
 * Lane j of vector i becomes lane i of vector j. Two vectors half of the block apart are put together lane by lane in
 * turn, which moves the numbers of vectors and lanes on by a bit; log2(LANES) times that is the transposition.
 */
INLINE void transpose(vector block[LANES])
{
#pragma GCC unroll 4
    for (size_t stage = 1; stage < LANES; stage *= 2) {
        vector next[LANES];

#pragma GCC unroll 8
        for (size_t i = 0; i < LANES / 2; i++) {
            next[2 * i] = __builtin_shufflevector(block[i], block[i + LANES / 2], LOW_LANES_IN_TURN);
            next[2 * i + 1] = __builtin_shufflevector(block[i], block[i + LANES / 2], HIGH_LANES_IN_TURN);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < LANES; i++)
            block[i] = next[i];
    }
}

#endif
