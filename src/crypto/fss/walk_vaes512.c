/* walk_vaes512.c - trees with four blocks per instruction. */
#include <immintrin.h>

typedef __m512i vector;
enum { LANES = 4, AT_ONCE = 8 };

#define LOAD(p) _mm512_loadu_si512((const void *)(p))
#define STORE(p, v) _mm512_storeu_si512((void *)(p), v)
#define BROADCAST(p) _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define LOWEST(n) _mm512_set_epi64(0, n, 0, n, 0, n, 0, n)
#define HIGH _mm512_set_epi64(-1, 0, -1, 0, -1, 0, -1, 0)
#define XOR _mm512_xor_si512
#define AND _mm512_and_si512
#define OR _mm512_or_si512
#define ANDNOT _mm512_andnot_si512 /* not the first one */
#define AESENC _mm512_aesenc_epi128
#define AESENCLAST _mm512_aesenclast_epi128
#define SHIFT_LEFT_32 _mm512_slli_epi32
#define SHIFT_RIGHT_SIGN _mm512_srai_epi32
#define SHIFT_RIGHT _mm512_srli_epi64
#define SHIFT_RIGHT_BY(v, n) _mm512_srl_epi64(v, _mm_cvtsi32_si128((int)(n)))
#define FIRST_WORD(v) _mm512_shuffle_epi32(v, 0)
#define SWAP_HALVES(v) _mm512_shuffle_epi32(v, 0x4e)

#include "crypto/fss/walk_loops.h"

const syi_fss_kernels syi_fss_kernels_vaes512 = KERNELS("vaes512");
