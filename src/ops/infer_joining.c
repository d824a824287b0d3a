/* infer_joining.c - several tensors become one. Test: infer_joining_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

#include <inttypes.h>

static sy_status check_some(const sy_value *tensors, sy_error *err)
{
    return tensors->as.list.count > 0 ? SY_OK
                                      : syi_fail(err, SY_EINVAL, "the list of tensors is empty");
}

/* PyTorch still lets a 1-d tensor without elements join anything. */
static bool is_legacy_empty(const syi_array *array)
{
    return array->ndim == 1 && array->shape[0] == 0;
}

/* Adds one tensor's part to the shape, which the first one has opened. */
static sy_status join(syi_array *joined, const syi_array *array, int dim, size_t position,
                      sy_error *err)
{
    bool fits = array->ndim == joined->ndim;
    for (int i = 0; fits && i < array->ndim; i++) {
        fits = i == dim || array->shape[i] == joined->shape[i];
    }
    if (!fits) {
        char text[SYI_SHAPE_TEXT], joined_text[SYI_SHAPE_TEXT];
        return syi_fail(
            err, SY_ESHAPE,
            "tensor %zu is %s, but those before it make %s; only dimension %d may differ", position,
            SYI_SHAPE(array, text), SYI_SHAPE(joined, joined_text), dim);
    }
    if (__builtin_add_overflow(joined->shape[dim], array->shape[dim], &joined->shape[dim])) {
        return syi_fail(err, SY_ESHAPE, "dimension %d becomes too large", dim);
    }
    return SY_OK;
}

sy_status syi_infer_cat(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    (void)op;
    SY_TRY(check_some(&args[0], err));
    const sy_value *items = args[0].as.list.items;
    size_t count = args[0].as.list.count;
    syi_array joined = {.ndim = 1}; /* 0 elements, when nothing else comes */
    bool opened = false;
    int dim = 0;
    for (size_t i = 0; i < count; i++) {
        const syi_array *array = syi_argument_array(&items[i]);
        if (array->ndim == 0) {
            return syi_fail(err, SY_ESHAPE, "tensor %zu is a scalar; stack joins scalars", i);
        }
        if (is_legacy_empty(array)) {
            continue;
        }
        if (!opened) {
            SY_TRY(syi_argument_dim(&args[1], array->ndim, &dim, err));
            joined = *array;
            joined.shape[dim] = 0;
            opened = true;
        }
        SY_TRY(join(&joined, array, dim, i, err));
    }
    return syi_infer_describe(result, syi_result_type(items, count), joined.ndim, joined.shape,
                              err);
}

sy_status syi_infer_stack(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    SY_TRY(check_some(&args[0], err));
    const sy_value *items = args[0].as.list.items;
    size_t count = args[0].as.list.count;
    const syi_array *first = syi_argument_array(&items[0]);
    for (size_t i = 1; i < count; i++) {
        const syi_array *array = syi_argument_array(&items[i]);
        if (!syi_array_same_shape(first, array)) {
            char first_text[SYI_SHAPE_TEXT], text[SYI_SHAPE_TEXT];
            return syi_fail(err, SY_ESHAPE, "tensor 0 is %s, but tensor %zu is %s",
                            SYI_SHAPE(first, first_text), i, SYI_SHAPE(array, text));
        }
    }
    int dim;
    SY_TRY(syi_argument_dim(&args[1], first->ndim + 1, &dim, err));
    int64_t shape[SY_DIM_MAX + 1];
    for (int i = 0; i <= first->ndim; i++) {
        shape[i] = i == dim ? (int64_t)count : first->shape[i - (i > dim)];
    }
    return syi_infer_describe(result, syi_result_type(items, count), first->ndim + 1, shape, err);
}
