/*
 * convert.h - rows of elements from one dtype to another, and single numbers to elements. The rules are
 * those of syi_array_assign. Room frameworks/cpu only. Test: convert_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_CONVERT_H
#define SYI_FRAMEWORKS_CPU_CONVERT_H

#include <csyft/value.h>

/* n elements; strides in bytes, multiples of the element size. */
void syi_convert_row(int64_t n, void *to, sy_dtype to_dtype, int64_t to_stride, const void *from,
                     sy_dtype from_dtype, int64_t from_stride);

/* One element of a kernel's dtype. */
typedef union syi_element {
    uint8_t u8;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
} syi_element;

/* A plain number (INT, FLOAT, BOOL) as an element; integers wrap, floats saturate. */
syi_element syi_element_from_value(const sy_value *value, sy_dtype dtype);
double syi_value_get_double(const sy_value *value);
/* Does the number lie in the dtype's range? Everything does for floating dtypes and bool. */
bool syi_value_fits(const sy_value *value, sy_dtype dtype);

#endif
