/*
 * c = a^T b over rows in leaves. A tile of c is summed leaf by leaf in registers and the leaves' sums are added as their
 * tree says, before anything of c is written: the partial sums of a whole vector, which would go through memory once for
 * each leaf, are never made.
 */
#include "loops.h"

enum {
    /* Of c's rows, a block of a's columns that is met by each panel of b: 256 KB of 256 rows. */
    BLOCK = 256,
    /* A tree over 2^64 leaves is not higher. */
    HEIGHT = 65,
    VECTORS = TILE_PANELS * PANEL_VECTORS,
    /* As many of the 16 columns of a panel of a as there are registers for, in equal parts. */
    PARTS = (MH_PANEL + TILE_ROWS - 1) / TILE_ROWS,
    TALLEST = (MH_PANEL + PARTS - 1) / PARTS
};

typedef struct {
    const mh_gradient_product *product;
    size_t row;   /* of c, a column of a */
    size_t panel; /* of b                */
} place;

typedef struct {
    vector sum[TALLEST][VECTORS];
} tile_sums;

INLINE void add_leaf(const place *at, size_t first, size_t rows, const size_t height, const size_t vectors,
                     vector sum[TALLEST][VECTORS])
{
    const mh_panels *left = &at->product->a, *right = &at->product->b;
    const float *a = left->values + at->row / MH_PANEL * left->stride + first * MH_PANEL + at->row % MH_PANEL;
    const float *b = right->values + at->panel * right->stride + first * MH_PANEL;

    EACH_ROW(i)
    EACH_VECTOR(v) sum[i][v] = same(0);
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

INLINE void run_tile(const place *at, const size_t height, const size_t vectors)
{
    const mh_leaves *leaves = &at->product->leaves;
    tile_sums stack[HEIGHT];
    size_t top = 0, first = 0;
    vector sum[TALLEST][VECTORS];

    for (size_t leaf = 0;; leaf++) {
        add_leaf(at, first, leaves->rows[leaf], height, vectors, sum);
        first += leaves->rows[leaf];
        for (size_t merges = leaves->merges != NULL ? leaves->merges[leaf] : 0; merges > 0; merges--) {
            top--;
            EACH_ROW(i)
            EACH_VECTOR(v) sum[i][v] = stack[top].sum[i][v] + sum[i][v];
        }
        if (leaf + 1 == leaves->count)
            break;
        EACH_ROW(i)
        EACH_VECTOR(v) stack[top].sum[i][v] = sum[i][v];
        top++;
    }
    put(at, height, vectors, sum);
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
    }
}

void KERNEL(multiply_gradient)(const mh_gradient_product *product)
{
    size_t rows = product->a.columns, panels = mh_panels_count(&product->b);

    for (size_t block = 0; block < rows; block += BLOCK) {
        size_t end = rows - block < BLOCK ? rows : block + BLOCK;

        for (size_t panel = 0; panel < panels; panel += TILE_PANELS)
            for (size_t row = block; row < end; row += MH_PANEL)
                run_panel((place){product, row, panel}, end - row < MH_PANEL ? end - row : MH_PANEL,
                          panels - panel < TILE_PANELS ? panels - panel : TILE_PANELS);
    }
}
