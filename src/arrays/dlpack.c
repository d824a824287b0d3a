/* dlpack.c - arrays to and from DLPack without copying. Test: dlpack_test.c. */
#include "arrays/dlpack.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    uint8_t code;
    uint8_t bits;
} codes[SY_DTYPE_COUNT] = {
    [SY_DTYPE_BOOL] = {kDLBool, 8},  [SY_DTYPE_U8] = {kDLUInt, 8},    [SY_DTYPE_I8] = {kDLInt, 8},
    [SY_DTYPE_I16] = {kDLInt, 16},   [SY_DTYPE_I32] = {kDLInt, 32},   [SY_DTYPE_I64] = {kDLInt, 64},
    [SY_DTYPE_F32] = {kDLFloat, 32}, [SY_DTYPE_F64] = {kDLFloat, 64},
};

static sy_status dtype_from_dlpack(DLDataType type, sy_dtype *dtype, sy_error *err)
{
    for (size_t i = 0; i < SY_DTYPE_COUNT; i++) {
        if (codes[i].code == type.code && codes[i].bits == type.bits && type.lanes == 1) {
            *dtype = (sy_dtype)i;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_ENOTSUP, "dlpack: no dtype for code %d, %d bits, %d lanes", type.code,
                    type.bits, type.lanes);
}

/* Fills shape and strides of *array and the bytes it spans. */
static sy_status layout_from_dlpack(syi_array *array, const DLTensor *tensor, sy_dtype dtype,
                                    size_t *span, sy_error *err)
{
    SY_TRY(syi_array_describe(array, dtype, tensor->ndim, tensor->shape, err));
    int64_t last = 0;
    bool fits = true;
    for (int i = 0; tensor->strides != NULL && i < array->ndim; i++) {
        int64_t stride = tensor->strides[i];
        if (stride < 0) {
            return syi_fail(err, SY_ENOTSUP, "dlpack: negative stride %" PRId64, stride);
        }
        array->strides[i] = stride;
    }
    for (int i = 0; i < array->ndim; i++) {
        int64_t size = array->shape[i] > 1 ? array->shape[i] : 1;
        int64_t reach;
        fits = fits && !__builtin_mul_overflow(size, array->strides[i], &reach) &&
               !__builtin_add_overflow(last, reach - array->strides[i], &last);
    }
    int64_t bytes;
    if (!fits || __builtin_add_overflow(last, 1, &last) ||
        __builtin_mul_overflow(last, (int64_t)sy_dtype_size(dtype), &bytes)) {
        return syi_fail(err, SY_ESHAPE, "dlpack: strides reach beyond the address space");
    }
    *span = syi_array_numel(array) == 0 ? 0 : (size_t)bytes;
    return SY_OK;
}

static void release_imported(void *user)
{
    DLManagedTensor *managed = user;
    if (managed->deleter != NULL) {
        managed->deleter(managed);
    }
}

sy_status syi_dlpack_import(sy_context *context, syi_array *array, DLManagedTensor *managed,
                            sy_error *err)
{
    memset(array, 0, sizeof *array);
    if (managed == NULL) {
        return syi_fail(err, SY_EINVAL, "dlpack: no tensor given");
    }
    const DLTensor *tensor = &managed->dl_tensor;
    if (tensor->device.device_type != kDLCPU) {
        return syi_fail(err, SY_ENOTSUP, "dlpack: device type %d, only the CPU is supported",
                        (int)tensor->device.device_type);
    }
    sy_dtype dtype = SY_DTYPE_F32;
    SY_TRY(dtype_from_dlpack(tensor->dtype, &dtype, err));
    if (tensor->ndim < 0 || tensor->ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "dlpack: %d dimensions, at most %d are supported",
                        (int)tensor->ndim, SY_DIM_MAX);
    }
    syi_array made;
    size_t span = 0;
    SY_TRY(layout_from_dlpack(&made, tensor, dtype, &span, err));
    if (span > 0 && tensor->data == NULL) {
        return syi_fail(err, SY_EINVAL, "dlpack: a tensor of %zu bytes has no data", span);
    }
    uint8_t *data = tensor->data != NULL ? (uint8_t *)tensor->data + tensor->byte_offset : NULL;
    if ((uintptr_t)data % sy_dtype_size(dtype) != 0) {
        return syi_fail(err, SY_ENOTSUP, "dlpack: data are not aligned to %s",
                        sy_dtype_name(dtype));
    }
    SY_TRY(syi_storage_wrap(context, &made.storage, data, span, release_imported, managed, err));
    *array = made;
    return SY_OK;
}

/* What an exported tensor needs until its deleter runs; one allocation. */
typedef struct exported {
    DLManagedTensor managed;
    sy_context *context;
    syi_array array;
} exported;

static void delete_exported(DLManagedTensor *managed)
{
    exported *self = managed->manager_ctx;
    syi_array_fini(&self->array);
    syi_free(self->context, self, sizeof *self);
}

sy_status syi_dlpack_export(sy_context *context, DLManagedTensor **managed, const syi_array *array,
                            sy_error *err)
{
    *managed = NULL;
    if (array->storage == NULL) {
        return syi_fail(err, SY_EINVAL, "dlpack: the array has a shape but no data");
    }
    exported *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "dlpack");
    }
    made->context = context;
    syi_array_copy_view(&made->array, array);
    made->managed = (DLManagedTensor){
        .dl_tensor =
            {
                .data = syi_array_data(array),
                .device = {kDLCPU, 0},
                .ndim = array->ndim,
                .dtype = {codes[array->dtype].code, codes[array->dtype].bits, 1},
                .shape = made->array.shape,
                .strides = made->array.strides,
            },
        .manager_ctx = made,
        .deleter = delete_exported,
    };
    *managed = &made->managed;
    return SY_OK;
}
