#include "hook/estimate.h"

/* A list with its tensors as arrays; false when one is not native, or there are too many. `items` is room for
 * SYI_OUTPUT_MAX. */
static bool list_of_arrays(const sy_value *list, sy_value *arrays, sy_value *items)
{
    const size_t count = list->as.list.count;
    if (count > 0 && list->as.list.items[0].kind == SY_VALUE_TENSOR) {
        if (count > SYI_OUTPUT_MAX) {
            return false;
        }
        for (size_t k = 0; k < count; k++) {
            items[k] = list->as.list.items[k];
            if (items[k].kind == SY_VALUE_TENSOR) {
                if (!syi_node_is_native(items[k].as.tensor->node)) {
                    return false;
                }
                items[k].kind = (sy_value_kind)SYI_VALUE_ARRAY;
                items[k].as.internal = syi_node_array(list->as.list.items[k].as.tensor->node);
            }
        }
        *arrays = sy_value_list(items, count);
    }
    return true;
}

/* Of a native tensor; NULL: it is none. */
static const syi_array *array_of(const sy_value *value)
{
    if (value->kind == SY_VALUE_TENSOR && syi_tensor_is_native(value->as.tensor)) {
        return syi_node_array(value->as.tensor->node);
    }
    return value->kind == (sy_value_kind)SYI_VALUE_ARRAY ? value->as.internal : NULL;
}

/* Each result of an index or a loss has at most one element per combination of elements. */
static void multiply(uint64_t *most, const sy_value *value)
{
    const syi_array *array = array_of(value);
    if (array != NULL) {
        const int64_t count = syi_array_numel(array);
        *most = *most > SYI_COST_UNKNOWN || count > SYI_COST_UNKNOWN ? SYI_COST_UNKNOWN
                                                                     : *most * (uint64_t)count;
    }
    for (size_t k = 0; value->kind == SY_VALUE_LIST && k < value->as.list.count; k++) {
        multiply(most, &value->as.list.items[k]);
    }
}

/* Arrays in the place of tensors; false: one is not native, or there are too many. *alike: they have one shape, *first. */
static bool to_arrays(const sy_value *bound, int count, sy_value *args, sy_value *items,
                      const syi_array **first, bool *alike)
{
    *first = NULL;
    *alike = true;
    for (int k = 0; k < count; k++) {
        args[k] = bound[k];
        if (bound[k].kind == SY_VALUE_LIST) {
            *alike = false;
            if (!list_of_arrays(&bound[k], &args[k], items)) {
                return false;
            }
        } else if (bound[k].kind == SY_VALUE_TENSOR ||
                   bound[k].kind == (sy_value_kind)SYI_VALUE_ARRAY) {
            const syi_array *array = array_of(&bound[k]);
            if (array == NULL) {
                return false;
            }
            args[k].kind = (sy_value_kind)SYI_VALUE_ARRAY;
            args[k].as.internal = (void *)(uintptr_t)array;
            *alike = *alike && (*first == NULL || syi_array_same_shape(*first, array));
            *first = array;
        }
    }
    return true;
}

/* By the rule of the shapes, as little can make much. */
static uint64_t by_results(const syi_op *op, const sy_value *args)
{
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    if (syi_op_infer(op, args, &result, NULL) != SY_OK) {
        return 0; /* it will say so at once */
    }
    const uint64_t cost = result.unknown ? SYI_COST_UNKNOWN : syi_op_cost(op, args, &result);
    for (int k = 0; k < result.count; k++) {
        syi_array_fini(&outs[k]);
    }
    return cost;
}

/* Element by element on one shape, which most are, is told by counting. */
uint64_t syi_call_cost(const syi_op *op, const sy_value *bound, int count)
{
    sy_value args[SYI_ARGUMENT_MAX];
    sy_value items[SYI_OUTPUT_MAX];
    const syi_array *first = NULL;
    bool alike = false;
    uint64_t most = 10;
    if (op->cost == SYI_COST_VIEW || op->id == SYI_OP_backward) {
        return op->cost == SYI_COST_VIEW ? 0 : SYI_COST_UNKNOWN;
    }
    if (!to_arrays(bound, count, args, items, &first, &alike)) {
        return SYI_COST_UNKNOWN;
    }
    if (op->flags & SYI_OP_COMPOSITE && op->cost != SYI_COST_MATMUL) {
        for (int k = 0; k < count; k++) {
            multiply(&most, &bound[k]);
        }
        const uint64_t cost = by_results(op, args);
        return cost > most ? cost : most;
    }
    if (alike && first != NULL && (op->flags & SYI_OP_INPLACE) && op->rows == SYI_ROWS_EACH &&
        (op->cost == SYI_COST_ELEMENTS || op->cost == SYI_COST_COSTLY)) {
        return (uint64_t)syi_array_numel(first) * (op->cost == SYI_COST_COSTLY ? 10 : 1);
    }
    return by_results(op, args);
}
