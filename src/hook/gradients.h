/*
 * gradients.h - what the files of gradients share: their functions, and small words. Room hook only.
 *
 * The gradient of every row of ops.def is written on public operations only, so that one formula serves native,
 * remote and shared chains. Formulas: PyTorch 1.13, derivatives.yaml. A function reads b->args (numbers, and the
 * tensors that its row of the table in gradients.c says it reads), the shapes in b->inputs, and fills b->results.
 * It need not undo broadcasting nor convert dtypes: the caller does (tape.h). The functions lie in the file of their
 * subject, gradients_<subject>.c. Test: gradients_test.c, gradients_vectors_test.c
 * (vectors: tests/vectors/gradients/<subject>.py).
 */
#ifndef SYI_HOOK_GRADIENTS_H
#define SYI_HOOK_GRADIENTS_H

#include <csyft/operations.h>

#include <string.h>

#include "hook/tape.h"

static inline sy_tensor *call(syi_backward *b, const char *name, const sy_value *args, size_t count)
{
    return sy_scope_call(b->scope, name, args, count);
}

/* name(x, y) where y is a tensor or a number. */
static inline sy_tensor *call_pair(syi_backward *b, const char *name, sy_tensor *x, sy_value y)
{
    const sy_value args[] = {sy_value_tensor(x), y};
    return call(b, name, args, 2);
}

static inline sy_tensor *choose(syi_backward *b, sy_tensor *condition, sy_value yes, sy_value no)
{
    const sy_value args[] = {sy_value_tensor(condition), yes, no};
    return call(b, "where", args, 3);
}

static inline sy_value zero(void)
{
    return sy_value_int(0);
}

static inline double number(const sy_value *value)
{
    switch (value->kind) {
    case SY_VALUE_INT:
        return (double)value->as.integer;
    case SY_VALUE_BOOL:
        return value->as.boolean ? 1 : 0;
    default:
        return value->as.real;
    }
}

/* x times a plain factor; 1 and -1 cost nothing or little. */
static inline sy_tensor *scale(syi_backward *b, sy_tensor *x, double factor)
{
    if (factor == 1) {
        return x;
    }
    return factor == -1 ? sy_neg(b->scope, x) : sy_mul_scalar(b->scope, x, factor);
}

static inline const syi_tape_shape *shape_of(const syi_backward *b, int parameter)
{
    return &b->inputs[parameter]->shape;
}

static inline int wrap(int64_t dim, int ndim)
{
    return (int)(dim < 0 ? dim + ndim : dim);
}

/* Sizes as a list value, on the caller's stack. */
typedef struct sizes_list {
    sy_value items[SY_DIM_MAX];
} sizes_list;

static inline sy_value sizes(sizes_list *list, const syi_tape_shape *shape)
{
    for (int d = 0; d < shape->ndim; d++) {
        list->items[d] = sy_value_int(shape->sizes[d]);
    }
    return sy_value_list(list->items, (size_t)shape->ndim);
}

static inline double numel(const syi_tape_shape *shape)
{
    double count = 1;
    for (int d = 0; d < shape->ndim; d++) {
        count *= (double)shape->sizes[d];
    }
    return count;
}

/* Zeros of a shape, and 0, 1, ... count - 1 in int64, where the incoming gradients are (gradients_made.c). A gradient
 * makes tensors with these only. */
sy_tensor *syi_gradient_zeros(syi_backward *b, const syi_tape_shape *shape);
sy_tensor *syi_gradient_places(syi_backward *b, int64_t count);

/* Passing on, and nothing */
void syi_gradient_pass(syi_backward *b);
void syi_gradient_zero(syi_backward *b);
void syi_gradient_copy_(syi_backward *b);

/* Two operands */
void syi_gradient_add(syi_backward *b);
void syi_gradient_sub(syi_backward *b);
void syi_gradient_rsub(syi_backward *b);
void syi_gradient_mul(syi_backward *b);
void syi_gradient_div(syi_backward *b);
void syi_gradient_pow(syi_backward *b);
void syi_gradient_maximum(syi_backward *b);
void syi_gradient_minimum(syi_backward *b);
void syi_gradient_where(syi_backward *b);

/* One operand */
void syi_gradient_neg(syi_backward *b);
void syi_gradient_abs(syi_backward *b);
void syi_gradient_exp(syi_backward *b);
void syi_gradient_log(syi_backward *b);
void syi_gradient_sqrt(syi_backward *b);
void syi_gradient_reciprocal(syi_backward *b);
void syi_gradient_sigmoid(syi_backward *b);
void syi_gradient_tanh(syi_backward *b);
void syi_gradient_relu(syi_backward *b);

/* Functions, quotients, clamps, activations */
void syi_gradient_rsqrt(syi_backward *b);
void syi_gradient_square(syi_backward *b);
void syi_gradient_exp2(syi_backward *b);
void syi_gradient_expm1(syi_backward *b);
void syi_gradient_log1p(syi_backward *b);
void syi_gradient_log2(syi_backward *b);
void syi_gradient_log10(syi_backward *b);
void syi_gradient_sin(syi_backward *b);
void syi_gradient_cos(syi_backward *b);
void syi_gradient_tan(syi_backward *b);
void syi_gradient_asin(syi_backward *b);
void syi_gradient_acos(syi_backward *b);
void syi_gradient_atan(syi_backward *b);
void syi_gradient_atan2(syi_backward *b);
void syi_gradient_sinh(syi_backward *b);
void syi_gradient_cosh(syi_backward *b);
void syi_gradient_asinh(syi_backward *b);
void syi_gradient_acosh(syi_backward *b);
void syi_gradient_atanh(syi_backward *b);
void syi_gradient_erf(syi_backward *b);
void syi_gradient_erfc(syi_backward *b);
void syi_gradient_remainder(syi_backward *b);
void syi_gradient_fmod(syi_backward *b);
void syi_gradient_addcmul(syi_backward *b);
void syi_gradient_addcdiv(syi_backward *b);
void syi_gradient_lerp(syi_backward *b);
void syi_gradient_clamp(syi_backward *b);
void syi_gradient_clamp_min(syi_backward *b);
void syi_gradient_clamp_max(syi_backward *b);
void syi_gradient_hardtanh(syi_backward *b);
void syi_gradient_leaky_relu(syi_backward *b);
void syi_gradient_elu(syi_backward *b);
void syi_gradient_selu(syi_backward *b);
void syi_gradient_celu(syi_backward *b);
void syi_gradient_softplus(syi_backward *b);
void syi_gradient_gelu(syi_backward *b);
void syi_gradient_silu(syi_backward *b);
void syi_gradient_log_sigmoid(syi_backward *b);

