/*
 * snn.h - SecureNN: comparisons, ReLU, division and max pooling for two holders and a provider who takes part. Source: Wagh, Gupta,
 * Chandran, "SecureNN: 3-party secure computation for neural network training" (PoPETs 2019), algorithms 3 to 9; spec of the
 * originals: private_compare, msb, share_convert, relu_deriv, relu, select_share, division, maxpool, maxpool_deriv, maxpool2d.
 * Explained in docs/internals/secure-nn.md. Test: snn_test.c, comparison_test.c. The provider's side: snn_deal.c; what compares
 * bits: digits.h; programs that are made of the others: snn_programs.c.
 *
 * Numbers are in Z_L, L a power of two, and in Z_(L-1), where the sign of a is the lowest bit of 2a. Bits are shared modulo 67,
 * one byte each, lowest first.
 *
 * Adversary: as in material.h, and the provider is curious as well: here it sees words. What holders know and it does not comes
 * from a seed that they draw together, once per command, and that it never sees. It learns
 *   share_convert    a_0 + r_0 and a_1 + r_1, r_0 and r_1 uniform: nothing
 *   private_compare  for each number the digits s c, rotated: all uniform from 1 to 66, but for one 0 in every other number, at a
 *                    uniform place. beta, which decides whether there is one, is a random bit. Nothing
 *   maxpool_deriv    the index plus a uniform number
 * so that for any inputs all it hears is drawn alike. The holders open 2 a + x, x uniform, and what products open. Where it
 * differs from the originals, and from the paper:
 *   - every number has its own r, s, u, beta and place; masks are taken modulo the field; nobody but the holders knows alpha or r
 *   - the provider knows both shares of the bits that it dealt. Each holder's share of s c is masked by u as well, else their
 *     ratio would tell what is compared
 *   - a rotation stands for the permutation: where all but one digit are uniform it hides the place of that one as well
 *   - r = 0 in share_convert, where r - 1 wraps, has a case of its own, as r = L - 1 has in private_compare
 *   - relu_deriv clears the lowest bit of a, where the originals double it: also L - 1, which Z_(L-1) has not, keeps its sign, and
 *     so do numbers beyond a quarter of L
 * Shares of results are drawn anew from the holders' seed, so that they say nothing about how they came about.
 *
 * Costs, in bytes per number of width w (odd: 8, o) and of k bits, to the other holder, to the provider, and from it to one of the
 * holders; a way to the provider is a round, and one back. The seed is one more round, 32 bytes, once per command.
 *   private_compare  2 rounds      -         k         w
 *   share_convert    4             -         w + k     k + 2o
 *   msb              4             o + 2w    k         k + 3w
 *   relu_deriv       9             o + 4w    w + 2k    2k + 2o + 4w
 *   relu             10            o + 6w    w + 2k    2k + 2o + 5w
 *   select_share     1             2w        -         w
 *
 * As in spdz.h: every holder runs the same; words are contiguous. Results may be operands. Fields are powers of two from 2^3 on;
 * those of Z_(L-1) are syi_snn_odd. SY_ENOTSUP for other fields and more than two holders.
 */
#ifndef SYI_CRYPTO_SNN_H
#define SYI_CRYPTO_SNN_H

#include "crypto/comparison.h"
#include "crypto/digits.h"

#define SYI_SNN_TILE 1024 /* elements */
/* Tiles that are compared before the first one's answer is waited for. */
#define SYI_SNN_AHEAD 4

/* Z_(L-1) of Z_L, in words of 8 bytes. */
syi_field syi_snn_odd(const syi_field *field);

/* --- local --------------------------------------------------------------------------------------- */

/* Bits of n elements along a new last dim, lowest first, 0 or 1: `bits` of each. */
void syi_snn_decompose(const syi_field *field, uint8_t *out, const void *words, unsigned bits,
                       size_t n);
/* Reverses a dim of `length`, with `outer` positions before it and `inner` bytes in each of its own; out is no operand. */
void syi_snn_flip(void *out, const void *in, size_t outer, size_t length, size_t inner);

/* --- what holders know and the provider does not --------------------------------------------------- */

/* Bits, and numbers in [0, max), 1 <= max: the same ones at both holders. */
sy_status syi_snn_common_bits(syi_party *party, uint8_t *bits, size_t n, sy_error *err);
sy_status syi_snn_common_values(syi_party *party, uint64_t *values, uint64_t max, size_t n,
                                sy_error *err);
/* Fresh shares of zero, without a message. */
sy_status syi_snn_zeros(syi_party *party, const syi_field *field, void *z, size_t n, sy_error *err);

/* --- comparisons --------------------------------------------------------------------------------- */

/*
 * z = beta xor [x > r] in `field`, any one: x are shares modulo 67 of `bits` bits (1 to 64) of each number, number by number,
 * lowest first; r, below 2^bits, and beta, 0 or 1, are known to both holders.
 */
sy_status syi_snn_private_compare(syi_party *party, const syi_field *field, void *z,
                                  const uint8_t *x, const uint64_t *r, const uint8_t *beta,
                                  unsigned bits, uint64_t count, sy_error *err);
