/*
 * gradients.c - the gradient of every row of ops.def, written on public operations only, so that one
 * formula serves native, remote and shared chains. Formulas: PyTorch 1.13, derivatives.yaml.
 *
 * A function reads b->args (numbers, and the tensors that its row of the table says it reads), the
 * shapes in b->inputs, and fills b->results. It need not undo broadcasting nor convert dtypes: the
 * caller does (tape.h). Test: gradients_test.c.
 */
#include <csyft/operations.h>

#include <string.h>

#include "hook/tape.h"

/* Small words */

static sy_tensor *call(syi_backward *b, const char *name, const sy_value *args, size_t count)
{
    return sy_scope_call(b->scope, name, args, count);
}

/* name(x, y) where y is a tensor or a number. */
static sy_tensor *call_pair(syi_backward *b, const char *name, sy_tensor *x, sy_value y)
{
    const sy_value args[] = {sy_value_tensor(x), y};
    return call(b, name, args, 2);
}

static sy_tensor *choose(syi_backward *b, sy_tensor *condition, sy_value yes, sy_value no)
{
    const sy_value args[] = {sy_value_tensor(condition), yes, no};
    return call(b, "where", args, 3);
}

static sy_value zero(void)
{
    return sy_value_int(0);
}

static double number(const sy_value *value)
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
static sy_tensor *scale(syi_backward *b, sy_tensor *x, double factor)
{
    if (factor == 1) {
        return x;
    }
    return factor == -1 ? sy_neg(b->scope, x) : sy_mul_scalar(b->scope, x, factor);
}

static const syi_tape_shape *shape_of(const syi_backward *b, int parameter)
{
    return &b->inputs[parameter]->shape;
}

static int wrap(int64_t dim, int ndim)
{
    return (int)(dim < 0 ? dim + ndim : dim);
}

static sy_tensor *zeros(syi_backward *b, const syi_tape_shape *shape)
{
    return sy_zeros(b->scope, shape->dtype, shape->ndim, shape->sizes);
}

/* Sizes as a list value, on the caller's stack. */
typedef struct sizes_list {
    sy_value items[SY_DIM_MAX];
} sizes_list;

static sy_value sizes(sizes_list *list, const syi_tape_shape *shape)
{
    for (int d = 0; d < shape->ndim; d++) {
        list->items[d] = sy_value_int(shape->sizes[d]);
    }
    return sy_value_list(list->items, (size_t)shape->ndim);
}

/* Passing on, and nothing */

static void gradient_pass(syi_backward *b)
{
    b->results[0] = b->grads[0];
}

/* Flat almost everywhere. As in PyTorch the zeros travel on. */
static void gradient_zero(syi_backward *b)
{
    b->results[0] = sy_zeros_like(b->scope, b->grads[0]);
}

static void gradient_copy_(syi_backward *b)
{
    if (b->needs[0]) {
        gradient_zero(b);
    }
    b->results[1] = b->grads[0];
}

/* Two operands */

static void gradient_add(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        b->results[1] = scale(b, b->grads[0], number(&b->args[2]));
    }
}

static void gradient_sub(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        b->results[1] = scale(b, b->grads[0], -number(&b->args[2]));
    }
}

/* other - alpha * self */
static void gradient_rsub(syi_backward *b)
{
    b->results[1] = b->grads[0];
    if (b->needs[0]) {
        b->results[0] = scale(b, b->grads[0], -number(&b->args[2]));
    }
}

static void gradient_mul(syi_backward *b)
{
    for (int k = 0; k < 2; k++) {
        if (b->needs[k]) {
            b->results[k] = call_pair(b, "mul", b->grads[0], b->args[1 - k]);
        }
    }
}

static void gradient_div(syi_backward *b)
{
    sy_tensor *g = b->grads[0];
    if (b->needs[0]) {
        b->results[0] = call_pair(b, "div", g, b->args[1]);
    }
    if (b->needs[1]) {
        sy_tensor *self = b->args[0].as.tensor, *other = b->args[1].as.tensor;
        sy_tensor *slope = sy_div(b->scope, sy_div(b->scope, self, other), other);
        b->results[1] = sy_mul(b->scope, sy_neg(b->scope, g), slope);
    }
}

