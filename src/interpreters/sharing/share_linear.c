/* share_linear.c - what a holder does with its words alone: sums, signs, constants, copies. Part of share_rows.h. */
#include <inttypes.h>
#include <string.h>

#include "interpreters/sharing/share_rows.h"

/* On words */

static bool is_custom(const syi_share_op *o)
{
    return o->kin->field.modulus != 0;
}

bool syi_words_broadcast(syi_share_op *o, sy_tensor **a, sy_tensor **b)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_error error = SY_ERROR_INIT;
    const syi_array *x = syi_share_array(*a), *y = syi_share_array(*b);
    const sy_status status =
        syi_shape_broadcast(&ndim, shape, x->ndim, x->shape, y->ndim, y->shape, &error);
    if (!syi_share_latch(o, status, &error)) {
        return false;
    }
    *a = syi_share_dense(o, sy_expand(o->s, *a, ndim, shape));
    *b = syi_share_dense(o, sy_expand(o->s, *b, ndim, shape));
    return !syi_share_failed(o);
}

sy_tensor *syi_words_add(syi_share_op *o, sy_tensor *a, sy_tensor *b, bool subtract)
{
    if (a == NULL || b == NULL || syi_share_failed(o)) {
        return NULL;
    }
    if (!is_custom(o)) {
        return subtract ? sy_sub(o->s, a, b) : sy_add(o->s, a, b);
    }
    if (!syi_words_broadcast(o, &a, &b)) {
        return NULL;
    }
    const syi_array *x = syi_share_array(a);
    sy_tensor *sum = syi_share_new_words(o, x->ndim, x->shape);
    if (sum != NULL) {
        (subtract ? syi_field_sub : syi_field_add)(&o->kin->field, syi_share_data(sum),
                                                   syi_share_data(a), syi_share_data(b),
                                                   (size_t)syi_array_numel(x));
    }
    return sum;
}

sy_tensor *syi_words_scale(syi_share_op *o, sy_tensor *a, int64_t factor)
{
    if (a == NULL || factor == 1 || syi_share_failed(o)) {
        return a;
    }
    a = syi_share_dense(o, a);
    sy_tensor *scaled =
        a != NULL ? syi_share_new_words(o, syi_share_array(a)->ndim, syi_share_array(a)->shape)
                  : NULL;
    if (scaled != NULL) {
        syi_field_mul_public(&o->kin->field, syi_share_data(scaled), syi_share_data(a),
                             syi_field_of(&o->kin->field, factor),
                             (size_t)syi_array_numel(syi_share_array(a)));
    }
    return scaled;
}

/* Along one dim, by halves: sums stay below the modulus. */
static sy_tensor *fold(syi_share_op *o, sy_tensor *a, int dim)
{
    while (a != NULL && !syi_share_failed(o) && syi_share_array(a)->shape[dim] > 1) {
        const int64_t size = syi_share_array(a)->shape[dim], half = size / 2;
        sy_tensor *sum = syi_words_add(o, sy_narrow(o->s, a, dim, 0, half),
                                       sy_narrow(o->s, a, dim, half, half), false);
        if (size % 2 != 0 && sum != NULL) {
            sy_tensor *const parts[] = {sum, sy_narrow(o->s, a, dim, size - 1, 1)};
            sum = sy_cat(o->s, parts, 2, dim);
        }
        a = sum;
    }
    return a;
}

static sy_tensor *custom_sum(syi_share_op *o, sy_tensor *a, const sy_value *dims,
                             const sy_value *keep)
{
    bool reduced[SY_DIM_MAX] = {false};
    const int ndim = syi_share_array(a)->ndim;
    const size_t count = dims->kind == SY_VALUE_LIST  ? dims->as.list.count
                         : dims->kind == SY_VALUE_INT ? 1
                                                      : 0;
    for (size_t k = 0; k < count; k++) {
        const sy_value *item = dims->kind == SY_VALUE_LIST ? &dims->as.list.items[k] : dims;
        int dim = 0;
        sy_error error = SY_ERROR_INIT;
        if (!syi_share_latch(o, syi_dim_wrap(&dim, item->as.integer, ndim, &error), &error)) {
            return NULL;
        }
        reduced[dim] = true;
    }
    for (int d = ndim - 1; d >= 0; d--) {
        if (count > 0 && !reduced[d]) {
            continue;
        }
        if (a != NULL && syi_share_array(a)->shape[d] == 0) {
            syi_share_refuse(o, SY_ENOTSUP, "a sum of nothing in a custom field");
            return NULL;
        }
        a = fold(o, a, d);
        if (a != NULL && !(keep->kind == SY_VALUE_BOOL && keep->as.boolean)) {
            a = sy_select(o->s, a, d, 0);
        }
    }
    return a;
}

