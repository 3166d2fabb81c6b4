/*
 * c = a^T b over rows in leaves. A tile of c is summed leaf by leaf in registers and the leaves' sums are added as their
 * tree says, before anything of c is written: the partial sums of a whole vector, which would go through memory once for
 * each leaf, are never made.
 */
#include "loops.h"

enum {
    /*
     * Of c, a block of so many panels is finished before the next one: of 256 rows, the columns of a that it needs take 128
     * KB and those of b 64 KB, which fit in L2 beside a sum of it for each level of the tree.
     */
    BLOCK_ROWS = 8 * MH_PANEL,
    BLOCK_PANELS = 4,
    LEVELS = 7, /* of a tree over MH_LEAVES_MAX leaves, without the leaf that is being summed */
    VECTORS = TILE_PANELS * PANEL_VECTORS,
    /* As many of the 16 columns of a panel of a as there are registers for, in equal parts. */
    PARTS = (MH_PANEL + TILE_ROWS - 1) / TILE_ROWS,
    TALLEST = (MH_PANEL + PARTS - 1) / PARTS
};

/* Sums of a block of c that wait for those they are added to. */
typedef struct {
    _Alignas(64) float level[LEVELS][BLOCK_ROWS * BLOCK_PANELS * MH_PANEL];
} waiting_sums;

/* A tile of c: where it is, and which leaf of it is summed. */
typedef struct {
    const mh_gradient_product *product;
    size_t row;         /* of c, a column of a                  */
    size_t panel;       /* of b                                 */
    size_t leaf, first; /* its first row                  */
    size_t top;         /* levels in use before this leaf */
    float *waiting;     /* the tile's place in level 0    */
} place;

INLINE void sum_leaf(const place *at, const size_t height, const size_t vectors, vector sum[TALLEST][VECTORS])
{
    const mh_panels *left = &at->product->a, *right = &at->product->b;
    size_t rows = at->product->leaves.rows[at->leaf];
    const float *a =
        left->values + at->row / MH_PANEL * left->stride + at->first * MH_PANEL + at->row % MH_PANEL;
    const float *b = right->values + at->panel * right->stride + at->first * MH_PANEL;

    EACH_ROW(i)
    EACH_VECTOR(v) sum[i][v] = same(0);
#pragma GCC unroll 4
    for (size_t row = 0; row < rows; row++) {
        vector values[VECTORS];

        EACH_VECTOR(v) values[v] = load(b + v / PANEL_VECTORS * right->stride + v % PANEL_VECTORS * LANES);
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = multiply_add(same(a[i]), values[v], sum[i][v]);
        a += MH_PANEL;
        b += MH_PANEL;
    }
}

/* Columns that are not all of a vector. */
static void put_some(const mh_gradient_product *product, float *c, const float *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        c[k] = product->adds ? c[k] + values[k] : values[k];
}

/* Into c; of the last panel what there is of it. */
INLINE void put(const place *at, const size_t height, const size_t vectors, vector sum[TALLEST][VECTORS])
{
    const mh_gradient_product *product = at->product;
    size_t columns = product->b.columns, first = at->panel * MH_PANEL;
    float *c = product->c + at->row * columns + first;

    if (first + vectors * LANES > columns) {
        EACH_ROW(i) put_some(product, c + i * columns, (const float *)sum[i], columns - first);
    } else if (product->adds) {
        EACH_ROW(i)
        EACH_VECTOR(v) store(c + i * columns + v * LANES, load(c + i * columns + v * LANES) + sum[i][v]);
    } else {
        EACH_ROW(i)
        EACH_VECTOR(v) store(c + i * columns + v * LANES, sum[i][v]);
    }
}

static size_t merges_after(const mh_leaves *leaves, size_t leaf)
{
    return leaves->merges != NULL ? leaves->merges[leaf] : 0;
}

