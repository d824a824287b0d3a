#include "interpreters/precision/rows.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"

__extension__ typedef unsigned __int128 wide;

/* Bounds */

uint64_t syi_fixed_bound_mul(uint64_t a, uint64_t b)
{
    if (a == SYI_FIXED_UNKNOWN || b == SYI_FIXED_UNKNOWN) {
        return SYI_FIXED_UNKNOWN;
    }
    const wide product = (wide)a * b;
    return product < SYI_FIXED_UNKNOWN ? (uint64_t)product : SYI_FIXED_UNKNOWN - 1;
}

uint64_t syi_fixed_bound_add(uint64_t a, uint64_t b)
{
    if (a == SYI_FIXED_UNKNOWN || b == SYI_FIXED_UNKNOWN) {
        return SYI_FIXED_UNKNOWN;
    }
    return a < SYI_FIXED_UNKNOWN - 1 - b ? a + b : SYI_FIXED_UNKNOWN - 1;
}

/* Operands */

static const char *type_name(const syi_node *node)
{
    return syi_node_is_native(node) ? "plain tensor" : node->type->name;
}

static bool refuse_mixed(syi_fixed_run *r, const syi_fixed_attributes *other)
{
    char a[SYI_FIXED_TEXT], b[SYI_FIXED_TEXT];
    syi_fixed_refuse(r->s, SY_EINVAL,
                     "%s: fixed precisions of %s and of %s do not mix; bring one of them to the "
                     "other's with float_precision and fix_precision",
                     r->call->op->name, syi_fixed_format(r->at, a, sizeof a),
                     syi_fixed_format(other, b, sizeof b));
    return false;
}

/* A native tensor of the caller's: encoded, or integers as they are. */
static bool take_native(syi_fixed_run *r, syi_node *node, bool scale, syi_fixed_operand *operand)
{
    const syi_array *array = syi_node_array(node);
    const sy_dtype storage = syi_fixed_storage(r->at);
    sy_hook *hook = r->call->hook;
    syi_array made = SYI_ARRAY_INIT;
    sy_tensor *tensor = NULL;
    sy_error error = SY_ERROR_INIT;
    sy_status status;
    operand->scaled = scale || sy_dtype_is_floating(array->dtype);
    if (!operand->scaled && array->dtype == storage) {
        status = syi_tensor_wrap(hook, &tensor, syi_node_ref(node), &error);
    } else {
        syi_fixed_attributes attributes = *r->at;
        attributes.scale = operand->scaled ? attributes.scale : 1;
        syi_account *account = r->call->mode->account;
        status =
            syi_fixed_encode(hook, &attributes, array, account != NULL ? account : &hook->account,
                             &made, &operand->most, &error);
        if (status == SY_OK) {
            status = syi_tensor_from_array(hook, &tensor, &made, &error);
        }
    }
    if (status != SY_OK) {
        error.status = syi_error_prefix(&error, status, "%s", r->call->op->name);
        sy_scope_fail(r->s, &error);
        return false;
    }
    operand->value = sy_value_tensor(sy_scope_adopt(r->s, tensor));
    return operand->value.as.tensor != NULL;
}

static bool take_node(syi_fixed_run *r, syi_node *node, bool scale, syi_fixed_operand *operand)
{
    if (node->type == &syi_fixed_type) {
        const syi_fixed *fixed = (const syi_fixed *)node;
        if (!syi_fixed_same(&fixed->attributes, r->at)) {
            return refuse_mixed(r, &fixed->attributes);
        }
        operand->fixed = fixed;
        operand->scaled = true;
        operand->most = syi_fixed_bound(fixed, false);
        operand->value = sy_value_tensor(syi_fixed_child(r->s, fixed));
        return operand->value.as.tensor != NULL;
    }
    if (syi_node_is_native(node)) {
        return take_native(r, node, scale, operand);
    }
    const bool remote = syi_node_is_remote(node);
    syi_fixed_refuse(r->s, remote ? SY_ECOLLOCATION : SY_ENOTSUP,
                     remote ? "%s: a FixedPrecisionTensor that is here and a %s; send the one or "
                              "get the other"
                            : "%s: a FixedPrecisionTensor and a %s",
                     r->call->op->name, type_name(node));
    return false;
}

