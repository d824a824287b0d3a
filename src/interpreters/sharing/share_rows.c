#include "interpreters/sharing/share_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/precision/fixed.h"

/* Failures */

void syi_share_refuse(syi_share_op *o, sy_status status, const char *format, ...)
{
    sy_error error = SY_ERROR_INIT;
    char sentence[SY_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    syi_fail(&error, status, "%s: %.400s", o->call->op->name, sentence);
    sy_scope_fail(o->s, &error);
}

bool syi_share_latch(syi_share_op *o, sy_status status, sy_error *error)
{
    if (status != SY_OK) {
        error->status = status;
        sy_scope_fail(o->s, error);
    }
    return status == SY_OK;
}

static bool is_session_of(const syi_sharing_session *session, const syi_kin *kin)
{
    bool same = session->holders == kin->holders && session->index == kin->index;
    for (int k = 0; same && k < kin->holders; k++) {
        same = sy_id_equal(&session->peers[k].id, &kin->ids[k]);
    }
    return same;
}

bool syi_share_needs_run(syi_share_op *o)
{
    if (syi_share_failed(o)) {
        return false;
    }
    if (o->run == NULL) {
        syi_share_refuse(o, SY_EINVAL,
                         "the other holders of the share are needed: call it on the shared value, "
                         "or run the plan on it");
        return false;
    }
    if (!is_session_of(o->run->session, o->kin)) {
        syi_share_refuse(o, SY_ECOLLOCATION, "the share is of other holders than the command's");
        return false;
    }
    return true;
}

/* Arguments */

static bool is_node(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_NODE;
}

static syi_share *share_in(const sy_value *value)
{
    return is_node(value) ? syi_share_of(value->as.internal) : NULL;
}

syi_share *syi_share_argument(const syi_share_op *o, int k)
{
    return share_in(&o->call->args[k]);
}

sy_tensor *syi_share_words(syi_share_op *o, const syi_share *share)
{
    sy_tensor *words = NULL;
    sy_error error = SY_ERROR_INIT;
    const sy_status status =
        syi_tensor_wrap(o->call->hook, &words, syi_node_ref(share->base.child), &error);
    return syi_share_latch(o, status, &error) ? sy_scope_adopt(o->s, words) : NULL;
}

bool syi_share_number(syi_share_op *o, const sy_value *value, int64_t *number)
{
    switch ((int)value->kind) {
    case SY_VALUE_INT:
        *number = value->as.integer;
        return true;
    case SY_VALUE_BOOL:
        *number = value->as.boolean;
        return true;
    case SY_VALUE_FLOAT:
        if (value->as.real == floor(value->as.real) && fabs(value->as.real) < 0x1p62) {
            *number = (int64_t)value->as.real;
            return true;
        }
        syi_share_refuse(o, SY_EDTYPE,
                         "shared values are integers, %g is none; use fix_precision first",
                         value->as.real);
        return false;
    default:
        syi_share_refuse(o, SY_EINVAL, "an operand is no number");
        return false;
    }
}

/* True mod, for custom moduli. */
static void reduce(const syi_share_op *o, sy_tensor *words)
{
    syi_array *array = syi_share_array(words);
    syi_field_reduce(&o->kin->field, syi_array_data(array), syi_array_data(array),
                     (size_t)syi_array_numel(array));
}

static sy_tensor *number_tensor(syi_share_op *o, int64_t number)
{
    sy_tensor *words = syi_share_new_words(o, 0, NULL);
    if (words != NULL) {
        syi_array_set_int(syi_share_array(words), 0, (int64_t)syi_field_of(&o->kin->field, number));
    }
    return words;
}

sy_tensor *syi_share_public(syi_share_op *o, int k)
{
    return syi_share_public_value(o, &o->call->args[k]);
}

sy_tensor *syi_share_public_value(syi_share_op *o, const sy_value *value)
{
    int64_t number = 0;
    if (syi_share_failed(o)) {
        return NULL;
    }
    if (!is_node(value)) {
        return syi_share_number(o, value, &number) ? number_tensor(o, number) : NULL;
    }
    syi_node *node = value->as.internal;
    if (!syi_node_is_native(node)) {
        syi_share_refuse(o, SY_ENOTSUP, "a share and a %s", node->type->name);
        return NULL;
    }
    const sy_dtype dtype = syi_node_array(node)->dtype;
    if (sy_dtype_is_floating(dtype)) {
        syi_share_refuse(o, SY_EDTYPE,
                         "shared values are integers, the other tensor is %s; use fix_precision "
                         "first",
                         sy_dtype_name(dtype));
        return NULL;
    }
    sy_tensor *words =
        syi_share_new_words(o, syi_node_array(node)->ndim, syi_node_array(node)->shape);
    if (words != NULL) {
        syi_array_assign(syi_share_array(words), syi_node_array(node));
        if (o->kin->field.modulus != 0) {
            reduce(o, words);
        }
    }
    return words;
}

/* Words */

sy_tensor *syi_share_new_words(syi_share_op *o, int ndim, const int64_t *shape)
{
    sy_hook *hook = o->call->hook;
    syi_account *account = o->call->mode->account;
    syi_array words = SYI_ARRAY_INIT;
    sy_tensor *tensor = NULL;
    sy_error error = SY_ERROR_INIT;
    sy_status status = syi_array_new(hook->context, &words, syi_share_dtype(o), ndim, shape,
                                     account != NULL ? account : &hook->account, &error);
    if (status == SY_OK) {
        words.storage->secret = true;
        status = syi_tensor_from_array(hook, &tensor, &words, &error);
    }
    return syi_share_latch(o, status, &error) ? sy_scope_adopt(o->s, tensor) : NULL;
}

sy_tensor *syi_share_dense(syi_share_op *o, sy_tensor *words)
{
    if (words == NULL || syi_share_failed(o)) {
        return NULL;
    }
    const syi_array *array = syi_share_array(words);
    if (syi_array_is_contiguous(array)) {
        return words;
    }
    sy_tensor *dense = syi_share_new_words(o, array->ndim, array->shape);
    if (dense != NULL) {
        syi_array_assign(syi_share_array(dense), array);
    }
    return dense;
}

/* Results */

/* A view keeps the masks of what it views. */
static syi_share_memo *memo_of(const syi_share_op *o, const syi_array *words)
{
    for (int k = 0; k < o->call->arg_count; k++) {
        const syi_share *share = syi_share_argument(o, k);
        if (share != NULL && share->base.child != NULL &&
            syi_node_array(share->base.child)->storage == words->storage) {
            return share->memo;
        }
    }
    return NULL;
}

void syi_share_emit_quotient(syi_share_op *o, sy_tensor *words, uint64_t divisor)
{
    const int before = o->call->out_count;
    syi_share_emit(o, words);
    if (o->call->out_count > before) {
        syi_share_of(o->call->outs[before])->divisor = divisor;
    }
}

void syi_share_emit(syi_share_op *o, sy_tensor *words)
{
    sy_error error = SY_ERROR_INIT;
    syi_node *node = NULL;
    if (words == NULL || syi_share_failed(o)) {
        return;
    }
    if (o->call->inplace) {
        (void)sy_copy_(o->s, syi_share_words(o, o->like), words);
        return;
    }
    syi_node *child = syi_node_ref(words->node);
    const sy_status status = syi_share_new(o->call->hook, &node, o->like->kin, child,
                                           memo_of(o, syi_share_array(words)), &error);
    if (!syi_share_latch(o, status, &error)) {
        syi_node_unref(child);
        return;
    }
    o->call->outs[o->call->out_count++] = node;
}

/* The table */

enum {
    MOVES = 1u << 0, /* elements change their places: done on the words as they are */
    ADDS = 1u << 1,  /* linear, with sums: on the words, where the modulus is the machine's */
    TAKES = 1u << 2, /* a rule that knows what to do with a quotient that waits */
};

typedef struct row {
    syi_share_rule rule;
    unsigned kind;
    unsigned
        values; /* of MOVES and ADDS: arguments (bit k) that are values; other tensors are indices, and public */
    syi_bounds_rule bounds; /* NULL: of its numbers nothing is known */
} row;

#define MOVE(op) [SYI_OP_##op] = {NULL, MOVES, 1u, syi_bounds_rule_moved}
#define MOVE_INTO(op, k, name) [SYI_OP_##op] = {NULL, MOVES, 1u | 1u << (k), syi_bounds_rule_##name}
#define SPREAD(op) [SYI_OP_##op] = {NULL, MOVES, 1u, syi_bounds_rule_spread}
#define LINEAR(op) [SYI_OP_##op] = {NULL, ADDS, 1u, NULL}
#define LINEAR_INTO(op, k) [SYI_OP_##op] = {NULL, ADDS, 1u | 1u << (k), NULL}
#define RULE(op, name, bounds_) [SYI_OP_##op] = {syi_share_##name, 0, 0, syi_bounds_rule_##bounds_}
#define RULE_UNKNOWN(op, name, kind_) [SYI_OP_##op] = {syi_share_##name, kind_, 0, NULL}
#define RULE_TAKES(op, name, bounds_) \
    [SYI_OP_##op] = {syi_share_##name, TAKES, 0, syi_bounds_rule_##bounds_}

static const row rows[SYI_OP_COUNT] = {
    RULE(add, add, add),
    RULE(sub, sub, add),
    RULE(rsub, rsub, add),
    RULE(neg, neg, neg),
    RULE(mul, mul, mul),
    RULE(matmul, product, product),
    RULE(mm, product, product),
    RULE(bmm, product, product),
    RULE(mv, product, product),
    RULE(dot, product, product),
    RULE(outer, product, product),
    RULE(conv1d, product, convolution),
    RULE(conv2d, product, convolution),
    RULE(addmm, addmm, addmm),
    RULE(baddbmm, addmm, addmm),
    RULE(square, square, square),
    RULE(pow, pow, pow),
    RULE(div, div, div),
    RULE(floor_divide, floor_divide, floor_divide),
    RULE(div_trunc, div, div),
    RULE(remainder, remainder, floor_divide),
    RULE(mean, mean, mean),
    RULE(sum, sum, sum),
    RULE_UNKNOWN(sum_to_size, sum_to_size, 0),
    RULE(cumsum, cumsum, cumsum),
    RULE(trace, trace, trace),
    LINEAR_INTO(index_add, 3),
    LINEAR_INTO(scatter_add, 3),
    LINEAR(col2im),
    LINEAR(unfold_backward),

    RULE(eq, compare, compare),
    RULE(ne, compare, compare),
    RULE(lt, compare, compare),
    RULE(le, compare, compare),
    RULE(gt, compare, compare),
    RULE(ge, compare, compare),
    RULE_TAKES(relu, relu, relu),
    RULE(threshold_backward, threshold_backward, threshold_backward),
    RULE(abs, abs, abs),
    RULE(sign, sign, sign),
    RULE(maximum, greater, greater),
    RULE(minimum, greater, greater),
    RULE(clamp, clamp, clamp),
    RULE(clamp_min, clamp, clamp),
    RULE(clamp_max, clamp, clamp),
    RULE(max, extremum, extremum),
    RULE(min, extremum, extremum),
    RULE(argmax, arg_extremum, extremum),
    RULE(argmin, arg_extremum, extremum),
    RULE(amax, extrema, extremum),
    RULE(amin, extrema, extremum),
    RULE(sort, sort, sort),
    RULE(argsort, sort, sort),
    RULE(topk, sort, sort),
    RULE_TAKES(max_pool2d, max_pool2d, max_pool),
    RULE_TAKES(max_pool2d_with_indices, max_pool2d, max_pool),
    RULE(avg_pool2d, avg_pool2d, avg_pool),

    RULE(to, to, same),
    RULE(zeros_like, constant, constant),
    RULE(ones_like, constant, constant),
    RULE(full_like, constant, constant),
    RULE(new_zeros, constant, constant),
    RULE(new_ones, constant, constant),
    RULE(new_full, constant, constant),
    RULE(where, where, where),
    RULE(masked_fill, masked_fill, filled),
    RULE(copy_, copy_, copy_),
    RULE(fill_, copy_, copy_),
    RULE(zero_, copy_, copy_),
    RULE(constant_pad_nd, pad, filled),
    RULE(view_as, as_other, same),
    RULE(reshape_as, as_other, same),
    RULE(expand_as, as_other, same),
    RULE_UNKNOWN(dim, size, TAKES),
    RULE_UNKNOWN(numel, size, TAKES),
    RULE_UNKNOWN(size, size, TAKES),

    MOVE(clone),
    MOVE(detach),
    MOVE(view),
    MOVE(reshape),
    MOVE(flatten),
    MOVE(t),
    MOVE(transpose),
    MOVE(permute),
    MOVE(expand),
    MOVE(squeeze),
    MOVE(unsqueeze),
    MOVE(select),
    MOVE(slice),
    MOVE(narrow),
    MOVE(chunk),
    MOVE(split),
    MOVE(split_with_sizes),
    MOVE(tensor_split),
    MOVE(unbind),
    MOVE(movedim),
    MOVE(diagonal),
    MOVE(unfold),
    MOVE(unflatten),
    MOVE(index_select),
    MOVE(_index),
    MOVE(gather),
    MOVE(take),
    MOVE(masked_select),
    MOVE_INTO(index_copy, 3, moved),
    MOVE_INTO(_index_put, 3, put),
    MOVE(cat),
    MOVE(stack),
    MOVE(flip),
    MOVE(roll),
    SPREAD(tril),
    SPREAD(triu),
    SPREAD(diag_embed),
    SPREAD(im2col),
    SPREAD(select_backward),
    SPREAD(slice_backward),
    SPREAD(diagonal_backward),
};

/* One tensor of argument k: a value as words, or an index. NULL after a failure. */
static sy_tensor *forward_one(syi_share_op *o, const row *at, int k, const sy_value *value)
{
    const syi_share *share = share_in(value);
    sy_tensor *tensor = NULL;
    sy_error error = SY_ERROR_INIT;
    if (at->values >> k & 1u) {
        return share != NULL ? syi_share_words(o, share)
                             : syi_share_of_public(o, syi_share_public_value(o, value));
    }
    if (share != NULL) {
        syi_share_refuse(o, SY_ENOTSUP, "an index is shared; it must be public");
        return NULL;
    }
    const sy_status status =
        syi_tensor_wrap(o->call->hook, &tensor, syi_node_ref(value->as.internal), &error);
    return syi_share_latch(o, status, &error) ? sy_scope_adopt(o->s, tensor) : NULL;
}

/* The row on the words themselves. */
static void forward(syi_share_op *o, const row *at)
{
    syi_call *call = o->call;
    sy_value args[SYI_ARGUMENT_MAX], items[SYI_OUTPUT_MAX];
    size_t used = 0;
    for (int k = 0; k < call->arg_count; k++) {
        args[k] = call->args[k];
        const bool list = args[k].kind == SY_VALUE_LIST && args[k].as.list.count > 0 &&
                          is_node(&args[k].as.list.items[0]);
        const sy_value *from = list ? args[k].as.list.items : &call->args[k];
        const size_t count = list ? args[k].as.list.count : 1;
        if (!list && !is_node(from)) {
            continue;
        }
        for (size_t i = 0; i < count; i++, used++) {
            if (used == SYI_OUTPUT_MAX) {
                syi_share_refuse(o, SY_ELIMIT, "more than %d tensors", SYI_OUTPUT_MAX);
                return;
            }
            sy_tensor *tensor = forward_one(o, at, k, &from[i]);
            if (tensor == NULL) {
                return;
            }
            items[used] = sy_value_tensor(tensor);
        }
        args[k] = list ? sy_value_list(&items[used - count], count) : items[used - 1];
    }
    if (call->inplace) {
        (void)syi_scope_run(o->s, call->op->id, true, args, (size_t)call->arg_count);
        return;
    }
    sy_tensor *results[SYI_OUTPUT_MAX];
    const size_t count = syi_scope_run_many(o->s, call->op->id, args, (size_t)call->arg_count,
                                            results, SYI_OUTPUT_MAX);
    for (size_t k = 0; k < count; k++) { /* sums of 32 bits come in 64 */
        syi_share_emit(o,
                       at->kind == ADDS ? sy_to(o->s, results[k], syi_share_dtype(o)) : results[k]);
    }
}

/* Finds the first share, and what does not go with it: another interpreter's node has the word. */
static sy_status look(const syi_call *call, syi_share **like, const syi_interpreter **outer,
                      sy_error *err)
{
    *like = NULL;
    *outer = NULL;
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = list ? call->args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            syi_share *share = share_in(&items[i]);
            if (share == NULL && is_node(&items[i])) {
                const syi_node *node = items[i].as.internal;
                *outer = syi_node_is_native(node) ? *outer : node->type;
            }
            if (share == NULL) {
                continue;
            }
            if (share->base.child == NULL) {
                return syi_fail(err, SY_EINVAL, "%s: a share that is only a seed; send it first",
                                call->op->name);
            }
            if (*like == NULL) {
                *like = share;
            } else if (!syi_kin_same((*like)->kin, share->kin)) {
                return syi_fail(err, SY_ECOLLOCATION,
                                "%s: shares of different holders, or in different fields",
                                call->op->name);
            }
        }
    }
    return SY_OK;
}

