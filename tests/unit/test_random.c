#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "multihead/base/random.h"

typedef struct {
    uint32_t counter[4], key[2], out[4];
} known_answer;

static void expect_answer(const known_answer *known)
{
    uint32_t out[4];

    mh_random_philox(known->counter, known->key, out);
    for (size_t i = 0; i < 4; i++)
        cr_expect(eq(u32, out[i], known->out[i]));
}

/* philox4x32-10 in kat_vectors of Random123 1.14, by the authors of the method. */
Test(random, philox_gives_the_known_answers)
{
    expect_answer(&(known_answer){{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
    expect_answer(&(known_answer){{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                                  {0xffffffff, 0xffffffff},
                                  {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
    expect_answer(&(known_answer){{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                                  {0xa4093822, 0x299f31d0},
                                  {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

Test(random, number_is_a_function_of_the_index)
{
    mh_random stream = mh_random_stream(1, MH_RANDOM_ROW, 5, 0);
    uint64_t forward[100];

    for (uint64_t i = 0; i < 100; i++)
        forward[i] = mh_random_bits(&stream, i);
    for (uint64_t i = 100; i-- > 0;)
        cr_expect(eq(u64, mh_random_bits(&stream, i), forward[i]));
}

/* Each part of a stream's name counts in all its bits; two equal numbers of 64 bits are no accident. */
Test(random, streams_differ)
{
    const mh_random streams[] = {
        mh_random_stream(1, MH_RANDOM_ROW, 5, 0),
        mh_random_stream(2, MH_RANDOM_ROW, 5, 0),
        mh_random_stream(1 + ((uint64_t)1 << 32), MH_RANDOM_ROW, 5, 0),
        mh_random_stream(1, MH_RANDOM_SHUFFLE, 5, 0),
        mh_random_stream(1, MH_RANDOM_ROW, 6, 0),
        mh_random_stream(1, MH_RANDOM_ROW, 5 + ((uint64_t)1 << 32), 0),
        mh_random_stream(1, MH_RANDOM_ROW, 5, 1),
    };
    size_t count = sizeof streams / sizeof streams[0];

    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            cr_expect(ne(u64, mh_random_bits(&streams[a], 0), mh_random_bits(&streams[b], 0)));
    cr_expect(ne(u64, mh_random_bits(&streams[0], 1), mh_random_bits(&streams[0], (uint64_t)1 << 32 | 1)));
}

/* Uniform in [0, 1): mean 1/2 +- 0.289 / sqrt(n), mean of squares 1/3 +- 0.298 / sqrt(n); n = 100,000, 4 of
 * these. */
Test(random, uniform_is_uniform)
{
    mh_random stream = mh_random_stream(3, MH_RANDOM_BENCH, 0, 0);
    double sum = 0.0, squares = 0.0;
    enum { NUMBERS = 100000 };

    for (uint64_t i = 0; i < NUMBERS; i++) {
        double u = mh_random_uniform(&stream, i);

        cr_assert(u >= 0.0 && u < 1.0);
        cr_assert(u * 0x1p53 == floor(u * 0x1p53));
        sum += u;
        squares += u * u;
    }
    cr_expect(epsilon_eq(dbl, sum / NUMBERS, 0.5, 0.004));
    cr_expect(epsilon_eq(dbl, squares / NUMBERS, 1.0 / 3.0, 0.004));
}

/* 70,000 draws of 7: each comes 10,000 +- 93 times; 5 of these. */
Test(random, below_takes_every_number_equally_often)
{
    mh_random stream = mh_random_stream(4, MH_RANDOM_SHUFFLE, 0, 0);
    double seen[7] = {0};

    for (uint64_t i = 0; i < 70000; i++) {
        uint64_t number = mh_random_below(&stream, i, 7);

        cr_assert(lt(u64, number, 7));
        seen[number]++;
    }
    for (size_t number = 0; number < 7; number++)
        cr_expect(epsilon_eq(dbl, seen[number], 10000.0, 465.0));
    cr_expect(zero(u64, mh_random_below(&stream, 0, 1)));
}

/* ---- words: the fast sequence ---- */

enum { BLOCKS = 53 }; /* no multiple of what is computed side by side */

/* Blocks on both sides of 2^32, so that the counter's second word counts too. */
static const uint64_t first_block = ((uint64_t)1 << 32) - 20;

static void words_of(const mh_random *stream, uint64_t first, size_t blocks, uint32_t *out)
{
    for (size_t i = 0; i < 4 * blocks; i++)
        out[i] = 0;
    mh_random_words(stream, first, blocks, out);
}

Test(random, words_are_those_of_philox)
{
    mh_random stream = mh_random_stream(5, MH_RANDOM_DROPOUT, 3, 1);
    uint32_t words[4 * BLOCKS];

    words_of(&stream, first_block, BLOCKS, words);
    for (size_t block = 0; block < BLOCKS; block++) {
        uint64_t index = first_block + block;
        const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 1, 0};
        uint32_t expected[4];

        mh_random_philox(counter, stream.key, expected);
        for (size_t i = 0; i < 4; i++)
            cr_expect(eq(u32, words[4 * block + i], expected[i]), "block %zu, word %zu", block, i);
    }
}

Test(random, words_do_not_depend_on_how_many_are_asked_for)
{
    static const size_t parts[] = {1, 15, 16, 17, BLOCKS};
    mh_random stream = mh_random_stream(5, MH_RANDOM_DROPOUT, 3, 1);
    uint32_t whole[4 * BLOCKS], split[4 * BLOCKS];

    words_of(&stream, first_block, BLOCKS, whole);
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        for (size_t block = 0; block < BLOCKS; block += parts[p]) {
            size_t count = BLOCKS - block < parts[p] ? BLOCKS - block : parts[p];

            words_of(&stream, first_block + block, count, split + 4 * block);
        }
        cr_expect(memcmp(split, whole, sizeof whole) == 0, "parts of %zu", parts[p]);
    }
}

Test(random, no_words_touch_no_memory)
{
    mh_random stream = mh_random_stream(5, MH_RANDOM_DROPOUT, 3, 1);
    uint32_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    mh_random_words(&stream, 0, 0, words);
    mh_random_words(&stream, 0, 1, words);
    cr_expect(words[4] == 5 && words[7] == 8);
}

/* Both begin at the same counter but for one word of it: equal numbers of 64 bits are no accident. */
Test(random, words_are_not_the_bits)
{
    mh_random stream = mh_random_stream(5, MH_RANDOM_DROPOUT, 3, 1);
    uint32_t words[4 * BLOCKS];

    words_of(&stream, 0, BLOCKS, words);
    for (uint64_t block = 0; block < BLOCKS; block++)
        cr_expect(
            ne(u64, mh_random_bits(&stream, block), (uint64_t)words[4 * block + 1] << 32 | words[4 * block]));
}

/* ---- normal ---- */

/*
 * Share of n = 100,000 numbers below a quantile q: q +- sqrt(q (1 - q) / n), at most 0.0016. Mean 0 +- 1/sqrt(n) =
 * 0.0032, mean of squares 1 +- sqrt(2/n) = 0.0045, product of neighbours 0 +- 0.0032. Four of each.
 */
Test(random, normal_is_normal)
{
    static const struct {
        double bound, share;
    } quantiles[] = {{-2.326348, 0.01}, {-1.0, 0.158655}, {-0.318639, 0.375}, {0.0, 0.5},
                     {0.674490, 0.75},  {1.644854, 0.95}, {2.326348, 0.99}};
    enum { NUMBERS = 100000, QUANTILES = sizeof quantiles / sizeof quantiles[0] };
    mh_random stream = mh_random_stream(6, MH_RANDOM_WEIGHTS, 0, 0);
    double sum = 0.0, squares = 0.0, products = 0.0, before = 0.0, below[QUANTILES] = {0};

    for (uint64_t i = 0; i < NUMBERS; i++) {
        double x = mh_random_normal(&stream, i);

        cr_assert(isfinite(x));
        sum += x;
        squares += x * x;
        products += x * before;
        before = x;
        for (size_t q = 0; q < QUANTILES; q++)
            below[q] += x < quantiles[q].bound;
    }
    cr_expect(epsilon_eq(dbl, sum / NUMBERS, 0.0, 0.013));
    cr_expect(epsilon_eq(dbl, squares / NUMBERS, 1.0, 0.018));
    cr_expect(epsilon_eq(dbl, products / NUMBERS, 0.0, 0.013));
    for (size_t q = 0; q < QUANTILES; q++)
        cr_expect(epsilon_eq(dbl, below[q] / NUMBERS, quantiles[q].share, 0.0064), "below %g",
                  quantiles[q].bound);
}
