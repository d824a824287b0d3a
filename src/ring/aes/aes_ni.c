/* aes_ni.c - AES with one block per instruction: FIPS 197. Compiled for processors that have it. */
#include "ring/aes/aes.h"

#if CSYFT_HAVE_AESNI
#include <immintrin.h>

/* Blocks are in registers only where nothing is left of their loops. */
#define UNROLL _Pragma("GCC unroll 11")
#define TARGET __attribute__((target("aes,sse4.1")))
enum {
    ROUNDS = 10,
    AT_ONCE = 8
}; /* an instruction takes 3 to 4 cycles, and one or two begin in each */

/* The next round key; `word` is the rotated, substituted and whitened last word. */
TARGET static __m128i next_key(__m128i key, __m128i word)
{
    word = _mm_shuffle_epi32(word, 0xff);
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    return _mm_xor_si128(key, word);
}

#define NEXT_KEY(k, constant) \
    keys[k] = next_key(keys[(k)-1], _mm_aeskeygenassist_si128(keys[(k)-1], constant))

TARGET static void expand(uint8_t round_keys[11][16], const uint8_t key[16])
{
    __m128i keys[ROUNDS + 1];
    keys[0] = _mm_loadu_si128((const __m128i *)(const void *)key);
    NEXT_KEY(1, 0x01);
    NEXT_KEY(2, 0x02);
    NEXT_KEY(3, 0x04);
    NEXT_KEY(4, 0x08);
    NEXT_KEY(5, 0x10);
    NEXT_KEY(6, 0x20);
    NEXT_KEY(7, 0x40);
    NEXT_KEY(8, 0x80);
    NEXT_KEY(9, 0x1b);
    NEXT_KEY(10, 0x36);
    UNROLL
    for (int k = 0; k <= ROUNDS; k++) {
        _mm_storeu_si128((__m128i *)(void *)round_keys[k], keys[k]);
    }
}

/* The counter as the standard has it: most significant byte first, the upper half 0. */
TARGET static inline __m128i counter(uint64_t place)
{
    return _mm_set_epi64x((long long)__builtin_bswap64(place), 0);
}

TARGET __attribute__((always_inline)) static inline void
blocks_at(const __m128i *keys, uint64_t place, __m128i *out, int count)
{
    __m128i state[AT_ONCE];
    UNROLL
    for (int b = 0; b < count; b++) {
        state[b] = _mm_xor_si128(counter(place + (uint64_t)b), keys[0]);
    }
    UNROLL
    for (int k = 1; k < ROUNDS; k++) {
        UNROLL
        for (int b = 0; b < count; b++) {
            state[b] = _mm_aesenc_si128(state[b], keys[k]);
        }
    }
    UNROLL
    for (int b = 0; b < count; b++) {
        _mm_storeu_si128(&out[b], _mm_aesenclast_si128(state[b], keys[ROUNDS]));
    }
}

TARGET static void stream(const uint8_t round_keys[11][16], uint64_t place, uint8_t *out,
                          size_t blocks)
{
    __m128i keys[ROUNDS + 1];
    __m128i *to = (__m128i *)(void *)out;
    UNROLL
    for (int k = 0; k <= ROUNDS; k++) {
        keys[k] = _mm_loadu_si128((const __m128i *)(const void *)round_keys[k]);
    }
    for (; blocks >= AT_ONCE; blocks -= AT_ONCE, place += AT_ONCE, to += AT_ONCE) {
        blocks_at(keys, place, to, AT_ONCE);
    }
    for (; blocks > 0; blocks--, place++, to++) {
        blocks_at(keys, place, to, 1);
    }
}

const syi_aes syi_aes_ni = {.name = "aes", .expand = expand, .stream = stream};
#endif
