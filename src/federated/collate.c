/* collate.c - items put together to a batch. Test: collate_test.c. */
#include <string.h>

#include <csyft/operations.h>

#include "arrays/array.h"
#include "core/error.h"
#include "core/memory.h"
#include "federated/collate.h"

typedef struct form {
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
} form;

static sy_status form_of(sy_tensor *item, size_t index, form *f, sy_error *err)
{
    if (item == NULL) {
        return syi_fail(err, SY_EINVAL, "collate: item %zu is NULL", index);
    }
    SY_TRY(sy_tensor_get_shape(item, &f->ndim, f->shape, err));
    return sy_tensor_get_dtype(item, &f->dtype, err);
}

static sy_status check_like(const form *first, const form *other, size_t index, sy_error *err)
{
    char one[160], two[160];
    if (first->ndim != other->ndim ||
        memcmp(first->shape, other->shape, (size_t)first->ndim * sizeof *first->shape) != 0) {
        return syi_fail(err, SY_ESHAPE, "collate: item 0 is %s, item %zu is %s",
                        syi_shape_format(first->ndim, first->shape, one, sizeof one), index,
                        syi_shape_format(other->ndim, other->shape, two, sizeof two));
    }
    if (first->dtype != other->dtype) {
        return syi_fail(err, SY_EDTYPE, "collate: item 0 is %s, item %zu is %s",
                        sy_dtype_name(first->dtype), index, sy_dtype_name(other->dtype));
    }
    return SY_OK;
}

static sy_status need_items(const void *items, size_t count, sy_error *err)
{
    return items == NULL || count == 0 ? syi_fail(err, SY_EINVAL, "collate: there are no items")
                                       : SY_OK;
}

/* Groups of SYI_COLLATE_GROUP become one each, and those again, until one is left. The first time round items are stacked. */
sy_tensor *syi_collate_join(sy_scope *scope, sy_tensor **parts, size_t count, bool stacked)
{
    while (count > 1 || stacked) {
        size_t joined = 0;
        for (size_t k = 0; k < count; k += SYI_COLLATE_GROUP) {
            const size_t some = count - k < SYI_COLLATE_GROUP ? count - k : SYI_COLLATE_GROUP;
            parts[joined++] =
                stacked ? sy_stack(scope, &parts[k], some, 0) : sy_cat(scope, &parts[k], some, 0);
        }
        count = joined;
        stacked = false;
    }
    return parts[0];
}

/* The items are the caller's: parts are a copy of the list. */
static sy_status stack_items(sy_tensor *const *items, size_t count, sy_tensor **batch,
                             sy_error *err)
{
    sy_hook *hook = sy_tensor_get_hook(items[0]);
    sy_context *context = sy_hook_get_context(hook);
    sy_tensor **parts = syi_alloc_array(context, count, sizeof *parts);
    if (parts == NULL) {
        return SYI_ENOMEM(err, "collate");
    }
    memcpy(parts, items, count * sizeof *parts);
    sy_scope *scope = sy_scope_begin(hook);
    sy_tensor *made = sy_scope_keep(scope, syi_collate_join(scope, parts, count, true));
    const sy_status status = sy_scope_end(scope, err);
    syi_free(context, parts, count * sizeof *parts);
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    *batch = made;
    return SY_OK;
}

sy_status sy_collate_tensors(sy_tensor *const *items, size_t count, sy_tensor **batch,
                             sy_error *err)
{
    form first, other;
    *batch = NULL;
    SY_TRY(need_items(items, count, err));
    SY_TRY(form_of(items[0], 0, &first, err));
    for (size_t k = 1; k < count; k++) {
        SY_TRY(form_of(items[k], k, &other, err));
        SY_TRY(check_like(&first, &other, k, err));
    }
    return stack_items(items, count, batch, err);
}

static sy_status collate_numbers(sy_hook *hook, sy_dtype dtype, const void *items, size_t count,
                                 sy_tensor **batch, sy_error *err)
{
    const int64_t length = (int64_t)count;
    *batch = NULL;
    SY_TRY(need_items(items, count, err));
    return sy_tensor_new(hook, batch, dtype, 1, &length, items, err);
}

sy_status sy_collate_integers(sy_hook *hook, const int64_t *items, size_t count, sy_tensor **batch,
                              sy_error *err)
{
    return collate_numbers(hook, SY_DTYPE_I64, items, count, batch, err);
}

sy_status sy_collate_reals(sy_hook *hook, const double *items, size_t count, sy_tensor **batch,
                           sy_error *err)
{
    return collate_numbers(hook, SY_DTYPE_F64, items, count, batch, err);
}
