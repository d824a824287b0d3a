/* embedding.c - rows of a table by their numbers, and the gradient of the table. Test: embedding_test.c; answers of
 * torch: tests/vectors/ops/kernels/losses.txt. */
#include <inttypes.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"

/* Packed int64, each below `rows`. */
static sy_status take_indices(const syi_cpu_call *call, syi_array *packed, const sy_value *value,
                              int64_t rows)
{
    SY_TRY(syi_cpu_convert(call, packed, syi_cpu_array(value), SY_DTYPE_I64, true));
    const int64_t *entries = syi_array_data(packed);
    const int64_t count = syi_array_numel(packed);
    for (int64_t k = 0; k < count; k++) {
        if (entries[k] < 0 || entries[k] >= rows) {
            syi_fail(call->err, SY_ERANGE, "index %" PRId64 " is row %" PRId64 " of %" PRId64, k,
                     entries[k], rows);
            syi_array_fini(packed);
            return SY_ERANGE;
        }
    }
    return SY_OK;
}

sy_status syi_cpu_embedding(const syi_cpu_call *call)
{
    const syi_array *given = syi_cpu_array(&call->args[0]);
    syi_array table = SYI_ARRAY_INIT, indices = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, take_indices(call, &indices, &call->args[1], given->shape[0]));
    SY_GOTO(done, syi_cpu_convert(call, &table, given, given->dtype, true));
    const int64_t *entries = syi_array_data(&indices);
    const size_t bytes = (size_t)given->shape[1] * sy_dtype_size(given->dtype);
    char *to = syi_array_data(&call->outs[0]);
    const char *from = syi_array_data(&table);
    for (int64_t k = 0; k < syi_array_numel(&indices) && bytes > 0; k++) {
        memcpy(to + (size_t)k * bytes, from + (size_t)entries[k] * bytes, bytes);
    }
done:
    syi_array_fini(&table);
    syi_array_fini(&indices);
    return status;
}

/* to[k] += from[k] / divisor */
#define DEFINE_ADD(name, T)                                                        \
    static void add_##name(int64_t n, void *to, const void *from, int64_t divisor) \
    {                                                                              \
        T *out = to;                                                               \
        const T *in = from, by = (T)divisor;                                       \
        for (int64_t k = 0; k < n; k++) {                                          \
            out[k] += in[k] / by;                                                  \
        }                                                                          \
    }
DEFINE_ADD(F32, float)
DEFINE_ADD(F64, double)

/* How often each row is asked for, when gradients are divided by it; all 1 otherwise. */
static sy_status count_rows(const syi_cpu_call *call, syi_array *counts, const syi_array *indices,
                            int64_t rows)
{
    const int64_t *entries = syi_array_data(indices);
    SY_TRY(syi_cpu_temporary(call, counts, SY_DTYPE_I64, 1, &rows));
    syi_cpu_clear(counts);
    for (int64_t k = 0; k < syi_array_numel(indices); k++) {
        ((int64_t *)syi_array_data(counts))[entries[k]]++;
    }
    return SY_OK;
}

sy_status syi_cpu_embedding_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    const int64_t rows = call->args[2].as.integer, padding = call->args[3].as.integer;
    const bool by_frequency = call->args[4].as.boolean;
    syi_array grad = SYI_ARRAY_INIT, indices = SYI_ARRAY_INIT, counts = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, take_indices(call, &indices, &call->args[1], rows));
    SY_GOTO(done, syi_cpu_convert(call, &grad, syi_cpu_array(&call->args[0]), out->dtype, true));
    if (by_frequency) {
        SY_GOTO(done, count_rows(call, &counts, &indices, rows));
    }
    syi_cpu_clear(out);
    const int64_t *entries = syi_array_data(&indices);
    const int64_t columns = out->shape[1], bytes = columns * (int64_t)sy_dtype_size(out->dtype);
    for (int64_t k = 0; k < syi_array_numel(&indices) && bytes > 0; k++) {
        if (entries[k] == padding) {
            continue;
        }
        const int64_t divisor =
            by_frequency ? ((const int64_t *)syi_array_data(&counts))[entries[k]] : 1;
        (out->dtype == SY_DTYPE_F32 ? add_F32 : add_F64)(
            columns, (char *)syi_array_data(out) + entries[k] * bytes,
            (const char *)syi_array_data(&grad) + k * bytes, divisor);
    }
done:
    syi_array_fini(&counts);
    syi_array_fini(&grad);
    syi_array_fini(&indices);
    return status;
}
