/*
 * shuffle.h - orders of rows that a seed decides, the same on every machine. For sampling, not for secrets. Test: shuffle_test.c.
 */
#ifndef SYI_FEDERATED_SHUFFLE_H
#define SYI_FEDERATED_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

/* SplitMix64 (Steele, Lea and Flood 2014, figure 17). */
static inline uint64_t syi_shuffle_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
/* Below `bound`, 1 or more, every number as likely as the others. */
uint64_t syi_shuffle_below(uint64_t *state, uint64_t bound);
/* Every order as likely as the others (Fisher and Yates; Durstenfeld 1964). */
void syi_shuffle(uint64_t *state, int64_t *places, size_t count);

#endif