static bool take_number(syi_fixed_run *r, const sy_value *value, bool scale,
                        syi_fixed_operand *operand)
{
    const double real = value->kind == SY_VALUE_FLOAT  ? value->as.real
                        : value->kind == SY_VALUE_BOOL ? value->as.boolean
                                                       : (double)value->as.integer;
    int64_t number = 0;
    sy_error error = SY_ERROR_INIT;
    syi_fixed_attributes attributes = *r->at;
    operand->scaled = scale || (value->kind == SY_VALUE_FLOAT && real != floor(real));
    attributes.scale = operand->scaled ? attributes.scale : 1;
    sy_status status = SY_OK;
    if (value->kind == SY_VALUE_INT) {
        const int64_t integer = value->as.integer;
        const uint64_t size = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
        if (size > syi_fixed_most(r->at) / (uint64_t)attributes.scale) {
            status = syi_fail(&error, SY_ERANGE, "the number %" PRId64 " does not fit the field",
                              integer);
        } else {
            number = integer * attributes.scale;
        }
    } else {
        status = syi_fixed_encode_number(&attributes, real, &number, &error);
    }
    if (status != SY_OK) {
        error.status = syi_error_prefix(&error, status, "%s", r->call->op->name);
        sy_scope_fail(r->s, &error);
        return false;
    }
    operand->value = sy_value_int(number);
    operand->most = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    return true;
}

bool syi_fixed_take_value(syi_fixed_run *r, const sy_value *value, bool scale,
                          syi_fixed_operand *operand)
{
    *operand = (syi_fixed_operand){.most = SYI_FIXED_UNKNOWN};
    if (sy_scope_get_status(r->s) != SY_OK) {
        return false;
    }
    switch ((int)value->kind) {
    case SYI_VALUE_NODE:
        return take_node(r, value->as.internal, scale, operand);
    case SY_VALUE_INT:
    case SY_VALUE_FLOAT:
    case SY_VALUE_BOOL:
        return take_number(r, value, scale, operand);
    default:
        syi_fixed_refuse(r->s, SY_EINVAL, "%s: an operand is no number and no tensor",
                         r->call->op->name);
        return false;
    }
}

bool syi_fixed_take(syi_fixed_run *r, int k, bool scale, syi_fixed_operand *operand)
{
    return syi_fixed_take_value(r, &r->call->args[k], scale, operand);
}

sy_tensor *syi_fixed_operand_tensor(const syi_fixed_operand *operand)
{
    return operand->value.kind == SY_VALUE_TENSOR ? operand->value.as.tensor : NULL;
}

uint64_t syi_fixed_look(const syi_fixed_operand *operand)
{
    const sy_tensor *tensor = syi_fixed_operand_tensor(operand);
    if (tensor == NULL) {
        return operand->most;
    }
    return syi_tensor_is_native(tensor) ? syi_fixed_magnitude(syi_node_array(tensor->node))
                                        : SYI_FIXED_UNKNOWN;
}

