/* bilinear_add.c - which labels the dims of factors and product have, so that contraction.c can compute it, and how much there
 * is to do. */
#include <assert.h>

#include "core/error.h"
#include "crypto/bilinear_parts.h"
#include "ops/einsum.h"

/* A dim of size 1 is repeated along the label. */
static size_t stride_of(const syi_array *array, int dim, int64_t size)
{
    return array->shape[dim] == size ? (size_t)array->strides[dim] : 0;
}

/* One label for each of z's first dims, which x's first dims and y's broadcast to. */
static void align(syi_contraction *c, const syi_array *z, int z_dims, const syi_array *x,
                  int x_dims, const syi_array *y, int y_dims)
{
    for (int d = 0; d < z_dims; d++) {
        const int x_dim = d - z_dims + x_dims, y_dim = d - z_dims + y_dims;
        c->labels[c->count++] = (syi_label){.size = (size_t)z->shape[d],
                                            .x = x_dim >= 0 ? stride_of(x, x_dim, z->shape[d]) : 0,
                                            .y = y_dim >= 0 ? stride_of(y, y_dim, z->shape[d]) : 0,
                                            .z = (size_t)z->strides[d]};
    }
}

static void label_mul(syi_contraction *c, const syi_array *z, const syi_array *x,
                      const syi_array *y)
{
    align(c, z, z->ndim, x, x->ndim, y, y->ndim);
    c->of_z = c->count;
}

/* Batch dims, then the row unless x is a vector, the column unless y is one, and the inner dim. */
static void label_matmul(syi_contraction *c, const syi_array *z, const syi_array *x,
                         const syi_array *y)
{
    const bool has_rows = x->ndim > 1, has_columns = y->ndim > 1;
    const int batch = z->ndim - has_rows - has_columns;
    const int inner = has_columns ? y->ndim - 2 : 0;
    align(c, z, batch, x, has_rows ? x->ndim - 2 : 0, y, inner);
    if (has_rows) {
        c->labels[c->count++] = (syi_label){.size = (size_t)z->shape[batch],
                                            .x = (size_t)x->strides[x->ndim - 2],
                                            .z = (size_t)z->strides[batch]};
    }
    if (has_columns) {
        c->labels[c->count++] = (syi_label){.size = (size_t)z->shape[z->ndim - 1],
                                            .y = (size_t)y->strides[y->ndim - 1],
                                            .z = (size_t)z->strides[z->ndim - 1]};
    }
    c->of_z = c->count;
    c->labels[c->count++] = (syi_label){.size = (size_t)x->shape[x->ndim - 1],
                                        .x = (size_t)x->strides[x->ndim - 1],
                                        .y = (size_t)y->strides[inner]};
}

/* How far apart a factor's elements along a label are; along several dims of it, on the diagonal. */
static size_t stride_along(const syi_einsum_term *term, const syi_array *array, int label,
                           int64_t size)
{
    size_t stride = 0;
    for (int d = 0; d < term->ndim; d++) {
        stride += term->labels[d] == label ? stride_of(array, d, size) : 0;
    }
    return stride;
}

static sy_status label_einsum(syi_contraction *c, const char *equation, const syi_array *z,
                              const syi_array *x, const syi_array *y, sy_error *err)
{
    const syi_array *const factors[2] = {x, y};
    syi_einsum einsum;
    bool seen[SYI_EINSUM_LABELS] = {false};
    SY_TRY(syi_einsum_parse(&einsum, equation, factors, 2, err));
    const syi_einsum_term *const terms[3] = {&einsum.out, &einsum.operands[0], &einsum.operands[1]};
    for (int t = 0; t < 3; t++) {
        for (int d = 0; d < terms[t]->ndim; d++) {
            const int label = terms[t]->labels[d];
            if (seen[label]) {
                continue;
            }
            seen[label] = true;
            const int64_t size = einsum.sizes[label];
            c->labels[c->count++] =
                (syi_label){.size = (size_t)size,
                            .x = stride_along(&einsum.operands[0], x, label, size),
                            .y = stride_along(&einsum.operands[1], y, label, size),
                            .z = t == 0 ? (size_t)z->strides[d] : 0};
        }
        c->of_z = t == 0 ? c->count : c->of_z;
    }
    return SY_OK;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Sums of one factor's own labels, and then products over all others. */
static uint64_t work_of(const syi_contraction *c, const syi_bilinear *b)
{
    uint64_t work = 1;
    for (int k = 0; k < c->count; k++) {
        const syi_label *l = &c->labels[k];
        const bool own = k >= c->of_z && (l->x == 0 || l->y == 0);
        work = l->size == 0 ? 0 : times(work, own ? 1 : l->size);
        if (work == 0) {
            return 0;
        }
    }
    return plus(work, plus((uint64_t)syi_array_numel(&b->x), (uint64_t)syi_array_numel(&b->y)));
}

static sy_status label(syi_contraction *c, const syi_bilinear *b, const syi_array *x,
                       const syi_array *y, sy_error *err)
{
    switch (b->kind) {
    case SYI_BILINEAR_EINSUM:
        return label_einsum(c, b->equation, &b->z, x, y, err);
    case SYI_BILINEAR_MATMUL:
        label_matmul(c, &b->z, x, y);
        return SY_OK;
    default:
        label_mul(c, &b->z, x, y);
        return SY_OK;
    }
}

uint64_t syi_bilinear_work(const syi_bilinear *b)
{
    if (b->kind == SYI_BILINEAR_CONVOLUTION) {
        const uint64_t patch = (uint64_t)(syi_array_numel(&b->y) / b->y.shape[0]);
        return times((uint64_t)syi_array_numel(&b->z), patch);
    }
    syi_contraction c = {0};
    return label(&c, b, &b->x, &b->y, NULL) == SY_OK ? work_of(&c, b) : UINT64_MAX;
}

sy_status syi_bilinear_add(sy_context *context, const syi_bilinear *bilinear,
                           const syi_field *field, void *z, const syi_array *x, const syi_array *y,
                           sy_error *err)
{
    assert(syi_array_same_shape(x, &bilinear->x) && syi_array_same_shape(y, &bilinear->y));
    if (bilinear->kind == SYI_BILINEAR_CONVOLUTION) {
        return syi_bilinear_convolve(context, bilinear, field, z, x, y, err);
    }
    syi_contraction c = {.x = syi_array_data(x), .y = syi_array_data(y)};
    SY_TRY(label(&c, bilinear, x, y, err));
    return syi_contract(context, field, &c, z, err);
}
