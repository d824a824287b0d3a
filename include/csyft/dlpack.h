/*
 * dlpack.h - the DLPack 0.x exchange structure (facts of the ABI: https://dmlc.github.io/dlpack),
 * declared here so that no other header is needed. Skipped when the official one was included.
 */
#ifndef CSYFT_DLPACK_H
#define CSYFT_DLPACK_H

#include <csyft/api.h>

#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

typedef enum { kDLCPU = 1 } DLDeviceType;

typedef struct {
    DLDeviceType device_type;
    int32_t device_id;
} DLDevice;

typedef enum { kDLInt = 0U, kDLUInt = 1U, kDLFloat = 2U, kDLBool = 6U } DLDataTypeCode;

typedef struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
} DLDataType;

typedef struct {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape;
    int64_t *strides; /* elements; NULL: compact row-major */
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

#endif

#endif
