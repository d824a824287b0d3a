/*
 * ranks.h - sorting and selecting items that are a 32-bit key above a 32-bit position. All are different, so any order
 * of work gives the one stable result. Room frameworks/cpu only. Test: ranks_test.c; answers of torch: tests/vectors/ops.
 */
#ifndef SYI_FRAMEWORKS_CPU_RANKS_H
#define SYI_FRAMEWORKS_CPU_RANKS_H

#include <stdint.h>

#define SYI_RANKS_MAX UINT32_MAX /* items, for their positions to fit */

static inline uint64_t syi_ranks_item(uint32_t key, int64_t position)
{
    return (uint64_t)key << 32 | (uint64_t)position;
}

static inline uint32_t syi_ranks_key(uint64_t item)
{
    return (uint32_t)(item >> 32);
}

static inline int64_t syi_ranks_position(uint64_t item)
{
    return (int64_t)(item & UINT32_MAX);
}

/* Sorts n items, ascending, whose positions ascend as they are given; `spare` has room for n. */
void syi_ranks_sort(int64_t n, uint64_t *items, uint64_t *spare);

/* The item that `rank` of n others are smaller than; rank below n. */
uint64_t syi_ranks_select(int64_t n, const uint64_t *items, int64_t rank, uint64_t *spare);

#endif