/* d self^e = e self^(e-1), and 0 where e is 0. */
static sy_tensor *power_self(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *self = b->args[0].as.tensor;
    if (b->args[1].kind != SY_VALUE_TENSOR) {
        const double exponent = number(&b->args[1]);
        if (exponent == 0) {
            return sy_zeros_like(s, b->grads[0]);
        }
        sy_tensor *power = sy_pow_scalar(s, self, exponent - 1);
        return sy_mul(s, b->grads[0], sy_mul_scalar(s, power, exponent));
    }
    sy_tensor *exponent = b->args[1].as.tensor;
    sy_tensor *power = sy_pow(s, self, sy_sub_int(s, exponent, 1));
    sy_tensor *slope = sy_mul(s, b->grads[0], sy_mul(s, exponent, power));
    return choose(b, sy_eq_int(s, exponent, 0), zero(), sy_value_tensor(slope));
}

/* d self^e = self^e log(self), and 0 where self is 0 and e is not negative. */
static sy_tensor *power_exponent(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *self = b->args[0].as.tensor, *exponent = b->args[1].as.tensor;
    sy_tensor *slope = sy_mul(s, b->outputs[0].saved.tensor, sy_log(s, self));
    sy_tensor *at_zero = choose(b, sy_ge_int(s, exponent, 0), zero(), sy_value_tensor(slope));
    slope = sy_where(s, sy_eq_int(s, self, 0), at_zero, slope);
    return sy_mul(s, b->grads[0], slope);
}

static void gradient_pow(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = power_self(b);
    }
    if (b->needs[1]) {
        b->results[1] = power_exponent(b);
    }
}

/* Half to each where the operands are equal. */
static void extremum_of_two(syi_backward *b, const char *self_loses, const char *other_loses)
{
    sy_tensor *g = b->grads[0], *self = b->args[0].as.tensor;
    sy_tensor *equal = call_pair(b, "eq", self, b->args[1]);
    sy_tensor *half = sy_mul_scalar(b->scope, g, 0.5);
    sy_value shared = sy_value_tensor(choose(b, equal, sy_value_tensor(half), sy_value_tensor(g)));
    const char *loses[] = {self_loses, other_loses};
    for (int k = 0; k < 2; k++) {
        if (b->needs[k]) {
            b->results[k] = choose(b, call_pair(b, loses[k], self, b->args[1]), zero(), shared);
        }
    }
}

static void gradient_maximum(syi_backward *b)
{
    extremum_of_two(b, "lt", "gt");
}

static void gradient_minimum(syi_backward *b)
{
    extremum_of_two(b, "gt", "lt");
}

static void gradient_where(syi_backward *b)
{
    sy_tensor *condition = b->args[0].as.tensor;
    const sy_value g = sy_value_tensor(b->grads[0]);
    if (b->needs[1]) {
        b->results[1] = choose(b, condition, g, zero());
    }
    if (b->needs[2]) {
        b->results[2] = choose(b, condition, zero(), g);
    }
}

/* One operand; `y` is the kept result. */

static void gradient_neg(syi_backward *b)
{
    b->results[0] = sy_neg(b->scope, b->grads[0]);
}

static void gradient_abs(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], sy_sign(b->scope, b->args[0].as.tensor));
}

static void gradient_exp(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], b->outputs[0].saved.tensor);
}

static void gradient_log(syi_backward *b)
{
    b->results[0] = sy_div(b->scope, b->grads[0], b->args[0].as.tensor);
}

static void gradient_sqrt(syi_backward *b)
{
    sy_tensor *y = b->outputs[0].saved.tensor;
    b->results[0] = sy_div(b->scope, b->grads[0], sy_mul_int(b->scope, y, 2));
}

static void gradient_reciprocal(syi_backward *b)
{
    sy_tensor *y = b->outputs[0].saved.tensor;
    b->results[0] = sy_mul(b->scope, sy_neg(b->scope, b->grads[0]), sy_mul(b->scope, y, y));
}

static void gradient_sigmoid(syi_backward *b)
{
    b->results[0] =
        call_pair(b, "sigmoid_backward", b->grads[0], sy_value_tensor(b->outputs[0].saved.tensor));
}

static void gradient_tanh(syi_backward *b)
{
    b->results[0] =
        call_pair(b, "tanh_backward", b->grads[0], sy_value_tensor(b->outputs[0].saved.tensor));
}

