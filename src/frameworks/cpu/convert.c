#include "frameworks/cpu/convert.h"

#include <math.h>

#include "arrays/array.h"

/* A row that lies anywhere, as an array on a storage of its own that nobody counts. */
static syi_array describe_row(syi_storage *storage, sy_dtype dtype, int64_t n, int64_t stride)
{
    syi_array row = {.storage = storage, .dtype = dtype, .ndim = 1};
    row.shape[0] = n;
    row.strides[0] = stride / (int64_t)sy_dtype_size(dtype);
    return row;
}

void syi_convert_row(int64_t n, void *to, sy_dtype to_dtype, int64_t to_stride, const void *from,
                     sy_dtype from_dtype, int64_t from_stride)
{
    syi_storage to_storage = {.data = to};
    syi_storage from_storage = {.data = (void *)(uintptr_t)from};
    syi_array to_row = describe_row(&to_storage, to_dtype, n, to_stride);
    syi_array from_row = describe_row(&from_storage, from_dtype, n, from_stride);
    syi_array_assign(&to_row, &from_row);
}

static syi_element element_from_int(int64_t x, sy_dtype dtype)
{
    switch (dtype) {
    case SY_DTYPE_BOOL:
        return (syi_element){.u8 = x != 0};
    case SY_DTYPE_U8:
        return (syi_element){.u8 = (uint8_t)x};
    case SY_DTYPE_I8:
        return (syi_element){.i8 = (int8_t)x};
    case SY_DTYPE_I16:
        return (syi_element){.i16 = (int16_t)x};
    case SY_DTYPE_I32:
        return (syi_element){.i32 = (int32_t)x};
    case SY_DTYPE_F32:
        return (syi_element){.f32 = (float)x};
    case SY_DTYPE_F64:
        return (syi_element){.f64 = (double)x};
    default:
        return (syi_element){.i64 = x};
    }
}

static syi_element element_from_double(double x, sy_dtype dtype)
{
    syi_element element = {.i64 = 0};
    if (dtype == SY_DTYPE_F32) {
        element.f32 = (float)x;
    } else if (dtype == SY_DTYPE_F64) {
        element.f64 = x;
    } else {
        syi_convert_row(1, &element, dtype, (int64_t)sy_dtype_size(dtype), &x, SY_DTYPE_F64,
                        sizeof x);
    }
    return element;
}

syi_element syi_element_from_value(const sy_value *value, sy_dtype dtype)
{
    switch (value->kind) {
    case SY_VALUE_FLOAT:
        return element_from_double(value->as.real, dtype);
    case SY_VALUE_BOOL:
        return element_from_int(value->as.boolean, dtype);
    case SY_VALUE_INT:
        return element_from_int(value->as.integer, dtype);
    default:
        return (syi_element){.i64 = 0};
    }
}

double syi_value_get_double(const sy_value *value)
{
    return syi_element_from_value(value, SY_DTYPE_F64).f64;
}

bool syi_value_fits(const sy_value *value, sy_dtype dtype)
{
    if (dtype == SY_DTYPE_BOOL || sy_dtype_is_floating(dtype) || value->kind == SY_VALUE_BOOL) {
        return true;
    }
    static const int64_t low[SY_DTYPE_COUNT] = {0,         0,         INT8_MIN, INT16_MIN,
                                                INT32_MIN, INT64_MIN, 0,        0};
    static const int64_t high[SY_DTYPE_COUNT] = {1,         UINT8_MAX, INT8_MAX, INT16_MAX,
                                                 INT32_MAX, INT64_MAX, 0,        0};
    if (value->kind == SY_VALUE_INT) {
        return value->as.integer >= low[dtype] && value->as.integer <= high[dtype];
    }
    double whole = trunc(value->as.real); /* NaN and infinities fail the comparisons */
    return dtype == SY_DTYPE_I64 ? whole >= -0x1p63 && whole < 0x1p63
                                 : whole >= (double)low[dtype] && whole <= (double)high[dtype];
}
