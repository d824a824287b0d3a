/* gradients_folds.c - gradients of reductions beyond sums and extrema, of scans and of sorting. */
#include "hook/gradients.h"

#define ARGUMENT(k) (b->args[k].as.tensor)
#define KEPT(k) (b->outputs[k].saved.tensor)

/* A reduced tensor with its dims as 1 again, so that it broadcasts against the argument; dims: none or empty for all. */
static sy_tensor *restore(syi_backward *b, sy_tensor *x, const sy_value *dims)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const sy_value *items = dims->kind == SY_VALUE_LIST ? dims->as.list.items : dims;
    const size_t count = dims->kind == SY_VALUE_LIST  ? dims->as.list.count
                         : dims->kind == SY_VALUE_INT ? 1
                                                      : 0;
    int64_t shape[SY_DIM_MAX];
    for (int d = 0; d < in->ndim; d++) {
        shape[d] = count == 0 ? 1 : in->sizes[d];
    }
    for (size_t k = 0; k < count && in->ndim > 0; k++) {
        shape[wrap(items[k].as.integer, in->ndim)] = 1;
    }
    return sy_reshape(b->scope, x, in->ndim, shape);
}

static sy_tensor *sum_over(syi_backward *b, sy_tensor *x, const sy_value *dims)
{
    const sy_value args[] = {sy_value_tensor(x), *dims, sy_value_bool(true)};
    return call(b, "sum", args, 3);
}

static sy_tensor *zero_like(syi_backward *b, sy_tensor *x)
{
    return sy_zeros_like(b->scope, x);
}

/* The product of all others, which division gives where nothing is 0; with one 0 only that one has a gradient. */
void syi_gradient_prod(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *x = ARGUMENT(0), *g = restore(b, b->grads[0], &b->args[1]);
    sy_tensor *zeros_at = sy_eq_int(s, x, 0);
    sy_tensor *zero_count = sum_over(b, zeros_at, &b->args[1]);
    sy_tensor *filled = choose(b, zeros_at, sy_value_int(1), sy_value_tensor(x));
    const sy_value args[] = {sy_value_tensor(filled), b->args[1], sy_value_bool(true)};
    sy_tensor *part = sy_mul(s, g, call(b, "prod", args, 3));
    sy_tensor *only = sy_logical_and(s, zeros_at, sy_eq_int(s, zero_count, 1));
    sy_tensor *at_zero = choose(b, only, sy_value_tensor(part), zero());
    b->results[0] = choose(b, sy_eq_int(s, zero_count, 0), sy_value_tensor(sy_div(s, part, filled)),
                           sy_value_tensor(at_zero));
}

/* amax, amin: shared evenly by all that are equal to the extremum. */
void syi_gradient_extrema(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *chosen = sy_eq(s, ARGUMENT(0), restore(b, KEPT(0), &b->args[1]));
    sy_tensor *g = restore(b, b->grads[0], &b->args[1]);
    b->results[0] = sy_mul(s, chosen, sy_div(s, g, sum_over(b, chosen, &b->args[1])));
}

/* x - mean(x), times g */
static sy_tensor *deviations(syi_backward *b, sy_tensor *g)
{
    sy_scope *s = b->scope;
    const sy_value args[] = {sy_value_tensor(ARGUMENT(0)), b->args[1], sy_value_bool(true)};
    return sy_mul(s, g, sy_sub(s, ARGUMENT(0), call(b, "mean", args, 3)));
}

/* Elements per result, less one where the estimate is unbiased. */
static double freedom(const syi_backward *b)
{
    const double reduced = numel(&b->outputs[0].shape);
    const double count = reduced > 0 ? numel(shape_of(b, 0)) / reduced : 1;
    return count - (b->args[2].as.boolean ? 1 : 0);
}

void syi_gradient_var(syi_backward *b)
{
    sy_tensor *g = restore(b, b->grads[0], &b->args[1]);
    b->results[0] = deviations(b, sy_mul_scalar(b->scope, g, 2 / freedom(b)));
}

void syi_gradient_std(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *g = restore(b, b->grads[0], &b->args[1]);
    sy_tensor *y = restore(b, KEPT(0), &b->args[1]);
    sy_tensor *part = sy_div(s, g, sy_mul_scalar(s, y, freedom(b)));
    part = choose(b, sy_eq_int(s, y, 0), zero(), sy_value_tensor(part));
    b->results[0] = deviations(b, part);
}

/* sign(x) |x|^(p-1) g / y^(p-1), and 0 where y is 0 */
static sy_tensor *norm_of_power(syi_backward *b, sy_tensor *g, sy_tensor *y, double p)
{
    sy_scope *s = b->scope;
    sy_tensor *x = ARGUMENT(0);
    if (p == 2) {
        sy_tensor *part = sy_mul(s, x, sy_div(s, g, y));
        return choose(b, sy_eq_int(s, y, 0), zero(), sy_value_tensor(part));
    }
    sy_tensor *steep = sy_mul(s, sy_sign(s, x), sy_pow_scalar(s, sy_abs(s, x), p - 1));
    if (p < 1) {
        steep = choose(b, sy_eq_int(s, x, 0), zero(), sy_value_tensor(steep));
    }
    sy_tensor *part = sy_div(s, g, sy_pow_scalar(s, y, p - 1));
    part = choose(b, sy_eq_int(s, y, 0), zero(), sy_value_tensor(part));
    return sy_mul(s, steep, part);
}