sy_tensor *syi_fixed_handle(syi_fixed_run *r, int k)
{
    sy_tensor *tensor = NULL;
    sy_error error = SY_ERROR_INIT;
    const sy_value *value = &r->call->args[k];
    if (value->kind != (sy_value_kind)SYI_VALUE_NODE) {
        return NULL;
    }
    syi_node *node = value->as.internal;
    if (syi_tensor_wrap(r->call->hook, &tensor, syi_node_ref(node), &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return NULL;
    }
    return sy_scope_adopt(r->s, tensor);
}

/* Results */

static void emit_node(syi_fixed_run *r, syi_node *node)
{
    r->call->outs[r->call->out_count++] = node;
}

void syi_fixed_emit_handle(syi_fixed_run *r, sy_tensor *fixed)
{
    if (fixed == NULL || sy_scope_get_status(r->s) != SY_OK) {
        return;
    }
    if (r->call->inplace) {
        (void)sy_copy_(r->s, syi_fixed_child(r->s, r->like),
                       syi_fixed_child(r->s, syi_fixed_of(fixed)));
    } else {
        emit_node(r, syi_node_ref(fixed->node));
    }
}

void syi_fixed_emit(syi_fixed_run *r, sy_tensor *child, uint64_t most)
{
    if (child == NULL || sy_scope_get_status(r->s) != SY_OK) {
        return;
    }
    if (r->call->inplace) {
        (void)sy_copy_(r->s, syi_fixed_child(r->s, r->like), child);
        return;
    }
    syi_fixed_emit_handle(r, syi_fixed_wrap(r->s, r->at, child, most));
}

/* Child operations */

sy_tensor *syi_fixed_child_pair(syi_fixed_run *r, syi_op_id id, const syi_fixed_operand *a,
                                const syi_fixed_operand *b)
{
    const sy_value args[] = {a->value, b->value};
    return syi_scope_run(r->s, id, false, args, 2);
}

sy_tensor *syi_fixed_divide(sy_scope *s, sy_tensor *child, int64_t divisor)
{
    if (child == NULL || divisor == 1) {
        return child;
    }
    const sy_value args[] = {sy_value_tensor(child), sy_value_int(divisor)};
    return syi_scope_run(s, SYI_OP_div_trunc, false, args, 2);
}

sy_tensor *syi_fixed_store(syi_fixed_run *r, sy_tensor *child)
{
    return child != NULL ? sy_to(r->s, child, syi_fixed_storage(r->at)) : NULL;
}

/* Checks */

static uint64_t bound_of(syi_op_id op, uint64_t a, uint64_t b, uint64_t terms)
{
    return op == SYI_OP_add ? syi_fixed_bound_add(a, b)
                            : syi_fixed_bound_mul(syi_fixed_bound_mul(a, b), terms);
}

/* |operand| (or, for sums, the operand) in double. */
static sy_value in_double(syi_fixed_run *r, syi_op_id op, const syi_fixed_operand *operand)
{
    sy_tensor *tensor = syi_fixed_operand_tensor(operand);
    if (tensor == NULL) {
        return sy_value_float(op == SYI_OP_add ? (double)operand->value.as.integer
                                               : (double)operand->most);
    }
    tensor = sy_to(r->s, tensor, SY_DTYPE_F64);
    tensor = op == SYI_OP_add ? tensor : sy_abs(r->s, tensor);
    return tensor != NULL ? sy_value_tensor(tensor) : sy_value_none();
}

static double largest_in_double(syi_fixed_run *r, syi_op_id op, const syi_fixed_operand *a,
                                const syi_fixed_operand *b)
{
    const sy_value args[] = {in_double(r, op, a), in_double(r, op, b)};
    double largest = 0;
    if (sy_scope_get_status(r->s) != SY_OK) {
        return 0;
    }
    sy_tensor *result = sy_abs(r->s, syi_scope_run(r->s, op, false, args, 2));
    sy_error error = SY_ERROR_INIT;
    result = result != NULL ? sy_max(r->s, result) : NULL;
    if (result != NULL && sy_tensor_item(result, &largest, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
    }
    return largest;
}

uint64_t syi_fixed_check(syi_fixed_run *r, syi_op_id op, const syi_fixed_operand *a,
                         const syi_fixed_operand *b, uint64_t terms)
{
    const uint64_t most = syi_fixed_most(r->at);
    uint64_t bound = bound_of(op, a->most, b->most, terms);
    if (bound <= most || sy_scope_get_status(r->s) != SY_OK) {
        return bound;
    }
    bound = bound_of(op, syi_fixed_look(a), syi_fixed_look(b), terms);
    if (bound <= most || bound == SYI_FIXED_UNKNOWN) {
        return bound;
    }
    /* Each of at most 2 terms + 2 roundings adds less than its 2^-53th part. */
    double largest = largest_in_double(r, op, a, b);
    largest += largest * ((double)terms + 1) * 0x1p-51;
    if (sy_scope_get_status(r->s) != SY_OK) {
        return 0;
    }
    if (largest < (double)most) {
        return (uint64_t)largest;
    }
    char text[SYI_FIXED_TEXT];
    syi_fixed_refuse(r->s, SY_ERANGE,
                     "%s: %s of magnitude %.4g%s, half of the field is %.4g (%s); use a lower "
                     "precision, a larger field or smaller values",
                     r->call->op->name, op == SYI_OP_add ? "a sum" : "a product", largest,
                     op == SYI_OP_add ? "" : " before it is truncated", (double)most,
                     syi_fixed_format(r->at, text, sizeof text));
    return 0;
}

/* The table */

enum { P0 = 1u << 0, P1 = 1u << 1, P2 = 1u << 2, P3 = 1u << 3 };

typedef struct row {
    syi_fixed_rule rule;
    unsigned values; /* without a rule: parameters that are encoded; the child does the rest */
} row;

#define FORWARD(op, values) [SYI_OP_##op] = {NULL, values}
#define RULE(op, name) [SYI_OP_##op] = {syi_fixed_##name, 0}

static const row rows[SYI_OP_COUNT] = {
    RULE(add, add),
    RULE(sub, sub),
    RULE(rsub, rsub),
    RULE(mul, mul),
    RULE(div, div),
    RULE(pow, pow),
    RULE(matmul, matmul),
    RULE(mm, matmul),
    RULE(bmm, matmul),
    RULE(mv, matmul),
    RULE(dot, matmul),
    RULE(addmm, addmm),
    RULE(linear, linear),
    RULE(conv1d, convolution),
    RULE(conv2d, convolution),
    RULE(square, square),
    RULE(mse_loss, mse_loss),
    RULE(mse_loss_backward, mse_loss_backward),
    RULE(sigmoid_backward, sigmoid_backward),
    RULE(tanh_backward, tanh_backward),

    RULE(eq, compare),
    RULE(ne, compare),
    RULE(lt, compare),
    RULE(le, compare),
    RULE(gt, compare),
    RULE(ge, compare),
    RULE(where, where),
    FORWARD(maximum, P0 | P1),
    FORWARD(minimum, P0 | P1),
    FORWARD(clamp, P0 | P1 | P2),
    FORWARD(clamp_min, P0 | P1),
    FORWARD(clamp_max, P0 | P1),
    FORWARD(remainder, P0 | P1),
    FORWARD(fmod, P0 | P1),
    FORWARD(threshold_backward, P0 | P1 | P2),

    FORWARD(amax, P0),
    FORWARD(amin, P0),
    RULE(max_pool2d, pool),
    RULE(avg_pool2d, pool),
    FORWARD(neg, P0),
    FORWARD(abs, P0),
    RULE(sign, sign),
    FORWARD(relu, P0),
    FORWARD(clone, P0),
    RULE(to, to),
    FORWARD(zeros_like, P0),
    RULE(ones_like, ones_like),
    RULE(new_zeros, constant),
    RULE(new_ones, constant),
    RULE(exp, function),
    RULE(log, function),
    RULE(sqrt, function),
    RULE(reciprocal, function),
    RULE(sigmoid, function),
    RULE(tanh, function),
    RULE(inverse, function),

    RULE(copy_, copy_),
    RULE(fill_, fill_),
    FORWARD(zero_, P0),
    RULE(sgd_, sgd_),

    RULE(sum, sum),
    RULE(mean, mean),
    RULE(sum_to_size, sum_to_size),
    RULE(cumsum, cumsum),
    RULE(sort, extremum),
    RULE(argsort, arg_extremum),
    RULE(topk, extremum),
    RULE(max, extremum),
    RULE(min, extremum),
    RULE(argmax, arg_extremum),
    RULE(argmin, arg_extremum),

    FORWARD(view, P0),
    FORWARD(reshape, P0),
    FORWARD(flatten, P0),
    FORWARD(t, P0),
    FORWARD(transpose, P0),
    FORWARD(tril, P0),
    FORWARD(triu, P0),
    FORWARD(flip, P0),
    FORWARD(roll, P0),
    FORWARD(diagonal, P0),
    FORWARD(gather, P0),
    FORWARD(permute, P0),
    FORWARD(expand, P0),
    FORWARD(squeeze, P0),
    FORWARD(unsqueeze, P0),
    FORWARD(select, P0),
    FORWARD(slice, P0),
    FORWARD(narrow, P0),
    FORWARD(detach, P0),
    FORWARD(chunk, P0),
    FORWARD(split, P0),
    FORWARD(split_with_sizes, P0),
    FORWARD(tensor_split, P0),
    FORWARD(movedim, P0),
    FORWARD(unfold, P0),
    FORWARD(unflatten, P0),
    FORWARD(take, P0),
    FORWARD(masked_select, P0),
    FORWARD(masked_fill, P0 | P2),
    FORWARD(_index, P0),
    FORWARD(diag_embed, P0),
    FORWARD(constant_pad_nd, P0 | P2),
    FORWARD(unbind, P0),
    FORWARD(index_select, P0),
    RULE(index_add, index_add),
    FORWARD(select_backward, P0),
    FORWARD(slice_backward, P0),
    FORWARD(cat, P0),
    FORWARD(stack, P0),
};

/* What the child answers is the answer: views, joins and whatever knows no scale. */
static void forward(syi_fixed_run *r, unsigned values)
{
    syi_call *call = r->call;
    sy_value args[SYI_ARGUMENT_MAX], items[SYI_OUTPUT_MAX];
    uint64_t most = 0;
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        args[k] = call->args[k];
        if ((values >> k & 1u) == 0 || args[k].kind == SY_VALUE_NONE) {
            if (args[k].kind == (sy_value_kind)SYI_VALUE_NODE) { /* an index */
                if (((const syi_node *)args[k].as.internal)->type == &syi_fixed_type) {
                    syi_fixed_refuse(r->s, SY_EDTYPE, "%s: a tensor of fixed precision is no index",
                                     call->op->name);
                    return;
                }
                args[k] = sy_value_tensor(syi_fixed_handle(r, k));
            }
            continue;
        }
        const sy_value *from = list ? args[k].as.list.items : &call->args[k];
        const size_t count = list ? args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            syi_fixed_operand operand;
            if (!syi_fixed_take_value(r, &from[i], true, &operand)) {
                return;
            }
            most = operand.most > most ? operand.most : most;
            items[list ? i : 0] = operand.value;
        }
        args[k] = list ? sy_value_list(items, count) : items[0];
    }
    if (call->inplace) {
        (void)syi_scope_run(r->s, call->op->id, true, args, (size_t)call->arg_count);
        return;
    }
    sy_tensor *results[SYI_OUTPUT_MAX];
    const size_t count = syi_scope_run_many(r->s, call->op->id, args, (size_t)call->arg_count,
                                            results, SYI_OUTPUT_MAX);
    for (size_t k = 0; k < count; k++) {
        syi_fixed_emit(r, results[k], most);
    }
}

