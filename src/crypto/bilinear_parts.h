/*
 * bilinear_parts.h - inside of bilinear: how the products are computed. bilinear_add.c turns elementwise products, products of
 * matrices and einsum into contractions, which contraction.c makes of products of matrices where there are some;
 * bilinear_convolution.c has the windows. Test: bilinear_test.c.
 */
#ifndef SYI_CRYPTO_BILINEAR_PARTS_H
#define SYI_CRYPTO_BILINEAR_PARTS_H

#include "crypto/bilinear.h"
#include "ops/window.h"

/* A label of a contraction: how many values it takes, and how many elements apart these are in x, y and z; 0 where x, y or z
 * does not have it. */
typedef struct syi_label {
    size_t size, x, y, z;
} syi_label;

/* z is dense: its labels come first, in its order, and the last one's neighbours are neighbours. */
typedef struct syi_contraction {
    const void *x, *y; /* the element at which all labels are 0 */
    int count, of_z;   /* labels; those in z */
    syi_label labels[2 * SY_DIM_MAX];
} syi_contraction;

/* z += the sums of x y over the labels that are not in z. SY_ENOMEM. */
sy_status syi_contract(sy_context *context, const syi_field *field,
                       const syi_contraction *contraction, void *z, sy_error *err);

/* `n` elements from flat index `at` on, of an array whose dims are labels and whose strides are their x. */
void syi_labels_gather(const syi_field *field, const syi_label *labels, int count, const void *from,
                       size_t at, size_t n, void *out);

/* The geometry of a CONVOLUTION, checked. */
sy_status syi_bilinear_window(const syi_bilinear *bilinear, syi_convolution *convolution,
                              sy_error *err);
sy_status syi_bilinear_convolve(sy_context *context, const syi_bilinear *bilinear,
                                const syi_field *field, void *z, const syi_array *x,
                                const syi_array *y, sy_error *err);
/* Fills z's shape in, from the kind, the factors' shapes and the parameters, all of which is checked. */
sy_status syi_bilinear_complete(syi_bilinear *bilinear, sy_error *err);

#endif