/* To the results what was known of them before. In place the words are others now; after a failure perhaps some of them, of which nobody who
 * views them knows anything. */
static void put_bounds(const syi_share_op *o, const row *at)
{
    const syi_call *call = o->call;
    for (int k = 0; k < call->out_count; k++) {
        syi_share *out = syi_share_of(call->outs[k]);
        syi_share_set_bounds(out, out->divisor > 0             ? syi_share_get_bounds(o->like)
                                  : at->rule == NULL || k == 0 ? o->bounds.results[0]
                                  : k == 1                     ? o->bounds.results[1]
                                                               : SYI_BOUNDS_NONE);
    }
    syi_share *self = call->inplace ? syi_share_argument(o, 0) : NULL;
    if (self != NULL && syi_share_failed(o)) {
        atomic_fetch_add_explicit(&syi_node_array(self->base.child)->storage->version, 1,
                                  memory_order_relaxed);
    } else if (self != NULL) {
        syi_share_set_bounds(self, o->bounds.results[0]);
    }
}

static void run_row(syi_share_op *o)
{
    const row *at = &rows[o->call->op->id];
    o->values = at->values;
    if (at->bounds != NULL && syi_field_bits(&o->kin->field) > 0) {
        at->bounds(o, &o->bounds);
    }
    if (at->rule != NULL) {
        at->rule(o);
    } else if (at->kind == MOVES || (at->kind == ADDS && o->kin->field.modulus == 0)) {
        forward(o, at);
    } else {
        syi_share_refuse(o, SY_ENOTSUP,
                         at->kind == ADDS ? "not in a custom field"
                                          : "not for shared values; get the value first, if you "
                                            "may");
    }
    put_bounds(o, at);
}

