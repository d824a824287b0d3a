#include "federated/numbers.h"

#include <math.h>
#include <string.h>

#include "core/clones.h"

size_t syi_numbers_read(const syi_array *array, double *numbers)
{
    const size_t count = (size_t)syi_array_numel(array);
    const void *data = syi_array_data(array);
    if (syi_array_is_contiguous(array) && array->dtype == SY_DTYPE_F32) {
        const float *from = data;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = (double)from[i];
        }
    } else if (syi_array_is_contiguous(array) && array->dtype == SY_DTYPE_F64) {
        memcpy(numbers, data, count * sizeof *numbers);
    } else {
        for (size_t i = 0; i < count; i++) {
            numbers[i] = syi_array_get_double(array, (int64_t)i);
        }
    }
    return count;
}

SYI_CLONES static void subtract_floats(const float *restrict now, const double *restrict then,
                                       double *restrict change, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        change[i] = (double)now[i] - then[i];
    }
}

size_t syi_numbers_read_change(const syi_array *array, const double *then, double *change)
{
    if (syi_array_is_contiguous(array) && array->dtype == SY_DTYPE_F32) {
        const size_t count = (size_t)syi_array_numel(array);
        subtract_floats(syi_array_data(array), then, change, count);
        return count;
    }
    const size_t count = syi_numbers_read(array, change);
    for (size_t i = 0; i < count; i++) {
        change[i] -= then[i];
    }
    return count;
}

size_t syi_numbers_write(const syi_array *array, const double *numbers)
{
    const size_t count = (size_t)syi_array_numel(array);
    if (syi_array_is_contiguous(array) && array->dtype == SY_DTYPE_F32) {
        float *to = syi_array_data(array);
        for (size_t i = 0; i < count; i++) {
            to[i] = (float)numbers[i];
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            syi_array_set_double(array, (int64_t)i, numbers[i]);
        }
    }
    return count;
}

bool syi_numbers_are_finite(const double *numbers, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        finite &= isfinite(numbers[i]) != 0;
    }
    return finite;
}