sy_tensor *syi_words_sum(syi_share_op *o, sy_tensor *a, const sy_value *dims, const sy_value *keep)
{
    if (a == NULL || syi_share_failed(o)) {
        return NULL;
    }
    if (is_custom(o)) {
        return custom_sum(o, a, dims, keep);
    }
    const sy_value args[] = {sy_value_tensor(a), *dims, *keep};
    sy_tensor *sum = syi_scope_run(o->s, SYI_OP_sum, false, args, 3);
    return sum != NULL ? sy_to(o->s, sum, syi_share_dtype(o)) : NULL;
}

/* Zeros in the shape of other words. */
static sy_tensor *zeros(syi_share_op *o, sy_tensor *like)
{
    const syi_array *array = syi_share_array(like);
    sy_tensor *made = syi_share_new_words(o, array->ndim, array->shape);
    if (made != NULL) {
        memset(syi_share_data(made), 0, syi_array_bytes(syi_share_array(made)));
    }
    return made;
}

sy_tensor *syi_share_of_public(syi_share_op *o, sy_tensor *words)
{
    return words == NULL || syi_share_leads(o) ? words : zeros(o, words);
}

/* Rules */

sy_tensor *syi_share_operand(syi_share_op *o, int k)
{
    const syi_share *share = syi_share_argument(o, k);
    return share != NULL ? syi_share_words(o, share)
                         : syi_share_of_public(o, syi_share_public(o, k));
}

static void sum_of_two(syi_share_op *o, bool reversed, bool subtract)
{
    int64_t alpha = 1;
    sy_tensor *a = syi_share_operand(o, 0), *b = syi_share_operand(o, 1);
    if (syi_share_failed(o) || !syi_share_number(o, &o->call->args[2], &alpha)) {
        return;
    }
    if (reversed) { /* other - alpha self */
        sy_tensor *swap = a;
        a = b;
        b = swap;
    }
    syi_share_emit(o, syi_words_add(o, a, syi_words_scale(o, b, alpha), subtract));
}

void syi_share_add(syi_share_op *o)
{
    sum_of_two(o, false, false);
}

void syi_share_sub(syi_share_op *o)
{
    sum_of_two(o, false, true);
}

void syi_share_rsub(syi_share_op *o)
{
    sum_of_two(o, true, true);
}

void syi_share_neg(syi_share_op *o)
{
    syi_share_emit(o, syi_words_scale(o, syi_share_words(o, o->like), -1));
}

static bool check_dtype(syi_share_op *o, const sy_value *dtype)
{
    if (dtype->kind == SY_VALUE_DTYPE && dtype->as.dtype != syi_share_dtype(o)) {
        syi_share_refuse(o, SY_EDTYPE, "a share is kept in %s, not in %s; get the value first",
                         sy_dtype_name(syi_share_dtype(o)), sy_dtype_name(dtype->as.dtype));
        return false;
    }
    return true;
}

void syi_share_sum(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    const bool wide = args[3].kind == SY_VALUE_DTYPE && args[3].as.dtype == SY_DTYPE_I64;
    if (wide || check_dtype(o, &args[3])) {
        syi_share_emit(o, syi_words_sum(o, syi_share_words(o, o->like), &args[1], &args[2]));
    }
}

