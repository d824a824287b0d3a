/*
 * composites_made.c - the tensors that composites make beside their arguments: here for a chain that ends here, and
 * where it ends otherwise. A composite on a pointer is taken apart at its worker; taken apart here, for a tape above
 * the pointer, it must still make its indices there. Test: gradients_vectors_test.c, with a worker.
 */
#include <string.h>

#include "core/error.h"
#include "hook/composites.h"

static bool is_elsewhere(const syi_composite *c)
{
    return syi_node_is_remote(c->value->node);
}

sy_status syi_composite_places(syi_composite *c, int64_t count)
{
    const sy_value size = INT(count);
    if (!is_elsewhere(c)) {
        return STEP(c, arange, INT(0), INT(count), INT(1));
    }
    SY_TRY(STEP(c, new_ones, VALUE(c), sy_value_list(&size, 1), sy_value_dtype(SY_DTYPE_I64)));
    SY_TRY(STEP(c, cumsum, VALUE(c), INT(0)));
    return STEP(c, sub, VALUE(c), INT(1));
}

sy_status syi_composite_full(syi_composite *c, const sy_value *number, sy_dtype dtype)
{
    const sy_value none = sy_value_list(NULL, 0);
    return is_elsewhere(c) ? STEP(c, new_full, VALUE(c), none, *number, sy_value_dtype(dtype))
                           : STEP(c, full, none, *number, sy_value_dtype(dtype));
}

static sy_status ints_here(const syi_composite *c, const int64_t *numbers, int64_t count,
                           sy_tensor **tensor)
{
    syi_account *account = c->mode->account != NULL ? c->mode->account : &c->hook->account;
    syi_array array = SYI_ARRAY_INIT;
    SY_TRY(syi_array_new(c->hook->context, &array, SY_DTYPE_I64, 1, &count, account, c->err));
    if (count > 0) {
        memcpy(syi_array_data(&array), numbers, (size_t)count * sizeof *numbers);
    }
    return syi_tensor_from_array(c->hook, tensor, &array, c->err);
}

/* 0, 1, ... there, indexed with the numbers: nothing tracked, so the list travels as it is. */
static sy_status ints_elsewhere(const syi_composite *c, const int64_t *numbers, int64_t count,
                                int64_t size, sy_tensor **tensor)
{
    const size_t bytes = ((size_t)count + 1) * sizeof(sy_value);
    sy_value *items = syi_alloc(c->hook->context, bytes);
    if (items == NULL) {
        return SYI_ENOMEM(c->err, "list of indices");
    }
    for (int64_t k = 0; k < count; k++) {
        items[k] = INT(numbers[k]);
    }
    const sy_value list = sy_value_list(items, (size_t)count);
    syi_composite made = syi_composite_fork(c, c->value);
    sy_status status = syi_composite_places(&made, size);
    if (status == SY_OK) {
        status = STEP(&made, index, VALUE(&made), sy_value_list(&list, 1));
    }
    syi_free(c->hook->context, items, bytes);
    if (status != SY_OK) {
        sy_tensor_unref(made.value);
        return status;
    }
    *tensor = made.value;
    return SY_OK;
}

sy_status syi_composite_ints(const syi_composite *c, const int64_t *numbers, int64_t count,
                             int64_t size, sy_tensor **tensor)
{
    return is_elsewhere(c) ? ints_elsewhere(c, numbers, count, size, tensor)
                           : ints_here(c, numbers, count, tensor);
}
