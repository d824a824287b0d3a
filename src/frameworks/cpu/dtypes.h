/*
 * dtypes.h - element types as kernels see them, and the lists that expand one kernel over all of them.
 * Room frameworks/cpu only. A bool element is a byte that may hold any value (imported memory), so
 * kernels load it as uint8_t and ask whether it is 0. Integers wrap: arithmetic is done in `wide`.
 */
#ifndef SYI_FRAMEWORKS_CPU_DTYPES_H
#define SYI_FRAMEWORKS_CPU_DTYPES_H

#include <csyft/dtype.h>

#include "core/clones.h"

/* X(name, element type, unsigned type for wrapping arithmetic, ...) */
#define SYI_CPU_UNSIGNED(X, ...) X(U8, uint8_t, uint32_t, __VA_ARGS__)
#define SYI_CPU_SIGNED(X, ...)             \
    X(I8, int8_t, uint32_t, __VA_ARGS__)   \
    X(I16, int16_t, uint32_t, __VA_ARGS__) \
    X(I32, int32_t, uint32_t, __VA_ARGS__) \
    X(I64, int64_t, uint64_t, __VA_ARGS__)
#define SYI_CPU_INTEGERS(X, ...)     \
    SYI_CPU_UNSIGNED(X, __VA_ARGS__) \
    SYI_CPU_SIGNED(X, __VA_ARGS__)
#define SYI_CPU_FLOATS(X, ...)        \
    X(F32, float, float, __VA_ARGS__) \
    X(F64, double, double, __VA_ARGS__)
#define SYI_CPU_BOOL(X, ...) X(BOOL, uint8_t, uint32_t, __VA_ARGS__)
#define SYI_CPU_ALL(X, ...)          \
    SYI_CPU_BOOL(X, __VA_ARGS__)     \
    SYI_CPU_INTEGERS(X, __VA_ARGS__) \
    SYI_CPU_FLOATS(X, __VA_ARGS__)

/* Before a loop whose iterations are independent: operands are disjoint or exactly the same. (clang's
 * word for it warns where a loop is not vectorised for other reasons.) */
#if defined(__GNUC__) && !defined(__clang__)
#define SYI_INDEPENDENT _Pragma("GCC ivdep")
#else
#define SYI_INDEPENDENT
#endif

#endif