/* y, in Z_(L-1), = a, in Z_L; of a = L - 1: 0. */
sy_status syi_snn_share_convert(syi_party *party, const syi_field *field, void *y, const void *a,
                                uint64_t count, sy_error *err);
/* z, in Z_L, = [a >= L/2], a in Z_(L-1). */
sy_status syi_snn_msb(syi_party *party, const syi_field *field, void *z, const void *a,
                      uint64_t count, sy_error *err);
/* [a >= 0], and [a >= 0] a. */
sy_status syi_snn_relu_deriv(syi_party *party, const syi_field *field, void *z, const void *a,
                             uint64_t count, sy_error *err);
sy_status syi_snn_relu(syi_party *party, const syi_field *field, void *z, const void *a,
                       uint64_t count, sy_error *err);
/* alpha = 0: x, 1: y. */
sy_status syi_snn_select_share(syi_party *party, const syi_field *field, void *z, const void *alpha,
                               const void *x, const void *y, uint64_t count, sy_error *err);

/* For comparison.c. */
sy_status syi_snn_compare(syi_party *party, const syi_comparison *comparison,
                          const syi_field *field, void *z, const void *x, uint64_t count,
                          sy_error *err);
sy_status syi_snn_equal(syi_party *party, const syi_field *field, void *z, const void *x,
                        uint64_t count, sy_error *err);

/* --- made of them -------------------------------------------------------------------------------- */

/*
 * z = floor(x / y) for 0 <= x, 0 < y, and quotients below 2^bits, with 2^(bits-1) y and x below L/2. y has `count` numbers, or
 * (`one`) a single one. A bit takes 10 rounds.
 */
sy_status syi_snn_division(syi_party *party, const syi_field *field, void *z, const void *x,
                           const void *y, bool one, unsigned bits, uint64_t count, sy_error *err);

/*
 * Of each of `rows` rows of `columns` numbers the greatest, and (index not NULL) its place, the last one of several. Differences
 * are below L/2. 10 rounds for each of ceil(log2 columns) levels.
 */
sy_status syi_snn_maxpool(syi_party *party, const syi_field *field, void *max, void *index,
                          const void *x, uint64_t rows, uint64_t columns, sy_error *err);
/* 1 at the place of the greatest of count numbers, else 0. */
sy_status syi_snn_maxpool_deriv(syi_party *party, const syi_field *field, void *z, const void *x,
                                uint64_t count, sy_error *err);

/* Windows of images [images][height][width]. Padding is with zeros. */
typedef struct syi_snn_windows {
    uint64_t images, height, width;
    uint64_t kernel[2], stride[2], padding[2];
} syi_snn_windows;
/* Height and width of the result. SY_ESHAPE when there is none. */
sy_status syi_snn_windows_size(const syi_snn_windows *windows, uint64_t size[2], sy_error *err);
sy_status syi_snn_maxpool2d(syi_party *party, const syi_field *field, void *max, const void *x,
                            const syi_snn_windows *windows, sy_error *err);

/* --- material ------------------------------------------------------------------------------------ */

/*
 * Kinds whose material the provider makes with what holders report about it, and never ahead. Each tile of SYI_SNN_TILE elements:
 *   SNN_COMPARE  hears s c of private_compare (`shift` is the number of bits); deals part 4, the answer, in the demand's field
 *   SNN_MSB      part A, free: x in Z_(L-1); deals C: the bits of x modulo 67, and 3: its lowest bit; then as SNN_COMPARE
 *   SNN_CONVERT  hears a + r, the holder's words; deals C: the bits of their sum x modulo 67, and 3: whether it wrapped, in
 *                Z_(L-1); then as SNN_COMPARE, the answer in Z_(L-1)
 *   SNN_ONE_HOT  hears one word, 8 bytes, modulo `count`, a power of two; deals C: 1 at the sum, else 0
 * Reports and messages of SYI_SNN_AHEAD tiles are under way: the message about tile t + SYI_SNN_AHEAD comes before the answer
 * to tile t. Digits are planes of a tile's numbers, drawn 8 of each block of a stream; a tile begins at its own block.
 */
enum { SYI_SNN_EXTRA = 3, SYI_SNN_ANSWER = 4 };
unsigned syi_snn_bits(const syi_demand *demand);
/* The field of part 3 and of the answer. */
syi_field syi_snn_answers(const syi_demand *demand);
/* Bytes of a tile's message before the answer, of the answer, and of both. */
size_t syi_snn_first(const syi_demand *demand, size_t count);
size_t syi_snn_answer(const syi_demand *demand, size_t count);
size_t syi_snn_message(const syi_demand *demand, size_t count);
/* Blocks of a stream between the digits of one tile and the next. */
static inline uint64_t syi_snn_digits_place(uint64_t tile)
{
    return tile * ((uint64_t)SYI_DIGIT_BITS_MAX * SYI_SNN_TILE / SYI_DIGITS_OF_BLOCK);
}
sy_status syi_snn_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                       void *user, sy_error *err);

#endif
