#include "multihead/data/value_set.h"

#include <stdint.h>
#include <string.h>

#include "multihead/base/memory.h"

struct mh_value_set {
    size_t limit;
    size_t count, room;
    char **text;    /* [room]                                                     */
    size_t slots;   /* a power of two, more than half of them free                */
    uint32_t *slot; /* [slots] number of a text + 1, 0 where free: open addressing */
};

enum { FIRST_SLOTS = 16 };

mh_status mh_value_set_create(size_t limit, mh_value_set **out)
{
    mh_status status = MH_OK;
    mh_value_set *set = NULL;

    MH_TRY(mh_memory_new(sizeof *set, &set));
    set->limit = limit < UINT32_MAX ? limit : UINT32_MAX - 1;
    set->slots = FIRST_SLOTS;
    MH_TRY(mh_memory_array(set->slots, sizeof *set->slot, &set->slot));
cleanup:
    if (status != MH_OK) {
        mh_value_set_destroy(set);
        set = NULL;
    }
    *out = set;
    return status;
}

void mh_value_set_destroy(mh_value_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        mh_memory_free(set->text[i]);
    mh_memory_free(set->text);
    mh_memory_free(set->slot);
    mh_memory_free(set);
}

/* FNV-1a, Fowler, Noll and Vo. */
static size_t hash(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return h ^ (h >> 32);
}

/* Where the text is, or the free place where it would be. */
static size_t find_slot(const mh_value_set *set, const char *text)
{
    size_t at = hash(text) & (set->slots - 1);

    while (set->slot[at] != 0 && strcmp(set->text[set->slot[at] - 1], text) != 0)
        at = (at + 1) & (set->slots - 1);
    return at;
}

static mh_status double_slots(mh_value_set *set)
{
    mh_status status = MH_OK;
    uint32_t *more = NULL;

    MH_TRY(mh_memory_array(set->slots * 2, sizeof *more, &more));
    mh_memory_free(set->slot);
    set->slot = more;
    set->slots *= 2;
    for (size_t i = 0; i < set->count; i++)
        set->slot[find_slot(set, set->text[i])] = (uint32_t)i + 1;
cleanup:
    return status;
}

mh_status mh_value_set_add(mh_value_set *set, const char *text, long *id)
{
    mh_status status = MH_OK;
    size_t at = find_slot(set, text);
    long found = (long)set->slot[at] - 1;

    if (found == MH_VALUE_NONE && set->count < set->limit) {
        MH_TRY(mh_memory_reserve(set->count + 1, sizeof *set->text, &set->room, &set->text));
        if (2 * (set->count + 1) > set->slots) {
            MH_TRY(double_slots(set));
            at = find_slot(set, text);
        }
        MH_TRY(mh_memory_text(text, &set->text[set->count]));
        found = (long)set->count++;
        set->slot[at] = (uint32_t)set->count;
    }
    if (id != NULL)
        *id = found;
cleanup:
    return status;
}

long mh_value_set_find(const mh_value_set *set, const char *text)
{
    return (long)set->slot[find_slot(set, text)] - 1;
}

size_t mh_value_set_count(const mh_value_set *set)
{
    return set == NULL ? 0 : set->count;
}

const char *mh_value_set_text(const mh_value_set *set, size_t id)
{
    return set->text[id];
}
