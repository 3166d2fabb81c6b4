#include "multihead/tensor/matrix.h"

#include <assert.h>
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "multihead/base/cpu.h"

mh_panels mh_matrix_of(float *values, size_t rows, size_t columns)
{
    return mh_kernel_uses_blas() ? mh_panels_of_rows(values, rows, columns)
                                 : mh_panels_of(values, rows, columns);
}

size_t mh_matrix_floats(size_t rows, size_t columns)
{
    return mh_panels_floats(rows, columns);
}

/* ---- weights ---- */

size_t mh_weights_floats(size_t inputs, size_t outputs)
{
    return mh_panels_floats(inputs, outputs) + mh_panels_floats(outputs, inputs) +
           mh_panels_floats(1, outputs);
}

mh_weights mh_weights_of(float *memory, size_t inputs, size_t outputs)
{
    float *backward = memory + mh_panels_floats(inputs, outputs);

    return (mh_weights){.inputs = inputs,
                        .outputs = outputs,
                        .forward = memory,
                        .backward = backward,
                        .start = backward + mh_panels_floats(outputs, inputs)};
}

/* Row after row, so that the weights are read as a stream. */
static void lay_out_rows(const mh_weights *weights, mh_span rows)
{
    mh_panels forward = mh_panels_of(weights->forward, weights->inputs, weights->outputs);
    mh_panels backward = mh_panels_of(weights->backward, weights->outputs, weights->inputs);
    mh_panels own = mh_panels_slice(&backward, rows.first, rows.count);

    for (size_t o = rows.first; o < mh_span_end(rows); o++) {
        const float *row = weights->weight + o * weights->inputs;
        float *column = mh_panels_element(&forward, 0, o);

        for (size_t i = 0; i < weights->inputs; i++)
            column[i * MH_PANEL] = row[i];
    }
    mh_panels_fill(&own, weights->weight + rows.first * weights->inputs);
}

/* Some columns of a row. */
static void lay_out_some(const mh_weights *weights, size_t o, mh_span columns)
{
    mh_panels forward = mh_panels_of(weights->forward, weights->inputs, weights->outputs);
    mh_panels backward = mh_panels_of(weights->backward, weights->outputs, weights->inputs);

    for (size_t i = columns.first; i < mh_span_end(columns); i++) {
        float value = weights->weight[o * weights->inputs + i];

        *mh_panels_element(&forward, i, o) = value;
        *mh_panels_element(&backward, o, i) = value;
    }
}

/* The end of a row, whole rows, and the beginning of one, as far as the part has them. What fills panels up stays 0. */
static void lay_out(const mh_weights *weights, mh_span part)
{
    size_t inputs = weights->inputs, end = mh_span_end(part), count = 0;

    for (size_t first = part.first; first < end; first += count) {
        size_t row = first / inputs, column = first % inputs, left = inputs - column;

        if (column == 0 && end - first >= inputs) {
            count = (end - first) / inputs * inputs;
            lay_out_rows(weights, (mh_span){row, count / inputs});
        } else {
            count = end - first < left ? end - first : left;
            lay_out_some(weights, row, (mh_span){column, count});
        }
    }
}

void mh_weights_prepare(mh_weights *weights, const float *weight, mh_span weight_part, const float *bias,
                        mh_span bias_part)
{
    weights->weight = weight;
    weights->bias = bias;
    if (bias != NULL)
        memcpy(weights->start + bias_part.first, bias + bias_part.first, bias_part.count * sizeof *bias);
    if (!mh_kernel_uses_blas())
        lay_out(weights, weight_part);
}

/* ---- products ---- */

/* BLAS's integers are 32 bit here, and so is every extent of ours: rows are those of a chunk, inputs and outputs are
 * checked when the model is made. */
static void blas(CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, size_t rows, size_t columns, size_t depth,
                 const float *a, const float *b, bool adds, float *c)
{
    int m = (int)rows, n = (int)columns, k = (int)depth;

    cblas_sgemm(CblasRowMajor, left, right, m, n, k, 1.0f, a, left == CblasTrans ? m : k, b,
                right == CblasTrans ? k : n, adds ? 1.0f : 0.0f, c, n);
}

static void blas_forward(const mh_weights *weights, const mh_panels *x, bool adds, bool clips,
                         const mh_panels *y)
{
    const float *restrict start = weights->start;

    blas(CblasNoTrans, CblasTrans, x->rows, weights->outputs, weights->inputs, x->values, weights->weight,
         adds, y->values);
    for (size_t row = 0; row < y->rows; row++) {
        float *restrict values = y->values + row * y->columns;

        for (size_t c = 0; c < y->columns && !adds; c++)
            values[c] += start[c];
        for (size_t c = 0; c < y->columns && clips; c++)
            values[c] = values[c] < 0.0f ? 0.0f : values[c]; /* keeps a NaN, so that it is seen in the loss */
    }
}

void mh_matrix_forward(const mh_weights *weights, const mh_panels *x, bool adds, bool clips,
                       const mh_panels *y)
{
    const mh_product product = {
        .a = *x, .b = weights->forward, .c = *y, .bias = weights->start, .adds = adds, .clips = clips};

    assert(weights->weight != NULL);
    if (mh_kernel_uses_blas())
        blas_forward(weights, x, adds, clips, y);
    else
        mh_kernel_now()->multiply(&product);
}

/* The slope of ReLU and dropout together, told from what came out: `scale` where something came through. */
static void apply_mask(size_t count, const float *restrict mask, float scale, float *restrict dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = mask[i] > 0.0f ? scale * dx[i] : 0.0f;
}

void mh_matrix_backward(const mh_weights *weights, const mh_panels *dy, const mh_panels *mask, float scale,
                        const mh_panels *dx)
{
    const mh_product product = {.a = *dy,
                                .b = weights->backward,
                                .c = *dx,
                                .mask = mask != NULL ? mask->values : NULL,
                                .scale = scale};

    if (!mh_kernel_uses_blas()) {
        mh_kernel_now()->multiply(&product);
        return;
    }
    blas(CblasNoTrans, CblasNoTrans, dy->rows, weights->inputs, weights->outputs, dy->values, weights->weight,
         false, dx->values);
    if (mask != NULL)
        apply_mask(dx->rows * dx->columns, mask->values, scale, dx->values);
}

mh_span mh_matrix_blocks(size_t outputs, size_t inputs)
{
    return (mh_span){0, mh_kernel_uses_blas() ? 1 : mh_gradient_blocks(outputs, inputs)};
}

void mh_matrix_weight_gradient(const mh_panels *dy, const mh_panels *x, const mh_leaves *leaves, bool adds,
                               mh_span blocks, float *dweight)
{
    const mh_gradient_product product = {.a = *dy, .b = *x, .leaves = *leaves, .adds = adds, .c = dweight};

    if (!mh_kernel_uses_blas()) {
        mh_kernel_now()->multiply_gradient(&product, blocks.first, blocks.count);
        return;
    }
    assert(leaves->count == 1);
    if (blocks.count == 0)
        return;
    if (dy->rows == 0 && !adds)
        memset(dweight, 0, dy->columns * x->columns * sizeof *dweight);
    else
        blas(CblasTrans, CblasNoTrans, dy->columns, x->columns, dy->rows, dy->values, x->values, adds,
             dweight);
}

/* ---- the library ---- */

void mh_matrix_set_threads(size_t threads)
{
    if (threads > 1)
        mh_kernel_use_blas();
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
