#ifndef MULTIHEAD_BASE_CPU_H
#define MULTIHEAD_BASE_CPU_H

#include <stddef.h>

/* The widest float32 arithmetic that a CPU, or a kernel written for one, has. */
typedef enum { MH_VECTOR_UNKNOWN, MH_VECTOR_SSE, MH_VECTOR_AVX, MH_VECTOR_AVX2, MH_VECTOR_AVX512 } mh_vector;

/** What this CPU (and its operating system) can do; MH_VECTOR_UNKNOWN off x86-64. */
mh_vector mh_cpu_vector(void);

/** "SSE", "AVX", "AVX2", "AVX-512", or "unknown". */
const char *mh_vector_name(mh_vector vector);

/** The model as the operating system names it, or "unknown CPU". */
void mh_cpu_name(char *name, size_t bytes);

/** Cores that this process may run on, and those that the host has. */
size_t mh_cpu_cores(void);
size_t mh_cpu_host_cores(void);

#endif
