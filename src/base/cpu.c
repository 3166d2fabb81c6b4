#include "multihead/base/cpu.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

mh_vector mh_cpu_vector(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    /* The five parts that a Skylake server has: OpenBLAS's AVX-512 kernels use them all. */
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return MH_VECTOR_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return MH_VECTOR_AVX2;
    if (__builtin_cpu_supports("avx"))
        return MH_VECTOR_AVX;
    return MH_VECTOR_SSE;
#else
    return MH_VECTOR_UNKNOWN;
#endif
}

const char *mh_vector_name(mh_vector vector)
{
    static const char *const names[] = {"unknown", "SSE", "AVX", "AVX2", "AVX-512"};

    return names[vector];
}

void mh_cpu_name(char *name, size_t bytes)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");

    snprintf(name, bytes, "unknown CPU");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || value == NULL)
            continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, bytes, "%s", value + 1 + (value[1] == ' '));
        break;
    }
    fclose(file);
}

size_t mh_cpu_cores(void)
{
    cpu_set_t cores;

    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    return (size_t)CPU_COUNT(&cores);
}

size_t mh_cpu_host_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores > 0 ? (size_t)cores : 1;
}

/* ---- cores ---- */

void mh_cpu_set_add(mh_cpu_set *set, size_t core)
{
    if (core / 64 < MH_CPU_SET_WORDS)
        set->word[core / 64] |= (uint64_t)1 << core % 64;
}

size_t mh_cpu_set_count(const mh_cpu_set *set)
{
    size_t count = 0;

    for (size_t i = 0; i < MH_CPU_SET_WORDS; i++)
        count += (size_t)__builtin_popcountll(set->word[i]);
    return count;
}

bool mh_cpu_set_is_within(const mh_cpu_set *set, const mh_cpu_set *other)
{
    for (size_t i = 0; i < MH_CPU_SET_WORDS; i++)
        if ((set->word[i] & ~other->word[i]) != 0)
            return false;
    return true;
}

/* The first of the threads that share a core with this one; itself where nobody knows. */
static size_t first_sibling(size_t thread)
{
    char path[96];
    size_t first = thread;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return thread;
    if (fscanf(file, "%zu", &first) != 1)
        first = thread;
    fclose(file);
    return first;
}

void mh_cpu_affinity(mh_cpu_set *out)
{
    mh_cpu_set threads = {{0}};

    *out = (mh_cpu_set){{0}};
    if (sched_getaffinity(0, sizeof threads, (cpu_set_t *)&threads) != 0)
        mh_cpu_set_add(&threads, 0);
    for (size_t thread = 0; thread < (size_t)64 * MH_CPU_SET_WORDS; thread++)
        if ((threads.word[thread / 64] >> thread % 64 & 1) != 0)
            mh_cpu_set_add(out, first_sibling(thread));
}
