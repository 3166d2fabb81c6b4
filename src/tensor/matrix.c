#include "multihead/tensor/matrix.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "multihead/base/cpu.h"

/* Products go to BLAS as they are; its integers are 32 bit here, and so is every extent of ours: rows are those
 * of a chunk, inputs and outputs are checked when the model is made. */
void mh_matrix_forward(size_t rows, size_t inputs, size_t outputs, const float *x, const float *weight,
                       float *y)
{
    int m = (int)rows, n = (int)outputs, k = (int)inputs;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, x, k, weight, k, 0.0f, y, n);
}

void mh_matrix_forward_add(size_t rows, size_t inputs, size_t outputs, const float *x, const float *weight,
                           float *y)
{
    int m = (int)rows, n = (int)outputs, k = (int)inputs;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, x, k, weight, k, 1.0f, y, n);
}

void mh_matrix_backward(size_t rows, size_t inputs, size_t outputs, const float *dy, const float *weight,
                        float *dx)
{
    int m = (int)rows, n = (int)inputs, k = (int)outputs;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, dy, k, weight, n, 0.0f, dx, n);
}

void mh_matrix_weight_gradient(size_t rows, size_t inputs, size_t outputs, const float *dy, const float *x,
                               bool adds, float *dweight)
{
    int m = (int)outputs, n = (int)inputs, k = (int)rows;

    if (rows == 0 && !adds) {
        memset(dweight, 0, outputs * inputs * sizeof *dweight);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1.0f, dy, m, x, n, adds ? 1.0f : 0.0f,
                dweight, n);
}

void mh_matrix_set_threads(size_t threads)
{
    openblas_set_num_threads((int)threads);
}

const char *mh_matrix_kernel(void)
{
    return openblas_get_corename();
}

const char *mh_matrix_library(void)
{
    return openblas_get_config();
}

/* What the kernels of OpenBLAS 0.3's x86-64 core types are written for (its driver/others/dynamic.c). */
static mh_vector kernel_vector(const char *name)
{
    static const struct {
        const char *name;
        mh_vector vector;
    } kernels[] = {
        {"Prescott", MH_VECTOR_SSE},      {"Core2", MH_VECTOR_SSE},
        {"Penryn", MH_VECTOR_SSE},        {"Dunnington", MH_VECTOR_SSE},
        {"Nehalem", MH_VECTOR_SSE},       {"Atom", MH_VECTOR_SSE},
        {"Katmai", MH_VECTOR_SSE},        {"Coppermine", MH_VECTOR_SSE},
        {"Northwood", MH_VECTOR_SSE},     {"Banias", MH_VECTOR_SSE},
        {"Athlon", MH_VECTOR_SSE},        {"Opteron", MH_VECTOR_SSE},
        {"Opteron_SSE3", MH_VECTOR_SSE},  {"Barcelona", MH_VECTOR_SSE},
        {"Bobcat", MH_VECTOR_SSE},        {"Nano", MH_VECTOR_SSE},
        {"Sandybridge", MH_VECTOR_AVX},   {"Bulldozer", MH_VECTOR_AVX},
        {"Piledriver", MH_VECTOR_AVX},    {"Steamroller", MH_VECTOR_AVX},
        {"Excavator", MH_VECTOR_AVX2},    {"Haswell", MH_VECTOR_AVX2},
        {"Zen", MH_VECTOR_AVX2},          {"SkylakeX", MH_VECTOR_AVX512},
        {"Cooperlake", MH_VECTOR_AVX512}, {"SapphireRapids", MH_VECTOR_AVX512},
    };

    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if (strcasecmp(name, kernels[i].name) == 0)
            return kernels[i].vector;
    return MH_VECTOR_UNKNOWN;
}

bool mh_matrix_kernel_is_weak(void)
{
    mh_vector kernel = kernel_vector(mh_matrix_kernel());

    return kernel != MH_VECTOR_UNKNOWN && kernel < mh_cpu_vector();
}

void mh_matrix_choose_kernel(char **argv)
{
    if (!mh_matrix_kernel_is_weak())
        return;

    const char *wanted = mh_cpu_vector() == MH_VECTOR_AVX512 ? "SkylakeX"
                         : mh_cpu_vector() == MH_VECTOR_AVX2 ? "Haswell"
                                                             : "Sandybridge";
    /* Not over a user's setting, which also ends the second run here: no loop. */
    if (getenv("OPENBLAS_CORETYPE") != NULL || setenv("OPENBLAS_CORETYPE", wanted, 0) != 0)
        return;
    execv("/proc/self/exe", argv);
    /* Not possible here: go on with the weaker kernel; the start-up block warns. */
}
