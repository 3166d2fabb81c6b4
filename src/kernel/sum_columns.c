#include "loops.h"

/*
 * Every column is a sum of its own: four partial sums, of every fourth row of a leaf, so that an addition need not wait
 * for the one before it.
 */
enum { CHAINS = 4, HEIGHT = 7 /* of a tree over MH_LEAVES_MAX leaves */ };

INLINE vector sum_leaf(const float *values, size_t rows, size_t width, size_t used)
{
    vector chain[CHAINS] = {same(0), same(0), same(0), same(0)};
    size_t row = 0;

    for (; row + CHAINS <= rows; row += CHAINS)
#pragma GCC unroll 4
        for (size_t i = 0; i < CHAINS; i++)
            chain[i] += load_some(values + (row + i) * width, used);
    for (size_t i = 0; row + i < rows; i++)
        chain[i] += load_some(values + (row + i) * width, used);
    return (chain[0] + chain[1]) + (chain[2] + chain[3]);
}

/* Of `used` columns side by side, a vector at most. */
INLINE void sum_some(const float *values, size_t width, const mh_leaves *leaves, bool adds, size_t used,
                     float *sums)
{
    vector stack[HEIGHT], sum = same(0);
    size_t top = 0;

    for (size_t leaf = 0; leaf < leaves->count; leaf++) {
        sum = sum_leaf(values, leaves->rows[leaf], width, used);
        values += leaves->rows[leaf] * width;
        for (size_t merges = leaves->merges != NULL ? leaves->merges[leaf] : 0; merges > 0; merges--)
            sum = stack[--top] + sum;
        stack[top++] = sum;
    }
    if (adds)
        sum += load_some(sums, used);
    store_some(sums, used, sum);
}

void KERNEL(sum_columns)(const mh_panels *a, const mh_leaves *leaves, bool adds, float *sums)
{
    for (size_t panel = 0; panel < mh_panels_count(a); panel++) {
        const float *values = mh_panels_at(a, 0, panel);
        float *out = sums + panel * a->width;
        size_t used = mh_panels_used(a, panel), column = 0;

        for (; column + LANES <= used; column += LANES)
            sum_some(values + column, a->width, leaves, adds, LANES, out + column);
        if (column < used)
            sum_some(values + column, a->width, leaves, adds, used - column, out + column);
    }
}
