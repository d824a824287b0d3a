/*
 * xxh64.h - XXH64 (Yann Collet, the XXH64 algorithm of github.com/Cyan4973/xxHash, doc/xxhash_spec.md), seed 0: a fast
 * 64-bit checksum of bytes that come in pieces. It finds accidents, not forgeries. Test: xxh64_test.c.
 */
#ifndef SYI_CORE_XXH64_H
#define SYI_CORE_XXH64_H

#include <stddef.h>
#include <stdint.h>

typedef struct syi_xxh64 {
    uint64_t lanes[4];
    uint64_t length;
    uint8_t block[32]; /* the last length % 32 bytes */
} syi_xxh64;

void syi_xxh64_init(syi_xxh64 *hash);
void syi_xxh64_add(syi_xxh64 *hash, const void *bytes, size_t size);
/* Of all that was added so far; more may follow. */
uint64_t syi_xxh64_get(const syi_xxh64 *hash);

#endif
