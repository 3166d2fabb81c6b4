#include "multihead/base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ALIGNMENT = 64,
    PIECE_BYTES = 1 << 18 /* cleared at a time: what the system has just cleared is in the cache still */
};

/* Rows are read by a thread of its own. */
static _Atomic uint64_t allocations;
static _Atomic uint64_t failing; /* the number of the one that fails */

/*
 * Asks for all pages of a piece at once: 560 MB come in 0.27 s, with a fault for each page in 0.43 s. Where the system
 * does not know how, there are faults.
 */
static void ask_for_pages(char *memory, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)memory + page - 1) & -page, end = ((uintptr_t)memory + bytes) & -page;

    madvise((void *)first, end - first, MADV_POPULATE_WRITE);
#else
    (void)memory;
    (void)bytes;
#endif
}

static void clear(char *memory, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += PIECE_BYTES) {
        size_t piece = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;

        if (piece == PIECE_BYTES)
            ask_for_pages(memory + done, piece);
        memset(memory + done, 0, piece);
    }
}

mh_status mh_memory_new(size_t bytes, void *out)
{
    void *memory = NULL;
    size_t rounded = (bytes / ALIGNMENT + 1) * ALIGNMENT; /* aligned_alloc wants a multiple */

    uint64_t number = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    if (rounded > bytes && number != failing)
        memory = aligned_alloc(ALIGNMENT, rounded);
    if (memory != NULL)
        clear(memory, rounded);
    memcpy(out, &memory, sizeof memory);
    if (memory == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory: %zu bytes asked for", bytes);
    return MH_OK;
}

mh_status mh_memory_array(size_t count, size_t element_bytes, void *out)
{
    size_t bytes = 0;

    if (__builtin_mul_overflow(count, element_bytes, &bytes)) {
        void *none = NULL;
        memcpy(out, &none, sizeof none);
        return MH_FAIL(MH_ERR_MEMORY, "out of memory: %zu elements of %zu bytes asked for", count,
                       element_bytes);
    }
    return mh_memory_new(bytes, out);
}

mh_status mh_memory_reserve(size_t wanted, size_t element_bytes, size_t *room, void *array)
{
    mh_status status = MH_OK;
    size_t more = *room > SIZE_MAX / 2 ? wanted : *room * 2;
    void *old = NULL, *moved = NULL;

    if (wanted <= *room)
        return MH_OK;
    more = more < wanted ? wanted : more;
    MH_TRY(mh_memory_array(more, element_bytes, &moved));
    memcpy(&old, array, sizeof old);
    if (*room > 0)
        memcpy(moved, old, *room * element_bytes);
    mh_memory_free(old);
    memcpy(array, &moved, sizeof moved);
    *room = more;
cleanup:
    return status;
}

mh_status mh_memory_text(const char *text, char **out)
{
    mh_status status = MH_OK;

    *out = NULL;
    if (text == NULL)
        return MH_OK;
    MH_TRY(mh_memory_new(strlen(text) + 1, out));
    memcpy(*out, text, strlen(text));
cleanup:
    return status;
}

void mh_memory_free(void *memory)
{
    free(memory);
}

uint64_t mh_memory_allocations(void)
{
    return allocations;
}

void mh_memory_fail_at(uint64_t n)
{
    failing = n > 0 ? allocations + n : 0;
}
