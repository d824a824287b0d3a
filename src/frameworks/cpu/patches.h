/*
 * patches.h - what a sliding window sees, as columns of a matrix, and the way back (im2col, col2im: Chellapilla,
 * Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006). Here and
 * in crypto/. Test: patches_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_PATCHES_H
#define SYI_FRAMEWORKS_CPU_PATCHES_H

#include "ops/window.h"

/* Places of the window: rows [row, row_end), and of each the columns [column, column_end). */
typedef struct syi_tile {
    int64_t row, row_end, column, column_end;
} syi_tile;

static inline int64_t syi_tile_places(const syi_tile *tile)
{
    return (tile->row_end - tile->row) * (tile->column_end - tile->column);
}

/* to[channel, window row, window column][place] = what the window has there, 0 in the padding. `planes` are
 * packed: channels x in[0] x in[1]. Elements of 1, 2, 4 or 8 bytes. */
void syi_patches_gather(size_t element, const syi_window *window, int64_t channels,
                        const void *planes, const syi_tile *tile, void *to);
/* planes += the matrix, each element where gather took it from. Every dtype but bool; integers wrap. */
void syi_patches_scatter(sy_dtype dtype, const syi_window *window, int64_t channels, void *planes,
                         const syi_tile *tile, const void *from);

/* The part [*first, *last) of places [begin, end) that step on the input when they reach `offset` behind their start:
 * 0 <= place * stride - padding + offset < in. Empty parts have *first == *last. */
void syi_window_valid(const syi_window *window, int dim, int64_t offset, int64_t begin, int64_t end,
                      int64_t *first, int64_t *last);

#endif
