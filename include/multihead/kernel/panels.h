#ifndef MULTIHEAD_KERNEL_PANELS_H
#define MULTIHEAD_KERNEL_PANELS_H

#include <stddef.h>

/*
 * A float32 matrix stored in panels of columns: the first `width` columns row by row, then the next ones. With panels of
 * one cache line whatever a product reads or writes lies in one stream, without packing, and no two rows fall on each
 * other in the cache, however many columns there are. A matrix of one panel is an ordinary one, row-major.
 *
 * Columns that fill up the last panel mean nothing; they may be written, and are never mixed into others.
 */
enum { MH_PANEL = 16 };

typedef struct {
    size_t rows, columns;
    size_t width;  /* of a panel: MH_PANEL, or all columns             */
    size_t stride; /* floats from a panel's beginning to the next one's */
    float *values; /* borrowed                                          */
} mh_panels;

/** Floats that a matrix takes in panels of MH_PANEL. */
size_t mh_panels_floats(size_t rows, size_t columns);

/** A matrix in panels of MH_PANEL, with room for mh_panels_floats, from a cache line on. */
mh_panels mh_panels_of(float *values, size_t rows, size_t columns);

/** An ordinary matrix, row-major. */
mh_panels mh_panels_of_rows(float *values, size_t rows, size_t columns);

/** Some of its rows, in place. */
mh_panels mh_panels_slice(const mh_panels *panels, size_t first, size_t rows);

/** Where columns panel * width and so on of a row stand. */
static inline float *mh_panels_at(const mh_panels *panels, size_t row, size_t panel)
{
    return panels->values + panel * panels->stride + row * panels->width;
}

/** Where an element stands. */
static inline float *mh_panels_element(const mh_panels *panels, size_t row, size_t column)
{
    return mh_panels_at(panels, row, column / panels->width) + column % panels->width;
}

/** How many panels there are, and how many of a panel's columns are the matrix's. */
static inline size_t mh_panels_count(const mh_panels *panels)
{
    return (panels->columns + panels->width - 1) / panels->width;
}

static inline size_t mh_panels_used(const mh_panels *panels, size_t panel)
{
    size_t left = panels->columns - panel * panels->width;

    return left < panels->width ? left : panels->width;
}

/** Copies from or to a row-major matrix of the same shape. */
void mh_panels_fill(const mh_panels *panels, const float *rows);
void mh_panels_spill(const mh_panels *panels, float *rows);

#endif