static void gradient_relu(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]),
                             sy_value_tensor(b->outputs[0].saved.tensor), sy_value_int(0)};
    b->results[0] = call(b, "threshold_backward", args, 3);
}

/* Reductions */

/* Gives a reduced tensor its dims back with size 1, so that it broadcasts against the argument.
 * `dims`: none or an empty list for all, an int, or a list. */
static sy_tensor *with_dims(syi_backward *b, sy_tensor *x, const sy_value *dims, bool keepdim)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const sy_value *items = dims->kind == SY_VALUE_LIST ? dims->as.list.items : dims;
    const size_t count = dims->kind == SY_VALUE_LIST  ? dims->as.list.count
                         : dims->kind == SY_VALUE_INT ? 1
                                                      : 0;
    if (count == 0 || keepdim || in->ndim == 0) {
        return x;
    }
    int64_t shape[SY_DIM_MAX];
    memcpy(shape, in->sizes, sizeof shape);
    for (size_t k = 0; k < count; k++) {
        shape[wrap(items[k].as.integer, in->ndim)] = 1;
    }
    return sy_reshape(b->scope, x, in->ndim, shape);
}

static void gradient_sum(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    sy_tensor *g = with_dims(b, b->grads[0], &b->args[1], b->args[2].as.boolean);
    b->results[0] = sy_expand(b->scope, g, in->ndim, in->sizes);
}

/* Elements of the argument per element of the result. */
static double reduced_count(const syi_tape_shape *in, const syi_tape_shape *out)
{
    double count = 1;
    for (int d = 0; d < in->ndim; d++) {
        count *= (double)in->sizes[d];
    }
    for (int d = 0; d < out->ndim; d++) {
        count /= (double)out->sizes[d];
    }
    return count;
}

static void gradient_mean(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const double count = reduced_count(in, &b->outputs[0].shape);
    sy_tensor *g = with_dims(b, b->grads[0], &b->args[1], b->args[2].as.boolean);
    b->results[0] = sy_expand(b->scope, sy_div_scalar(b->scope, g, count), in->ndim, in->sizes);
}

/* Over everything: shared evenly by all that are equal to the extremum. */
static void gradient_extremum_of_everything(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *chosen = sy_eq(s, b->args[0].as.tensor, b->outputs[0].saved.tensor);
    sy_tensor *share = sy_div(s, b->grads[0], sy_sum(s, chosen));
    b->results[0] = sy_mul(s, chosen, share);
}

/* Along a dim: to the element whose index was chosen. */
static void gradient_extremum(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    sy_tensor *g = b->grads[0];
    if (g == NULL || in->ndim == 0) {
        b->results[0] = g;
        return;
    }
    const bool keepdim = b->args[2].as.boolean;
    const int dim = wrap(b->args[1].as.integer, in->ndim);
    sy_scope *s = b->scope;
    sy_tensor *index = with_dims(b, b->outputs[1].saved.tensor, &b->args[1], keepdim);
    int64_t column[SY_DIM_MAX] = {in->sizes[dim], 1, 1, 1, 1, 1, 1, 1};
    sy_tensor *places = sy_arange(s, SY_DTYPE_I64, 0, (double)in->sizes[dim], 1);
    places = sy_view(s, places, in->ndim - dim, column);
    g = with_dims(b, g, &b->args[1], keepdim);
    b->results[0] = choose(b, sy_eq(s, places, index), sy_value_tensor(g), zero());
}

static void gradient_to_argument_shape(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    b->results[0] = sy_expand(b->scope, b->grads[0], in->ndim, in->sizes);
}

/* Linear algebra */

static sy_tensor *flip(syi_backward *b, sy_tensor *x)
{
    return sy_transpose(b->scope, x, -2, -1);
}

static void gradient_mm(syi_backward *b)
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

static void gradient_matmul(syi_backward *b)
{
    sy_scope *s = b->scope;
    const syi_tape_shape *self = shape_of(b, 0), *other = shape_of(b, 1);
    if (self->ndim == 2 && other->ndim == 2) {
        gradient_mm(b);
        return;
    }
    if (self->ndim == 1 && other->ndim == 1) {
        gradient_mul(b);
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
static void gradient_addmm(syi_backward *b)
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

/* Views */

static void gradient_reshape(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    b->results[0] = sy_reshape(b->scope, b->grads[0], in->ndim, in->sizes);
}

static void gradient_t(syi_backward *b)
{
    b->results[0] = sy_t(b->scope, b->grads[0]);
}

static void gradient_transpose(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2]};
    b->results[0] = call(b, "transpose", args, 3);
}