void syi_gradient_norm(syi_backward *b)
{
    sy_scope *s = b->scope;
    const double p = number(&b->args[1]);
    sy_tensor *x = ARGUMENT(0), *g = restore(b, b->grads[0], &b->args[2]);
    sy_tensor *y = restore(b, KEPT(0), &b->args[2]);
    if (p == 0) {
        b->results[0] = zero_like(b, x);
    } else if (p == 1) {
        b->results[0] = sy_mul(s, sy_sign(s, x), g);
    } else if (p - p != 0) { /* infinite: shared by all of the greatest or least magnitude */
        sy_tensor *chosen = sy_eq(s, sy_abs(s, x), y);
        sy_tensor *share = sy_div(s, g, sum_over(b, chosen, &b->args[2]));
        b->results[0] = sy_mul(s, sy_mul(s, sy_sign(s, x), chosen), share);
    } else {
        b->results[0] = norm_of_power(b, g, y, p);
    }
}

void syi_gradient_logsumexp(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *g = restore(b, b->grads[0], &b->args[1]);
    sy_tensor *y = restore(b, KEPT(0), &b->args[1]);
    sy_tensor *base = choose(b, sy_isinf(s, y), zero(), sy_value_tensor(y));
    b->results[0] = sy_mul(s, g, sy_exp(s, sy_sub(s, ARGUMENT(0), base)));
}

/* What comes at and after each element. */
void syi_gradient_cumsum(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *g = b->grads[0];
    if (shape_of(b, 0)->ndim == 0) {
        b->results[0] = g;
        return;
    }
    const int dim = (int)b->args[1].as.integer;
    sy_tensor *before = sy_sub(s, sy_cumsum(s, g, dim), g);
    b->results[0] = sy_sub(s, sy_sum_dim(s, g, dim, true), before);
}

void syi_gradient_cumprod(syi_backward *b)
{
    sy_tensor *x = ARGUMENT(0);
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sy_value_tensor(x), b->args[1],
                             sy_value_tensor(KEPT(0))};
    b->results[0] = call(b, "cumprod_backward", args, 4);
}

/* Puts the gradients of picked elements back where the positions say. `g` and `positions` have the argument's dims,
 * only `dim` may have another size. */
static sy_tensor *put_back(syi_backward *b, sy_tensor *g, sy_tensor *positions, int dim,
                           int64_t picked)
{
    sy_scope *s = b->scope;
    const syi_tape_shape *in = shape_of(b, 0);
    const int64_t flat = -1, total = (int64_t)numel(in);
    int64_t inner = 1;
    for (int d = dim + 1; d < in->ndim; d++) {
        inner *= in->sizes[d];
    }
    /* position in the flat argument: outer * (n inner) + chosen * inner + place in inner */
    const int64_t n = in->sizes[dim], outer = n * inner > 0 ? total / (n * inner) : 0;
    const int64_t blocks[] = {outer, picked, inner}, first[] = {outer, 1, 1}, last[] = {inner};
    sy_tensor *at = sy_mul_int(s, sy_reshape(s, positions, 3, blocks), inner);
    sy_tensor *starts = syi_gradient_places(b, outer);
    starts = sy_mul_int(s, sy_reshape(s, starts, 3, first), n * inner);
    sy_tensor *places = sy_reshape(s, syi_gradient_places(b, inner), 1, last);
    at = sy_reshape(s, sy_add(s, sy_add(s, at, starts), places), 1, &flat);
    const syi_tape_shape line = {.dtype = in->dtype, .ndim = 1, .sizes = {total}};
    const sy_value args[] = {sy_value_tensor(syi_gradient_zeros(b, &line)), sy_value_int(0),
                             sy_value_tensor(at), sy_value_tensor(sy_reshape(s, g, 1, &flat))};
    return sy_reshape(s, call(b, "index_add", args, 4), in->ndim, in->sizes);
}

static void picked_along(syi_backward *b, int dim_argument, int64_t picked)
{
    const syi_tape_shape *in = shape_of(b, 0);
    if (b->grads[0] == NULL || in->ndim == 0) {
        b->results[0] = b->grads[0];
        return;
    }
    const int dim = wrap(b->args[dim_argument].as.integer, in->ndim);
    b->results[0] = put_back(b, b->grads[0], KEPT(1), dim, picked < 0 ? in->sizes[dim] : picked);
}

void syi_gradient_sort(syi_backward *b)
{
    picked_along(b, 1, -1);
}

void syi_gradient_topk(syi_backward *b)
{
    picked_along(b, 2, b->args[1].as.integer);
}

void syi_gradient_kthvalue(syi_backward *b)
{
    picked_along(b, 2, 1);
}

void syi_gradient_median(syi_backward *b)
{
    if (b->args[1].kind != SY_VALUE_NONE) {
        picked_along(b, 1, 1);
        return;
    }
    sy_scope *s = b->scope;
    sy_tensor *chosen = sy_eq(s, ARGUMENT(0), KEPT(0));
    b->results[0] = sy_mul(s, chosen, sy_div(s, b->grads[0], sy_sum(s, chosen)));
}