/* The first fixed precision node among the arguments. Another interpreter in front of one has the word: it
 * goes to *outer. */
static const syi_fixed *find(const syi_call *call, const syi_interpreter **outer)
{
    const syi_fixed *like = NULL;
    *outer = NULL;
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = list ? call->args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            if (items[i].kind != (sy_value_kind)SYI_VALUE_NODE) {
                continue;
            }
            const syi_node *node = items[i].as.internal;
            if (node->type == &syi_fixed_type) {
                like = like != NULL ? like : (const syi_fixed *)node;
            } else if (!syi_node_is_native(node) && !(node->type->flags & SYI_NODE_REMOTE)) {
                *outer = node->type;
            }
        }
    }
    return like;
}

static sy_status run_row(syi_fixed_run *r, const row *at)
{
    if (at->rule != NULL) {
        at->rule(r);
    } else if (at->values != 0) {
        forward(r, at->values);
    } else {
        syi_fixed_refuse(r->s, SY_ENOTSUP,
                         "%s: not for fixed precision tensors; bring them back with "
                         "float_precision first",
                         r->call->op->name);
    }
    return sy_scope_get_status(r->s);
}

bool syi_fixed_answers_whole(const syi_op *op)
{
    return (op->flags & SYI_OP_COMPOSITE) && rows[op->id].rule != NULL;
}

