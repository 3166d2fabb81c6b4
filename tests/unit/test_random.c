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
