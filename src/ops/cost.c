/* cost.c - rough running times, to tell short commands from those worth a thread. Test: cost_test.c. */
#include "ops/infer.h"
#include "ops/schema.h"

/* Nanoseconds, and elements or multiply-adds per nanosecond, of one core. */
enum {
    CALL_NS = 200,
    ELEMENTS_PER_NS = 1,
    COSTLY_NS_PER_ELEMENT = 10,
    PRODUCTS_PER_NS = 8,
    UNKNOWN_PRODUCT_NS = 1000000, /* a MATMUL row without results, such as backward */
};

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t saturating_mul(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t count_elements(const sy_value *value)
{
    if (syi_is_array(value)) {
        return (uint64_t)syi_array_numel(syi_argument_array(value));
    }
    uint64_t elements = 0;
    for (size_t i = 0; value->kind == SY_VALUE_LIST && i < value->as.list.count; i++) {
        const sy_value *item = &value->as.list.items[i];
        elements = saturating_add(elements, syi_is_array(item) ? count_elements(item) : 0);
    }
    return elements;
}

/* Elements that are read or written, whichever are more. */
static uint64_t count_touched(const syi_op *op, const sy_value *args, const syi_inference *result)
{
    uint64_t read = 0, written = 0;
    int count = syi_schema_count(op->schema);
    for (int i = 0; i < count; i++) {
        read = saturating_add(read, count_elements(&args[i]));
    }
    for (int i = 0; i < result->count; i++) {
        written = saturating_add(written, (uint64_t)syi_array_numel(&result->outs[i]));
    }
    return read > written ? read : written;
}

/* Every result of a convolution sums over one filter; the backward half does so for input and weight. */
static uint64_t count_filtered(const syi_op *op, const sy_value *args, const syi_inference *result)
{
    const bool backward = op->id == SYI_OP_convolution_backward;
    const syi_array *weight = syi_argument_array(&args[backward ? 2 : 1]);
    const syi_array *places = backward ? syi_argument_array(&args[0]) : &result->outs[0];
    const int64_t filters = weight->shape[0] > 0 ? weight->shape[0] : 1;
    return saturating_mul((uint64_t)syi_array_numel(places) * (backward ? 2 : 1),
                          (uint64_t)(syi_array_numel(weight) / filters));
}

/* Every result of a product sums over the last dim of its left side. */
static uint64_t count_products(const syi_op *op, const sy_value *args, const syi_inference *result)
{
    switch (op->id) {
    case SYI_OP_conv1d:
    case SYI_OP_conv2d:
    case SYI_OP_convolution:
    case SYI_OP_convolution_backward:
        return count_filtered(op, args, result);
    default:
        break;
    }
    const syi_array *left =
        syi_argument_array(&args[op->id == SYI_OP_addmm || op->id == SYI_OP_baddbmm ? 1 : 0]);
    uint64_t inner = left->ndim > 0 ? (uint64_t)left->shape[left->ndim - 1] : 1;
    return saturating_mul(inner, (uint64_t)syi_array_numel(&result->outs[0]));
}

uint64_t syi_op_cost(const syi_op *op, const sy_value *args, const syi_inference *result)
{
    uint64_t ns = 0;
    switch (op->cost) {
    case SYI_COST_VIEW:
        break;
    case SYI_COST_ELEMENTS:
        ns = count_touched(op, args, result) / ELEMENTS_PER_NS;
        break;
    case SYI_COST_COSTLY:
        ns = saturating_mul(count_touched(op, args, result), COSTLY_NS_PER_ELEMENT);
        break;
    case SYI_COST_MATMUL:
        ns = result->count > 0 ? count_products(op, args, result) / PRODUCTS_PER_NS
                               : UNKNOWN_PRODUCT_NS;
        break;
    }
    return saturating_add(ns, CALL_NS);
}
