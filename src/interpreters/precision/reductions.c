/* reductions.c - sums, means and extrema of fixed precision. Part of rows.h. */
#include <inttypes.h>
#include <string.h>

#include "interpreters/precision/rows.h"
#include "interpreters/sharing/additive_shared.h"

bool syi_fixed_numel(syi_fixed_run *r, sy_tensor *tensor, int64_t *count)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_error error = SY_ERROR_INIT;
    if (tensor == NULL || sy_scope_get_status(r->s) != SY_OK) {
        return false;
    }
    if (sy_tensor_get_shape(tensor, &ndim, shape, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return false;
    }
    *count = 1;
    for (int d = 0; d < ndim; d++) {
        *count *= shape[d];
    }
    return true;
}

/* Sums that came out: each of up to count elements. The largest in double, when the bound is too much. */
static uint64_t check_sums(syi_fixed_run *r, sy_value *args, int arg_count, int64_t terms)
{
    const uint64_t most = syi_fixed_most(r->at);
    uint64_t bound = syi_fixed_bound_mul(syi_fixed_bound(r->like, false), (uint64_t)terms);
    if (bound <= most || bound == SYI_FIXED_UNKNOWN) {
        return bound;
    }
    bound = syi_fixed_bound_mul(syi_fixed_bound(r->like, true), (uint64_t)terms);
    if (bound <= most) {
        return bound;
    }
    sy_tensor *sizes = sy_abs(r->s, sy_to(r->s, syi_fixed_child(r->s, r->like), SY_DTYPE_F64));
    if (sizes == NULL) {
        return 0;
    }
    args[0] = sy_value_tensor(sizes);
    sy_tensor *sums =
        syi_scope_run(r->s, r->call->op->id == SYI_OP_mean ? SYI_OP_sum : r->call->op->id, false,
                      args, (size_t)arg_count);
    double largest = 0;
    sy_error error = SY_ERROR_INIT;
    sums = sums != NULL ? sy_max(r->s, sums) : NULL;
    if (sums == NULL || sy_tensor_item(sums, &largest, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return 0;
    }
    largest += largest * (double)terms * 0x1p-51;
    if (largest >= (double)most) {
        syi_fixed_refuse(r->s, SY_ERANGE,
                         "%s: a sum of magnitudes of %.4g passes half of the field, %.4g; use a "
                         "lower precision or a larger field",
                         r->call->op->name, largest, (double)most);
        return 0;
    }
    return (uint64_t)largest;
}

/* The row's own arguments, with the child for self. false for a dtype that is not that of reals. */
static bool child_arguments(syi_fixed_run *r, sy_value *args, int count, int dtype_at)
{
    const sy_value *dtype = &r->call->args[dtype_at];
    for (int k = 1; k < count; k++) {
        args[k] = r->call->args[k];
    }
    sy_tensor *child = syi_fixed_child(r->s, r->like);
    if (dtype->kind == SY_VALUE_DTYPE && dtype->as.dtype != SY_DTYPE_F32) {
        syi_fixed_refuse(r->s, SY_EDTYPE, "%s: a result of %s from a fixed precision tensor",
                         r->call->op->name, sy_dtype_name(dtype->as.dtype));
    }
    args[0] = sy_value_tensor(child);
    return sy_scope_get_status(r->s) == SY_OK;
}

/* Sums along the row's dims in 64 bits; *terms elements each. */
static sy_tensor *sums(syi_fixed_run *r, uint64_t *most, int64_t *terms)
{
    sy_value args[3];
    int64_t all = 0, left = 0;
    if (!child_arguments(r, args, 3, 3)) {
        return NULL;
    }
    sy_tensor *total = syi_scope_run(r->s, SYI_OP_sum, false, args, 3);
    if (!syi_fixed_numel(r, args[0].as.tensor, &all) || !syi_fixed_numel(r, total, &left)) {
        return NULL;
    }
    *terms = left > 0 ? all / left : 0;
    *most = check_sums(r, args, 3, *terms);
    return sy_scope_get_status(r->s) == SY_OK ? total : NULL;
}

void syi_fixed_sum(syi_fixed_run *r)
{
    uint64_t most = 0;
    int64_t terms = 0;
    sy_tensor *total = sums(r, &most, &terms);
    syi_fixed_emit(r, syi_fixed_store(r, total), most);
}

void syi_fixed_mean(syi_fixed_run *r)
{
    uint64_t most = 0;
    int64_t terms = 0;
    sy_tensor *total = sums(r, &most, &terms);
    if (total == NULL) {
        return;
    }
    if (terms == 0) {
        syi_fixed_refuse(r->s, SY_ERANGE, "mean: of no elements; fixed precision has no NaN");
        return;
    }
    total = syi_fixed_divide(r->s, total, terms);
    syi_fixed_emit(r, syi_fixed_store(r, total),
                   most != SYI_FIXED_UNKNOWN ? most / (uint64_t)terms : most);
}

void syi_fixed_sum_to_size(syi_fixed_run *r)
{
    sy_tensor *child = syi_fixed_child(r->s, r->like);
    int64_t all = 0, left = 0;
    if (child == NULL) {
        return;
    }
    sy_value args[] = {sy_value_tensor(child), r->call->args[1]};
    sy_tensor *total = syi_scope_run(r->s, SYI_OP_sum_to_size, false, args, 2);
    if (!syi_fixed_numel(r, child, &all) || !syi_fixed_numel(r, total, &left)) {
        return;
    }
    const uint64_t most = check_sums(r, args, 2, left > 0 ? all / left : 0);
    if (sy_scope_get_status(r->s) == SY_OK) {
        syi_fixed_emit(r, syi_fixed_store(r, total), most);
    }
}

/* Sums of up to all elements. */
void syi_fixed_cumsum(syi_fixed_run *r)
{
    sy_value args[2];
    int64_t terms = 0;
    if (!child_arguments(r, args, 2, 2) || !syi_fixed_numel(r, args[0].as.tensor, &terms)) {
        return;
    }
    sy_tensor *sums_ = syi_scope_run(r->s, SYI_OP_cumsum, false, args, 2);
    const uint64_t most = sums_ != NULL ? check_sums(r, args, 2, terms) : 0;
    if (sy_scope_get_status(r->s) == SY_OK) {
        syi_fixed_emit(r, syi_fixed_store(r, sums_), most);
    }
}

/* Positions decode to numbers, as the reference's do. */
static void emit_positions(syi_fixed_run *r, sy_tensor *positions)
{
    int64_t count = 0;
    if (!syi_fixed_numel(r, positions != NULL ? syi_fixed_child(r->s, r->like) : NULL, &count)) {
        return;
    }
    const uint64_t most = syi_fixed_bound_mul((uint64_t)count, (uint64_t)r->at->scale);
    if (most > syi_fixed_most(r->at)) {
        syi_fixed_refuse(r->s, SY_ERANGE,
                         "%s: positions up to %" PRId64 " do not fit the field at a precision of "
                         "%" PRId64,
                         r->call->op->name, count, r->at->precision);
        return;
    }
    positions = sy_mul_int(r->s, syi_fixed_store(r, positions), r->at->scale);
    syi_fixed_emit(r, positions, most);
}

/* The call's arguments but the first one; how many there are. */
static size_t with_child(const syi_fixed_run *r, sy_tensor *child, sy_value *args)
{
    memcpy(args, r->call->args, (size_t)r->call->arg_count * sizeof *args);
    args[0] = sy_value_tensor(child);
    return (size_t)r->call->arg_count;
}

/* max, min, sort, topk: elements, and where they were */
void syi_fixed_extremum(syi_fixed_run *r)
{
    sy_tensor *child = syi_fixed_child(r->s, r->like);
    if (child == NULL) {
        return;
    }
    sy_value args[SYI_ARGUMENT_MAX];
    sy_tensor *results[2];
    const size_t count =
        syi_scope_run_many(r->s, r->call->op->id, args, with_child(r, child, args), results, 2);
    if (count > 0) {
        syi_fixed_emit(r, results[0], syi_fixed_bound(r->like, false));
    }
    if (count > 1) {
        emit_positions(r, results[1]);
    }
}

void syi_fixed_arg_extremum(syi_fixed_run *r)
{
    sy_tensor *child = syi_fixed_child(r->s, r->like);
    if (child == NULL) {
        return;
    }
    sy_value args[SYI_ARGUMENT_MAX];
    const size_t count = with_child(r, child, args);
    emit_positions(r, syi_scope_run(r->s, r->call->op->id, false, args, count));
}

/* Shares pool integers. Frameworks pool reals: in double, which holds integers below 2^53. */
void syi_fixed_pool(syi_fixed_run *r)
{
    const uint64_t exact = UINT64_C(1) << 53;
    sy_value args[SYI_ARGUMENT_MAX];
    sy_tensor *child = syi_fixed_child(r->s, r->like);
    if (child == NULL) {
        return;
    }
    const bool shared = syi_additive_shared_of(child) != NULL || syi_share_of(child->node) != NULL;
    uint64_t most = syi_fixed_bound(r->like, false);
    if (!shared && most >= exact) {
        most = syi_fixed_bound(r->like, true);
    }
    if (!shared && most >= exact && most != SYI_FIXED_UNKNOWN) {
        syi_fixed_refuse(r->s, SY_ERANGE,
                         "%s: integers beyond 2^53; use a lower precision or smaller values",
                         r->call->op->name);
        return;
    }
    for (int k = 1; k < r->call->arg_count; k++) {
        args[k] = r->call->args[k];
    }
    args[0] = sy_value_tensor(shared ? child : sy_to(r->s, child, SY_DTYPE_F64));
    if (args[0].as.tensor == NULL) {
        return;
    }
    sy_tensor *pooled =
        syi_scope_run(r->s, r->call->op->id, false, args, (size_t)r->call->arg_count);
    if (!shared && pooled != NULL) {
        pooled = syi_fixed_store(r, sy_to(r->s, pooled, SY_DTYPE_I64));
    }
    syi_fixed_emit(r, pooled, most);
}
