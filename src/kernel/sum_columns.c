#include "loops.h"

/*
 * Every column is a sum of its own: four partial sums, of every fourth row of a leaf, so that an addition need not wait
 * for the one before it. A tile is as many columns as there are in a vector.
 */
enum { CHAINS = 4, HEIGHT = 65 };

INLINE vector sum_leaf(const float *values, size_t rows, size_t width)
{
    vector chain[CHAINS] = {same(0), same(0), same(0), same(0)};
    size_t row = 0;

    for (; row + CHAINS <= rows; row += CHAINS)
#pragma GCC unroll 4
        for (size_t i = 0; i < CHAINS; i++)
            chain[i] += load(values + (row + i) * width);
    for (size_t i = 0; row + i < rows; i++)
        chain[i] += load(values + (row + i) * width);
    return (chain[0] + chain[1]) + (chain[2] + chain[3]);
}

/* The same for one column. */
static float sum_leaf_alone(const float *values, size_t rows, size_t width)
{
    float chain[CHAINS] = {0};

    for (size_t row = 0; row < rows; row++)
        chain[row % CHAINS] += values[row * width];
    return (chain[0] + chain[1]) + (chain[2] + chain[3]);
}

static void sum_vector(const float *values, size_t width, const mh_leaves *leaves, bool adds, float *sums)
{
    vector stack[HEIGHT], sum = same(0);
    size_t top = 0;

    for (size_t leaf = 0; leaf < leaves->count; leaf++) {
        sum = sum_leaf(values, leaves->rows[leaf], width);
        values += leaves->rows[leaf] * width;
        for (size_t merges = leaves->merges != NULL ? leaves->merges[leaf] : 0; merges > 0; merges--)
            sum = stack[--top] + sum;
        stack[top++] = sum;
    }
    store(sums, adds ? load(sums) + sum : sum);
}

static void sum_column(const float *values, size_t width, const mh_leaves *leaves, bool adds, float *sums)
{
    float stack[HEIGHT], sum = 0;
    size_t top = 0;

    for (size_t leaf = 0; leaf < leaves->count; leaf++) {
        sum = sum_leaf_alone(values, leaves->rows[leaf], width);
        values += leaves->rows[leaf] * width;
        for (size_t merges = leaves->merges != NULL ? leaves->merges[leaf] : 0; merges > 0; merges--)
            sum = stack[--top] + sum;
        stack[top++] = sum;
    }
    *sums = adds ? *sums + sum : sum;
}

void KERNEL(sum_columns)(const mh_panels *a, const mh_leaves *leaves, bool adds, float *sums)
{
    for (size_t panel = 0; panel < mh_panels_count(a); panel++) {
        const float *values = mh_panels_at(a, 0, panel);
        float *out = sums + panel * a->width;
        size_t used = mh_panels_used(a, panel), column = 0;

        for (; column + LANES <= used; column += LANES)
            sum_vector(values + column, a->width, leaves, adds, out + column);
        for (; column < used; column++)
            sum_column(values + column, a->width, leaves, adds, out + column);
    }
}