/* Sums a leaf, adds what waits for it, and lets that wait or, after the last leaf, puts it into c. */
INLINE void run_tile(const place *at, const size_t height, const size_t vectors)
{
    const mh_leaves *leaves = &at->product->leaves;
    size_t merges = merges_after(leaves, at->leaf);
    float *waiting = at->waiting + at->top * (BLOCK_ROWS * BLOCK_PANELS * MH_PANEL);
    vector sum[TALLEST][VECTORS];

    sum_leaf(at, height, vectors, sum);
    for (; merges > 0; merges--) {
        waiting -= BLOCK_ROWS * BLOCK_PANELS * MH_PANEL;
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = load(waiting + (i * vectors + v) * LANES) + sum[i][v];
    }
    if (at->leaf + 1 == leaves->count) {
        put(at, height, vectors, sum);
        return;
    }
    EACH_ROW(i)
    EACH_VECTOR(v) store(waiting + (i * vectors + v) * LANES, sum[i][v]);
}

#define TILE(height, panels)                                                                                 \
    case (panels - 1) * TALLEST + height:                                                                    \
        run_tile(at, height, panels *PANEL_VECTORS);                                                         \
        break;

static void run_tile_of(const place *at, size_t height, size_t panels)
{
    switch ((panels - 1) * TALLEST + height) {
        TILE(1, 1)
        TILE(2, 1)
        TILE(3, 1)
#if defined(__AVX2__) || defined(__aarch64__)
        TILE(4, 1)
        TILE(5, 1)
        TILE(6, 1)
#endif
#if defined(__AVX512F__)
        TILE(7, 1)
        TILE(8, 1)
        TILE(1, 2)
        TILE(2, 2)
        TILE(3, 2)
        TILE(4, 2)
        TILE(5, 2)
        TILE(6, 2)
        TILE(7, 2)
        TILE(8, 2)
#endif
    }
}

/* The columns of one panel of a, in tiles of about the same height. */
static void run_panel(place at, size_t columns, size_t panels)
{
    size_t tiles = (columns + TALLEST - 1) / TALLEST;

    for (size_t t = 0; t < tiles; t++) {
        size_t height = columns / tiles + (t < columns % tiles ? 1 : 0);

        run_tile_of(&at, height, panels);
        at.row += height;
        at.waiting += height * panels * MH_PANEL;
    }
}

/* One leaf of a block of c. */
static void run_block(place at, size_t rows, size_t panels)
{
    size_t first_row = at.row, end_panel = at.panel + panels;

    for (; at.panel < end_panel; at.panel += TILE_PANELS) {
        size_t wide = end_panel - at.panel < TILE_PANELS ? end_panel - at.panel : TILE_PANELS;

        for (size_t row = 0; row < rows; row += MH_PANEL) {
            size_t columns = rows - row < MH_PANEL ? rows - row : MH_PANEL;

            at.row = first_row + row;
            run_panel(at, columns, wide);
            at.waiting += columns * wide * MH_PANEL;
        }
    }
}

static void run_leaves(const mh_gradient_product *product, size_t row, size_t rows, size_t panel,
                       size_t panels)
{
    const mh_leaves *leaves = &product->leaves;
    waiting_sums sums;
    place at = {.product = product, .row = row, .panel = panel, .waiting = sums.level[0]};

    for (; at.leaf < leaves->count; at.leaf++) {
        run_block(at, rows, panels);
        at.first += leaves->rows[at.leaf];
        at.top += 1 - merges_after(leaves, at.leaf);
    }
}

void KERNEL(multiply_gradient)(const mh_gradient_product *product)
{
    size_t rows = product->a.columns, panels = mh_panels_count(&product->b);

    for (size_t row = 0; row < rows; row += BLOCK_ROWS)
        for (size_t panel = 0; panel < panels; panel += BLOCK_PANELS)
            run_leaves(product, row, rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS, panel,
                       panels - panel < BLOCK_PANELS ? panels - panel : BLOCK_PANELS);
}
