#ifndef MULTIHEAD_SRC_KERNEL_COLUMNS_H
#define MULTIHEAD_SRC_KERNEL_COLUMNS_H

#include "lanes.h"

/*
 * A block of LANES rows of a matrix, column by column: with rows in lanes, a head is whole vectors whatever its number of
 * classes is. The memory of the columns is [columns rounded up to LANES][LANES].
 */

/* Some columns of a block of rows, LANES of each, or what is left. */
typedef struct {
    float *at;    /* where the first row has them            */
    size_t width; /* from row to row                         */
    size_t rows;
    size_t count; /* as many of a row may be read or written */
} tile;

INLINE tile tile_of(const mh_panels *matrix, size_t row, size_t column)
{
    size_t rows = matrix->rows - row, columns = matrix->columns - column;

    /* The columns that fill up a panel may be read and written; what is behind a row may not. */
    return (tile){.at = mh_panels_element(matrix, row, column),
                  .width = matrix->width,
                  .rows = rows < LANES ? rows : LANES,
                  .count = columns < LANES && matrix->width != MH_PANEL ? columns : LANES};
}

/* The rows from `row` on; those that there are not are 0. */
static inline void read_columns(const mh_panels *matrix, size_t row, float *columns)
{
    for (size_t c = 0; c < matrix->columns; c += LANES) {
        tile t = tile_of(matrix, row, c);
        vector block[LANES];

        if (t.rows == LANES && t.count == LANES) {
#pragma GCC unroll 16
            for (size_t i = 0; i < LANES; i++)
                block[i] = load(t.at + i * t.width);
        } else {
            for (size_t i = 0; i < LANES; i++)
                block[i] = i < t.rows ? load_some(t.at + i * t.width, t.count) : same(0);
        }
        transpose(block);
#pragma GCC unroll 16
        for (size_t i = 0; i < LANES; i++)
            store(columns + (c + i) * LANES, block[i]);
    }
}

/* Adds the rows to `sums`, unless that is NULL. */
static inline void write_columns(const float *columns, const mh_panels *matrix, size_t row, float *sums)
{
    for (size_t c = 0; c < matrix->columns; c += LANES) {
        tile t = tile_of(matrix, row, c);
        vector block[LANES], sum = same(0);

#pragma GCC unroll 16
        for (size_t i = 0; i < LANES; i++)
            block[i] = load(columns + (c + i) * LANES);
        transpose(block);
        for (size_t i = 0; i < t.rows; i++)
            sum += block[i];
        if (sums != NULL)
            add_some(sums + c, matrix->columns - c < LANES ? matrix->columns - c : LANES, sum);
        if (t.rows == LANES && t.count == LANES) {
#pragma GCC unroll 16
            for (size_t i = 0; i < LANES; i++)
                store(t.at + i * t.width, block[i]);
        } else {
            for (size_t i = 0; i < t.rows; i++)
                store_some(t.at + i * t.width, t.count, block[i]);
        }
    }
}

#endif
