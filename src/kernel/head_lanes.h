#ifndef MULTIHEAD_SRC_KERNEL_HEAD_LANES_H
#define MULTIHEAD_SRC_KERNEL_HEAD_LANES_H

#include <stdint.h>

#include "lanes.h"
#include "math.h"

/* A row's labels of as many heads as there are lanes, and the sums of these heads' losses. */

typedef uint16_t vector_labels __attribute__((vector_size(2 * LANES)));

INLINE vector_bits widened_labels(const uint16_t *from)
{
#if defined(__AVX512F__)
    return (vector_bits)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
#elif defined(__AVX2__) && defined(__FMA__)
    return (vector_bits)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
#else
    vector_labels labels;

    memcpy(&labels, from, sizeof labels);
    return __builtin_convertvector(labels, vector_bits);
#endif
}

/* Zeros behind the last ones. Apart, so that what it needs is not prepared for every row. */
static __attribute__((noinline)) void copy_last_labels(const uint16_t *from, size_t count, uint16_t *to)
{
    memset(to, 0, LANES * sizeof *to);
    memcpy(to, from, count * sizeof *to);
}

/* `available` labels may be read. */
INLINE vector_bits load_labels(const uint16_t *from, size_t available)
{
    uint16_t some[LANES];

    if (available >= LANES)
        return widened_labels(from);
    copy_last_labels(from, available, some);
    return widened_labels(some);
}

/* The first `heads` lanes. */
INLINE vector_bits first_lanes(size_t heads)
{
    vector_bits is_head;

    for (int i = 0; i < LANES; i++)
        is_head[i] = i < (int)heads ? -1 : 0;
    return is_head;
}

typedef struct {
    double_vector low, high;
    vector_words known;
} head_sums;

/* Goes on from the losses of so many heads. */
INLINE head_sums sums_from(const double *losses, size_t heads)
{
    double some[LANES] = {0};
    head_sums sums = {.known = {0}};

    memcpy(some, losses, heads * sizeof *losses);
    memcpy(&sums.low, some, sizeof sums.low);
    memcpy(&sums.high, some + LANES / 2, sizeof sums.high);
    return sums;
}

INLINE void add_row(head_sums *sums, vector losses)
{
    sums->low += widened_low(losses);
    sums->high += widened_high(losses);
}

INLINE void store_sums(const head_sums *sums, size_t heads, double *losses, int64_t *known)
{
    double some[LANES];
    unsigned counts[LANES];

    memcpy(some, &sums->low, sizeof sums->low);
    memcpy(some + LANES / 2, &sums->high, sizeof sums->high);
    memcpy(counts, &sums->known, sizeof counts);
    for (size_t i = 0; i < heads; i++) {
        losses[i] = some[i];
        known[i] += counts[i];
    }
}

#endif
