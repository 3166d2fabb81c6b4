#include "multihead/base/random.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 10 };

void mh_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t first = (uint64_t)0xD2511F53u * a;
        uint64_t second = (uint64_t)0xCD9E8D57u * c;

        a = (uint32_t)(second >> 32) ^ b ^ k0;
        b = (uint32_t)second;
        c = (uint32_t)(first >> 32) ^ d ^ k1;
        d = (uint32_t)first;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1      */
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

mh_random mh_random_stream(uint64_t seed, mh_random_purpose purpose, uint64_t which, uint32_t part)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)which, (uint32_t)(which >> 32), part, (uint32_t)purpose};
    uint32_t words[4];

    mh_random_philox(counter, key, words);
    return (mh_random){{words[0], words[1]}};
}

uint64_t mh_random_bits(const mh_random *stream, uint64_t index)
{
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
    uint32_t words[4];

    mh_random_philox(counter, stream->key, words);
    return (uint64_t)words[1] << 32 | words[0];
}

/* Philox for as many counters side by side as the widest registers hold, in a form that compilers vectorize. */
enum { LANES = 16 };

static void philox_lanes(uint64_t first_block, const uint32_t key[2], uint32_t out[4][LANES])
{
    uint32_t a[LANES], b[LANES], c[LANES], d[LANES];
    uint32_t k0 = key[0], k1 = key[1];

    for (size_t i = 0; i < LANES; i++) {
        a[i] = (uint32_t)(first_block + i);
        b[i] = (uint32_t)((first_block + i) >> 32);
        c[i] = 1; /* mh_random_bits has 0 here: another sequence */
        d[i] = 0;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < LANES; i++) {
            uint64_t first = (uint64_t)0xD2511F53u * a[i];
            uint64_t second = (uint64_t)0xCD9E8D57u * c[i];

            a[i] = (uint32_t)(second >> 32) ^ b[i] ^ k0;
            b[i] = (uint32_t)second;
            c[i] = (uint32_t)(first >> 32) ^ d[i] ^ k1;
            d[i] = (uint32_t)first;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out[0], a, sizeof a);
    memcpy(out[1], b, sizeof b);
    memcpy(out[2], c, sizeof c);
    memcpy(out[3], d, sizeof d);
}

void mh_random_words(const mh_random *stream, uint64_t first_block, size_t blocks, uint32_t *out)
{
    uint32_t words[4][LANES];

    for (size_t block = 0; block < blocks; block += LANES) {
        size_t count = blocks - block < LANES ? blocks - block : LANES;

        philox_lanes(first_block + block, stream->key, words);
        for (size_t i = 0; i < count; i++)
            for (size_t word = 0; word < 4; word++)
                out[(block + i) * 4 + word] = words[word][i];
    }
}

double mh_random_uniform(const mh_random *stream, uint64_t index)
{
    return (double)(mh_random_bits(stream, index) >> 11) * 0x1p-53;
}

double mh_random_normal(const mh_random *stream, uint64_t index)
{
    static const double TWO_PI = 6.28318530717958647692;
    double radius = sqrt(-2.0 * log(1.0 - mh_random_uniform(stream, 2 * index)));

    return radius * cos(TWO_PI * mh_random_uniform(stream, 2 * index + 1));
}

uint64_t mh_random_below(const mh_random *stream, uint64_t index, uint64_t bound)
{
    /* The high half of the product: Lemire, "Fast random integer generation in an interval", 2019. */
    return (uint64_t)(((unsigned __int128)mh_random_bits(stream, index) * bound) >> 64);
}
