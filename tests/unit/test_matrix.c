#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/tensor/matrix.h"
#include "toy.h"

/* Shapes that are no multiple of any kernel's blocks, and single rows and columns. */
static const size_t shapes[][3] = {{1, 1, 1},    {1, 7, 5},   {7, 1, 3},     {5, 3, 1},
                                   {13, 12, 32}, {33, 17, 9}, {129, 65, 31}, {3, 257, 2}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], MOST = 129 * 257 };

static float x[MOST], weight[MOST], dy[MOST], out[MOST], before[MOST];

/* sum over k of a[i][k] b[k][j], where an element lies at i * row + j * column. */
typedef struct {
    const float *data;
    size_t row, column;
} view;

static double element(view a, view b, size_t i, size_t j, size_t inner)
{
    double sum = 0.0;

    for (size_t k = 0; k < inner; k++)
        sum += (double)a.data[i * a.row + k * a.column] * (double)b.data[k * b.row + j * b.column];
    return sum;
}

/* Terms are below 1, so `inner` of them added in float32 are off by inner * 2^-24 * inner at the very most.
 */
static void expect_product(const float *before_it, view a, view b, size_t rows, size_t columns, size_t inner)
{
    double tolerance = 1e-7 + (double)(inner * inner) * 0x1p-24;
    size_t wrong = 0;

    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            double start = before_it != NULL ? (double)before_it[i * columns + j] : 0.0;
            double distance = (double)out[i * columns + j] - start - element(a, b, i, j, inner);

            wrong += !(fabs(distance) <= tolerance);
        }
    }
    cr_expect(zero(sz, wrong), "%zu x %zu, inner %zu", rows, columns, inner);
}

static void fill(void)
{
    toy_fill(x, MOST, 1);
    toy_fill(weight, MOST, 2);
    toy_fill(dy, MOST, 3);
    for (size_t i = 0; i < MOST; i++)
        out[i] = before[i] = NAN; /* what is not written, or read by mistake, shows */
}

/* The products of ordinary matrices, laid out as the door wants them. */
typedef struct {
    float *memory;
    mh_weights weights;
    mh_panels left, right; /* [rows x inputs], [rows x outputs] */
} operands;

static operands lay_out(size_t rows, size_t inputs, size_t outputs)
{
    size_t weights = mh_weights_floats(inputs, outputs), left = mh_matrix_floats(rows, inputs);
    size_t floats = weights + left + mh_matrix_floats(rows, outputs) + MH_PANEL;
    operands o = {.memory = aligned_alloc(64, floats * sizeof *o.memory)};

    cr_assert(o.memory != NULL);
    memset(o.memory, 0, floats * sizeof *o.memory);
    o.weights = mh_weights_of(o.memory, inputs, outputs);
    o.left = mh_matrix_of(o.memory + weights, rows, inputs);
    o.right = mh_matrix_of(o.memory + weights + left, rows, outputs);
    mh_weights_prepare(&o.weights, weight, (mh_span){0, outputs * inputs}, NULL, (mh_span){0, 0});
    return o;
}

static void run_forward(size_t rows, size_t inputs, size_t outputs, bool adds)
{
    operands o = lay_out(rows, inputs, outputs);

    mh_panels_fill(&o.left, x);
    if (adds)
        mh_panels_fill(&o.right, out);
    mh_matrix_forward(&o.weights, &o.left, adds, false, &o.right);
    mh_panels_spill(&o.right, out);
    free(o.memory);
}

static void run_backward(size_t rows, size_t inputs, size_t outputs)
{
    operands o = lay_out(rows, inputs, outputs);

    mh_panels_fill(&o.right, dy);
    mh_matrix_backward(&o.weights, &o.right, NULL, 1.0f, &o.left);
    mh_panels_spill(&o.left, out);
    free(o.memory);
}

static void run_weight_gradient(size_t rows, size_t inputs, size_t outputs, bool adds)
{
    operands o = lay_out(rows, inputs, outputs);
    const mh_leaves leaves = {1, &rows, NULL};

    mh_panels_fill(&o.left, x);
    mh_panels_fill(&o.right, dy);
    mh_matrix_weight_gradient(&o.right, &o.left, &leaves, adds, mh_matrix_blocks(outputs, inputs), out);
    free(o.memory);
}

Test(matrix, forward_is_x_times_weight_transposed)
{
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], inputs = shapes[s][1], outputs = shapes[s][2];

        fill();
        run_forward(rows, inputs, outputs, false);
        expect_product(NULL, (view){x, inputs, 1}, (view){weight, 1, inputs}, rows, outputs, inputs);
        cr_expect(isnan(out[rows * outputs]));
    }
}

Test(matrix, backward_is_dy_times_weight)
{
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], inputs = shapes[s][1], outputs = shapes[s][2];

        fill();
        run_backward(rows, inputs, outputs);
        expect_product(NULL, (view){dy, outputs, 1}, (view){weight, inputs, 1}, rows, inputs, outputs);
        cr_expect(isnan(out[rows * inputs]));
    }
}

Test(matrix, weight_gradient_is_dy_transposed_times_x)
{
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], inputs = shapes[s][1], outputs = shapes[s][2];

        fill();
        run_weight_gradient(rows, inputs, outputs, false);
        expect_product(NULL, (view){dy, 1, outputs}, (view){x, inputs, 1}, outputs, inputs, rows);
        cr_expect(isnan(out[outputs * inputs]));
    }
}

Test(matrix, weight_gradient_adds_when_told)
{
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], inputs = shapes[s][1], outputs = shapes[s][2];

        fill();
        toy_fill(before, outputs * inputs, 4);
        toy_fill(out, outputs * inputs, 4);
        run_weight_gradient(rows, inputs, outputs, true);
        expect_product(before, (view){dy, 1, outputs}, (view){x, inputs, 1}, outputs, inputs, rows);
    }
}

Test(matrix, no_rows_have_no_gradient)
{
    fill();
    run_weight_gradient(0, 3, 4, false);
    for (size_t i = 0; i < 12; i++)
        cr_expect(out[i] == 0.0f);
    cr_expect(isnan(out[12]));
    toy_fill(out, 12, 4);
    toy_fill(before, 12, 4);
    run_weight_gradient(0, 3, 4, true);
    cr_expect(zero(dbl, toy_distance(out, before, 12)));
}

Test(matrix, forward_adds_when_told)
{
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], inputs = shapes[s][1], outputs = shapes[s][2];

        fill();
        toy_fill(before, rows * outputs, 4);
        toy_fill(out, rows * outputs, 4);
        run_forward(rows, inputs, outputs, true);
        expect_product(before, (view){x, inputs, 1}, (view){weight, 1, inputs}, rows, outputs, inputs);
    }
}

/* See tests/support/kernel.c. */
Test(matrix, tests_use_the_kernel_that_the_program_chooses)
{
    if (getenv("OPENBLAS_CORETYPE") == NULL)
        cr_expect(not(mh_matrix_kernel_is_weak()), "kernel %s", mh_matrix_kernel());
    cr_expect(mh_matrix_kernel()[0] != '\0');
    cr_expect(strncmp(mh_matrix_library(), "OpenBLAS", 8) == 0);
}
