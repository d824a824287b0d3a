/*
 * composites.c - the rows that make and unmake fixed precision tensors: fix_precision, float_precision,
 * truncate, approximate. They are COMPOSITE, so a pointer sends them whole. Part of fixed.h.
 */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "hook/tape.h"
#include "interpreters/precision/approximations.h"
#include "interpreters/precision/rows.h"

/* Options */

static sy_status field_of(const char *text, uint64_t *field, sy_error *err)
{
    uint64_t value = 0;
    bool good = text[0] != '\0' && strlen(text) <= 20;
    for (const char *c = text; *c != '\0' && good; c++) {
        const uint64_t digit = (uint64_t)(*c - '0');
        good = *c >= '0' && *c <= '9' && value <= (UINT64_MAX - digit) / 10;
        value = 10 * value + digit;
    }
    *field = value;
    return good ? SY_OK
                : syi_fail(err, SY_EINVAL, "fix_precision: \"%.32s\" is no field below 2^64", text);
}

static sy_status dtype_of(const char *name, sy_precision_dtype *dtype, sy_error *err)
{
    if (strcmp(name, "long") == 0) {
        *dtype = SY_PRECISION_LONG;
    } else if (strcmp(name, "int") == 0) {
        *dtype = SY_PRECISION_INT;
    } else if (strcmp(name, "custom") == 0) {
        *dtype = SY_PRECISION_CUSTOM;
    } else {
        return syi_fail(err, SY_EINVAL, "fix_precision: dtype \"%.32s\"; long, int, custom exist",
                        name);
    }
    return SY_OK;
}

static sy_status attributes_of(const sy_value *bound, syi_fixed_attributes *attributes,
                               sy_error *err)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = bound[1].as.integer;
    options.base = bound[2].as.integer;
    options.kappa = bound[3].as.integer;
    if (bound[4].kind == SY_VALUE_STRING) {
        SY_TRY(field_of(bound[4].as.string, &options.field, err));
    }
    SY_TRY(dtype_of(bound[5].as.string, &options.dtype, err));
    return syi_fixed_attributes_of(&options, attributes, err);
}

/* Results */

/* Takes the tensor (also on failure). Element k of it comes from element k of self. */
static sy_status answer(const syi_op *op, const sy_value *bound, int count, const syi_mode *mode,
                        sy_tensor *made, syi_results *results, sy_error *err)
{
    sy_tensor *self = bound[0].as.tensor;
    const syi_policy policy = syi_tensor_policy(self);
    if (policy.private_) {
        syi_tensor_set_policy(made, &policy);
    }
    results->tensors[0] = made;
    results->count = 1;
    if (mode->grad && syi_tensor_is_tracked(self)) {
        const sy_status status =
            syi_tape_record(self->hook, op, false, bound, count, NULL, results->tensors, 1, err);
        if (status != SY_OK) {
            syi_results_fini(results);
            return status;
        }
    }
    return SY_OK;
}

static sy_status need_fixed(const syi_op *op, sy_tensor *self, const syi_fixed **fixed,
                            sy_error *err)
{
    *fixed = syi_fixed_of(self);
    return *fixed != NULL
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "%s: the tensor is a %s, not one of fixed precision",
                          op->name,
                          syi_tensor_is_native(self) ? "plain tensor" : self->node->type->name);
}

/* Rows */

static sy_status fix_precision(sy_hook *hook, const syi_op *op, const sy_value *bound,
                               const syi_mode *mode, syi_results *results, sy_error *err)
{
    sy_tensor *self = bound[0].as.tensor;
    syi_fixed_attributes attributes;
    if (!syi_tensor_is_native(self)) {
        return syi_fail(err, SY_EINVAL, "fix_precision: the tensor is a %s already",
                        self->node->type->name);
    }
    SY_TRY(attributes_of(bound, &attributes, err));
    syi_array encoded = SYI_ARRAY_INIT;
    uint64_t most = 0;
    sy_status status = syi_fixed_encode(hook, &attributes, syi_node_array(self->node),
                                        mode->account != NULL ? mode->account : &hook->account,
                                        &encoded, &most, err);
    if (status == SY_ERANGE && syi_tensor_is_private(self)) {
        return syi_fail(err, SY_ERANGE, "fix_precision: a value of private data does not fit");
    }
    if (status != SY_OK) {
        return syi_error_prefix(err, status, "fix_precision");
    }
    syi_node *child = NULL, *node = NULL;
    sy_tensor *made = NULL;
    SY_TRY(syi_native_node_new(hook, &child, &encoded, err));
    status = syi_fixed_new(hook, &node, &attributes, child, most, err);
    if (status != SY_OK) {
        syi_node_unref(child);
        return status;
    }
    SY_TRY(syi_tensor_wrap(hook, &made, node, err));
    return answer(op, bound, 6, mode, made, results, err);
}

