/* gradients_linear.c - gradients of linear algebra. */
#include "hook/gradients.h"

/* Linear algebra */

static sy_tensor *flip(syi_backward *b, sy_tensor *x)
{
    return sy_transpose(b->scope, x, -2, -1);
}

void syi_gradient_mm(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = sy_mm(b->scope, b->grads[0], flip(b, b->args[1].as.tensor));
    }
    if (b->needs[1]) {
        b->results[1] = sy_mm(b->scope, flip(b, b->args[0].as.tensor), b->grads[0]);
    }
}

/* [..., n] by [n, k]: the batch is summed by one product of matrices. */
static sy_tensor *batched_by_matrix(syi_backward *b, int64_t n, int64_t k)
{
    const int64_t rows_n[] = {-1, n}, rows_k[] = {-1, k};
    sy_tensor *x = sy_reshape(b->scope, b->args[0].as.tensor, 2, rows_n);
    sy_tensor *g = sy_reshape(b->scope, b->grads[0], 2, rows_k);
    return sy_mm(b->scope, flip(b, x), g);
}

void syi_gradient_matmul(syi_backward *b)
{
    sy_scope *s = b->scope;
    const syi_tape_shape *self = shape_of(b, 0), *other = shape_of(b, 1);
    if (self->ndim == 2 && other->ndim == 2) {
        syi_gradient_mm(b);
        return;
    }
    if (self->ndim == 1 && other->ndim == 1) {
        syi_gradient_mul(b);
        return;
    }
    /* A side of one dim is a row (left) or a column (right) whose dim the result does not have. */
    sy_tensor *g = b->grads[0];
    if (self->ndim == 1) {
        g = sy_unsqueeze(s, g, -2);
    }
    if (other->ndim == 1) {
        g = sy_unsqueeze(s, g, -1);
    }
    if (b->needs[0]) {
        sy_tensor *y = b->args[1].as.tensor;
        y = other->ndim == 1 ? sy_unsqueeze(s, y, 0) : flip(b, y);
        b->results[0] = sy_matmul(s, g, y);
    }
    if (b->needs[1] && other->ndim == 2 && self->ndim > 2 && self->sizes[self->ndim - 1] > 0 &&
        other->sizes[1] > 0) {
        b->results[1] = batched_by_matrix(b, other->sizes[0], other->sizes[1]);
    } else if (b->needs[1]) {
        sy_tensor *x = b->args[0].as.tensor;
        x = self->ndim == 1 ? sy_unsqueeze(s, x, -1) : flip(b, x);
        sy_tensor *y = sy_matmul(s, x, g);
        b->results[1] = other->ndim == 1 ? sy_squeeze(s, y, -1) : y;
    }
}

/* beta self + alpha mat1 mat2 */
void syi_gradient_addmm(syi_backward *b)
{
    sy_scope *s = b->scope;
    const double beta = number(&b->args[3]), alpha = number(&b->args[4]);
    sy_tensor *g = b->grads[0];
    if (b->needs[0]) {
        b->results[0] = scale(b, g, beta);
    }
    if (b->needs[1]) {
        b->results[1] = scale(b, sy_mm(s, g, flip(b, b->args[2].as.tensor)), alpha);
    }
    if (b->needs[2]) {
        b->results[2] = scale(b, sy_mm(s, flip(b, b->args[1].as.tensor), g), alpha);
    }
}
