/*
 * c = a b, in blocks: a panel of b, or as much of its depth as fits in the L1 cache, meets a block of a that fits in L2;
 * of c as many rows at a time as there are registers for. Blocking: Goto and van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008; but nothing is packed, since panels are streams as they are.
 */
#include "loops.h"
#include "tiles.h"

/*
 * DEPTH: a block of b of TILE_PANELS panels takes 12 or 24 KB of L1, beside what passes through of a and c. ROWS: a block
 * of a takes 192 KB of L2. All of the depth comes before the next rows, so that their part of c stays near.
 */
enum { DEPTH = 192, ROWS = 256, VECTORS = TILE_PANELS * PANEL_VECTORS };

/* The part of a product that is one call of a tile. */
typedef struct {
    const mh_product *product;
    size_t row, panel;   /* of c     */
    size_t first, depth; /* of the depth */
    bool starts, ends;   /* whether it is the first and the last part of the depth */

    /* What is asked for meanwhile, of the block of b that comes next: a new stream, which no hardware foresees. */
    const float *next_b;
    size_t next_lines;
} part;

/* Where vector v of a row of a tile stands, from the tile's beginning on. */
INLINE size_t offset_of(size_t row, size_t v, size_t stride)
{
    return v / PANEL_VECTORS * stride + row * MH_PANEL + v % PANEL_VECTORS * LANES;
}

INLINE void start(const part *p, const float *c, const size_t height, const size_t vectors,
                  vector sum[TILE_ROWS][VECTORS])
{
    const mh_product *product = p->product;

    if (!p->starts) {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = same(0);
    } else if (product->adds) {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = load(c + offset_of(i, v, product->c.stride));
    } else if (product->bias != NULL) {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = load(product->bias + p->panel * MH_PANEL + v * LANES);
    } else {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = same(0);
    }
}

INLINE void finish(const part *p, float *c, const size_t height, const size_t vectors,
                   vector sum[TILE_ROWS][VECTORS])
{
    const mh_product *product = p->product;
    size_t stride = product->c.stride;

    if (!p->starts) {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = load(c + offset_of(i, v, stride)) + sum[i][v];
    }
    if (p->ends && product->clips) {
        EACH_ROW(i)
        EACH_VECTOR(v) sum[i][v] = without_negative(sum[i][v]);
    }
    if (p->ends && product->mask != NULL) {
        const float *mask = product->mask + (c - product->c.values);
        vector scale = same(product->scale);

        EACH_ROW(i)
        EACH_VECTOR(v)
        sum[i][v] = where_positive(load(mask + offset_of(i, v, stride)), sum[i][v] * scale);
    }
    EACH_ROW(i)
    EACH_VECTOR(v) store(c + offset_of(i, v, stride), sum[i][v]);
}

/* height and vectors are constants wherever it is called, so that the sums are registers. */
INLINE void run_tile(const part *p, const size_t height, const size_t vectors)
{
    const mh_product *product = p->product;
    const float *a = product->a.values + p->first / MH_PANEL * product->a.stride + p->row * MH_PANEL;
    size_t b_panel = product->a.columns * MH_PANEL;
    const float *b = product->b + p->panel * b_panel + p->first * MH_PANEL;
    float *c = product->c.values + p->panel * product->c.stride + p->row * MH_PANEL;
    vector sum[TILE_ROWS][VECTORS];

    start(p, c, height, vectors, sum);
    ask_for(p->next_b, p->next_lines);
    EACH_ROW(i) __builtin_prefetch(c + (height + i) * MH_PANEL, 1); /* the next tile's, to be written */
    for (size_t left = p->depth; left > 0;) {
        size_t run = left < MH_PANEL ? left : MH_PANEL;

#pragma GCC unroll 4
        for (size_t k = 0; k < run; k++) {
            vector right[VECTORS];

            EACH_VECTOR(v) right[v] = load(b + offset_of(0, v, b_panel));
            EACH_ROW(i)
            EACH_VECTOR(v) sum[i][v] = multiply_add(same(a[i * MH_PANEL + k]), right[v], sum[i][v]);
            b += MH_PANEL;
        }
        a += product->a.stride;
        left -= run;
    }
    finish(p, c, height, vectors, sum);
}

#define TILE(height, panels)                                                                                 \
    case (panels - 1) * TILE_ROWS + height:                                                                  \
        run_tile(p, height, panels *PANEL_VECTORS);                                                          \
        break;

static void run_tile_of(const part *p, size_t height, size_t panels)
{
    switch ((panels - 1) * TILE_ROWS + height) {
        TILES(TILE)
    }
}

/* Heights that differ by one at most: a last tile of one row would cost as much as a whole one. */
static void run_rows(part p, size_t rows, size_t panels)
{
    size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;

    p.next_b = p.product->b + (p.panel + panels) * p.product->a.columns * MH_PANEL + p.first * MH_PANEL;
    p.next_lines = p.depth * panels / tiles + 1;
    for (size_t t = 0; t < tiles; t++) {
        size_t height = rows / tiles + (t < rows % tiles ? 1 : 0);

        run_tile_of(&p, height, panels);
        p.row += height;
        p.next_b += p.next_lines * MH_PANEL;
    }
}

/* A block of a with all of b beside it. */
static void run_block(part p, size_t rows)
{
    size_t panels = mh_panels_count(&p.product->c);

    for (; p.panel < panels; p.panel += TILE_PANELS)
        run_rows(p, rows, panels - p.panel < TILE_PANELS ? panels - p.panel : TILE_PANELS);
}

void KERNEL(multiply)(const mh_product *product)
{
    size_t depth = product->a.columns, rows = product->c.rows;

    for (size_t row = 0; row < rows; row += ROWS) {
        part p = {.product = product, .row = row, .starts = true};

        for (; p.first < depth; p.first += DEPTH, p.starts = false) {
            p.depth = depth - p.first < DEPTH ? depth - p.first : DEPTH;
            p.ends = p.first + p.depth == depth;
            run_block(p, rows - row < ROWS ? rows - row : ROWS);
        }
    }
}
