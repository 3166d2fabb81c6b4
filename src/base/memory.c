#include "multihead/base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* Rows are read by a thread of its own. */
static _Atomic uint64_t allocations;
static _Atomic uint64_t failing; /* the number of the one that fails */

mh_status mh_memory_new(size_t bytes, void *out)
{
    void *memory = NULL;
    size_t rounded = (bytes / ALIGNMENT + 1) * ALIGNMENT; /* aligned_alloc wants a multiple */

    uint64_t number = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    if (rounded > bytes && number != failing)
        memory = aligned_alloc(ALIGNMENT, rounded);
    if (memory != NULL)
        memset(memory, 0, rounded);
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
