/*
 * infer.c - applying a row's rule, and what the rules share. The rules are in infer_<subject>.c.
 * Test: infer_test.c, infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>
#include <string.h>

sy_status syi_op_infer(const syi_op *op, const sy_value *args, syi_inference *result, sy_error *err)
{
    result->count = 0;
    result->unknown = false;
    sy_status status = op->infer(op, args, result, err);
    if (status == SY_OK) {
        return SY_OK;
    }
    for (int i = 0; i < result->count; i++) {
        syi_array_fini(&result->outs[i]);
    }
    result->count = 0;
    /* A view function of arrays/ has named itself already when it bears the row's name. */
    size_t length = strlen(op->name);
    if (err != NULL &&
        (strncmp(err->message, op->name, length) != 0 || err->message[length] != ':')) {
        syi_error_prefix(err, status, "%s", op->name);
    }
    return status;
}

uint64_t syi_inference_bytes(const syi_inference *result)
{
    uint64_t bytes = 0;
    for (int i = 0; i < result->count && !result->unknown; i++) {
        if (result->outs[i].storage == NULL &&
            __builtin_add_overflow(bytes, syi_array_bytes(&result->outs[i]), &bytes)) {
            return UINT64_MAX;
        }
    }
    return bytes;
}

sy_status syi_op_check_inplace(const syi_op *op, const syi_array *self, const syi_array *inferred,
                               sy_error *err)
{
    char result_text[SYI_SHAPE_TEXT], self_text[SYI_SHAPE_TEXT];
    if (!syi_array_same_shape(self, inferred)) {
        return syi_fail(err, SY_ESHAPE, "%s: in place, the result is %s but self is %s", op->name,
                        SYI_SHAPE(inferred, result_text), SYI_SHAPE(self, self_text));
    }
    if (!syi_dtype_can_cast(inferred->dtype, self->dtype)) {
        return syi_fail(err, SY_EDTYPE, "%s: in place, a result of %s cannot be stored in %s",
                        op->name, sy_dtype_name(inferred->dtype), sy_dtype_name(self->dtype));
    }
    if (syi_array_has_internal_overlap(self)) {
        return syi_fail(err, SY_EINVAL,
                        "%s: in place, several elements of self (%s, expanded) share one address; "
                        "clone it first",
                        op->name, SYI_SHAPE(self, self_text));
    }
    return SY_OK;
}

sy_status syi_argument_dims(const sy_value *value, int64_t dims[SY_DIM_MAX], int *count,
                            sy_error *err)
{
    syi_ints ints = syi_argument_ints(value);
    if (ints.count > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "%zu dimensions, at most %d are supported", ints.count,
                        SY_DIM_MAX);
    }
    for (size_t i = 0; i < ints.count; i++) {
        dims[i] = ints.items[i].as.integer;
    }
    *count = (int)ints.count;
    return SY_OK;
}

sy_status syi_infer_describe(syi_inference *result, sy_dtype dtype, int ndim, const int64_t *shape,
                             sy_error *err)
{
    return syi_infer_add(result,
                         syi_array_describe(syi_infer_next(result), dtype, ndim, shape, err));
}

sy_status syi_infer_describe_broadcast(syi_inference *result, sy_dtype dtype,
                                       const sy_value *operands, size_t count, sy_error *err)
{
    const syi_array *first = NULL;
    const int64_t *shape = NULL;
    int64_t joint[SY_DIM_MAX];
    int ndim = 0;
    for (size_t i = 0; i < count; i++) {
        if (!syi_is_array(&operands[i])) {
            continue;
        }
        const syi_array *array = syi_argument_array(&operands[i]);
        if (first == NULL) {
            first = array;
            shape = array->shape;
            ndim = array->ndim;
        } else if (shape != first->shape || !syi_array_same_shape(first, array)) {
            SY_TRY(syi_shape_broadcast(&ndim, joint, ndim, shape, array->ndim, array->shape, err));
            shape = joint;
        }
    }
    return syi_infer_describe(result, dtype, ndim, shape, err);
}

sy_status syi_check_expandable(const syi_array *from, const syi_array *to, sy_error *err)
{
    bool fits = from->ndim <= to->ndim;
    for (int i = 1; fits && i <= from->ndim; i++) {
        int64_t size = from->shape[from->ndim - i];
        fits = size == 1 || size == to->shape[to->ndim - i];
    }
    if (!fits) {
        char from_text[SYI_SHAPE_TEXT], to_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "%s does not broadcast to %s", SYI_SHAPE(from, from_text),
                        SYI_SHAPE(to, to_text));
    }
    return SY_OK;
}

sy_status syi_check_floating(sy_dtype dtype, sy_error *err)
{
    if (!sy_dtype_is_floating(dtype)) {
        return syi_fail(err, SY_EDTYPE, "needs float32 or float64, not %s", sy_dtype_name(dtype));
    }
    return SY_OK;
}

sy_status syi_argument_reduction(const sy_value *value, syi_reduction *reduction, sy_error *err)
{
    static const char *const names[] = {"none", "mean", "sum"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value->as.string, names[i]) == 0) {
            *reduction = (syi_reduction)i;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EINVAL, "reduction \"%.40s\" is not none, mean or sum",
                    value->as.string);
}

sy_status syi_argument_mask(const sy_value *value, bool mask[3], sy_error *err)
{
    const syi_ints ints = syi_argument_ints(value);
    if (ints.count != 3) {
        return syi_fail(err, SY_EINVAL, "output_mask has %zu numbers, expected 3", ints.count);
    }
    for (int k = 0; k < 3; k++) {
        mask[k] = ints.items[k].as.integer != 0;
    }
    return SY_OK;
}

sy_status syi_infer_part(syi_inference *result, bool wanted, sy_dtype dtype, int ndim,
                         const int64_t *shape, sy_error *err)
{
    const int64_t nothing = 0;
    return wanted ? syi_infer_describe(result, dtype, ndim, shape, err)
                  : syi_infer_describe(result, dtype, 1, &nothing, err);
}
