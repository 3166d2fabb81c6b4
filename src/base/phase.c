#include "multihead/base/phase.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "multihead/base/text.h"

static _Atomic(const char *) name = "starting";
static _Atomic uint64_t step;
static _Atomic uint64_t beats;
static _Thread_local bool stands_aside;

void mh_phase_stand_aside(void)
{
    stands_aside = true;
}

void mh_phase_enter(const char *what)
{
    if (!stands_aside)
        atomic_store_explicit(&name, what, memory_order_relaxed);
    mh_phase_beat();
}

/*
 * An atomic addition costs more than a store, and is not needed: where two threads beat at once one beat may be lost,
 * and the number is another one still.
 */
void mh_phase_beat(void)
{
    uint64_t before = atomic_load_explicit(&beats, memory_order_relaxed);

    atomic_store_explicit(&beats, before + 1, memory_order_relaxed);
}

void mh_phase_set_step(uint64_t next)
{
    atomic_store_explicit(&step, next, memory_order_relaxed);
}

const char *mh_phase_name(void)
{
    return atomic_load_explicit(&name, memory_order_relaxed);
}

uint64_t mh_phase_step(void)
{
    return atomic_load_explicit(&step, memory_order_relaxed);
}

uint64_t mh_phase_beats(void)
{
    return atomic_load_explicit(&beats, memory_order_relaxed);
}

const char *mh_phase_describe(char *text, size_t bytes)
{
    char digits[24], *digit = digits + sizeof digits - 1;
    uint64_t rest = mh_phase_step();
    size_t used = mh_text_append(text, bytes, 0, mh_phase_name());

    if (rest == 0)
        return text;
    *digit = '\0';
    for (; rest > 0; rest /= 10)
        *--digit = (char)('0' + rest % 10);
    used = mh_text_append(text, bytes, used, ", step ");
    mh_text_append(text, bytes, used, digit);
    return text;
}
