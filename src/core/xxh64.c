/* xxh64.c - XXH64 after its specification. Test: xxh64_test.c. */
#include "core/xxh64.h"

#include <string.h>

#include "core/buffer.h"

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)
#define BLOCK 32

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t mix(uint64_t lane, uint64_t word)
{
    return turn(lane + word * PRIME_2, 31) * PRIME_1;
}

void syi_xxh64_init(syi_xxh64 *hash)
{
    *hash = (syi_xxh64){
        .lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, UINT64_C(0) - PRIME_1},
    };
}

static void add_blocks(uint64_t lanes[4], const uint8_t *bytes, size_t count)
{
    uint64_t a = lanes[0];
    uint64_t b = lanes[1];
    uint64_t c = lanes[2];
    uint64_t d = lanes[3];
    for (; count != 0; count--, bytes += BLOCK) {
        a = mix(a, syi_get_u64le(bytes));
        b = mix(b, syi_get_u64le(bytes + 8));
        c = mix(c, syi_get_u64le(bytes + 16));
        d = mix(d, syi_get_u64le(bytes + 24));
    }
    lanes[0] = a;
    lanes[1] = b;
    lanes[2] = c;
    lanes[3] = d;
}

void syi_xxh64_add(syi_xxh64 *hash, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    const size_t held = (size_t)(hash->length % BLOCK);
    if (size == 0) {
        return;
    }
    hash->length += size;
    if (held != 0) {
        const size_t part = size < BLOCK - held ? size : BLOCK - held;
        memcpy(hash->block + held, from, part);
        from += part;
        size -= part;
        if (held + part < BLOCK) {
            return;
        }
        add_blocks(hash->lanes, hash->block, 1);
    }
    add_blocks(hash->lanes, from, size / BLOCK);
    if (size % BLOCK != 0) {
        memcpy(hash->block, from + size / BLOCK * BLOCK, size % BLOCK);
    }
}

static uint64_t join(const uint64_t lanes[4])
{
    uint64_t sum = turn(lanes[0], 1) + turn(lanes[1], 7) + turn(lanes[2], 12) + turn(lanes[3], 18);
    for (int k = 0; k < 4; k++) {
        sum = (sum ^ mix(0, lanes[k])) * PRIME_1 + PRIME_4;
    }
    return sum;
}

uint64_t syi_xxh64_get(const syi_xxh64 *hash)
{
    uint64_t sum = hash->length >= BLOCK ? join(hash->lanes) : PRIME_5;
    const uint8_t *at = hash->block;
    size_t left = (size_t)(hash->length % BLOCK);
    sum += hash->length;
    for (; left >= 8; left -= 8, at += 8) {
        sum = turn(sum ^ mix(0, syi_get_u64le(at)), 27) * PRIME_1 + PRIME_4;
    }
    if (left >= 4) {
        sum = turn(sum ^ syi_get_u32le(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        at += 4;
        left -= 4;
    }
    for (; left > 0; left--, at++) {
        sum = turn(sum ^ *at * PRIME_5, 11) * PRIME_1;
    }
    sum = (sum ^ sum >> 33) * PRIME_2;
    sum = (sum ^ sum >> 29) * PRIME_3;
    return sum ^ sum >> 32;
}
