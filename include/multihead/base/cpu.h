#ifndef MULTIHEAD_BASE_CPU_H
#define MULTIHEAD_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The widest float32 arithmetic that a CPU, or a kernel written for one, has. */
typedef enum { MH_VECTOR_UNKNOWN, MH_VECTOR_SSE, MH_VECTOR_AVX, MH_VECTOR_AVX2, MH_VECTOR_AVX512 } mh_vector;

/** What this CPU (and its operating system) can do; MH_VECTOR_UNKNOWN off x86-64. */
mh_vector mh_cpu_vector(void);

/** "SSE", "AVX", "AVX2", "AVX-512", or "unknown". */
const char *mh_vector_name(mh_vector vector);

/** The model as the operating system names it, or "unknown CPU". */
void mh_cpu_name(char *name, size_t bytes);

/** Hardware threads that this process may run on, and those that the host has. */
size_t mh_cpu_cores(void);
size_t mh_cpu_host_cores(void);

/* Cores of a host, by the number of their first hardware thread; of more than there is room for, the first ones. */
enum { MH_CPU_SET_WORDS = 64 };

typedef struct {
    uint64_t word[MH_CPU_SET_WORDS];
} mh_cpu_set;

/** The cores that this process may run on, be it on one of their hardware threads only. */
void mh_cpu_affinity(mh_cpu_set *out);

void mh_cpu_set_add(mh_cpu_set *set, size_t core);
size_t mh_cpu_set_count(const mh_cpu_set *set);

/** Whether all cores of the first are in the second. */
bool mh_cpu_set_is_within(const mh_cpu_set *set, const mh_cpu_set *other);

#endif
