#include "multihead/kernel/kernel.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/cpu.h"

extern const mh_kernel mh_kernel_generic;
#if defined(__x86_64__)
extern const mh_kernel mh_kernel_avx2, mh_kernel_avx512;
#endif

/* The best first; what each needs. */
static const struct {
    const mh_kernel *kernel;
    mh_vector needs;
} sets[] = {
#if defined(__x86_64__)
    {&mh_kernel_avx512, MH_VECTOR_AVX512},
    {&mh_kernel_avx2, MH_VECTOR_AVX2},
#endif
    {&mh_kernel_generic, MH_VECTOR_UNKNOWN},
};
enum { SETS = sizeof sets / sizeof sets[0] };

static const mh_kernel *chosen;
static bool products_are_blas;

const mh_kernel *mh_kernel_available(size_t i)
{
    for (size_t s = 0; s < SETS; s++)
        if (sets[s].needs <= mh_cpu_vector() && i-- == 0)
            return sets[s].kernel;
    return NULL;
}

const mh_kernel *mh_kernel_now(void)
{
    return chosen != NULL ? chosen : mh_kernel_available(0);
}

bool mh_kernel_uses_blas(void)
{
    return products_are_blas;
}

void mh_kernel_use_blas(void)
{
    products_are_blas = true;
}

static void list_available(char *text, size_t bytes)
{
    size_t length = 0;

    for (size_t i = 0; mh_kernel_available(i) != NULL; i++)
        length += (size_t)snprintf(text + length, bytes - length, "%s, ", mh_kernel_available(i)->name);
    snprintf(text + length, bytes - length, "openblas");
}

mh_status mh_kernel_choose(const char *wanted)
{
    char names[64];

    chosen = mh_kernel_available(0);
    products_are_blas = chosen == &mh_kernel_generic;
    if (wanted == NULL || wanted[0] == '\0')
        return MH_OK;
    products_are_blas = strcmp(wanted, "openblas") == 0;
    if (products_are_blas)
        return MH_OK;
    for (size_t i = 0; mh_kernel_available(i) != NULL; i++) {
        if (strcmp(wanted, mh_kernel_available(i)->name) == 0) {
            chosen = mh_kernel_available(i);
            return MH_OK;
        }
    }
    list_available(names, sizeof names);
    return MH_FAIL(MH_ERR_USAGE, "MULTIHEAD_KERNELS=%s: this program on this CPU has %s", wanted, names);
}