void syi_share_sum_to_size(syi_share_op *o)
{
    if (is_custom(o)) {
        syi_share_refuse(o, SY_ENOTSUP, "not in a custom field");
        return;
    }
    const sy_value args[] = {sy_value_tensor(syi_share_words(o, o->like)), o->call->args[1]};
    if (!syi_share_failed(o)) {
        sy_tensor *sum = syi_scope_run(o->s, SYI_OP_sum_to_size, false, args, 2);
        syi_share_emit(o, sum != NULL ? sy_to(o->s, sum, syi_share_dtype(o)) : NULL);
    }
}

void syi_share_trace(syi_share_op *o)
{
    const sy_value none = sy_value_none(), keep = sy_value_bool(false),
                   args[] = {sy_value_tensor(syi_share_words(o, o->like)), sy_value_int(0),
                             sy_value_int(0), sy_value_int(1)};
    if (syi_share_failed(o) || syi_share_array(args[0].as.tensor)->ndim != 2) {
        syi_share_refuse(o, SY_ESHAPE, "of a matrix");
        return;
    }
    sy_tensor *diagonal = syi_scope_run(o->s, SYI_OP_diagonal, false, args, 4);
    syi_share_emit(o, syi_words_sum(o, diagonal, &none, &keep));
}

/* Custom fields: by doubling, a[k] += a[k - step]. */
static sy_tensor *custom_cumsum(syi_share_op *o, sy_tensor *a, int dim)
{
    const int64_t size = a != NULL && !syi_share_failed(o) ? syi_share_array(a)->shape[dim] : 0;
    a = sy_clone(o->s, a);
    for (int64_t step = 1; step < size && !syi_share_failed(o); step *= 2) {
        sy_tensor *const parts[] = {
            sy_narrow(o->s, a, dim, 0, step),
            syi_words_add(o, sy_narrow(o->s, a, dim, step, size - step),
                          sy_narrow(o->s, a, dim, 0, size - step), false),
        };
        a = sy_cat(o->s, parts, 2, dim);
    }
    return a;
}

void syi_share_cumsum(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    const bool wide = args[2].kind == SY_VALUE_DTYPE && args[2].as.dtype == SY_DTYPE_I64;
    sy_tensor *words = syi_share_words(o, o->like);
    sy_error error = SY_ERROR_INIT;
    int dim = 0;
    if (words == NULL || (!wide && !check_dtype(o, &args[2])) ||
        !syi_share_latch(
            o, syi_dim_wrap(&dim, args[1].as.integer, syi_share_array(words)->ndim, &error),
            &error)) {
        return;
    }
    if (is_custom(o) && syi_share_array(words)->ndim > 0) {
        syi_share_emit(o, custom_cumsum(o, words, dim));
        return;
    }
    const sy_value plain[] = {sy_value_tensor(words), args[1]};
    sy_tensor *sums = syi_scope_run(o->s, SYI_OP_cumsum, false, plain, 2);
    syi_share_emit(o, sums != NULL ? sy_to(o->s, sums, syi_share_dtype(o)) : NULL);
}

void syi_share_to(syi_share_op *o)
{
    if (check_dtype(o, &o->call->args[1])) {
        syi_share_emit(o, sy_clone(o->s, syi_share_words(o, o->like)));
    }
}

/* zeros_like and its kin: what is asked for of a native tensor, and the lead's share of it. */
void syi_share_constant(syi_share_op *o)
{
    syi_call *call = o->call;
    sy_value args[SYI_ARGUMENT_MAX];
    memcpy(args, call->args, (size_t)call->arg_count * sizeof args[0]);
    args[0] = sy_value_tensor(syi_share_words(o, o->like));
    if (syi_share_failed(o)) {
        return;
    }
    sy_tensor *made = syi_scope_run(o->s, call->op->id, false, args, (size_t)call->arg_count);
    if (made == NULL) {
        return;
    }
    if (syi_share_array(made)->dtype != syi_share_dtype(o)) {
        syi_share_refuse(o, SY_EDTYPE, "a share is kept in %s", sy_dtype_name(syi_share_dtype(o)));
        return;
    }
    made = syi_share_dense(o, made);
    if (made != NULL && is_custom(o)) {
        syi_field_reduce(&o->kin->field, syi_share_data(made), syi_share_data(made),
                         (size_t)syi_array_numel(syi_share_array(made)));
    }
    syi_share_emit(o, syi_share_of_public(o, made));
}

