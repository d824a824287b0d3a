/*
 * kernels_math.h - the part of cpu.h's list that is elementary functions, quotients, bits, clamps, activations,
 * reductions and linear algebra. Room frameworks/cpu only.
 */
#ifndef SYI_FRAMEWORKS_CPU_KERNELS_MATH_H
#define SYI_FRAMEWORKS_CPU_KERNELS_MATH_H

/* X(operation, kernel, mode), as SYI_CPU_KERNELS */
#define SYI_CPU_MATH_KERNELS(X)                  \
    X(rsqrt, function, ALIGNED)                  \
    X(square, function, ALIGNED)                 \
    X(exp2, function, ALIGNED)                   \
    X(expm1, function, ALIGNED)                  \
    X(log1p, function, ALIGNED)                  \
    X(log2, function, ALIGNED)                   \
    X(log10, function, ALIGNED)                  \
    X(sin, function, ALIGNED)                    \
    X(cos, function, ALIGNED)                    \
    X(tan, function, ALIGNED)                    \
    X(asin, function, ALIGNED)                   \
    X(acos, function, ALIGNED)                   \
    X(atan, function, ALIGNED)                   \
    X(sinh, function, ALIGNED)                   \
    X(cosh, function, ALIGNED)                   \
    X(asinh, function, ALIGNED)                  \
    X(acosh, function, ALIGNED)                  \
    X(atanh, function, ALIGNED)                  \
    X(erf, function, ALIGNED)                    \
    X(erfc, function, ALIGNED)                   \
    X(floor, function, ALIGNED)                  \
    X(ceil, function, ALIGNED)                   \
    X(round, function, ALIGNED)                  \
    X(trunc, function, ALIGNED)                  \
    X(frac, function, ALIGNED)                   \
    X(bitwise_and, bitwise, ALIGNED)             \
    X(bitwise_or, bitwise, ALIGNED)              \
    X(bitwise_xor, bitwise, ALIGNED)             \
    X(bitwise_left_shift, bitwise, ALIGNED)      \
    X(bitwise_right_shift, bitwise, ALIGNED)     \
    X(logical_and, logical, ALIGNED)             \
    X(logical_or, logical, ALIGNED)              \
    X(logical_xor, logical, ALIGNED)             \
    X(logical_not, predicate, ALIGNED)           \
    X(isnan, predicate, ALIGNED)                 \
    X(isinf, predicate, ALIGNED)                 \
    X(isfinite, predicate, ALIGNED)              \
    X(atan2, atan2, ALIGNED)                     \
    X(floor_divide, floor_divide, ALIGNED)       \
    X(remainder, remainder, ALIGNED)             \
    X(fmod, fmod, ALIGNED)                       \
    X(leaky_relu, leaky_relu, ALIGNED)           \
    X(elu, elu, ALIGNED)                         \
    X(selu, selu, ALIGNED)                       \
    X(celu, celu, ALIGNED)                       \
    X(softplus, softplus, ALIGNED)               \
    X(gelu, gelu, ALIGNED)                       \
    X(silu, silu, ALIGNED)                       \
    X(log_sigmoid, log_sigmoid, ALIGNED)         \
    X(hardtanh, hardtanh, ALIGNED)               \
    X(clamp, clamp, ALIGNED)                     \
    X(clamp_min, clamp_min, ALIGNED)             \
    X(clamp_max, clamp_max, ALIGNED)             \
    X(bitwise_not, bitwise_not, ALIGNED)         \
    X(addcmul, addcmul, ALIGNED)                 \
    X(addcdiv, addcdiv, ALIGNED)                 \
    X(lerp, lerp, ALIGNED)                       \
    X(prod, prod, APART)                         \
    X(any, any, APART)                           \
    X(all, any, APART)                           \
    X(count_nonzero, count_nonzero, APART)       \
    X(amax, amax, APART)                         \
    X(amin, amax, APART)                         \
    X(var, var, APART)                           \
    X(std, var, APART)                           \
    X(norm, norm, APART)                         \
    X(logsumexp, logsumexp, APART)               \
    X(cumsum, scan, APART)                       \
    X(cumprod, scan, APART)                      \
    X(cumprod_backward, cumprod_backward, APART) \
    X(sort, sort, APART)                         \
    X(argsort, sort, APART)                      \
    X(topk, topk, APART)                         \
    X(kthvalue, kthvalue, APART)                 \
    X(median, median, APART)                     \
    X(bmm, matmul, APART)                        \
    X(mv, matmul, APART)                         \
    X(dot, matmul, APART)                        \
    X(baddbmm, addmm, APART)                     \
    X(outer, outer, APART)                       \
    X(trace, trace, APART)                       \
    X(inverse, inverse, APART)                   \
    X(det, det, APART)                           \
    X(linalg_solve, solve, APART)

#endif
