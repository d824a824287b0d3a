/* walk_aes.c - trees with one block per instruction. Compiled for processors that have it. */
#include <immintrin.h>

typedef __m128i vector;
enum { LANES = 1, AT_ONCE = 8 };

#define LOAD(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define STORE(p, v) _mm_storeu_si128((__m128i *)(void *)(p), v)
#define BROADCAST(p) LOAD(p)
#define LOWEST(n) _mm_set_epi64x(0, n)
#define HIGH _mm_set_epi64x(-1, 0)
#define XOR _mm_xor_si128
#define AND _mm_and_si128
#define OR _mm_or_si128
#define ANDNOT _mm_andnot_si128 /* not the first one */
#define AESENC _mm_aesenc_si128
#define AESENCLAST _mm_aesenclast_si128
#define SHIFT_LEFT_32 _mm_slli_epi32
#define SHIFT_RIGHT_SIGN _mm_srai_epi32
#define SHIFT_RIGHT _mm_srli_epi64
#define SHIFT_RIGHT_BY(v, n) _mm_srl_epi64(v, _mm_cvtsi32_si128((int)(n)))
#define FIRST_WORD(v) _mm_shuffle_epi32(v, 0)
#define SWAP_HALVES(v) _mm_shuffle_epi32(v, 0x4e)

#include "crypto/fss/walk_loops.h"

const syi_fss_kernels syi_fss_kernels_aes = KERNELS("aes");