/* A public mask, and one value for its places. */
void syi_share_masked_fill(syi_share_op *o)
{
    sy_tensor *mask = NULL, *self = syi_share_operand(o, 0), *value = syi_share_operand(o, 2);
    sy_error error = SY_ERROR_INIT;
    if (syi_share_argument(o, 1) != NULL) {
        syi_share_refuse(o, SY_ENOTSUP, "the mask is shared; multiply by it instead");
    }
    if (syi_share_failed(o)) {
        return;
    }
    const sy_status status =
        syi_tensor_wrap(o->call->hook, &mask, syi_node_ref(o->call->args[1].as.internal), &error);
    if (!syi_share_latch(o, status, &error)) {
        return;
    }
    mask = sy_scope_adopt(o->s, mask);
    const sy_value args[] = {sy_value_tensor(self), sy_value_tensor(mask), sy_value_tensor(value)};
    if (!syi_share_failed(o)) {
        syi_share_emit(o, syi_scope_run(o->s, SYI_OP_masked_fill, false, args, 3));
    }
}

/* view_as, reshape_as, expand_as: of the other, shared or public, only the shape counts. */
void syi_share_as_other(syi_share_op *o)
{
    sy_value args[2];
    for (int k = 0; k < 2; k++) {
        const syi_share *share = syi_share_argument(o, k);
        sy_tensor *tensor = NULL;
        sy_error error = SY_ERROR_INIT;
        if (k == 0 && share == NULL) {
            syi_share_refuse(o, SY_ENOTSUP, "a plain tensor in the shape of a shared one");
            return;
        }
        syi_node *node = share != NULL ? share->base.child : o->call->args[k].as.internal;
        const sy_status status =
            syi_tensor_wrap(o->call->hook, &tensor, syi_node_ref(node), &error);
        if (!syi_share_latch(o, status, &error)) {
            return;
        }
        args[k] = sy_value_tensor(sy_scope_adopt(o->s, tensor));
    }
    if (!syi_share_failed(o)) {
        syi_share_emit(o, syi_scope_run(o->s, o->call->op->id, false, args, 2));
    }
}

/* copy_, fill_, zero_ */
void syi_share_copy_(syi_share_op *o)
{
    sy_tensor *self = syi_share_words(o, o->like);
    if (syi_share_argument(o, 0) == NULL || syi_share_failed(o)) {
        syi_share_refuse(o, SY_EINVAL, "a plain tensor cannot take a shared value");
        return;
    }
    sy_tensor *from = o->call->op->id == SYI_OP_zero_ ? zeros(o, self) : syi_share_operand(o, 1);
    if (from != NULL) {
        from = sy_expand(o->s, from, syi_share_array(self)->ndim, syi_share_array(self)->shape);
        (void)sy_copy_(o->s, self, from);
    }
}

/* Padding is public: the lead's. */
void syi_share_pad(syi_share_op *o)
{
    int64_t value = 0;
    sy_value args[3] = {{.kind = SY_VALUE_NONE}, o->call->args[1], o->call->args[2]};
    if (!syi_share_number(o, &o->call->args[2], &value)) {
        return;
    }
    args[0] = sy_value_tensor(syi_share_words(o, o->like));
    value = is_custom(o) ? (int64_t)syi_field_of(&o->kin->field, value) : value;
    args[2] = sy_value_int(syi_share_leads(o) ? value : 0);
    if (!syi_share_failed(o)) {
        syi_share_emit(o, syi_scope_run(o->s, SYI_OP_constant_pad_nd, false, args, 3));
    }
}

/* dim, numel, size: shapes are public. */
void syi_share_size(syi_share_op *o)
{
    syi_call inner = *o->call;
    sy_error error = SY_ERROR_INIT;
    inner.args[0].as.internal = o->like->base.child;
    if (syi_share_latch(o, syi_node_call(&inner, &error), &error)) {
        o->call->value = inner.value;
    }
}
