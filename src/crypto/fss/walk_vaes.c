/* walk_vaes.c - trees with two blocks per instruction. */
#include <immintrin.h>

typedef __m256i vector;
enum { LANES = 2, AT_ONCE = 8 };

#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define BROADCAST(p) \
    _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define LOWEST(n) _mm256_set_epi64x(0, n, 0, n)
#define HIGH _mm256_set_epi64x(-1, 0, -1, 0)
#define XOR _mm256_xor_si256
#define AND _mm256_and_si256
#define OR _mm256_or_si256
#define ANDNOT _mm256_andnot_si256 /* not the first one */
#define AESENC _mm256_aesenc_epi128
#define AESENCLAST _mm256_aesenclast_epi128
#define SHIFT_LEFT_32 _mm256_slli_epi32
#define SHIFT_RIGHT_SIGN _mm256_srai_epi32
#define SHIFT_RIGHT _mm256_srli_epi64
#define SHIFT_RIGHT_BY(v, n) _mm256_srl_epi64(v, _mm_cvtsi32_si128((int)(n)))
#define FIRST_WORD(v) _mm256_shuffle_epi32(v, 0)
#define SWAP_HALVES(v) _mm256_shuffle_epi32(v, 0x4e)

#include "crypto/fss/walk_loops.h"

const syi_fss_kernels syi_fss_kernels_vaes = KERNELS("vaes");