static void gradient_permute(syi_backward *b)
{
    const int ndim = shape_of(b, 0)->ndim;
    int64_t back[SY_DIM_MAX] = {0};
    for (int d = 0; d < ndim; d++) {
        back[wrap(b->args[1].as.list.items[d].as.integer, ndim)] = d;
    }
    b->results[0] = sy_permute(b->scope, b->grads[0], ndim, back);
}

static void gradient_select(syi_backward *b)
{
    sizes_list list;
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sizes(&list, shape_of(b, 0)), b->args[1],
                             b->args[2]};
    b->results[0] = call(b, "select_backward", args, 4);
}

static void gradient_slice(syi_backward *b)
{
    sizes_list list;
    const sy_value args[] = {sy_value_tensor(b->grads[0]),
                             sizes(&list, shape_of(b, 0)),
                             b->args[1],
                             b->args[2],
                             b->args[3],
                             b->args[4]};
    b->results[0] = call(b, "slice_backward", args, 6);
}

static void gradient_narrow(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const int64_t size = in->sizes[wrap(b->args[1].as.integer, in->ndim)];
    int64_t start = b->args[2].as.integer;
    start = start < 0 ? start + size : start;
    start = start < 0 ? 0 : start; /* -1 into an empty dim */
    sizes_list list;
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sizes(&list, in), b->args[1],
                             sy_value_int(start), sy_value_int(start + b->args[3].as.integer)};
    b->results[0] = call(b, "slice_backward", args, 5);
}

/* The gradients of all outputs, zeros where none arrived. */
static void all_grads(syi_backward *b, sy_tensor **grads)
{
    for (int k = 0; k < b->output_count; k++) {
        grads[k] = b->grads[k] != NULL ? b->grads[k] : zeros(b, &b->outputs[k].shape);
    }
}

static void gradient_pieces(syi_backward *b)
{
    sy_tensor *grads[SYI_OUTPUT_MAX];
    all_grads(b, grads);
    b->results[0] = sy_cat(b->scope, grads, (size_t)b->output_count, (int)b->args[2].as.integer);
}

static void gradient_unbind(syi_backward *b)
{
    sy_tensor *grads[SYI_OUTPUT_MAX];
    all_grads(b, grads);
    const int dim = wrap(b->args[1].as.integer, shape_of(b, 0)->ndim);
    b->results[0] = sy_stack(b->scope, grads, (size_t)b->output_count, dim);
}

/* Adds up where an index came more than once. */
static void gradient_index_select(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    sy_tensor *g = b->grads[0];
    if (in->ndim == 0) {
        b->results[0] = sy_sum(b->scope, g);
        return;
    }
    const sy_value args[] = {sy_value_tensor(zeros(b, in)), b->args[1], b->args[2],
                             sy_value_tensor(g)};
    b->results[0] = call(b, "index_add_", args, 4);
}

static void gradient_index_add(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[3]) {
        const syi_tape_shape *source = shape_of(b, 3);
        const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2]};
        sy_tensor *g = call(b, "index_select", args, 3);
        b->results[3] = sy_reshape(b->scope, g, source->ndim, source->sizes);
    }
}

/* Joining */

static void gradient_cat(syi_backward *b)
{
    const int ndim = b->outputs[0].shape.ndim;
    const int dim = wrap(b->args[1].as.integer, ndim);
    int64_t start = 0;
    for (int k = 0; k < b->input_counts[0]; k++) {
        const syi_tape_shape *part = &b->inputs[0][k].shape;
        if (part->ndim != ndim) {
            continue; /* an empty 1-d tensor, which cat passes over */
        }
        b->list_results[k] = sy_narrow(b->scope, b->grads[0], dim, start, part->sizes[dim]);
        start += part->sizes[dim];
    }
}

static void gradient_stack(syi_backward *b)
{
    const int dim = wrap(b->args[1].as.integer, b->outputs[0].shape.ndim);
    for (int k = 0; k < b->input_counts[0]; k++) {
        b->list_results[k] = sy_select(b->scope, b->grads[0], dim, k);
    }
}

