/*
 * Every kernel that this CPU can run against a plain one in double, on odd shapes: what is claimed of one is claimed of
 * each.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "multihead/kernel/kernel.h"
#include "toy.h"

/* rows, depth, columns: below and above each kernel's tiles and blocks, and single ones. */
static const size_t shapes[][3] = {{1, 1, 1},    {1, 40, 1},    {13, 31, 7},    {14, 16, 32}, {15, 17, 33},
                                   {128, 12, 5}, {29, 300, 18}, {300, 7, 64},   {6, 256, 16}, {5, 512, 48},
                                   {97, 65, 31}, {2, 3, 200},   {260, 257, 19}, {128, 5, 256}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], MOST_LEAVES = 11 };

/* A matrix twice: as rows, and in panels whose unused columns are NaN, so that reading them shows. */
typedef struct {
    size_t rows, columns;
    float *values; /* row-major */
    mh_panels panels;
} matrix;

static float *numbers(size_t count, uint64_t seed)
{
    float *values = aligned_alloc(64, (count / 16 + 1) * 64);

    cr_assert(values != NULL);
    toy_fill(values, count, seed);
    return values;
}

static matrix matrix_of(size_t rows, size_t columns, uint64_t seed)
{
    matrix m = {rows, columns, numbers(rows * columns, seed), {0}};
    size_t room = mh_panels_floats(rows, columns);

    m.panels = mh_panels_of(numbers(room, seed), rows, columns);
    for (size_t i = 0; i < room; i++)
        m.panels.values[i] = NAN;
    mh_panels_fill(&m.panels, m.values);
    return m;
}

static void matrix_free(matrix *m)
{
    free(m->values);
    free(m->panels.values);
}

/* b in panels, filled up with zeros as the kernels want it. */
static float *fill_up(const matrix *b)
{
    float *values = numbers(mh_panels_floats(b->rows, b->columns), 0);
    mh_panels panels = mh_panels_of(values, b->rows, b->columns);

    memset(values, 0, mh_panels_floats(b->rows, b->columns) * sizeof *values);
    mh_panels_fill(&panels, b->values);
    return values;
}

/* Terms are below 1: a chain of `terms` roundings of sums below `terms` at the very most. */
static double rounding(size_t terms)
{
    return 1e-7 + (double)(terms * terms) * 0x1p-24;
}

static const mh_kernel *each(size_t *i)
{
    return mh_kernel_available((*i)++);
}

/* ---- c = a b ---- */

typedef struct {
    bool has_bias, adds, clips, has_mask;
} kind;

static double expected_of(const matrix *a, const matrix *b, const float *bias, const matrix *before,
                          const matrix *mask, kind k, size_t row, size_t column)
{
    double sum = k.adds ? (double)before->values[row * b->columns + column] : 0.0;

    if (k.has_bias && !k.adds)
        sum += (double)bias[column];
    for (size_t d = 0; d < b->rows; d++)
        sum += (double)a->values[row * b->rows + d] * (double)b->values[d * b->columns + column];
    if (k.clips && sum < 0)
        sum = 0;
    if (k.has_mask)
        sum = mask->values[row * b->columns + column] > 0 ? 2.0 * sum : 0.0;
    return sum;
}

static void expect_product(const mh_kernel *kernel, const size_t shape[3], kind k)
{
    matrix a = matrix_of(shape[0], shape[1], 1), b = matrix_of(shape[1], shape[2], 2);
    matrix c = matrix_of(shape[0], shape[2], 3), before = matrix_of(shape[0], shape[2], 3);
    matrix mask = matrix_of(shape[0], shape[2], 4);
    float *filled = fill_up(&b), *bias = numbers(mh_panels_floats(1, shape[2]), 5);
    size_t wrong = 0;

    kernel->multiply(&(mh_product){.a = a.panels,
                                   .b = filled,
                                   .c = c.panels,
                                   .bias = k.has_bias ? bias : NULL,
                                   .adds = k.adds,
                                   .clips = k.clips,
                                   .mask = k.has_mask ? mask.panels.values : NULL,
                                   .scale = 2.0f});
    for (size_t row = 0; row < shape[0]; row++)
        for (size_t column = 0; column < shape[2]; column++)
            wrong += !(fabs((double)*mh_panels_element(&c.panels, row, column) -
                            expected_of(&a, &b, bias, &before, &mask, k, row, column)) <=
                       2 * rounding(shape[1] + 1));
    cr_expect(zero(sz, wrong), "%s: %zu x %zu x %zu", kernel->name, shape[0], shape[1], shape[2]);
    matrix_free(&a);
    matrix_free(&b);
    matrix_free(&c);
    matrix_free(&before);
    matrix_free(&mask);
    free(filled);
    free(bias);
}

