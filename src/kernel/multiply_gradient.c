/*
 * c = a^T b over rows in leaves. A tile of c is summed leaf by leaf in registers and the leaves' sums are added as their
 * tree says, before anything of c is written: the partial sums of a whole vector, which would go through memory once for
 * each leaf, are never made. A long leaf is summed in runs of rows, one after another.
 */
#include "loops.h"
#include "tiles.h"

enum {
    /*
     * Rows of a run, at most: a panel of a and one of b take 20 KB of L1. Of c, a block of so many panels is finished
     * before the next one: the columns of a that it needs take 80 KB of L2 for a run and those of b 40 KB, beside a sum
     * of 32 KB for each level of the tree.
     */
    RUN = 160,
    BLOCK_ROWS = MH_GRADIENT_BLOCK_ROWS,
    BLOCK_PANELS = MH_GRADIENT_BLOCK_PANELS,
    STRIDE = 32, /* rows between two requests for lines of the next run */
    SHARES = 4,  /* of a panel's lines that are asked for at one time   */
    LEVELS = 7,  /* of a tree over MH_LEAVES_MAX leaves, without the leaf that is being summed */
    VECTORS = TILE_PANELS * PANEL_VECTORS,
    /* As many of the 16 columns of a panel of a as there are registers for, in equal parts. */
    PARTS = (MH_PANEL + TILE_ROWS - 1) / TILE_ROWS,
    TALLEST = (MH_PANEL + PARTS - 1) / PARTS
};

/* Sums of a block of c that wait for those they are added to. */
typedef struct {
    _Alignas(64) float level[LEVELS][BLOCK_ROWS * BLOCK_PANELS * MH_PANEL];
} waiting_sums;

/* A tile of c: where it is, and which rows of it are summed. */
typedef struct {
    const mh_gradient_product *product;
    size_t row;   /* of c, a column of a */
    size_t panel; /* of b                */
    size_t leaf;
    size_t first, rows; /* the run */
    bool starts, ends;  /* whether it is the leaf's first and last one */
    size_t top;         /* levels in use before this leaf               */
    float *waiting;     /* the tile's place in level 0                  */
    const float *next;  /* some of the next run's lines, a fourth of its rows */
} place;

/* Adds the products of a row. */
INLINE void add_row(const float *a, const float *b, size_t stride, const size_t height, const size_t vectors,
                    vector sum[TALLEST][VECTORS])
{
    vector values[VECTORS];

    EACH_VECTOR(v) values[v] = load(b + v / PANEL_VECTORS * stride + v % PANEL_VECTORS * LANES);
    EACH_ROW(i)
    EACH_VECTOR(v) sum[i][v] = multiply_add(same(a[i]), values[v], sum[i][v]);
}

/* Adds the products of a run. */
INLINE void sum_run(const place *at, const size_t height, const size_t vectors, vector sum[TALLEST][VECTORS])
{
    const mh_panels *left = &at->product->a, *right = &at->product->b;
    const float *a =
        left->values + at->row / MH_PANEL * left->stride + at->first * MH_PANEL + at->row % MH_PANEL;
    const float *b = right->values + at->panel * right->stride + at->first * MH_PANEL;
    const float *next = at->next;
    size_t rows = at->rows;

    for (; rows >= STRIDE; rows -= STRIDE) {
        ask_for(next, STRIDE / SHARES);
        next += STRIDE / SHARES * MH_PANEL;
#pragma GCC unroll 4
        for (size_t i = 0; i < STRIDE; i++, a += MH_PANEL, b += MH_PANEL)
            add_row(a, b, right->stride, height, vectors, sum);
    }
    for (; rows > 0; rows--, a += MH_PANEL, b += MH_PANEL)
        add_row(a, b, right->stride, height, vectors, sum);
}