/* Whose quotients wait and are needed now. */
static sy_status settle_arguments(const syi_call *call, sy_error *err)
{
    const bool takes = !call->inplace && (rows[call->op->id].kind & TAKES) != 0;
    for (int k = takes ? 1 : 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = list ? call->args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            syi_share *share = share_in(&items[i]);
            SY_TRY(share != NULL ? syi_share_settle(share, call->mode, err) : SY_OK);
        }
    }
    return SY_OK;
}

sy_status syi_share_call(syi_call *call, sy_error *err)
{
    const syi_interpreter *outer = NULL;
    syi_share *like = NULL;
    call->out_count = 0;
    if (call->op->flags & SYI_OP_COMPOSITE) {
        return syi_call_composite(call, err);
    }
    SY_TRY(look(call, &like, &outer, err));
    if (outer == &syi_fixed_type) { /* which would ask this one */
        return syi_fail(err, SY_ECOLLOCATION,
                        "%s: shares of integers and shares of fixed precision do not mix",
                        call->op->name);
    }
    if (outer != NULL && !(outer->flags & SYI_NODE_REMOTE)) {
        return outer->call(call, err);
    }
    if (outer != NULL) {
        return syi_fail(err, SY_ECOLLOCATION, "%s: a share that is here and a %s", call->op->name,
                        outer->name);
    }
    if (call->inplace && share_in(&call->args[0]) == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: in place, a plain tensor cannot take a shared result",
                        call->op->name);
    }
    SY_TRY(settle_arguments(call, err));
    syi_share_op o = {.call = call,
                      .s = sy_scope_begin(call->hook),
                      .like = like,
                      .kin = like->kin,
                      .run = syi_sharing_run_of(call->mode)};
    if (o.s == NULL) {
        return SYI_ENOMEM(err, call->op->name);
    }
    o.s->mode = *call->mode;
    o.s->mode.grad = false;
    run_row(&o);
    if (syi_share_failed(&o)) {
        while (call->out_count > 0) {
            syi_node_unref(call->outs[--call->out_count]);
        }
    }
    return sy_scope_end(o.s, err);
}
