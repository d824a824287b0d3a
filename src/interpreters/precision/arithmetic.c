/* arithmetic.c - sums, signs, comparisons and what is written in place, on children. Part of rows.h. */
#include <math.h>

#include "interpreters/precision/rows.h"

/* Sums */

/* b times alpha, which is 1 nearly always. */
static bool scale_by_alpha(syi_fixed_run *r, const sy_value *alpha, syi_fixed_operand *b)
{
    syi_fixed_operand factor;
    if (!syi_fixed_take_value(r, alpha, false, &factor)) {
        return false;
    }
    if (!factor.scaled && factor.value.as.integer == 1) {
        return true;
    }
    uint64_t most = syi_fixed_check(r, SYI_OP_mul, b, &factor, 1);
    if (syi_fixed_operand_tensor(b) == NULL) {
        if (sy_scope_get_status(r->s) != SY_OK) {
            return false;
        }
        b->value.as.integer *= factor.value.as.integer;
        b->value.as.integer /= factor.scaled ? r->at->scale : 1;
    } else {
        sy_tensor *product = syi_fixed_child_pair(r, SYI_OP_mul, b, &factor);
        product = syi_fixed_divide(r->s, product, factor.scaled ? r->at->scale : 1);
        b->value = sy_value_tensor(product);
    }
    b->most = most;
    b->fixed = NULL;
    return sy_scope_get_status(r->s) == SY_OK;
}

static void sum_of_two(syi_fixed_run *r, syi_op_id op)
{
    syi_fixed_operand a, b;
    if (!syi_fixed_take(r, 0, true, &a) || !syi_fixed_take(r, 1, true, &b)) {
        return;
    }
    /* rsub: other - alpha self */
    if (!scale_by_alpha(r, &r->call->args[2], op == SYI_OP_rsub ? &a : &b)) {
        return;
    }
    /* The magnitude of a difference is that of a sum with the other sign. */
    syi_fixed_operand negated = b;
    if (op != SYI_OP_add && syi_fixed_bound_add(a.most, b.most) > syi_fixed_most(r->at)) {
        sy_tensor *tensor = syi_fixed_operand_tensor(&b);
        negated.value = tensor != NULL ? sy_value_tensor(sy_neg(r->s, tensor))
                                       : sy_value_int(-b.value.as.integer);
    }
    const uint64_t most = syi_fixed_check(r, SYI_OP_add, &a, &negated, 1);
    if (sy_scope_get_status(r->s) == SY_OK) {
        syi_fixed_emit(r, syi_fixed_child_pair(r, op, &a, &b), most);
    }
}

void syi_fixed_add(syi_fixed_run *r)
{
    sum_of_two(r, SYI_OP_add);
}

void syi_fixed_sub(syi_fixed_run *r)
{
    sum_of_two(r, SYI_OP_sub);
}

void syi_fixed_rsub(syi_fixed_run *r)
{
    sum_of_two(r, SYI_OP_rsub);
}

/* Answers that are 0 and 1, scaled, so that they decode to 0.0 and 1.0 */

static void emit_scaled(syi_fixed_run *r, sy_tensor *answer, uint64_t most)
{
    answer = syi_fixed_store(r, answer);
    if (answer != NULL) {
        syi_fixed_emit(r, sy_mul_int(r->s, answer, r->at->scale),
                       syi_fixed_bound_mul(most, (uint64_t)r->at->scale));
    }
}

void syi_fixed_sign(syi_fixed_run *r)
{
    emit_scaled(r, sy_sign(r->s, syi_fixed_child(r->s, r->like)), 1);
}

void syi_fixed_ones_like(syi_fixed_run *r)
{
    emit_scaled(r, sy_ones_like(r->s, syi_fixed_child(r->s, r->like)), 1);
}

/* new_zeros and new_ones, of reals: other dtypes would not be of fixed precision. */
void syi_fixed_constant(syi_fixed_run *r)
{
    const sy_value *dtype = &r->call->args[2];
    const bool ones = r->call->op->id == SYI_OP_new_ones;
    if (dtype->kind == SY_VALUE_DTYPE && !sy_dtype_is_floating(dtype->as.dtype)) {
        syi_fixed_refuse(r->s, SY_ENOTSUP, "%s: a FixedPrecisionTensor makes no %s tensor",
                         r->call->op->name, sy_dtype_name(dtype->as.dtype));
        return;
    }
    sy_tensor *child = syi_fixed_child(r->s, r->like);
    if (child == NULL) {
        return;
    }
    const sy_value args[] = {sy_value_tensor(child), r->call->args[1]};
    emit_scaled(r, syi_scope_run(r->s, r->call->op->id, false, args, 2), ones ? 1 : 0);
}

void syi_fixed_compare(syi_fixed_run *r)
{
    syi_fixed_operand a, b;
    if (syi_fixed_take(r, 0, true, &a) && syi_fixed_take(r, 1, true, &b)) {
        emit_scaled(r, syi_fixed_child_pair(r, r->call->op->id, &a, &b), 1);
    }
}

