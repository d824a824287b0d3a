/*
 * creation.c - tensors from nothing or from a copy, and the operations that only write. Test:
 * creation_test.c; answers of torch: tests/vectors/ops.
 */
#include "frameworks/cpu/cpu.h"

sy_status syi_cpu_zeros(const syi_cpu_call *call)
{
    syi_cpu_clear(&call->outs[0]);
    return SY_OK;
}

void syi_cpu_fill_array(const syi_array *array, const syi_element *element)
{
    syi_storage storage = {.data = (void *)(uintptr_t)element};
    syi_array from = *array;
    from.storage = &storage;
    from.offset = 0;
    for (int d = 0; d < from.ndim; d++) {
        from.strides[d] = 0;
    }
    syi_array_assign(array, &from);
}

sy_status syi_cpu_ones(const syi_cpu_call *call)
{
    sy_value one = sy_value_int(1);
    syi_element element = syi_element_from_value(&one, call->outs[0].dtype);
    syi_cpu_fill_array(&call->outs[0], &element);
    return SY_OK;
}

sy_status syi_cpu_element(const syi_cpu_call *call, syi_element *element, const sy_value *value,
                          sy_dtype dtype)
{
    if (!syi_value_fits(value, dtype)) {
        return syi_fail(call->err, SY_ERANGE, "%g does not fit into %s",
                        syi_value_get_double(value), sy_dtype_name(dtype));
    }
    *element = syi_element_from_value(value, dtype);
    return SY_OK;
}

static sy_status fill_with(const syi_cpu_call *call, const sy_value *value)
{
    syi_element element;
    SY_TRY(syi_cpu_element(call, &element, value, call->outs[0].dtype));
    syi_cpu_fill_array(&call->outs[0], &element);
    return SY_OK;
}

/* full, full_like and new_full. */
sy_status syi_cpu_full(const syi_cpu_call *call)
{
    return fill_with(call, &call->args[call->op->id == SYI_OP_new_full ? 2 : 1]);
}

sy_status syi_cpu_fill(const syi_cpu_call *call)
{
    return fill_with(call, &call->args[1]);
}

/* start + (first + i) step: products and not sums, so that errors do not pile up. */
static void range_of_ints(int64_t *out, int64_t n, int64_t first, int64_t start, int64_t step)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = (int64_t)((uint64_t)start + (uint64_t)(first + i) * (uint64_t)step);
    }
}

static void range_of_floats(double *out, int64_t n, int64_t first, double start, double step)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = start + (double)(first + i) * step;
    }
}

/* As torch: for an integer result start and step are truncated first. */
sy_status syi_cpu_arange(const syi_cpu_call *call)
{
    enum { BLOCK = 512 };
    const syi_array *out = &call->outs[0];
    const sy_dtype dtype = sy_dtype_is_floating(out->dtype) ? SY_DTYPE_F64 : SY_DTYPE_I64;
    const syi_element from = syi_element_from_value(&call->args[0], dtype);
    const syi_element by = syi_element_from_value(&call->args[2], dtype);
    const int64_t n = syi_array_numel(out);
    const int64_t size = (int64_t)sy_dtype_size(out->dtype);
    for (int64_t done = 0; done < n; done += BLOCK) {
        int64_t now = n - done < BLOCK ? n - done : BLOCK;
        union {
            int64_t whole[BLOCK];
            double real[BLOCK];
        } block;
        if (dtype == SY_DTYPE_I64) {
            range_of_ints(block.whole, now, done, from.i64, by.i64);
        } else {
            range_of_floats(block.real, now, done, from.f64, by.f64);
        }
        syi_convert_row(now, (char *)syi_array_data(out) + done * size, out->dtype, size, &block,
                        dtype, 8);
    }
    return SY_OK;
}

sy_status syi_cpu_eye(const syi_cpu_call *call)
{
    const sy_value one = sy_value_int(1);
    const syi_element element = syi_element_from_value(&one, call->outs[0].dtype);
    syi_array diagonal;
    SY_TRY(syi_array_diagonal(&diagonal, &call->outs[0], 0, 0, 1, call->err));
    syi_cpu_clear(&call->outs[0]);
    syi_cpu_fill_array(&diagonal, &element);
    syi_array_fini(&diagonal);
    return SY_OK;
}

/* As torch: from the start up to the middle and from the end down to it, in the result's precision. */
#define DEFINE_LINSPACE(name, T, W, unused)                                                   \
    static void linspace_##name(T *out, int64_t n, double first, double last)                 \
    {                                                                                         \
        const T start = (T)first, end = (T)last;                                              \
        const T step = n > 1 ? (T)((end - start) / (T)(n - 1)) : 0;                           \
        for (int64_t i = 0; i < n; i++) {                                                     \
            out[i] = i < n / 2 ? (T)(start + step * (T)i) : (T)(end - step * (T)(n - 1 - i)); \
        }                                                                                     \
    }
SYI_CPU_FLOATS(DEFINE_LINSPACE, 0)

/* Integers: every place is computed as a real number and truncated. */
static void linspace_whole(const syi_array *out, double start, double end)
{
    const int64_t n = syi_array_numel(out);
    const double step = n > 1 ? (end - start) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) {
        syi_array_set_double(
            out, i, i < n / 2 ? start + step * (double)i : end - step * (double)(n - 1 - i));
    }
}

sy_status syi_cpu_linspace(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    const double start = syi_value_get_double(&call->args[0]);
    const double end = syi_value_get_double(&call->args[1]);
    const int64_t n = syi_array_numel(out);
    if (n == 1) { /* torch 1.13 answers the start */
        syi_array_set_double(out, 0, start);
    } else if (out->dtype == SY_DTYPE_F32) {
        linspace_F32(syi_array_data(out), n, start, end);
    } else if (out->dtype == SY_DTYPE_F64) {
        linspace_F64(syi_array_data(out), n, start, end);
    } else {
        linspace_whole(out, start, end);
    }
    return SY_OK;
}

/* clone, to, reshape, flatten: the same elements in the same order, packed. */
sy_status syi_cpu_copy(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    syi_array to;
    SY_TRY(syi_array_view(&to, &call->outs[0], from->ndim, from->shape, call->err));
    syi_array_assign(&to, from);
    syi_array_fini(&to);
    return SY_OK;
}

/* copy_: any broadcast, any dtype, any overlap. */
sy_status syi_cpu_assign(const syi_cpu_call *call)
{
    const syi_array *to = &call->outs[0];
    const syi_array *from = syi_cpu_array(&call->args[1]);
    syi_array packed = SYI_ARRAY_INIT;
    syi_array source = SYI_ARRAY_INIT;
    sy_status status = SY_OK;
    if (syi_array_overlaps(to, from)) {
        SY_GOTO(done, syi_cpu_temporary(call, &packed, from->dtype, from->ndim, from->shape));
        syi_array_assign(&packed, from);
        from = &packed;
    }
    SY_GOTO(done, syi_array_expand(&source, from, to->ndim, to->shape, call->err));
    syi_array_assign(to, &source);
done:
    syi_array_fini(&source);
    syi_array_fini(&packed);
    return status;
}
