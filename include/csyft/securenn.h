/*
 * securenn.h - the functions of SecureNN (PySyft: syft.frameworks.torch.crypto.securenn) on shared values of two holders and a provider
 * who takes part. What operations on shared values need of comparisons they get by their protocol (csyft/sharing.h); these are for who
 * wants the steps themselves. How they work, who learns what, and what differs from the originals: docs/internals/secure-nn.md.
 *
 * Shared integers of 2^64, 2^32 or another power of two, L, from 2^3 on; where it says so, of L - 1 (SY_PRECISION_CUSTOM). Values of fixed
 * precision are refused, but by sy_relu and its like. One joint command each: results are shared among the same two, and the
 * caller's. SY_ENOTSUP: not two holders; SY_EINVAL: not shared, or in another field than it should; SY_ESHAPE; what joint commands give.
 * Threads: as for other tensors.
 */
#ifndef CSYFT_SECURENN_H
#define CSYFT_SECURENN_H

#include <csyft/sharing.h>

SY_BEGIN_DECLS

/* decompose: `bits` (1 to 63) bits of each integer that is not negative, along a new last dim, lowest first. Native, or a pointer or
 * multi-pointer, where it is done there. */
SY_API sy_status sy_securenn_decompose(sy_tensor *tensor, sy_tensor **bits_of, int bits,
                                       sy_error *err);
/* flip: in reverse order along a dim; of any tensor. */
SY_API sy_status sy_securenn_flip(sy_tensor *tensor, sy_tensor **flipped, int dim, sy_error *err);

/* 1 where a is not negative, else 0. 9 rounds. */
SY_API sy_status sy_securenn_relu_deriv(sy_tensor *a, sy_tensor **z, sy_error *err);
/* a where it is not negative, else 0. 10 rounds. */
SY_API sy_status sy_securenn_relu(sy_tensor *a, sy_tensor **z, sy_error *err);
/* a, in L, as the same element of [0, L) in L - 1 (L - 5, which is -5, is -4 there); L - 1 itself becomes 0. 4 rounds. */
SY_API sy_status sy_securenn_share_convert(sy_tensor *a, sy_tensor **y, sy_error *err);
/* a in L - 1: 1 where it is at least L/2, in L. 4 rounds. */
SY_API sy_status sy_securenn_msb(sy_tensor *a, sy_tensor **z, sy_error *err);
/* x where alpha is 0, y where it is 1; three values of one shape and field. 1 round. */
SY_API sy_status sy_securenn_select_share(sy_tensor *alpha, sy_tensor *x, sy_tensor *y,
                                          sy_tensor **z, sy_error *err);
/* floor(x / y) of numbers that are not negative, y of x's shape or a single number; the quotient below 2^bits (0: 31), and x and 2^(bits -
 * 1) y below L/2. 10 rounds per bit. */
SY_API sy_status sy_securenn_division(sy_tensor *x, sy_tensor *y, int bits, sy_tensor **z,
                                      sy_error *err);
/* The greatest element, and its place among all, the last of several (each of no dims). 10 rounds for each halving. */
SY_API sy_status sy_securenn_maxpool(sy_tensor *x, sy_tensor **max, sy_tensor **index,
                                     sy_error *err);
/* 1 at the place of the greatest element, else 0; the number of elements divides L. */
SY_API sy_status sy_securenn_maxpool_deriv(sy_tensor *x, sy_tensor **z, sy_error *err);
/* Of images in 4 dims the greatest of each window; kernel, stride and padding (zeros) of rows and columns. */
SY_API sy_status sy_securenn_maxpool2d(sy_tensor *x, const int64_t kernel[2],
                                       const int64_t stride[2], const int64_t padding[2],
                                       sy_tensor **z, sy_error *err);
/*
 * beta xor [x > r], in 2^64: x as bits along its last dim, lowest first, shared in a field of 67 (SY_PRECISION_CUSTOM); r, below 2^bits,
 * and beta, 0 or 1, in the shape of the numbers, known to both holders: here, or multi-pointers to both. 2 rounds.
 */
SY_API sy_status sy_securenn_private_compare(sy_tensor *x_bits, sy_tensor *r, sy_tensor *beta,
                                             sy_tensor **z, sy_error *err);

/* _random_common_value(max, *workers), _random_common_bit (max 2): one number in [0, max) that both holders know and the provider does not, a
 * multi-pointer of one element. _shares_of_zero: fresh shares of zeros. options nullable, for provider and field. */
SY_API sy_status sy_securenn_random_common_value(uint64_t max, sy_worker *const holders[2],
                                                 sy_worker *crypto_provider, sy_tensor **value,
                                                 sy_error *err);
SY_API sy_status sy_securenn_shares_of_zero(int ndim, const int64_t *shape,
                                            sy_worker *const holders[2],
                                            const sy_share_options *options, sy_tensor **zeros,
                                            sy_error *err);

SY_END_DECLS

#endif
