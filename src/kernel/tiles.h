#ifndef MULTIHEAD_SRC_KERNEL_TILES_H
#define MULTIHEAD_SRC_KERNEL_TILES_H

#include "vector.h"

/*
 * TILE(height, panels) for every tile that there is of a product: up to TILE_ROWS x TILE_PANELS, and as high as the parts
 * of a panel's columns where those are its rows (multiply_gradient.c). Each is code of its own, with its sums in registers.
 */
#define TILES_TO_3(TILE, panels) TILE(1, panels) TILE(2, panels) TILE(3, panels)
#define TILES_TO_6(TILE, panels) TILES_TO_3(TILE, panels) TILE(4, panels) TILE(5, panels) TILE(6, panels)
#define TILES_TO_8(TILE, panels) TILES_TO_6(TILE, panels) TILE(7, panels) TILE(8, panels)
#define TILES_TO_14(TILE, panels)                                                                            \
    TILES_TO_8(TILE, panels)                                                                                 \
    TILE(9, panels) TILE(10, panels) TILE(11, panels) TILE(12, panels) TILE(13, panels) TILE(14, panels)

#if defined(__AVX512F__)
#define TILES(TILE)          TILES_TO_14(TILE, 1) TILES_TO_14(TILE, 2)
#define GRADIENT_TILES(TILE) TILES_TO_8(TILE, 1) TILES_TO_8(TILE, 2)
#elif defined(__AVX2__) || defined(__aarch64__)
#define TILES(TILE)          TILES_TO_6(TILE, 1)
#define GRADIENT_TILES(TILE) TILES(TILE)
#else
#define TILES(TILE)          TILES_TO_3(TILE, 1)
#define GRADIENT_TILES(TILE) TILES(TILE)
#endif

#endif
