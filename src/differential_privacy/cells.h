/*
 * cells.h - the cells [c/16, (c+1)/16) of a half axis, drawn with probabilities proportional to exp(-c^2/512): the coarse part of a
 * discrete Gaussian whose deviation is a power of two (noise_gaussian.c). Room differential_privacy. Test: cells_test.c.
 *
 * A uniform U in [0, 1) is in cell c when it is below the c-th cumulative sum and not below the one before. The sums are integers of
 * 256 bits, computed of rational numbers; the first 192 of them are right (cells_test.c looks), and as many bits of U as it takes are
 * compared with them. U is never put into a cell while that is open: after 192 bits it is with probability 2^-183.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_CELLS_H
#define SYI_DIFFERENTIAL_PRIVACY_CELLS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SYI_CELLS_LOG = 4, /* of how many make one deviation */
    SYI_CELLS = 288,   /* 18 deviations: beyond is less than 2^-226 */
    SYI_CELLS_WORDS = 3
};

typedef struct syi_cells {
    uint64_t ends[SYI_CELLS]
                 [SYI_CELLS_WORDS + 1]; /* top word first; the last has rounding errors */
    uint64_t tops[SYI_CELLS];           /* their first words again */
    uint16_t first[256];                /* where U with this first byte can be */
} syi_cells;

void syi_cells_init(syi_cells *cells);

/* The cell of U, of which the first `have` words are known; SYI_CELLS: in none, U is beyond their sum, which happens with
 * probability below 2^-55. false: these words do not decide. */
bool syi_cells_find(const syi_cells *cells, const uint64_t *words, unsigned have, unsigned *cell);

/* The same for one word. */
static inline bool syi_cells_find_first(const syi_cells *cells, uint64_t word, unsigned *cell)
{
    unsigned c = cells->first[word >> 56];
    while (c < SYI_CELLS && cells->tops[c] < word) {
        c++;
    }
    *cell = c;
    return c == SYI_CELLS || cells->tops[c] != word;
}

#endif
