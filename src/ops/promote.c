/* promote.c - the dtype of a result. Semantics: PyTorch's result_type and can_cast. Test: promote_test.c. */
#include "ops/infer.h"

enum { UNDEFINED = -1 };

static int promote(int a, int b)
{
    if (a == UNDEFINED || a == b) {
        return b;
    }
    return b == UNDEFINED ? a : (int)syi_dtype_promote((sy_dtype)a, (sy_dtype)b);
}

/* The higher group decides, unless the lower one is of a higher category (bool < integer < float). */
static int combine(int higher, int lower)
{
    if (higher == UNDEFINED || lower == UNDEFINED) {
        return higher == UNDEFINED ? lower : higher;
    }
    bool higher_floats = sy_dtype_is_floating((sy_dtype)higher);
    if (!higher_floats && (higher == SY_DTYPE_BOOL || sy_dtype_is_floating((sy_dtype)lower))) {
        return promote(higher, lower);
    }
    return higher;
}

sy_dtype syi_result_type(const sy_value *operands, size_t count)
{
    int dims = UNDEFINED, scalars = UNDEFINED, numbers = UNDEFINED;
    for (size_t i = 0; i < count; i++) {
        switch ((int)operands[i].kind) {
        case SYI_VALUE_ARRAY: {
            const syi_array *array = syi_argument_array(&operands[i]);
            int *group = array->ndim > 0 ? &dims : &scalars;
            *group = promote(*group, (int)array->dtype);
            break;
        }
        case SY_VALUE_INT:
            numbers = promote(numbers, SY_DTYPE_I64);
            break;
        case SY_VALUE_FLOAT:
            numbers = promote(numbers, SY_DTYPE_F32);
            break;
        case SY_VALUE_BOOL:
            numbers = promote(numbers, SY_DTYPE_BOOL);
            break;
        default:
            break;
        }
    }
    int type = combine(dims, combine(scalars, numbers));
    return type == UNDEFINED ? SY_DTYPE_F32 : (sy_dtype)type;
}

bool syi_dtype_can_cast(sy_dtype from, sy_dtype to)
{
    if (sy_dtype_is_floating(from) && !sy_dtype_is_floating(to)) {
        return false;
    }
    return from == SY_DTYPE_BOOL || to != SY_DTYPE_BOOL;
}
