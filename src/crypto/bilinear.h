/*
 * bilinear.h - the products that shared values have: two factors, linear in each: elementwise with broadcasting, of
 * matrices (batched), convolutions, einsum with two operands. A party computes its share of a product by them, the
 * provider the third part of a triple. Test: bilinear_test.c, against the operations of the same names. Bench:
 * bilinear_bench.c. How they are computed: bilinear_parts.h.
 *
 * Constant time in the elements as far as ring/field.h is. Any thread.
 */
#ifndef SYI_CRYPTO_BILINEAR_H
#define SYI_CRYPTO_BILINEAR_H

#include "arrays/array.h"
#include "core/buffer.h"
#include "ops/ops.h"
#include "ring/field.h"

typedef enum syi_bilinear_kind {
    SYI_BILINEAR_MUL = 1,
    SYI_BILINEAR_MATMUL = 2,
    SYI_BILINEAR_CONVOLUTION = 3,
    SYI_BILINEAR_EINSUM = 4,
} syi_bilinear_kind;

#define SYI_BILINEAR_EQUATION_MAX 127

/* What a product is, without its factors. x, y, z are shapes only, contiguous, of dtype int64 (int32 in Z_2^32). */
typedef struct syi_bilinear {
    syi_bilinear_kind kind;
    syi_array x, y, z;
    /* CONVOLUTION: x is the input, y the weight; rows and columns, the former trivial with one spatial dim */
    int spatial; /* 1 or 2 */
    int64_t stride[2], padding[2], dilation[2], groups;
    char equation[SYI_BILINEAR_EQUATION_MAX + 1]; /* EINSUM */
} syi_bilinear;

/*
 * What a row of ops.def does with its two factors: mul, matmul, mm, bmm, mv, dot, outer, conv1d, conv2d, convolution (whose
 * bias is not looked at), einsum with two operands. `bound`: as syi_ops_bind made it, tensors as ARRAY values, whose storage
 * is not looked at, of the field's dtype. Fills *bilinear, and says which arguments are the factors; of einsum, which of its
 * list. SY_ENOTSUP for another row, a factor that is no tensor, einsum with another number of operands; SY_EDTYPE; SY_ESHAPE
 * and others with the row's own sentences.
 */
sy_status syi_bilinear_of_row(syi_bilinear *bilinear, const syi_op *op, const sy_value *bound,
                              const syi_field *field, int *x_at, int *y_at, sy_error *err);
/* By name or equation, as generate_triple says it: "mul", "matmul", "conv1d", "conv2d" (stride 1, no padding), "ij,jk->ik".
 * SY_EINVAL for neither. */
sy_status syi_bilinear_of_name(syi_bilinear *bilinear, const char *name, const syi_field *field,
                               int x_ndim, const int64_t *x_shape, int y_ndim,
                               const int64_t *y_shape, sy_error *err);

/*
 * z += Bil(x, y). `z`: contiguous elements of bilinear->z; x and y have the shapes of bilinear's and any strides. Matrix
 * products and convolutions run on ring/matmul. Scratch memory is wiped. SY_ENOMEM: then z is of no use.
 */
sy_status syi_bilinear_add(sy_context *context, const syi_bilinear *bilinear,
                           const syi_field *field, void *z, const syi_array *x, const syi_array *y,
                           sy_error *err);

/* How many multiplications and additions it takes, about; UINT64_MAX when there are more. Small factors may ask for many. */
uint64_t syi_bilinear_work(const syi_bilinear *bilinear);

/* For messages: at most SYI_BILINEAR_BYTES. Reading checks everything (the shapes go together, sizes are possible), as a
 * peer may have written it: SY_EFORMAT, SY_ESHAPE. *size comes back as what was read. */
#define SYI_BILINEAR_BYTES 1024
void syi_bilinear_write(const syi_bilinear *bilinear, syi_buffer *out);
sy_status syi_bilinear_read(syi_bilinear *bilinear, const syi_field *field, const uint8_t *bytes,
                            size_t *size, sy_error *err);

#endif