/* Reductions */
void syi_gradient_sum(syi_backward *b);
void syi_gradient_mean(syi_backward *b);
void syi_gradient_extremum_of_everything(syi_backward *b);
void syi_gradient_extremum(syi_backward *b);
void syi_gradient_to_argument_shape(syi_backward *b);

/* Further reductions, scans, sorting */
void syi_gradient_prod(syi_backward *b);
void syi_gradient_extrema(syi_backward *b);
void syi_gradient_var(syi_backward *b);
void syi_gradient_std(syi_backward *b);
void syi_gradient_norm(syi_backward *b);
void syi_gradient_logsumexp(syi_backward *b);
void syi_gradient_cumsum(syi_backward *b);
void syi_gradient_cumprod(syi_backward *b);
void syi_gradient_sort(syi_backward *b);
void syi_gradient_topk(syi_backward *b);
void syi_gradient_kthvalue(syi_backward *b);
void syi_gradient_median(syi_backward *b);

/* Batches, square matrices */
void syi_gradient_outer(syi_backward *b);
void syi_gradient_trace(syi_backward *b);
void syi_gradient_baddbmm(syi_backward *b);
void syi_gradient_inverse(syi_backward *b);
void syi_gradient_det(syi_backward *b);
void syi_gradient_linalg_solve(syi_backward *b);

/* Linear algebra */
void syi_gradient_mm(syi_backward *b);
void syi_gradient_matmul(syi_backward *b);
void syi_gradient_addmm(syi_backward *b);

/* Views and indices */
void syi_gradient_reshape(syi_backward *b);
void syi_gradient_t(syi_backward *b);
void syi_gradient_transpose(syi_backward *b);
void syi_gradient_permute(syi_backward *b);
void syi_gradient_select(syi_backward *b);
void syi_gradient_slice(syi_backward *b);
void syi_gradient_narrow(syi_backward *b);
void syi_gradient_pieces(syi_backward *b);
void syi_gradient_tensor_split(syi_backward *b);
void syi_gradient_unbind(syi_backward *b);
void syi_gradient_index_select(syi_backward *b);
void syi_gradient_index_add(syi_backward *b);

/* Elements elsewhere */
void syi_gradient_movedim(syi_backward *b);
void syi_gradient_diagonal(syi_backward *b);
void syi_gradient_unfold(syi_backward *b);
void syi_gradient_index_copy(syi_backward *b);
void syi_gradient_index_fill(syi_backward *b);
void syi_gradient_index_dims(syi_backward *b);
void syi_gradient_index_put_dims(syi_backward *b);
void syi_gradient_gather(syi_backward *b);
void syi_gradient_scatter(syi_backward *b);
void syi_gradient_scatter_add(syi_backward *b);
void syi_gradient_take(syi_backward *b);
void syi_gradient_put(syi_backward *b);
void syi_gradient_masked_fill(syi_backward *b);
void syi_gradient_masked_select(syi_backward *b);
void syi_gradient_masked_scatter(syi_backward *b);
void syi_gradient_flip(syi_backward *b);
void syi_gradient_roll(syi_backward *b);
void syi_gradient_triangle(syi_backward *b);
void syi_gradient_diag_embed(syi_backward *b);
void syi_gradient_constant_pad_nd(syi_backward *b);
void syi_gradient_select_backward(syi_backward *b);
void syi_gradient_slice_backward(syi_backward *b);
void syi_gradient_diagonal_backward(syi_backward *b);
void syi_gradient_unfold_backward(syi_backward *b);

/* Joining */
void syi_gradient_cat(syi_backward *b);
void syi_gradient_stack(syi_backward *b);

/* Neural networks */
void syi_gradient_softmax(syi_backward *b);
void syi_gradient_log_softmax(syi_backward *b);
void syi_gradient_nll_loss(syi_backward *b);
void syi_gradient_element_loss(syi_backward *b);
void syi_gradient_binary_cross_entropy(syi_backward *b);
void syi_gradient_binary_cross_entropy_with_logits(syi_backward *b);

/* Layers */
void syi_gradient_convolution(syi_backward *b);
void syi_gradient_max_pool2d(syi_backward *b);
void syi_gradient_max_pool2d_with_indices(syi_backward *b);
void syi_gradient_avg_pool2d(syi_backward *b);
void syi_gradient_adaptive_avg_pool2d(syi_backward *b);
void syi_gradient_batch_norm(syi_backward *b);
void syi_gradient_layer_norm(syi_backward *b);
void syi_gradient_embedding(syi_backward *b);
void syi_gradient_dropout(syi_backward *b);

/* Fixed precision */
void syi_gradient_fix_precision(syi_backward *b);
void syi_gradient_float_precision(syi_backward *b);
void syi_gradient_approximate(syi_backward *b);

#endif
