#include "multihead/kernel/panels.h"

#include <string.h>

size_t mh_panels_floats(size_t rows, size_t columns)
{
    return (columns + MH_PANEL - 1) / MH_PANEL * MH_PANEL * rows;
}

mh_panels mh_panels_of(float *values, size_t rows, size_t columns)
{
    return (mh_panels){rows, columns, MH_PANEL, rows * MH_PANEL, values};
}

mh_panels mh_panels_of_rows(float *values, size_t rows, size_t columns)
{
    return (mh_panels){rows, columns, columns > 0 ? columns : 1, rows * columns, values};
}

mh_panels mh_panels_slice(const mh_panels *panels, size_t first, size_t rows)
{
    mh_panels slice = *panels;

    slice.rows = rows;
    slice.values += first * panels->width;
    return slice;
}

void mh_panels_fill(const mh_panels *panels, const float *rows)
{
    for (size_t p = 0; p < mh_panels_count(panels); p++)
        for (size_t row = 0; row < panels->rows; row++)
            memcpy(mh_panels_at(panels, row, p), rows + row * panels->columns + p * panels->width,
                   mh_panels_used(panels, p) * sizeof *rows);
}

void mh_panels_spill(const mh_panels *panels, float *rows)
{
    for (size_t p = 0; p < mh_panels_count(panels); p++)
        for (size_t row = 0; row < panels->rows; row++)
            memcpy(rows + row * panels->columns + p * panels->width, mh_panels_at(panels, row, p),
                   mh_panels_used(panels, p) * sizeof *rows);
}
