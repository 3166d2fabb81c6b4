#ifndef MULTIHEAD_SRC_KERNEL_VECTOR_H
#define MULTIHEAD_SRC_KERNEL_VECTOR_H

#include <stddef.h>
#include <string.h>

#include "multihead/kernel/panels.h"

/*
 * The registers of the instruction set that a file is compiled for. Arithmetic is written with C's operators, which gcc
 * and clang have for vectors; what they have no operator for is here.
 *
 *   TILE_ROWS, TILE_PANELS   of a product's block of sums: as many registers as there are, less what one step of the
 *                            depth needs
 */
#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16, TILE_ROWS = 14, TILE_PANELS = 2 };
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { LANES = 8, TILE_ROWS = 6, TILE_PANELS = 1 };
#elif defined(__aarch64__)
#include <arm_neon.h>
enum { LANES = 4, TILE_ROWS = 6, TILE_PANELS = 1 };
#else
enum { LANES = 4, TILE_ROWS = 3, TILE_PANELS = 1 };
#endif

enum { PANEL_VECTORS = MH_PANEL / LANES };

typedef float vector __attribute__((vector_size(4 * LANES)));
typedef int vector_bits __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE vector load(const float *from)
{
    vector v;

    memcpy(&v, from, sizeof v);
    return v;
}

/* The first `count` of them, and zeros. */
INLINE vector load_some(const float *from, size_t count)
{
    vector v = {0};

    memcpy(&v, from, count * sizeof *from);
    return v;
}

INLINE void store(float *to, vector v)
{
    memcpy(to, &v, sizeof v);
}

INLINE void store_some(float *to, size_t count, vector v)
{
    memcpy(to, &v, count * sizeof *to);
}

INLINE vector same(float value)
{
#if defined(__AVX512F__)
    return _mm512_set1_ps(value);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_set1_ps(value);
#else
    return (vector){value, value, value, value};
#endif
}

/* a b + c, rounded once where the instruction set can. */
INLINE vector multiply_add(vector a, vector b, vector c)
{
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
    return (vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* Adds the first `count` of v. */
INLINE void add_some(float *to, size_t count, vector v)
{
    if (count == LANES)
        store(to, load(to) + v);
    else
        store_some(to, count, load_some(to, count) + v);
}

/* Asks for cache lines that are read soon, into L2; to ask for what lies behind an array's end does no harm. */
INLINE void ask_for(const float *first, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        __builtin_prefetch(first + i * MH_PANEL, 0, 2);
}

/* Over a tile of height x vectors sums. Both are constants where the loops stand, so that every sum is a register. */
#define EACH_ROW(i)    _Pragma("GCC unroll 16") for (size_t i = 0; i < height; i++)
#define EACH_VECTOR(v) _Pragma("GCC unroll 8") for (size_t v = 0; v < vectors; v++)

/* v, or `least` where that is more; a NaN stays, and so does -0 beside 0. */
INLINE vector at_least(float least, vector v)
{
#if defined(__AVX512F__)
    return _mm512_max_ps(same(least), v); /* of two zeros, or with a NaN, the second */
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_max_ps(same(least), v);
#else
    vector_bits is_less = v < same(least);

    return (vector)((is_less & (vector_bits)same(least)) | (~is_less & (vector_bits)v));
#endif
}

INLINE vector without_negative(vector v)
{
    return at_least(0, v);
}

/* v where the mask is set, else 0. */
INLINE vector where(vector_bits mask, vector v)
{
    return (vector)((vector_bits)v & mask);
}

/* v where the other is positive, else 0. */
INLINE vector where_positive(vector other, vector v)
{
    return where(other > same(0), v);
}

/* Each function's own name in each of the sets: KERNEL(multiply) is multiply_avx2 in one of them. */
#define KERNEL_JOIN(name, set) name##_##set
#define KERNEL_NAME(name, set) KERNEL_JOIN(name, set)
#define KERNEL(name)           KERNEL_NAME(name, KERNEL_SET)

#endif
