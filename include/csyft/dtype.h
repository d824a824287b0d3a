/* dtype.h - element types of tensors. */
#ifndef CSYFT_DTYPE_H
#define CSYFT_DTYPE_H

#include <csyft/api.h>

SY_BEGIN_DECLS

/* X(name, C type, PyTorch name, bytes, NPY descr). The order is the promotion order within a kind. */
#define SY_DTYPE_MAP(X)                \
    X(BOOL, bool, "bool", 1, "|b1")    \
    X(U8, uint8_t, "uint8", 1, "|u1")  \
    X(I8, int8_t, "int8", 1, "|i1")    \
    X(I16, int16_t, "int16", 2, "<i2") \
    X(I32, int32_t, "int32", 4, "<i4") \
    X(I64, int64_t, "int64", 8, "<i8") \
    X(F32, float, "float32", 4, "<f4") \
    X(F64, double, "float64", 8, "<f8")

typedef enum sy_dtype {
#define SY_DTYPE_ENUM(name, ctype, torch_name, bytes, npy) SY_DTYPE_##name,
    SY_DTYPE_MAP(SY_DTYPE_ENUM)
#undef SY_DTYPE_ENUM
        SY_DTYPE_COUNT
} sy_dtype;

/* Bytes of one element; 0 for a value out of range. Any thread. */
SY_API size_t sy_dtype_size(sy_dtype dtype);
/* PyTorch's name without prefix, "float32"; "?" for a value out of range. Static storage. */
SY_API const char *sy_dtype_name(sy_dtype dtype);
/* Also accepts "torch.float32", "float", "double", "long", "int", "short". false when unknown. */
SY_API bool sy_dtype_from_name(const char *name, sy_dtype *dtype);
SY_API bool sy_dtype_is_floating(sy_dtype dtype);

SY_END_DECLS

#endif
