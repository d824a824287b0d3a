/*
 * precision.h - fixed precision: reals as integers, so that what computes on rings (secret shares) can
 * compute on them (003: FixedPrecisionTensor).
 *
 * A value x is stored as trunc(x * base^precision_fractional), signed, inside a field: |stored| < field / 2.
 * dtype long is the ring of 2^64 in int64, int that of 2^32 in int32, custom any field from 4 on in int64. The
 * child of the chain is a native tensor, a pointer, or whatever holds integers; every operation becomes
 * operations on the child, so a fixed precision tensor works wherever its child does:
 *
 *     sy_tensor_fix_precision(x, &fixed, NULL, err);    here
 *     sy_tensor_send(fixed, &pointer, bob, err);        or at bob
 *     y = sy_matmul(s, pointer, w);  z = sy_float_precision(s, y);
 *
 * Its dtype is float32: it stands for reals. What cannot be right is refused with SY_ERANGE: values that do
 * not fit (NaN and infinities never do), and, where the child is a local native tensor, products and sums that
 * leave the field, before anything wraps. Over a child that is elsewhere (a pointer below the fixed precision
 * node, shares) nobody sees the magnitudes here: there products wrap like the ring does, and keeping |x y| *
 * base^(2 precision) below field / 2 is the caller's. A pointer to a whole fixed precision tensor is checked
 * at its worker. Tables of operations and of errors: docs/guide/fixed-precision.md.
 */
#ifndef CSYFT_PRECISION_H
#define CSYFT_PRECISION_H

#include <csyft/scope.h>

SY_BEGIN_DECLS

typedef enum sy_precision_dtype {
    SY_PRECISION_LONG,   /* field 2^64, int64 */
    SY_PRECISION_INT,    /* field 2^32, int32 */
    SY_PRECISION_CUSTOM, /* field as given, int64 */
} sy_precision_dtype;

typedef struct sy_precision_options {
    size_t size; /* sizeof(sy_precision_options) */
    int64_t base;
    int64_t precision_fractional;
    sy_precision_dtype dtype;
    uint64_t field; /* CUSTOM: 4 or more; otherwise 0 (2^64 does not fit here) or the dtype's own */
    int64_t kappa;  /* kept, as the reference does; nothing reads it */
} sy_precision_options;

#define SY_PRECISION_OPTIONS_INIT                                                               \
    {                                                                                           \
        .size = sizeof(sy_precision_options), .base = 10, .precision_fractional = 3, .kappa = 1 \
    }

/* Encodes floats or integers; `options` NULL: the defaults. Of a pointer: at its worker, and *fixed points to
 * the result. The result requires a gradient where the tensor is a leaf that does; that of a recorded tensor
 * is recorded. SY_ERANGE names the element that does not fit; SY_EINVAL for options that make no sense. */
SY_API sy_status sy_tensor_fix_precision(sy_tensor *tensor, sy_tensor **fixed,
                                         const sy_precision_options *options, sy_error *err);
/* In place: the handle keeps id, tags and its gradient (encoded, too). Unchanged on failure. */
SY_API sy_status sy_tensor_fix_precision_(sy_tensor *tensor, const sy_precision_options *options,
                                          sy_error *err);
/* Back to float32 (in a scope: sy_float_precision). SY_EINVAL when it is no fixed precision tensor. */
SY_API sy_status sy_tensor_float_precision(sy_tensor *fixed, sy_tensor **tensor, sy_error *err);
SY_API sy_status sy_tensor_float_precision_(sy_tensor *fixed, sy_error *err);

/* In a scope, with base 10 in the ring of 2^64. */
SY_API sy_tensor *sy_fix_precision(sy_scope *scope, sy_tensor *self, int precision_fractional);

/* Puts a fixed precision node over integers that are encoded already (reference: FixedPrecisionTensor().on):
 * a native int64 (int32) tensor, a pointer to one, ... Shares the child. SY_EDTYPE for a child of floats. */
SY_API sy_status sy_tensor_on_fixed_precision(sy_tensor *child, sy_tensor **fixed,
                                              const sy_precision_options *options, sy_error *err);

/* Is the outermost node of the chain a fixed precision node? */
SY_API bool sy_tensor_is_fixed_precision(const sy_tensor *tensor);
/* Its class attributes. `options->size` is set by the caller. SY_EINVAL when it is none. */
SY_API sy_status sy_tensor_get_precision(const sy_tensor *tensor, sy_precision_options *options,
                                         sy_error *err);

/*
 * Approximations by name, for any chain that ends in fixed precision (also through pointers):
 *   "exp", "sigmoid", "tanh", "log", "reciprocal", "inverse" (of matrices), "sqrt"
 * with a method and a number of iterations; NULL and 0: the defaults. The operations sy_exp, sy_sigmoid, ...
 * on a fixed precision tensor are these with their defaults. Methods, the interval of each and its greatest
 * error on it: docs/guide/fixed-precision.md. Outside of its interval: SY_ERANGE where the child is here.
 */
SY_API sy_tensor *sy_approximate(sy_scope *scope, sy_tensor *self, const char *function,
                                 const char *method, int iterations);

SY_END_DECLS

#endif
