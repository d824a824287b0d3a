/* slices.c - see slices.h. Test: indexing_test.c and the kernels' vectors. */
#include "frameworks/cpu/slices.h"

#include <string.h>

#include "frameworks/cpu/loops.h"

SYI_UNARY_LOOP(copy_1, uint8_t, uint8_t, uint32_t, a)
SYI_UNARY_LOOP(copy_2, uint16_t, uint16_t, uint32_t, a)
SYI_UNARY_LOOP(copy_4, uint32_t, uint32_t, uint32_t, a)
SYI_UNARY_LOOP(copy_8, uint64_t, uint64_t, uint64_t, a)
const syi_loop syi_copy_loops[9] = {[1] = copy_1, [2] = copy_2, [4] = copy_4, [8] = copy_8};

SYI_CPU_BOOL(SYI_BINARY_OF, add, (a | b) != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, add, (wide)a + (wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, add, a + b)
const syi_loop syi_add_loops[SY_DTYPE_COUNT] = {SYI_CPU_ALL(SYI_LOOP_ENTRY, add)};

sy_status syi_axis_find(const syi_cpu_call *call, syi_axis *made, const syi_array *array,
                        const sy_value *dim)
{
    made->slice = *array;
    SY_TRY(syi_dim_wrap(&made->dim, dim->as.integer, array->ndim, call->err));
    if (array->ndim == 0) {
        made->slice.ndim = 1;
        made->slice.shape[0] = made->slice.strides[0] = 1;
    }
    made->size = made->slice.shape[made->dim];
    made->step = made->slice.strides[made->dim] * (int64_t)sy_dtype_size(array->dtype);
    made->slice.shape[made->dim] = 1;
    return SY_OK;
}

sy_status syi_axis_read_index(const syi_cpu_call *call, syi_array *packed, const sy_value *index,
                              const syi_axis *along)
{
    SY_TRY(syi_cpu_convert(call, packed, syi_cpu_array(index), SY_DTYPE_I64, true));
    const int64_t *entries = syi_array_data(packed);
    const int64_t n = syi_array_numel(packed);
    for (int64_t i = 0; i < n; i++) {
        if (entries[i] < 0 || entries[i] >= along->size) {
            syi_fail(call->err, SY_ERANGE, "index %lld in dimension %d of size %lld",
                     (long long)entries[i], along->dim, (long long)along->size);
            syi_array_fini(packed);
            return SY_ERANGE;
        }
    }
    return SY_OK;
}

/* Runs of bytes that are not worth a call of memcpy. */
static void copy_bytes(void *to, const void *from, int64_t bytes)
{
    switch (bytes) {
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        syi_copy_bytes(to, from, (size_t)bytes);
    }
}

void syi_slice_run(const syi_nest *slices, const int64_t *moved, syi_loop loop)
{
    char *data[SYI_OPERAND_MAX];
    int64_t strides[SYI_OPERAND_MAX];
    int64_t at[SY_DIM_MAX] = {0};
    for (int k = 0; k < slices->count; k++) {
        data[k] = slices->data[k] + moved[k];
        strides[k] = slices->strides[k][0];
    }
    do {
        void *row[SYI_OPERAND_MAX];
        for (int k = 0; k < slices->count; k++) {
            row[k] = data[k];
        }
        loop(slices->shape[0], row, strides, NULL);
    } while (syi_nest_step(slices, 1, at, data));
}

syi_slice_copy syi_slice_copy_plan(const syi_nest *slices, int64_t size)
{
    const bool packed =
        slices->ndim == 1 &&
        (slices->shape[0] == 1 || (slices->strides[0][0] == size && slices->strides[1][0] == size));
    return (syi_slice_copy){slices, syi_copy_loops[size], packed ? slices->shape[0] * size : 0};
}

void syi_slice_copy_run(const syi_slice_copy *plan, int64_t to, int64_t from)
{
    const syi_nest *slices = plan->slices;
    if (plan->bytes > 0) {
        copy_bytes(slices->data[0] + to, slices->data[1] + from, plan->bytes);
    } else {
        syi_slice_run(slices, (int64_t[]){to, from}, plan->loop);
    }
}