Test(kernel, multiplies)
{
    static const kind kinds[] = {
        {0}, {.has_bias = true}, {.has_bias = true, .clips = true}, {.adds = true}, {.has_mask = true}};
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i))
        for (size_t s = 0; s < SHAPES; s++)
            for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
                expect_product(kernel, shapes[s], kinds[k]);
}

/* Each element is the same chain wherever it stands: rows may be cut anywhere. */
Test(kernel, gives_a_row_the_same_bits_in_any_company)
{
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i)) {
        matrix a = matrix_of(97, 300, 1), b = matrix_of(300, 37, 2);
        matrix whole = matrix_of(97, 37, 3), single = matrix_of(97, 37, 4);
        float *filled = fill_up(&b);

        kernel->multiply(&(mh_product){.a = a.panels, .b = filled, .c = whole.panels});
        for (size_t row = 0; row < 97; row += 5) {
            size_t rows = 97 - row < 5 ? 97 - row : 5;

            kernel->multiply(&(mh_product){.a = mh_panels_slice(&a.panels, row, rows),
                                           .b = filled,
                                           .c = mh_panels_slice(&single.panels, row, rows)});
        }
        mh_panels_spill(&whole.panels, whole.values);
        mh_panels_spill(&single.panels, single.values);
        EXPECT_SAME_BITS(whole.values, single.values, 97 * 37);
        matrix_free(&a);
        matrix_free(&b);
        matrix_free(&whole);
        matrix_free(&single);
        free(filled);
    }
}

Test(kernel, lets_nan_through_relu)
{
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i)) {
        matrix a = matrix_of(9, 5, 1), b = matrix_of(5, 20, 2), c = matrix_of(9, 20, 3);
        float *filled = fill_up(&b);

        *mh_panels_element(&a.panels, 4, 2) = NAN;
        kernel->multiply(&(mh_product){.a = a.panels, .b = filled, .c = c.panels, .clips = true});
        for (size_t e = 0; e < 9 * 20; e++)
            cr_expect(isnan(*mh_panels_element(&c.panels, e / 20, e % 20)) == (e / 20 == 4));
        matrix_free(&a);
        matrix_free(&b);
        matrix_free(&c);
        free(filled);
    }
}

/* ---- c = a^T b ---- */

typedef struct {
    mh_leaves leaves;
    size_t rows[MOST_LEAVES], merges[MOST_LEAVES];
} leaf_list;

/* Unequal leaves, one of them empty, of `rows` rows in all. */
static void deal(size_t rows, size_t count, leaf_list *out)
{
    size_t left = rows;

    for (size_t i = 0; i < count; i++) {
        out->rows[i] = i + 1 == count ? left : i == 1 ? 0 : left / (count - i);
        left -= out->rows[i];
        out->merges[i] = mh_leaves_merges(count, i);
    }
    out->leaves = (mh_leaves){count, out->rows, count > 1 ? out->merges : NULL};
}

/* All blocks of c. */
static void multiply_gradient(const mh_kernel *kernel, const mh_gradient_product *product)
{
    kernel->multiply_gradient(product, 0, mh_gradient_blocks(product->a.columns, product->b.columns));
}

