#include "numpy_random.h"

/* x[i + 624] = x[i + 397] ^ (upper bit of x[i], lower bits of x[i + 1]) times a matrix; then tempering. */
enum { SHIFT = 397 };
static const uint32_t twist_row = 0x9908B0DFu;
static const uint32_t upper_bit = 0x80000000u;

void mh_numpy_random_seed(mh_numpy_random *random, uint32_t seed)
{
    random->state[0] = seed;
    for (uint32_t i = 1; i < MH_NUMPY_WORDS; i++) {
        uint32_t before = random->state[i - 1];

        random->state[i] = 1812433253u * (before ^ before >> 30) + i;
    }
    random->next = MH_NUMPY_WORDS;
}

static uint32_t twist(uint32_t high, uint32_t low, uint32_t shifted)
{
    uint32_t joined = (high & upper_bit) | (low & ~upper_bit);

    return shifted ^ joined >> 1 ^ (-(low & 1u) & twist_row);
}

static uint32_t temper(uint32_t word)
{
    word ^= word >> 11;
    word ^= word << 7 & 0x9D2C5680u;
    word ^= word << 15 & 0xEFC60000u;
    return word ^ word >> 18;
}

/* Two stretches and a last word, so that no index needs a modulo; all at once, so that it vectorizes. */
static __attribute__((noinline)) void refill(mh_numpy_random *random)
{
    uint32_t *x = random->state;

    for (uint32_t i = 0; i < MH_NUMPY_WORDS - SHIFT; i++)
        x[i] = twist(x[i], x[i + 1], x[i + SHIFT]);
    for (uint32_t i = MH_NUMPY_WORDS - SHIFT; i < MH_NUMPY_WORDS - 1; i++)
        x[i] = twist(x[i], x[i + 1], x[i + SHIFT - MH_NUMPY_WORDS]);
    x[MH_NUMPY_WORDS - 1] = twist(x[MH_NUMPY_WORDS - 1], x[0], x[SHIFT - 1]);
    for (uint32_t i = 0; i < MH_NUMPY_WORDS; i++)
        random->words[i] = temper(x[i]);
    random->next = 0;
}

static inline uint32_t next_word(mh_numpy_random *random)
{
    if (random->next == MH_NUMPY_WORDS)
        refill(random);
    return random->words[random->next++];
}

double mh_numpy_random_uniform(mh_numpy_random *random)
{
    uint64_t high = next_word(random) >> 5; /* 27 bits, drawn first */
    uint64_t low = next_word(random) >> 6;  /* 26 bits              */

    return (double)(high << 26 | low) * 0x1p-53;
}

uint32_t mh_numpy_random_integer(mh_numpy_random *random, uint32_t largest)
{
    if (largest == 0)
        return 0;

    uint32_t mask = UINT32_MAX >> __builtin_clz(largest); /* the smallest 2^n - 1 that covers `largest` */
    uint32_t value = 0;

    do
        value = next_word(random) & mask;
    while (value > largest);
    return value;
}