/* The condition is one of plain bools, or what a comparison here answered. */
void syi_fixed_where(syi_fixed_run *r)
{
    syi_fixed_operand a, b;
    sy_tensor *condition = syi_fixed_handle(r, 0);
    if (condition == NULL || !syi_fixed_take(r, 1, true, &a) || !syi_fixed_take(r, 2, true, &b)) {
        return;
    }
    if (syi_fixed_of(condition) != NULL) {
        condition = sy_ne_int(r->s, syi_fixed_child(r->s, syi_fixed_of(condition)), 0);
    }
    if (condition == NULL) {
        return;
    }
    const sy_value args[] = {sy_value_tensor(condition), a.value, b.value};
    sy_tensor *chosen = syi_scope_run(r->s, SYI_OP_where, false, args, 3);
    syi_fixed_emit(r, syi_fixed_store(r, chosen), a.most > b.most ? a.most : b.most);
}

/* It is float32 already, as far as anybody outside can tell. */
void syi_fixed_to(syi_fixed_run *r)
{
    const sy_dtype dtype = r->call->args[1].as.dtype;
    if (dtype != SY_DTYPE_F32) {
        syi_fixed_refuse(r->s, SY_EDTYPE,
                         "to: a fixed precision tensor stands for float32, not for %s; use "
                         "float_precision first",
                         sy_dtype_name(dtype));
        return;
    }
    syi_fixed_emit(r, sy_clone(r->s, syi_fixed_child(r->s, r->like)),
                   syi_fixed_bound(r->like, false));
}

/* In place */

void syi_fixed_copy_(syi_fixed_run *r)
{
    syi_fixed_operand source;
    if (syi_fixed_take(r, 1, true, &source)) {
        (void)sy_copy_(r->s, syi_fixed_child(r->s, r->like), syi_fixed_operand_tensor(&source));
    }
}

void syi_fixed_fill_(syi_fixed_run *r)
{
    syi_fixed_operand number;
    if (syi_fixed_take(r, 1, true, &number)) {
        const sy_value args[] = {sy_value_tensor(syi_fixed_child(r->s, r->like)), number.value};
        (void)syi_scope_run(r->s, SYI_OP_fill_, true, args, 2);
    }
}

void syi_fixed_index_add(syi_fixed_run *r)
{
    syi_fixed_operand self, source;
    if (!syi_fixed_take(r, 0, true, &self) || !syi_fixed_take(r, 3, true, &source)) {
        return;
    }
    /* One place may take all that is added. */
    int ndim = 0;
    int64_t shape[SY_DIM_MAX], terms = 1;
    sy_error error = SY_ERROR_INIT;
    sy_tensor *added = syi_fixed_operand_tensor(&source);
    if (sy_tensor_get_shape(added, &ndim, shape, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return;
    }
    const int64_t dim = r->call->args[1].as.integer + (r->call->args[1].as.integer < 0 ? ndim : 0);
    terms = dim >= 0 && dim < ndim ? shape[dim] : 1;
    source.most = syi_fixed_bound_mul(source.most, (uint64_t)terms);
    uint64_t most = syi_fixed_bound_add(self.most, source.most);
    if (most > syi_fixed_most(r->at)) {
        most = syi_fixed_bound_add(syi_fixed_look(&self),
                                   syi_fixed_bound_mul(syi_fixed_look(&source), (uint64_t)terms));
    }
    if (most > syi_fixed_most(r->at) && most != SYI_FIXED_UNKNOWN) {
        syi_fixed_refuse(r->s, SY_ERANGE, "index_add: sums may leave the field");
        return;
    }
    const sy_value args[] = {self.value, r->call->args[1], sy_value_tensor(syi_fixed_handle(r, 2)),
                             source.value};
    if (sy_scope_get_status(r->s) == SY_OK) {
        syi_fixed_emit(r, syi_scope_run(r->s, SYI_OP_index_add, false, args, 4), most);
    }
}

/* self -= lr * grad. The rate is taken to 2^-20, so that it may be smaller than the precision. */
void syi_fixed_sgd_(syi_fixed_run *r)
{
    enum { FRACTION = 1 << 20 };
    syi_fixed_operand self, grad;
    const double lr = r->call->args[2].as.real;
    if (!syi_fixed_take(r, 0, true, &self) || !syi_fixed_take(r, 1, true, &grad)) {
        return;
    }
    if (!(fabs(lr) < 0x1p30) || (lr != 0 && fabs(lr) * FRACTION < 1)) {
        syi_fixed_refuse(
            r->s, SY_ERANGE,
            "sgd_: a learning rate of %g; in fixed precision, 1e-6 to 1e9 are possible", lr);
        return;
    }
    const int64_t factor = llrint(lr * FRACTION);
    const syi_fixed_operand rate = {
        .value = sy_value_int(factor),
        .most = factor < 0 ? 0 - (uint64_t)factor : (uint64_t)factor,
    };
    syi_fixed_operand step = {.most = syi_fixed_check(r, SYI_OP_mul, &grad, &rate, 1)};
    if (sy_scope_get_status(r->s) != SY_OK) {
        return;
    }
    sy_tensor *product = syi_fixed_child_pair(r, SYI_OP_mul, &grad, &rate);
    sy_tensor *taken = sy_neg(r->s, syi_fixed_divide(r->s, product, FRACTION));
    if (taken == NULL) {
        return;
    }
    step.value = sy_value_tensor(taken);
    step.most = step.most != SYI_FIXED_UNKNOWN ? step.most / FRACTION : step.most;
    (void)syi_fixed_check(r, SYI_OP_add, &self, &step, 1);
    if (sy_scope_get_status(r->s) == SY_OK) {
        (void)sy_add_(r->s, syi_fixed_operand_tensor(&self), taken);
    }
}