/* Neural networks */

static void softmax_by(syi_backward *b, const char *name)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]),
                             sy_value_tensor(b->outputs[0].saved.tensor), b->args[1]};
    b->results[0] = call(b, name, args, 3);
}

static void gradient_softmax(syi_backward *b)
{
    softmax_by(b, "_softmax_backward_data");
}

static void gradient_log_softmax(syi_backward *b)
{
    softmax_by(b, "_log_softmax_backward_data");
}

static void gradient_nll_loss(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[0], b->args[1], b->args[2]};
    b->results[0] = call(b, "nll_loss_backward", args, 4);
}

static double numel(const syi_tape_shape *shape)
{
    double count = 1;
    for (int d = 0; d < shape->ndim; d++) {
        count *= (double)shape->sizes[d];
    }
    return count;
}

/* Elements of what the two arguments broadcast to. */
static double joint_numel(const syi_tape_shape *a, const syi_tape_shape *b)
{
    if (a->ndim < b->ndim) {
        return joint_numel(b, a);
    }
    syi_tape_shape joint = *a;
    const int missing = a->ndim - b->ndim;
    for (int d = 0; d < b->ndim; d++) {
        if (joint.sizes[missing + d] == 1) {
            joint.sizes[missing + d] = b->sizes[d];
        }
    }
    return numel(&joint);
}

static void gradient_mse_loss(syi_backward *b)
{
    sy_scope *s = b->scope;
    const bool mean = strcmp(b->args[2].as.string, "mean") == 0;
    const double count = mean ? joint_numel(shape_of(b, 0), shape_of(b, 1)) : 1;
    sy_tensor *difference = sy_sub(s, b->args[0].as.tensor, b->args[1].as.tensor);
    sy_tensor *g = sy_mul_scalar(s, sy_mul(s, difference, b->grads[0]), 2 / count);
    b->results[0] = g;
    if (b->needs[1]) {
        b->results[1] = sy_neg(s, g);
    }
}

/* The table. Sets of parameters: */
enum { P0 = 1u << 0, P1 = 1u << 1, P2 = 1u << 2, P3 = 1u << 3, O0 = 1u << 0, O1 = 1u << 1 };

#define ROW(op, name, ...) [SYI_OP_##op] = {true, SYI_GRADIENT_ROW, gradient_##name, __VA_ARGS__}
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
    ROW(clone, pass, NOTHING),
    ROW(to, pass, NOTHING),

    ROW(copy_, copy_, NOTHING),
    ROW(fill_, zero, NOTHING),
    ROW(zero_, zero, NOTHING),
    CONSTANT(sgd_), /* an update of leaves; records nothing */

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
    INNER(index),
    ROW(index_select, index_select, {0, 0, P0}, 0, 0),
    ROW(index_add, index_add, {0, 0, P3}, 0, 0),

    ROW(cat, cat, NOTHING),
    ROW(stack, stack, NOTHING),

    ROW(softmax, softmax, {0}, P0, O0),
    ROW(log_softmax, log_softmax, {0}, P0, O0),
    ROW(nll_loss, nll_loss, {P0, P0}, 0, 0),
    INNER(cross_entropy),
    ROW(mse_loss, mse_loss, {P0 | P1, P0 | P1}, 0, 0),

    REFUSED(threshold_backward),
    REFUSED(sigmoid_backward),
    REFUSED(tanh_backward),
    REFUSED(_softmax_backward_data),
    REFUSED(_log_softmax_backward_data),
    REFUSED(nll_loss_backward),
    REFUSED(select_backward),
    REFUSED(slice_backward),

    CONSTANT(dim),
    CONSTANT(numel),
    CONSTANT(size),
    CONSTANT(item),
    CONSTANT(backward),
};

static const syi_gradient extremum_of_everything = {
    true, SYI_GRADIENT_ROW, gradient_extremum_of_everything, {P0}, P0, O0};

const syi_gradient *syi_gradient_get(const syi_op *op, const sy_value *bound)
{
    if ((op->id == SYI_OP_max || op->id == SYI_OP_min) && bound[1].kind == SY_VALUE_NONE) {
        return &extremum_of_everything;
    }
    return &gradients[op->id];
}
