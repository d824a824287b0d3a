/* gradients.c - the table: which function of gradients.h answers for which row of ops.def, and what it reads. */
#include "hook/gradients.h"

/* The table. Sets of parameters: */
enum {
    ALL = 0xff,
    P0 = 1u << 0,
    P1 = 1u << 1,
    P2 = 1u << 2,
    P3 = 1u << 3,
    O0 = 1u << 0,
    O1 = 1u << 1,
    O2 = 1u << 2
};

#define ROW(op, name, ...) \
    [SYI_OP_##op] = {true, SYI_GRADIENT_ROW, syi_gradient_##name, __VA_ARGS__}
#define CONSTANT(op) [SYI_OP_##op] = {true, SYI_GRADIENT_NONE, NULL, {0}, 0, 0}
#define INNER(op) [SYI_OP_##op] = {true, SYI_GRADIENT_INNER, NULL, {0}, 0, 0}
#define REFUSED(op) [SYI_OP_##op] = {true, SYI_GRADIENT_REFUSED, NULL, {0}, 0, 0}
#define NOTHING {0}, 0, 0

/* ROW(operation, function, {readers of argument 0, of 1, ...}, readers of outputs, outputs kept) */
static const syi_gradient gradients[SYI_OP_COUNT] = {
    CONSTANT(zeros),
    CONSTANT(ones),
    CONSTANT(full),
    CONSTANT(arange),
    CONSTANT(rand),
    CONSTANT(randn),
    CONSTANT(randint),
    CONSTANT(randperm),
    CONSTANT(zeros_like),
    CONSTANT(ones_like),
    CONSTANT(empty),
    CONSTANT(eye),
    CONSTANT(linspace),
    CONSTANT(empty_like),
    CONSTANT(full_like),
    CONSTANT(rand_like),
    CONSTANT(randn_like),
    CONSTANT(randint_like),
    CONSTANT(new_empty),
    CONSTANT(new_zeros),
    CONSTANT(new_ones),
    CONSTANT(new_full),

    ROW(add, add, NOTHING),
    ROW(sub, sub, NOTHING),
    ROW(rsub, rsub, NOTHING),
    ROW(mul, mul, {P1, P0}, 0, 0),
    ROW(div, div, {P1, P0 | P1}, 0, 0),
    ROW(pow, pow, {P0 | P1, P0 | P1}, P1, O0),
    ROW(maximum, maximum, {P0 | P1, P0 | P1}, 0, 0),
    ROW(minimum, minimum, {P0 | P1, P0 | P1}, 0, 0),
    ROW(eq, zero, NOTHING), /* only eq_ on floats ever gets here: the results of eq are bool */
    ROW(ne, zero, NOTHING),
    ROW(lt, zero, NOTHING),
    ROW(le, zero, NOTHING),
    ROW(gt, zero, NOTHING),
    ROW(ge, zero, NOTHING),
    ROW(where, where, {P1 | P2}, 0, 0),

    ROW(neg, neg, NOTHING),
    ROW(abs, abs, {P0}, 0, 0),
    ROW(sign, zero, NOTHING),
    ROW(exp, exp, {0}, P0, O0),
    ROW(log, log, {P0}, 0, 0),
    ROW(sqrt, sqrt, {0}, P0, O0),
    ROW(reciprocal, reciprocal, {0}, P0, O0),
    ROW(sigmoid, sigmoid, {0}, P0, O0),
    ROW(tanh, tanh, {0}, P0, O0),
    ROW(relu, relu, {0}, P0, O0),
    ROW(rsqrt, rsqrt, {0}, P0, O0),
    ROW(square, square, {P0}, 0, 0),
    ROW(exp2, exp2, {0}, P0, O0),
    ROW(expm1, expm1, {0}, P0, O0),
    ROW(log1p, log1p, {P0}, 0, 0),
    ROW(log2, log2, {P0}, 0, 0),
    ROW(log10, log10, {P0}, 0, 0),
    ROW(sin, sin, {P0}, 0, 0),
    ROW(cos, cos, {P0}, 0, 0),
    ROW(tan, tan, {0}, P0, O0),
    ROW(asin, asin, {P0}, 0, 0),
    ROW(acos, acos, {P0}, 0, 0),
    ROW(atan, atan, {P0}, 0, 0),
    ROW(atan2, atan2, {P0 | P1, P0 | P1}, 0, 0),
    ROW(sinh, sinh, {P0}, 0, 0),
    ROW(cosh, cosh, {P0}, 0, 0),
    ROW(asinh, asinh, {P0}, 0, 0),
    ROW(acosh, acosh, {P0}, 0, 0),
    ROW(atanh, atanh, {P0}, 0, 0),
    ROW(erf, erf, {P0}, 0, 0),
    ROW(erfc, erfc, {P0}, 0, 0),
    ROW(remainder, remainder, {P1, P1}, 0, 0),
    ROW(fmod, fmod, {P1, P1}, 0, 0),
    ROW(addcmul, addcmul, {0, P2, P1}, 0, 0),
    ROW(addcdiv, addcdiv, {0, P2, P1 | P2}, 0, 0),
    ROW(lerp, lerp, {P2, P2, P0 | P1}, 0, 0),
    ROW(clamp, clamp, {P0 | P1 | P2, P0 | P1 | P2, P0 | P1 | P2}, 0, 0),
    ROW(clamp_min, clamp_min, {P0 | P1, P0 | P1}, 0, 0),
    ROW(clamp_max, clamp_max, {P0 | P1, P0 | P1}, 0, 0),
    ROW(hardtanh, hardtanh, {P0}, 0, 0),
    ROW(leaky_relu, leaky_relu, {P0}, 0, 0),
    ROW(elu, elu, {P0}, 0, 0),
    ROW(selu, selu, {P0}, 0, 0),
    ROW(celu, celu, {P0}, 0, 0),
    ROW(softplus, softplus, {P0}, 0, 0),
    ROW(gelu, gelu, {P0}, 0, 0),
    ROW(silu, silu, {P0}, 0, 0),
    ROW(log_sigmoid, log_sigmoid, {P0}, 0, 0),
    ROW(floor, zero, NOTHING),
    ROW(ceil, zero, NOTHING),
    ROW(round, zero, NOTHING),
    ROW(trunc, zero, NOTHING),
    ROW(frac, pass, NOTHING),
    REFUSED(floor_divide),
    ROW(logical_and, zero, NOTHING), /* in place on floats */
    ROW(logical_or, zero, NOTHING),  /* in place on floats */
    ROW(logical_xor, zero, NOTHING), /* in place on floats */
    ROW(logical_not, zero, NOTHING), /* in place on floats */
    CONSTANT(isnan),
    CONSTANT(isinf),
    CONSTANT(isfinite),
    CONSTANT(bitwise_and),
    CONSTANT(bitwise_or),
    CONSTANT(bitwise_xor),
    CONSTANT(bitwise_not),
    CONSTANT(bitwise_left_shift),
    CONSTANT(bitwise_right_shift),
    ROW(clone, pass, NOTHING),
    ROW(to, pass, NOTHING),

    ROW(copy_, copy_, NOTHING),
    ROW(fill_, zero, NOTHING),
    ROW(zero_, zero, NOTHING),
    CONSTANT(sgd_), /* updates of leaves; record nothing */
    CONSTANT(sgd_momentum_),
    CONSTANT(adam_),
    CONSTANT(_momentum_),
    CONSTANT(_nesterov_),
    CONSTANT(_adam_square_),
    CONSTANT(_adam_apply_),

    ROW(sum, sum, NOTHING),
    ROW(mean, mean, NOTHING),
    ROW(max, extremum, {0}, P0, O1), /* along a dim; otherwise as below */
    ROW(min, extremum, {0}, P0, O1),
    CONSTANT(argmax),
    CONSTANT(argmin),
    ROW(sum_to_size, to_argument_shape, NOTHING),

    ROW(matmul, matmul, {P1, P0}, 0, 0),
    ROW(mm, mm, {P1, P0}, 0, 0),
    ROW(addmm, addmm, {0, P2, P1}, 0, 0),
    INNER(linear),

    ROW(view, reshape, NOTHING),
    ROW(reshape, reshape, NOTHING),
    ROW(flatten, reshape, NOTHING),
    ROW(t, t, NOTHING),
    ROW(transpose, transpose, NOTHING),
    ROW(permute, permute, NOTHING),
    ROW(expand, pass, NOTHING),
    ROW(squeeze, reshape, NOTHING),
    ROW(unsqueeze, reshape, NOTHING),
    ROW(select, select, NOTHING),
    ROW(slice, slice, NOTHING),
    ROW(narrow, narrow, NOTHING),
    CONSTANT(detach),
    ROW(chunk, pieces, NOTHING),
    ROW(split, pieces, NOTHING),
    ROW(unbind, unbind, NOTHING),
    ROW(split_with_sizes, pieces, NOTHING),
    ROW(movedim, movedim, NOTHING),
    ROW(diagonal, diagonal, NOTHING),
    ROW(unfold, unfold, NOTHING),
    ROW(unflatten, reshape, NOTHING),
    ROW(view_as, reshape, NOTHING),
    ROW(expand_as, pass, NOTHING),
    ROW(reshape_as, reshape, NOTHING),
    INNER(index),
    ROW(index_select, index_select, {0, 0, P0}, 0, 0),
    ROW(index_add, index_add, {0, 0, P3}, 0, 0),
    ROW(index_copy, index_copy, {0, 0, P0 | P3}, 0, 0),
    ROW(index_fill, index_fill, {0, 0, P0 | P3}, 0, 0),
    INNER(index_put),
    CONSTANT(_ravel_index),
    ROW(_index, index_dims, {0, P0}, 0, 0),
    ROW(_index_put, index_put_dims, {0, P0 | P3}, 0, 0),
    ROW(gather, gather, {0, 0, P0}, 0, 0),
    ROW(scatter, scatter, {0, 0, P0 | P3}, 0, 0),
    ROW(scatter_add, scatter_add, {0, 0, P3}, 0, 0),
    ROW(take, take, {0, P0}, 0, 0),
    ROW(put, put, {0, P0 | P2}, 0, 0),
    ROW(masked_fill, masked_fill, {0, P0 | P2}, 0, 0),
    ROW(masked_select, masked_select, {0, P0}, 0, 0),
    ROW(masked_scatter, masked_scatter, {0, P0 | P2}, 0, 0),
    CONSTANT(nonzero),
    CONSTANT(one_hot),

    ROW(cat, cat, NOTHING),
    ROW(stack, stack, NOTHING),
    INNER(hstack),
    INNER(vstack),

    ROW(flip, flip, NOTHING),
    ROW(roll, roll, NOTHING),
    ROW(tril, triangle, NOTHING),
    ROW(triu, triangle, NOTHING),
    INNER(diag),
    ROW(diag_embed, diag_embed, NOTHING),
    INNER(pad),
    ROW(constant_pad_nd, constant_pad_nd, NOTHING),
    INNER(repeat),
    INNER(tile),
    INNER(repeat_interleave),
    INNER(im2col),
    INNER(col2im),

    ROW(softmax, softmax, {0}, P0, O0),
    ROW(log_softmax, log_softmax, {0}, P0, O0),
    ROW(nll_loss, nll_loss, {P0, P0}, 0, 0),
    INNER(cross_entropy),
    ROW(mse_loss, element_loss, {P0 | P1, P0 | P1}, 0, 0),
    ROW(l1_loss, element_loss, {P0 | P1, P0 | P1}, 0, 0),
    ROW(smooth_l1_loss, element_loss, {P0 | P1, P0 | P1}, 0, 0),
    ROW(binary_cross_entropy, binary_cross_entropy, {ALL, ALL, ALL}, 0, 0),
    ROW(binary_cross_entropy_with_logits, binary_cross_entropy_with_logits, {ALL, ALL, ALL}, 0, 0),

    ROW(conv1d, convolution, {ALL, ALL}, 0, 0),
    ROW(conv2d, convolution, {ALL, ALL}, 0, 0),
    ROW(convolution, convolution, {ALL, ALL}, 0, 0),
    ROW(max_pool2d, max_pool2d, {P0}, 0, 0),
    ROW(max_pool2d_with_indices, max_pool2d_with_indices, {P0}, P0, O1),
    ROW(avg_pool2d, avg_pool2d, {P0}, 0, 0),
    ROW(adaptive_avg_pool2d, adaptive_avg_pool2d, {P0}, 0, 0),
    INNER(batch_norm),
    INNER(native_batch_norm),
    /* when it trains; otherwise as below */
    ROW(_native_batch_norm_legit_functional, batch_norm, {ALL, ALL}, ALL, O1 | O2),
    INNER(layer_norm),
    ROW(native_layer_norm, layer_norm, {ALL, 0, ALL}, ALL, O1 | O2),
    ROW(embedding, embedding, {0, P0}, 0, 0),
    INNER(dropout),
    ROW(native_dropout, dropout, {0}, P0, O1),

    CONSTANT(div_trunc), /* integers have none */
    ROW(fix_precision, fix_precision, NOTHING),
    ROW(float_precision, float_precision, {P0}, 0, 0),
    REFUSED(truncate),
    ROW(approximate, approximate, {P0}, P0, O0),

    REFUSED(threshold_backward),
    REFUSED(sigmoid_backward),
    REFUSED(tanh_backward),
    REFUSED(_softmax_backward_data),
    REFUSED(_log_softmax_backward_data),
    REFUSED(nll_loss_backward),
    REFUSED(mse_loss_backward),
    REFUSED(l1_loss_backward),
    REFUSED(smooth_l1_loss_backward),
    REFUSED(binary_cross_entropy_backward),
    REFUSED(binary_cross_entropy_with_logits_backward),
    REFUSED(convolution_backward),
    REFUSED(max_pool2d_with_indices_backward),
    REFUSED(avg_pool2d_backward),
    REFUSED(_adaptive_avg_pool2d_backward),
    REFUSED(native_batch_norm_backward),
    REFUSED(native_layer_norm_backward),
    REFUSED(embedding_dense_backward),
    REFUSED(native_dropout_backward),
    ROW(select_backward, select_backward, NOTHING),
    ROW(slice_backward, slice_backward, NOTHING),
    ROW(diagonal_backward, diagonal_backward, NOTHING),
    ROW(unfold_backward, unfold_backward, NOTHING),

    CONSTANT(dim),
    CONSTANT(numel),
    CONSTANT(size),
    CONSTANT(item),
    CONSTANT(backward),
};

static const syi_gradient extremum_of_everything = {
    true, SYI_GRADIENT_ROW, syi_gradient_extremum_of_everything, {P0}, P0, O0};

/* By the running statistics. */
static const syi_gradient batch_norm_as_it_is = {
    true, SYI_GRADIENT_ROW, syi_gradient_batch_norm, {ALL, ALL, 0, ALL, ALL}, 0, 0};
static const syi_gradient refused = {true, SYI_GRADIENT_REFUSED, NULL, {0}, 0, 0};

static bool is_product(const sy_value *reduce)
{
    return reduce->kind == SY_VALUE_STRING && reduce->as.string[0] == 'm';
}

const syi_gradient *syi_gradient_get(const syi_op *op, const sy_value *bound)
{
    if (op->id == SYI_OP__native_batch_norm_legit_functional && !bound[5].as.boolean) {
        return &batch_norm_as_it_is;
    }
    if ((op->id == SYI_OP_max || op->id == SYI_OP_min) && bound[1].kind == SY_VALUE_NONE) {
        return &extremum_of_everything;
    }
    if (op->id == SYI_OP_scatter && is_product(&bound[4])) {
        return &refused;
    }
    return &gradients[op->id];
}