static void expect_gradient(const mh_kernel *kernel, const size_t shape[3], size_t leaves, bool adds)
{
    matrix a = matrix_of(shape[0], shape[1], 1), b = matrix_of(shape[0], shape[2], 2);
    size_t count = shape[1] * shape[2], wrong = 0;
    float *c = numbers(count + 1, 3), *before = numbers(count + 1, 3);
    leaf_list list;

    deal(shape[0], leaves, &list);
    multiply_gradient(kernel, &(mh_gradient_product){
                                  .a = a.panels, .b = b.panels, .leaves = list.leaves, .adds = adds, .c = c});
    for (size_t e = 0; e < count; e++) {
        double sum = adds ? (double)before[e] : 0.0;

        for (size_t row = 0; row < shape[0]; row++)
            sum += (double)a.values[row * shape[1] + e / shape[2]] *
                   (double)b.values[row * shape[2] + e % shape[2]];
        wrong += !(fabs((double)c[e] - sum) <= rounding(shape[0] + 1));
    }
    cr_expect(zero(sz, wrong), "%s: %zu rows, %zu x %zu, %zu leaves", kernel->name, shape[0], shape[1],
              shape[2], leaves);
    cr_expect(c[count] == before[count], "written behind the end");
    matrix_free(&a);
    matrix_free(&b);
    free(c);
    free(before);
}

Test(kernel, multiplies_over_rows)
{
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i))
        for (size_t s = 0; s < SHAPES; s++)
            for (size_t leaves = 1; leaves <= MOST_LEAVES; leaves += 5)
                for (int adds = 0; adds < 2; adds++)
                    expect_gradient(kernel, shapes[s], leaves, adds);
}

/* The sums of leaves first..end-1 by recursion, left + right, each made by itself. */
static void tree(const mh_kernel *kernel, const matrix *a, const matrix *b, const leaf_list *list,
                 size_t first, size_t count, float *products, float *columns)
{
    size_t elements = a->columns * b->columns, row = 0;

    if (count > 1) {
        size_t left = (count + 1) / 2;
        float *other = numbers(elements, 0), *other_columns = numbers(a->columns, 0);

        tree(kernel, a, b, list, first, left, products, columns);
        tree(kernel, a, b, list, first + left, count - left, other, other_columns);
        for (size_t e = 0; e < elements; e++)
            products[e] += other[e];
        for (size_t e = 0; e < a->columns; e++)
            columns[e] += other_columns[e];
        free(other);
        free(other_columns);
        return;
    }
    for (size_t i = 0; i < first; i++)
        row += list->rows[i];
    const mh_leaves one = {1, &list->rows[first], NULL};
    mh_panels own = mh_panels_slice(&a->panels, row, list->rows[first]);

    multiply_gradient(kernel, &(mh_gradient_product){.a = own,
                                                     .b = mh_panels_slice(&b->panels, row, list->rows[first]),
                                                     .leaves = one,
                                                     .c = products});
    kernel->sum_columns(&own, &one, false, columns);
}

/* What makes the number of ranks not matter: leaves together are what they are one by one. */
Test(kernel, adds_leaves_in_the_order_of_their_tree)
{
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i)) {
        for (size_t leaves = 2; leaves <= MOST_LEAVES; leaves++) {
            matrix a = matrix_of(203, 39, 1), b = matrix_of(203, 53, 2);
            float *together = numbers(39 * 53, 3), *apart = numbers(39 * 53, 4);
            float sums[39], sums_apart[39];
            leaf_list list;

            deal(203, leaves, &list);
            multiply_gradient(
                kernel,
                &(mh_gradient_product){.a = a.panels, .b = b.panels, .leaves = list.leaves, .c = together});
            kernel->sum_columns(&a.panels, &list.leaves, false, sums);
            tree(kernel, &a, &b, &list, 0, leaves, apart, sums_apart);
            EXPECT_SAME_BITS(together, apart, 39 * 53);
            EXPECT_SAME_BITS(sums, sums_apart, 39);
            matrix_free(&a);
            matrix_free(&b);
            free(together);
            free(apart);
        }
    }
}

