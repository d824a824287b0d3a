/* optimizers.c - sgd_momentum_ and adam_ as passes in place. Test: nn/optimizer_test.c. */
#include "hook/optimizers.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "hook/tape.h"

/* One step on its way. */
typedef struct step {
    sy_hook *hook;
    const syi_op *op;
    const sy_value *bound;
    syi_mode silent; /* records nothing */
    int64_t releases[SYI_OP_COUNT];
    sy_error *err;
} step;

/* Runs a row in place on args[0]. */
static sy_status pass(step *s, syi_op_id id, const sy_value *args)
{
    syi_results made;
    const syi_op *op = syi_op_get(id);
    SY_TRY(syi_dispatch(s->hook, op, true, args, &s->silent, &made, s->err));
    syi_results_fini(&made);
    return SY_OK;
}

/* The pass that writes the parameter, under the releases of the whole row. */
static sy_status last_pass(step *s, syi_op_id id, const sy_value *args)
{
    const int64_t *declared = s->silent.release_rows;
    if (declared != NULL && declared[s->op->id] > 0) {
        memcpy(s->releases, declared, sizeof s->releases);
        s->releases[id] = declared[s->op->id];
        s->silent.release_rows = s->releases;
    }
    const sy_status status = pass(s, id, args);
    s->silent.release_rows = declared;
    return status;
}

/* self grad momentum_buffer? lr momentum dampening weight_decay nesterov first */
static sy_status run_sgd(step *s)
{
    const sy_value *b = s->bound, nothing = sy_value_float(0);
    const bool first = b[8].as.boolean;
    if (b[2].kind != SY_VALUE_TENSOR) {
        const sy_value args[] = {b[0], b[1], sy_value_none(), b[3], nothing, b[6]};
        return last_pass(s, SYI_OP__nesterov_, args);
    }
    const sy_value average[] = {b[2], b[1], b[0], first ? nothing : b[4], first ? nothing : b[5],
                                b[6]};
    SY_TRY(pass(s, SYI_OP__momentum_, average));
    if (b[7].as.boolean) {
        const sy_value args[] = {b[0], b[1], b[2], b[3], b[4], b[6]};
        return last_pass(s, SYI_OP__nesterov_, args);
    }
    const sy_value args[] = {b[0], b[2], b[3]};
    return last_pass(s, SYI_OP_sgd_, args);
}

/* most = max(most, squares) */
static sy_status keep_largest(step *s, const sy_value *most, const sy_value *squares)
{
    syi_results made;
    const sy_value pair[] = {*most, *squares};
    SY_TRY(
        syi_dispatch(s->hook, syi_op_get(SYI_OP_maximum), false, pair, &s->silent, &made, s->err));
    const sy_value args[] = {*most, sy_value_tensor(made.tensors[0])};
    const sy_status status = pass(s, SYI_OP_copy_, args);
    syi_results_fini(&made);
    return status;
}

/* The number of the step: plain, or in a tensor that a plan counts up. */
static sy_status step_number(const step *s, int64_t *number)
{
    const sy_value *given = &s->bound[5];
    if (given->kind == SY_VALUE_TENSOR) {
        return sy_tensor_item_int(given->as.tensor, number, s->err);
    }
    if (given->kind != SY_VALUE_INT) {
        return syi_fail(s->err, SY_EINVAL, "step is no integer");
    }
    *number = given->as.integer;
    return SY_OK;
}

/* self grad exp_avg exp_avg_sq max_exp_avg_sq? step lr beta1 beta2 eps weight_decay */
static sy_status run_adam(step *s)
{
    const sy_value *b = s->bound;
    int64_t number = 0;
    SY_TRY(step_number(s, &number));
    const double beta1 = b[7].as.real, beta2 = b[8].as.real;
    if (number < 1) {
        return syi_fail(s->err, SY_ERANGE, "step is %" PRId64 ", expected at least 1", number);
    }
    const sy_value average[] = {b[2], b[1], b[0], b[7], b[7], b[10]};
    const sy_value squares[] = {b[3], b[1], b[0], b[8], b[10]};
    SY_TRY(pass(s, SYI_OP__momentum_, average));
    SY_TRY(pass(s, SYI_OP__adam_square_, squares));
    const sy_value *divisor = &b[3];
    if (b[4].kind == SY_VALUE_TENSOR) {
        SY_TRY(keep_largest(s, &b[4], &b[3]));
        divisor = &b[4];
    }
    const sy_value args[] = {
        b[0],
        b[2],
        *divisor,
        sy_value_float(b[6].as.real / (1 - pow(beta1, (double)number))),
        sy_value_float(sqrt(1 - pow(beta2, (double)number))),
        b[9],
    };
    return last_pass(s, SYI_OP__adam_apply_, args);
}

bool syi_optimizer_is_composite(const syi_op *op)
{
    return op->id == SYI_OP_sgd_momentum_ || op->id == SYI_OP_adam_;
}

sy_status syi_optimizer_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err)
{
    step s = {.hook = hook, .op = op, .bound = bound, .silent = *mode, .err = err};
    s.silent.grad = false;
    if (mode->grad) {
        SY_TRY(syi_tape_check_inplace(bound[0].as.tensor, op, false, err));
    }
    const sy_status status = op->id == SYI_OP_adam_ ? run_adam(&s) : run_sgd(&s);
    if (status != SY_OK) {
        return syi_error_prefix(err, status, "%s", op->name);
    }
    results->tensors[0] = sy_tensor_ref(bound[0].as.tensor);
    results->count = 1;
    return SY_OK;
}