sy_status syi_fixed_call(syi_call *call, sy_error *err)
{
    const syi_interpreter *outer = NULL;
    call->out_count = 0;
    if ((call->op->flags & SYI_OP_COMPOSITE) && !syi_fixed_answers_whole(call->op)) {
        return syi_call_composite(call, err);
    }
    const syi_fixed *like = find(call, &outer);
    if (outer != NULL) {
        return outer->call(call, err);
    }
    if (syi_additive_shared_takes_chain(call)) {
        return syi_additive_shared_call_chain(call, err);
    }
    const sy_value *self = &call->args[0];
    if (call->inplace && (self->kind != (sy_value_kind)SYI_VALUE_NODE ||
                          ((syi_node *)self->as.internal)->type != &syi_fixed_type)) {
        return syi_fail(err, SY_EINVAL,
                        "%s: in place, a plain tensor cannot take a fixed precision result",
                        call->op->name);
    }
    syi_fixed_run run = {call, sy_scope_begin(call->hook), like, &like->attributes};
    if (run.s == NULL) {
        return SYI_ENOMEM(err, call->op->name);
    }
    run.s->mode = *call->mode;
    run.s->mode.grad = false;
    const sy_status status = run_row(&run, &rows[call->op->id]);
    if (status != SY_OK) {
        while (call->out_count > 0) {
            syi_node_unref(call->outs[--call->out_count]);
        }
    }
    return sy_scope_end(run.s, err);
}
