#include "ring/sha256.h"

#include <string.h>

#include "core/memory.h"

/* Fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CSYFT_HAVE_SHA 1
#include <immintrin.h>

/* Four rounds an instruction pair; the state lies as a, b, e, f and c, d, g, h. */
__attribute__((target("sha,sse4.1,ssse3"))) static void
compress_sha(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)state);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    const __m128i badc = _mm_shuffle_epi32(low, 0xb1), hgfe = _mm_shuffle_epi32(high, 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
    for (; count > 0; count--, blocks += SYI_SHA256_BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int k = 0; k < 16; k++) {
            __m128i next;
            if (k < 4) {
                next = _mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * k));
                next = _mm_shuffle_epi8(next, order);
            } else {
                const __m128i two = w[(k + 2) % 4], one = w[(k + 3) % 4];
                next = _mm_add_epi32(_mm_sha256msg1_epu32(w[k % 4], w[(k + 1) % 4]),
                                     _mm_alignr_epi8(one, two, 4));
                next = _mm_sha256msg2_epu32(next, one);
            }
            w[k % 4] = next;
            next = _mm_add_epi32(
                next, _mm_loadu_si128((const __m128i *)(const void *)(constants + 4 * k)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, next);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(next, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#else
#define CSYFT_HAVE_SHA 0
#endif

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x >> by | x << (32 - by);
}

static uint32_t get_u32be(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_u32be(uint8_t *bytes, uint32_t x)
{
    for (int k = 0; k < 4; k++) {
        bytes[k] = (uint8_t)(x >> (24 - 8 * k));
    }
}

static void compress_plain(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    uint32_t w[64], s[8];
    for (; count > 0; count--, blocks += SYI_SHA256_BLOCK) {
        for (int k = 0; k < 16; k++) {
            w[k] = get_u32be(blocks + (size_t)4 * (size_t)k);
        }
        for (int k = 16; k < 64; k++) {
            const uint32_t a = w[k - 15], b = w[k - 2];
            w[k] = w[k - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[k - 7] +
                   (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
        }
        memcpy(s, state, sizeof s);
        for (int k = 0; k < 64; k++) {
            const uint32_t e = s[4], a = s[0];
            const uint32_t one = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                                 ((e & s[5]) ^ (~e & s[6])) + constants[k] + w[k];
            const uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                                 ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 7 * sizeof *s);
            s[4] += one;
            s[0] = one + two;
        }
        for (int k = 0; k < 8; k++) {
            state[k] += s[k];
        }
    }
    syi_wipe(w, sizeof w);
    syi_wipe(s, sizeof s);
}

syi_sha256_compress syi_sha256_way(size_t index)
{
    syi_sha256_compress found[2];
    size_t count = 0;
#if CSYFT_HAVE_SHA
    if (__builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1")) {
        found[count++] = compress_sha;
    }
#endif
    found[count++] = compress_plain;
    return index < count ? found[index] : NULL;
}

void syi_sha256_with(syi_sha256_compress compress, const uint8_t first[SYI_SHA256_BLOCK],
                     const void *rest, size_t size, uint8_t digest[SYI_SHA256_SIZE])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[2 * SYI_SHA256_BLOCK] = {0};
    const size_t whole = size / SYI_SHA256_BLOCK, left = size % SYI_SHA256_BLOCK;
    const size_t blocks = left + 9 <= SYI_SHA256_BLOCK ? 1 : 2;
    const uint64_t bits = 8 * ((uint64_t)size + SYI_SHA256_BLOCK);
    compress(state, first, 1);
    compress(state, rest, whole);
    if (left > 0) {
        memcpy(last, (const uint8_t *)rest + whole * SYI_SHA256_BLOCK, left);
    }
    last[left] = 0x80;
    put_u32be(last + blocks * SYI_SHA256_BLOCK - 8, (uint32_t)(bits >> 32));
    put_u32be(last + blocks * SYI_SHA256_BLOCK - 4, (uint32_t)bits);
    compress(state, last, blocks);
    for (size_t k = 0; k < 8; k++) {
        put_u32be(digest + 4 * k, state[k]);
    }
    syi_wipe(state, sizeof state);
    syi_wipe(last, sizeof last);
}

void syi_sha256(const uint8_t first[SYI_SHA256_BLOCK], const void *rest, size_t size,
                uint8_t digest[SYI_SHA256_SIZE])
{
    syi_sha256_with(syi_sha256_way(0), first, rest, size, digest);
}