static sy_scope *begin(sy_hook *hook, const syi_mode *mode)
{
    sy_scope *scope = sy_scope_begin(hook);
    if (scope != NULL) {
        scope->mode = *mode;
        scope->mode.grad = false;
    }
    return scope;
}

/* Ends the scope; `made` is one of its results. */
static sy_status give(sy_scope *scope, sy_tensor *made, const syi_op *op, const sy_value *bound,
                      int count, const syi_mode *mode, syi_results *results, sy_error *err)
{
    made = sy_scope_keep(scope, made);
    const sy_status status = sy_scope_end(scope, err);
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    return answer(op, bound, count, mode, made, results, err);
}

static sy_status float_precision(sy_hook *hook, const syi_op *op, const sy_value *bound,
                                 const syi_mode *mode, syi_results *results, sy_error *err)
{
    const syi_fixed *fixed = NULL;
    SY_TRY(need_fixed(op, bound[0].as.tensor, &fixed, err));
    sy_scope *scope = begin(hook, mode);
    return give(scope, syi_fixed_decode(scope, fixed), op, bound, 1, mode, results, err);
}

static sy_status truncate_by(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err)
{
    const syi_fixed *fixed = NULL;
    int64_t divisor = 0;
    SY_TRY(need_fixed(op, bound[0].as.tensor, &fixed, err));
    const syi_fixed_attributes *attributes = &fixed->attributes;
    const int64_t precision =
        bound[1].kind == SY_VALUE_INT ? bound[1].as.integer : attributes->precision;
    if (precision < 0 ||
        !syi_fixed_power(attributes->base, precision, syi_fixed_most(attributes), &divisor)) {
        return syi_fail(err, SY_EINVAL, "truncate: %" PRId64 " to the %" PRId64 " is no divisor",
                        attributes->base, precision);
    }
    sy_scope *scope = begin(hook, mode);
    sy_tensor *child = syi_fixed_divide(scope, syi_fixed_child(scope, fixed), divisor);
    const uint64_t most = syi_fixed_bound(fixed, false);
    return give(scope, syi_fixed_wrap(scope, attributes, child, most), op, bound, 2, mode, results,
                err);
}

static sy_status approximate(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err)
{
    const syi_fixed *fixed = NULL;
    const char *method = bound[2].kind == SY_VALUE_STRING ? bound[2].as.string : NULL;
    const int64_t iterations = bound[3].kind == SY_VALUE_INT ? bound[3].as.integer : 0;
    SY_TRY(need_fixed(op, bound[0].as.tensor, &fixed, err));
    sy_scope *scope = begin(hook, mode);
    sy_tensor *made =
        syi_fixed_approximate(scope, bound[0].as.tensor, bound[1].as.string, method, iterations);
    SY_TRY(give(scope, made, op, bound, 4, mode, results, err));
    if (strcmp(bound[1].as.string, "inverse") == 0 && results->tensors[0]->policy.private_) {
        syi_policy mixed = results->tensors[0]->policy;
        mixed.spread = SYI_SPREAD_MIXED;
        mixed.rows = 0;
        syi_tensor_set_policy(results->tensors[0], &mixed);
    }
    return SY_OK;
}

void syi_fixed_register_composites(sy_hook *hook)
{
    syi_hook_register_composite(hook, SYI_OP_fix_precision, fix_precision);
    syi_hook_register_composite(hook, SYI_OP_float_precision, float_precision);
    syi_hook_register_composite(hook, SYI_OP_truncate, truncate_by);
    syi_hook_register_composite(hook, SYI_OP_approximate, approximate);
}
