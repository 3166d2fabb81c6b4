#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "expect.h"
#include "multihead/base/memory.h"

/* Of a block that was used before, so that it shows when it is not zeroed. */
static void expect_zeroed_and_aligned(size_t bytes)
{
    enum { BLOCKS = 100 };
    char *blocks[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        MUST(mh_memory_new(bytes, &blocks[i]));
        memset(blocks[i], 0xff, bytes);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        mh_memory_free(blocks[i]);
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t not_zero = 0;

        MUST(mh_memory_new(bytes, &blocks[i]));
        for (size_t k = 0; k < bytes; k++)
            not_zero += blocks[i][k] != 0;
        cr_assert(zero(sz, not_zero));
        cr_assert(eq(sz, (uintptr_t)blocks[i] % 64, 0));
    }
    for (size_t i = 0; i < BLOCKS; i++)
        mh_memory_free(blocks[i]);
}

Test(memory, is_zeroed_and_aligned)
{
    expect_zeroed_and_aligned(1);
    expect_zeroed_and_aligned(64);
    expect_zeroed_and_aligned(1000);
    expect_zeroed_and_aligned(700001);
}

Test(memory, nothing_is_a_valid_pointer)
{
    void *memory = NULL;

    MUST(mh_memory_new(0, &memory));
    cr_expect(memory != NULL);
    mh_memory_free(memory);
    mh_memory_free(NULL);
}

Test(memory, too_much_fails_and_gives_null)
{
    void *memory = &memory;

    EXPECT_FAILURE(mh_memory_new(SIZE_MAX / 4, &memory), MH_ERR_MEMORY, "out of memory");
    cr_expect(memory == NULL);
    memory = &memory;
    EXPECT_FAILURE(mh_memory_new(SIZE_MAX, &memory), MH_ERR_MEMORY, "out of memory");
    cr_expect(memory == NULL);
}

Test(memory, product_that_overflows_fails_and_gives_null)
{
    void *memory = &memory;

    /* 2^61 doubles are 2^64 bytes: 0 in a size_t. */
    EXPECT_FAILURE(mh_memory_array((size_t)1 << 61, sizeof(double), &memory), MH_ERR_MEMORY, "out of memory");
    cr_expect(memory == NULL);
}

Test(memory, text_is_copied)
{
    char original[] = "label", *copy = NULL;

    MUST(mh_memory_text(original, &copy));
    original[0] = 'x';
    cr_expect(strcmp(copy, "label") == 0);
    mh_memory_free(copy);
    MUST(mh_memory_text(NULL, &copy));
    cr_expect(copy == NULL);
}

Test(memory, counts_what_is_asked_for)
{
    uint64_t before = mh_memory_allocations();
    void *a = NULL, *b = NULL;

    MUST(mh_memory_new(8, &a));
    MUST(mh_memory_array(3, 8, &b));
    cr_expect(eq(u64, mh_memory_allocations(), before + 2));
    mh_memory_free(a);
    mh_memory_free(b);
    cr_expect(eq(u64, mh_memory_allocations(), before + 2));
}

Test(memory, can_be_made_to_fail_once)
{
    void *memory = NULL;

    mh_memory_fail_at(2);
    MUST(mh_memory_new(8, &memory));
    mh_memory_free(memory);
    EXPECT_FAILURE(mh_memory_new(8, &memory), MH_ERR_MEMORY, "out of memory: 8 bytes asked for");
    cr_expect(memory == NULL);
    for (size_t i = 0; i < 3; i++) {
        MUST(mh_memory_new(8, &memory));
        mh_memory_free(memory);
    }
    mh_memory_fail_at(1);
    mh_memory_fail_at(0);
    MUST(mh_memory_new(8, &memory));
    mh_memory_free(memory);
}

Test(memory, an_array_that_grows_keeps_what_is_in_it)
{
    size_t room = 0;
    uint32_t *numbers = NULL;

    for (uint32_t i = 0; i < 1000; i++) {
        MUST(mh_memory_reserve(i + 1, sizeof *numbers, &room, &numbers));
        cr_assert(room > i && numbers[i] == 0);
        numbers[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert(numbers[i] == i);
    EXPECT_FAILURE(mh_memory_reserve(SIZE_MAX / 2, sizeof *numbers, &room, &numbers), MH_ERR_MEMORY,
                   "out of memory");
    cr_expect(numbers[999] == 999);
    mh_memory_free(numbers);
}
