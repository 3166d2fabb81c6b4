#include "python_set.h"

#include <assert.h>

#include "multihead/base/memory.h"

enum {
    SMALLEST_TABLE = 8,
    NEIGHBOURS = 9,       /* slots looked at after the first, where the table has as many */
    PERTURB_SHIFT = 5,    /* bits of the hash that a jump uses up                         */
    LARGE_MEMBERS = 50000 /* beyond, the table grows less                                 */
};

static const uint32_t EMPTY = UINT32_MAX;

struct mh_python_set {
    size_t keys;
    size_t members;
    size_t mask;     /* slots of the table in use, less one */
    uint32_t *table; /* [table_slots(4 * keys)]             */
    uint32_t *spare; /* the same: where the next size grows */
};

static size_t table_slots(size_t members)
{
    size_t slots = SMALLEST_TABLE;

    while (slots <= members)
        slots *= 2;
    return slots;
}

mh_status mh_python_set_create(size_t keys, mh_python_set **out)
{
    mh_status status = MH_OK;
    mh_python_set *set = NULL;

    assert(keys < (size_t)1 << 31);
    MH_TRY(mh_memory_new(sizeof *set, &set));
    set->keys = keys;
    MH_TRY(mh_memory_array(table_slots(4 * keys), sizeof *set->table, &set->table));
    MH_TRY(mh_memory_array(table_slots(4 * keys), sizeof *set->spare, &set->spare));
    mh_python_set_clear(set);
cleanup:
    if (status != MH_OK) {
        mh_python_set_destroy(set);
        set = NULL;
    }
    *out = set;
    return status;
}

void mh_python_set_destroy(mh_python_set *set)
{
    if (set == NULL)
        return;
    mh_memory_free(set->table);
    mh_memory_free(set->spare);
    mh_memory_free(set);
}

static void empty_table(mh_python_set *set, size_t slots)
{
    for (size_t i = 0; i < slots; i++)
        set->table[i] = EMPTY;
    set->mask = slots - 1;
}

void mh_python_set_clear(mh_python_set *set)
{
    empty_table(set, SMALLEST_TABLE);
    set->members = 0;
}

/* The slot that holds `key`, or the empty one where it belongs. */
static size_t find_slot(const mh_python_set *set, uint32_t key)
{
    size_t perturb = key;
    size_t slot = key & set->mask;

    for (;;) {
        size_t neighbours = slot + NEIGHBOURS <= set->mask ? NEIGHBOURS : 0;

        for (size_t i = slot; i <= slot + neighbours; i++) {
            if (set->table[i] == key || set->table[i] == EMPTY)
                return i;
        }
        perturb >>= PERTURB_SHIFT;
        slot = (slot * 5 + 1 + perturb) & set->mask;
    }
}

/* Members move in the order of the old table, which decides who gets a contested slot. */
static void grow(mh_python_set *set)
{
    uint32_t *old = set->table;
    size_t old_slots = set->mask + 1;

    set->table = set->spare;
    set->spare = old;
    empty_table(set, table_slots(set->members * (set->members > LARGE_MEMBERS ? 2 : 4)));
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i] != EMPTY)
            set->table[find_slot(set, old[i])] = old[i];
    }
}

bool mh_python_set_add(mh_python_set *set, uint32_t key)
{
    assert(key < set->keys);

    size_t slot = find_slot(set, key);

    if (set->table[slot] == key)
        return false;
    set->table[slot] = key;
    set->members++;
    if (set->members * 5 >= set->mask * 3)
        grow(set);
    return true;
}

size_t mh_python_set_size(const mh_python_set *set)
{
    return set->members;
}

void mh_python_set_list(const mh_python_set *set, uint32_t *keys)
{
    size_t listed = 0;

    for (size_t i = 0; listed < set->members; i++) {
        if (set->table[i] != EMPTY)
            keys[listed++] = set->table[i];
    }
}
