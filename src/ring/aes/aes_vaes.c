/* aes_vaes.c - AES with two blocks per instruction; keys are expanded, and short rests done, one block at a time. */
#include "ring/aes/aes.h"

#if CSYFT_HAVE_AESNI
#include <immintrin.h>

/* Blocks are in registers only where nothing is left of their loops. */
#define UNROLL _Pragma("GCC unroll 11")
#define TARGET __attribute__((target("vaes,avx2,aes,sse4.1")))
enum { ROUNDS = 10, PAIRS = 8 };

TARGET static void stream(const uint8_t round_keys[11][16], uint64_t place, uint8_t *out,
                          size_t blocks)
{
    /* Counters are kept as numbers in the odd words, and turned around byte by byte where they are used. */
    const __m256i turn = _mm256_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                         10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i two = _mm256_set_epi64x(2, 0, 2, 0);
    __m256i keys[ROUNDS + 1];
    __m256i next = _mm256_set_epi64x((long long)(place + 1), 0, (long long)place, 0);
    __m256i *to = (__m256i *)(void *)out;
    UNROLL
    for (int k = 0; k <= ROUNDS; k++) {
        keys[k] = _mm256_broadcastsi128_si256(
            _mm_loadu_si128((const __m128i *)(const void *)round_keys[k]));
    }
    for (; blocks >= 2 * PAIRS; blocks -= 2 * PAIRS, place += 2 * PAIRS, to += PAIRS) {
        __m256i state[PAIRS];
        UNROLL
        for (int b = 0; b < PAIRS; b++) {
            state[b] = _mm256_xor_si256(_mm256_shuffle_epi8(next, turn), keys[0]);
            next = _mm256_add_epi64(next, two);
        }
        UNROLL
        for (int k = 1; k < ROUNDS; k++) {
            UNROLL
            for (int b = 0; b < PAIRS; b++) {
                state[b] = _mm256_aesenc_epi128(state[b], keys[k]);
            }
        }
        UNROLL
        for (int b = 0; b < PAIRS; b++) {
            _mm256_storeu_si256(&to[b], _mm256_aesenclast_epi128(state[b], keys[ROUNDS]));
        }
    }
    if (blocks > 0) {
        syi_aes_ni.stream(round_keys, place, (uint8_t *)to, blocks);
    }
}

static void expand(uint8_t round_keys[11][16], const uint8_t key[16])
{
    syi_aes_ni.expand(round_keys, key);
}

const syi_aes syi_aes_vaes = {.name = "vaes", .expand = expand, .stream = stream};
#endif
