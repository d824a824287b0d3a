/* gradients_algebra.c - gradients of products of vectors and batches, and of what is asked of square matrices. */
#include "hook/gradients.h"

#define ARGUMENT(k) (b->args[k].as.tensor)
#define KEPT (b->outputs[0].saved.tensor)

static sy_tensor *turn(syi_backward *b, sy_tensor *x)
{
    return sy_transpose(b->scope, x, -2, -1);
}

void syi_gradient_outer(syi_backward *b)
{
    sy_scope *s = b->scope;
    if (b->needs[0]) {
        b->results[0] = sy_sum_dim(s, sy_mul(s, b->grads[0], ARGUMENT(1)), 1, false);
    }
    if (b->needs[1]) {
        sy_tensor *column = sy_unsqueeze(s, ARGUMENT(0), 1);
        b->results[1] = sy_sum_dim(s, sy_mul(s, b->grads[0], column), 0, false);
    }
}

void syi_gradient_trace(syi_backward *b)
{
    sy_scope *s = b->scope;
    const int64_t *sizes = shape_of(b, 0)->sizes;
    sy_tensor *rows = syi_gradient_places(b, sizes[0]);
    sy_tensor *columns = syi_gradient_places(b, sizes[1]);
    sy_tensor *diagonal = sy_eq(s, sy_unsqueeze(s, rows, 1), columns);
    b->results[0] = choose(b, diagonal, sy_value_tensor(b->grads[0]), zero());
}

/* beta self + alpha batch1 batch2 */
void syi_gradient_baddbmm(syi_backward *b)
{
    sy_scope *s = b->scope;
    const double beta = number(&b->args[3]), alpha = number(&b->args[4]);
    if (b->needs[0]) {
        b->results[0] = scale(b, b->grads[0], beta);
    }
    if (b->needs[1]) {
        b->results[1] = scale(b, sy_matmul(s, b->grads[0], turn(b, ARGUMENT(2))), alpha);
    }
    if (b->needs[2]) {
        b->results[2] = scale(b, sy_matmul(s, turn(b, ARGUMENT(1)), b->grads[0]), alpha);
    }
}

/* - y' g y' */
void syi_gradient_inverse(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *y = turn(b, KEPT);
    b->results[0] = sy_neg(s, sy_matmul(s, y, sy_matmul(s, b->grads[0], y)));
}

/* g det inverse' ; of a singular matrix the inverse refuses */
void syi_gradient_det(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *factor = sy_mul(s, b->grads[0], KEPT);
    factor = sy_unsqueeze(s, sy_unsqueeze(s, factor, -1), -1);
    b->results[0] = sy_mul(s, factor, turn(b, sy_inverse(s, ARGUMENT(0))));
}

/* self x = other: other gets h = self'^-1 g, self gets - h x' */
void syi_gradient_linalg_solve(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *h = sy_linalg_solve(s, turn(b, ARGUMENT(0)), b->grads[0]);
    const bool vector = shape_of(b, 1)->ndim == 1;
    if (b->needs[0]) {
        sy_tensor *column = vector ? sy_unsqueeze(s, h, -1) : h;
        sy_tensor *x = vector ? sy_unsqueeze(s, KEPT, -2) : turn(b, KEPT);
        b->results[0] = sy_neg(s, sy_matmul(s, column, x));
    }
    b->results[1] = h;
}