/* What makes it not matter who makes a block. */
Test(kernel, makes_each_block_of_a_gradient_by_itself)
{
    enum { ROWS = 203, M = 300, N = 200, COUNT = M * N };
    size_t i = 0, blocks = mh_gradient_blocks(M, N);

    cr_assert(eq(sz, blocks, 3 * 4));
    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i)) {
        matrix a = matrix_of(ROWS, M, 1), b = matrix_of(ROWS, N, 2);
        float *whole = numbers(COUNT, 3), *pieces = numbers(COUNT, 4);
        leaf_list list;

        deal(ROWS, 3, &list);
        mh_gradient_product product = {.a = a.panels, .b = b.panels, .leaves = list.leaves, .c = whole};
        multiply_gradient(kernel, &product);
        product.c = pieces;
        for (size_t block = blocks; block-- > 0;)
            if (block % 3 != 1)
                kernel->multiply_gradient(&product, block, block % 3 == 0 ? 2 : 1);
        EXPECT_SAME_BITS(pieces, whole, COUNT);
        matrix_free(&a);
        matrix_free(&b);
        free(whole);
        free(pieces);
    }
}

/* ---- sums of columns ---- */

Test(kernel, sums_columns_of_panels_and_rows)
{
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i)) {
        for (size_t s = 0; s < SHAPES; s++) {
            size_t rows = shapes[s][0], columns = shapes[s][2], wrong = 0;
            matrix a = matrix_of(rows, columns, 1);
            mh_panels row_major = mh_panels_of_rows(a.values, rows, columns);
            float *in_panels = numbers(columns, 2), *in_rows = numbers(columns, 2),
                  *before = numbers(columns, 2);
            const mh_leaves one = {1, &rows, NULL};

            kernel->sum_columns(&a.panels, &one, true, in_panels);
            kernel->sum_columns(&row_major, &one, true, in_rows);
            EXPECT_SAME_BITS(in_panels, in_rows, columns);
            for (size_t c = 0; c < columns; c++) {
                double sum = (double)before[c];

                for (size_t row = 0; row < rows; row++)
                    sum += (double)a.values[row * columns + c];
                wrong += !(fabs((double)in_panels[c] - sum) <= rounding(rows + 1));
            }
            cr_expect(zero(sz, wrong), "%s: %zu x %zu", kernel->name, rows, columns);
            matrix_free(&a);
            free(in_panels);
            free(in_rows);
            free(before);
        }
    }
}

/* ---- which one ---- */

Test(kernel, the_portable_one_is_always_there)
{
    size_t i = 0;
    bool found = false;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i))
        found = found || strcmp(kernel->name, "generic") == 0;
    cr_expect(found);
}

Test(kernel, is_chosen_by_name)
{
    size_t i = 0;

    for (const mh_kernel *kernel = each(&i); kernel != NULL; kernel = each(&i)) {
        MUST(mh_kernel_choose(kernel->name));
        cr_expect(mh_kernel_now() == kernel && !mh_kernel_uses_blas());
    }
    MUST(mh_kernel_choose("openblas"));
    cr_expect(mh_kernel_uses_blas());
    MUST(mh_kernel_choose(""));
    cr_expect(mh_kernel_now() == mh_kernel_available(0));
    EXPECT_FAILURE(mh_kernel_choose("fastest"), MH_ERR_USAGE, "generic, openblas");
}

Test(kernel, merges_follow_the_tree_that_halves)
{
    static const size_t of_five[] = {0, 1, 1, 0, 2}, of_eight[] = {0, 1, 0, 2, 0, 1, 0, 3};

    for (size_t i = 0; i < 5; i++)
        cr_expect(eq(sz, mh_leaves_merges(5, i), of_five[i]));
    for (size_t i = 0; i < 8; i++)
        cr_expect(eq(sz, mh_leaves_merges(8, i), of_eight[i]));
    cr_expect(eq(sz, mh_leaves_merges(1, 0), 0));
}
