#include "machine_peak.h"

#include <stddef.h>

#include "multihead/base/clock.h"
#include "multihead/base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * Chains of dependent multiply-adds, enough of them to fill both units for their latency (4 to 5 cycles). The
 * sum is returned so that the compiler cannot leave the work out.
 */
enum { CHAINS = 12, ROUNDS = 100000 };

__attribute__((target("avx512f"))) static float run_avx512(void)
{
    __m512 sum[CHAINS], factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);

    for (size_t i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < CHAINS; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], factor, term);
    for (size_t i = 1; i < CHAINS; i++)
        sum[0] = _mm512_add_ps(sum[0], sum[i]);
    return _mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx2,fma"))) static float run_avx2(void)
{
    __m256 sum[CHAINS], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);

    for (size_t i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < CHAINS; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], factor, term);
    for (size_t i = 1; i < CHAINS; i++)
        sum[0] = _mm256_add_ps(sum[0], sum[i]);
    return _mm256_cvtss_f32(sum[0]);
}

double machine_peak_gflops(void)
{
    mh_vector vector = mh_cpu_vector();
    double best = 0;
    volatile float sink = 0;

    if (vector < MH_VECTOR_AVX2)
        return 0;
    for (int attempt = 0; attempt < 20; attempt++) {
        double start = mh_clock_seconds();

        sink = sink + (vector == MH_VECTOR_AVX512 ? run_avx512() : run_avx2());
        double seconds = mh_clock_seconds() - start;
        double lanes = vector == MH_VECTOR_AVX512 ? 16 : 8;
        double rate = 2.0 * lanes * CHAINS * ROUNDS / seconds * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}
#else
double machine_peak_gflops(void)
{
    return 0;
}
#endif
