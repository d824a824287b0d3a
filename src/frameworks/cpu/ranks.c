/*
 * ranks.c - see ranks.h. Rows of some hundred items are merged, longer ones go through a radix of 11 bits. As pairs of
 * two words, byte by byte, 1e6 floats took 64 ms; as halves of one word, values looked up in the row, 50; out of the keys, 25.
 */
#include "frameworks/cpu/ranks.h"

#include <stdbool.h>
#include <string.h>

#define RUN 16      /* items sorted by insertion, then merged */
#define MERGED 1024 /* up to here merging is faster than the radix */
#define FEW 64      /* candidates of a selection that are sorted */
#define DIGIT 11    /* bits */
#define DIGITS 3    /* of a key */
#define BUCKETS (1 << DIGIT)

static void insert(int64_t n, uint64_t *items)
{
    for (int64_t i = 1; i < n; i++) {
        const uint64_t held = items[i];
        int64_t at = i;
        for (; at > 0 && items[at - 1] > held; at--) {
            items[at] = items[at - 1];
        }
        items[at] = held;
    }
}

/* Two sorted neighbours, [0, middle) and [middle, n), into `to`. Without branches: who is smaller is noise. */
static void merge(int64_t n, int64_t middle, const uint64_t *from, uint64_t *to)
{
    int64_t a = 0, b = middle, k = 0;
    while (a < middle && b < n) {
        const bool second = from[b] < from[a];
        to[k++] = second ? from[b] : from[a];
        b += second;
        a += !second;
    }
    memcpy(to + k, from + a, (size_t)(middle - a) * sizeof *to);
    memcpy(to + k + (middle - a), from + b, (size_t)(n - b) * sizeof *to);
}

static void sort_by_merging(int64_t n, uint64_t *items, uint64_t *spare)
{
    uint64_t *from = items, *to = spare;
    for (int64_t i = 0; i < n; i += RUN) {
        insert(n - i < RUN ? n - i : RUN, items + i);
    }
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            const int64_t left = n - i;
            merge(left < 2 * width ? left : 2 * width, left < width ? left : width, from + i,
                  to + i);
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, (size_t)n * sizeof *items);
    }
}

/* From the lowest digit of the keys to the highest; a digit that is the same everywhere is left out. */
static void sort_by_digits(int64_t n, uint64_t *items, uint64_t *spare)
{
    uint32_t starts[DIGITS][BUCKETS];
    memset(starts, 0, sizeof starts);
    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = syi_ranks_key(items[i]);
        starts[0][key % BUCKETS]++;
        starts[1][(key >> DIGIT) % BUCKETS]++;
        starts[2][key >> 2 * DIGIT]++;
    }
    uint64_t *from = items, *to = spare;
    for (int d = 0; d < DIGITS; d++) {
        const int shift = 32 + d * DIGIT;
        uint32_t sum = 0;
        if (starts[d][(from[0] >> shift) % BUCKETS] == n) {
            continue;
        }
        for (int k = 0; k < BUCKETS; k++) {
            const uint32_t count = starts[d][k];
            starts[d][k] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) {
            to[starts[d][(from[i] >> shift) % BUCKETS]++] = from[i];
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, (size_t)n * sizeof *items);
    }
}

void syi_ranks_sort(int64_t n, uint64_t *items, uint64_t *spare)
{
    if (n <= RUN) {
        insert(n, items);
    } else if (n <= MERGED) {
        sort_by_merging(n, items, spare);
    } else {
        sort_by_digits(n, items, spare);
    }
}

/* Lowest bit of the highest digit in which some of the items differ. */
static int first_shift(int64_t n, const uint64_t *items)
{
    uint64_t different = 0;
    for (int64_t i = 1; i < n; i++) {
        different |= items[i] ^ items[0];
    }
    const int bits = 64 - __builtin_clzll(different | 1);
    return bits > DIGIT ? bits - DIGIT : 0;
}

/* Digit by digit from the highest, only those that share the wanted one's digits so far are looked at again. */
uint64_t syi_ranks_select(int64_t n, const uint64_t *items, int64_t rank, uint64_t *spare)
{
    const uint64_t *from = items;
    for (int shift = first_shift(n, items); n > FEW; shift = shift > DIGIT ? shift - DIGIT : 0) {
        uint32_t counts[BUCKETS] = {0};
        for (int64_t i = 0; i < n; i++) {
            counts[(from[i] >> shift) % BUCKETS]++;
        }
        uint64_t wanted = 0;
        for (; rank >= counts[wanted]; wanted++) {
            rank -= counts[wanted];
        }
        int64_t kept = 0;
        for (int64_t i = 0; i < n;
             i++) { /* in place from the second time on: kept never passes i */
            const uint64_t item = from[i];
            spare[kept] = item;
            kept += (item >> shift) % BUCKETS == wanted;
        }
        n = kept;
        from = spare;
    }
    uint64_t few[FEW];
    memcpy(few, from, (size_t)n * sizeof *few);
    insert(n, few);
    return few[rank];
}