/* A row of a tile whose columns are not all of c's. From a copy: sums whose address is taken would not be registers. */
INLINE void put_some(const mh_gradient_product *product, float *c, size_t count, const size_t vectors,
                     const vector *sum)
{
    float values[VECTORS * LANES] = {0};

    EACH_VECTOR(v) store(values + v * LANES, sum[v]);
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
        EACH_ROW(i) put_some(product, c + i * columns, columns - first, vectors, sum[i]);
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

/*
 * Sums a run. After a leaf's last one adds what waits for the leaf, and lets that wait or, after the last leaf, puts it
 * into c.
 */
INLINE void run_tile(const place *at, const size_t height, const size_t vectors)
{
    const mh_leaves *leaves = &at->product->leaves;
    size_t merges = at->ends ? merges_after(leaves, at->leaf) : 0;
    float *waiting = at->waiting + at->top * (BLOCK_ROWS * BLOCK_PANELS * MH_PANEL);
    vector sum[TALLEST][VECTORS];

    EACH_ROW(i)
    EACH_VECTOR(v) sum[i][v] = same(0);
    sum_run(at, height, vectors, sum);
    if (!at->starts) {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = load(waiting + (i * vectors + v) * LANES) + sum[i][v];
    }
    for (; merges > 0; merges--) {
        waiting -= BLOCK_ROWS * BLOCK_PANELS * MH_PANEL;
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = load(waiting + (i * vectors + v) * LANES) + sum[i][v];
    }
    if (at->ends && at->leaf + 1 == leaves->count) {
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
        GRADIENT_TILES(TILE)
    }
}

/*
 * The next run's panels of a and of b are new streams, which no hardware foresees. All tiles of a block ask for them in
 * turn: of a panel of a its first tile beside each panel of b, and of one of b the second tile of each panel of a.
 */
static const float *next_lines(const place *at, size_t tile)
{
    const mh_panels *from = tile == 0 ? &at->product->a : &at->product->b;
    size_t own = tile == 0 ? at->row / MH_PANEL : at->panel,
           other = tile == 0 ? at->panel : at->row / MH_PANEL;

    return from->values + own * from->stride +
           (at->first + at->rows + other % SHARES * (at->rows / SHARES)) * MH_PANEL;
}

/* The columns of one panel of a, in tiles of about the same height. */
static void run_panel(place at, size_t columns, size_t panels)
{
    size_t tiles = (columns + TALLEST - 1) / TALLEST;

    for (size_t t = 0; t < tiles; t++) {
        size_t height = columns / tiles + (t < columns % tiles ? 1 : 0);

        at.next = next_lines(&at, t);
        run_tile_of(&at, height, panels);
        at.row += height;
        at.waiting += height * panels * MH_PANEL;
    }
}

/* One run of a block of c. */
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

/* In runs of about the same length; a leaf without rows is one, too. */
static void run_leaf(place at, size_t rows, size_t panels)
{
    size_t left = at.product->leaves.rows[at.leaf], runs = (left + RUN - 1) / RUN;

    at.starts = true;
    do {
        at.rows = runs > 0 ? left / runs : 0;
        at.ends = at.rows == left;
        run_block(at, rows, panels);
        at.starts = false;
        at.first += at.rows;
        left -= at.rows;
        runs--;
    } while (left > 0);
}

static void run_leaves(const mh_gradient_product *product, size_t row, size_t rows, size_t panel,
                       size_t panels)
{
    const mh_leaves *leaves = &product->leaves;
    waiting_sums sums;
    place at = {.product = product, .row = row, .panel = panel, .waiting = sums.level[0]};

    for (; at.leaf < leaves->count; at.leaf++) {
        run_leaf(at, rows, panels);
        at.first += leaves->rows[at.leaf];
        at.top += 1 - merges_after(leaves, at.leaf);
    }
}

void KERNEL(multiply_gradient)(const mh_gradient_product *product, size_t first, size_t count)
{
    size_t rows = product->a.columns, panels = mh_panels_count(&product->b);
    size_t across = (panels + BLOCK_PANELS - 1) / BLOCK_PANELS;

    for (size_t block = first; block < first + count; block++) {
        size_t row = block / across * BLOCK_ROWS, panel = block % across * BLOCK_PANELS;

        run_leaves(product, row, rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS, panel,
                   panels - panel < BLOCK_PANELS ? panels - panel : BLOCK_PANELS);
    }
}
