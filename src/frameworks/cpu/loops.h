/*
 * loops.h - how a kernel's inner loops are written: one expression, expanded to a syi_loop per dtype
 * with fast paths for contiguous rows. Room frameworks/cpu only.
 *
 * In the expression `a`, `b` and `c` are elements of the operands, `wide` is the unsigned type in which
 * integers wrap, `element` the element type, and `param` points to the loop's parameter.
 */
#ifndef SYI_FRAMEWORKS_CPU_LOOPS_H
#define SYI_FRAMEWORKS_CPU_LOOPS_H

#include "frameworks/cpu/dtypes.h"

/* A file whose loops gain by wider vectors defines this as SYI_CLONES first; most wait for memory. */
#ifndef SYI_LOOP_CLONES
#define SYI_LOOP_CLONES
#endif

#define SYI_AT(T, base, i, stride) (*(T *)(void *)((char *)(base) + (i) * (stride)))
#define SYI_AT_CONST(T, base, i, stride) \
    (*(const T *)(const void *)((const char *)(base) + (i) * (stride)))

#define SYI_LOOP_TYPES(T, W)                   \
    typedef T element __attribute__((unused)); \
    typedef W wide __attribute__((unused));    \
    const T *const constant __attribute__((unused)) = param;

/* out = EXPR(a) */
#define SYI_UNARY_LOOP(NAME, R, T, W, EXPR)                                                \
    SYI_LOOP_CLONES static void NAME(int64_t n, void *const *data, const int64_t *strides, \
                                     const void *param)                                    \
    {                                                                                      \
        SYI_LOOP_TYPES(T, W)                                                               \
        if (strides[0] == (int64_t)sizeof(R) && strides[1] == (int64_t)sizeof(T)) {        \
            R *out = data[0];                                                              \
            const T *pa = data[1];                                                         \
            SYI_INDEPENDENT                                                                \
            for (int64_t i = 0; i < n; i++) {                                              \
                const T a = pa[i];                                                         \
                out[i] = (R)(EXPR);                                                        \
            }                                                                              \
            return;                                                                        \
        }                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                  \
            const T a = SYI_AT_CONST(T, data[1], i, strides[1]);                           \
            SYI_AT(R, data[0], i, strides[0]) = (R)(EXPR);                                 \
        }                                                                                  \
    }

/* out = EXPR(a, b) */
#define SYI_BINARY_LOOP(NAME, R, T, W, EXPR)                                                  \
    SYI_LOOP_CLONES static void NAME(int64_t n, void *const *data, const int64_t *strides,    \
                                     const void *param)                                       \
    {                                                                                         \
        SYI_LOOP_TYPES(T, W)                                                                  \
        R *out = data[0];                                                                     \
        const T *pa = data[1];                                                                \
        const T *pb = data[2];                                                                \
        const bool packed = strides[0] == (int64_t)sizeof(R);                                 \
        if (packed && strides[1] == (int64_t)sizeof(T) && strides[2] == (int64_t)sizeof(T)) { \
            SYI_INDEPENDENT                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T a = pa[i], b = pb[i];                                                 \
                out[i] = (R)(EXPR);                                                           \
            }                                                                                 \
        } else if (packed && strides[1] == (int64_t)sizeof(T) && strides[2] == 0) {           \
            const T b = *pb;                                                                  \
            SYI_INDEPENDENT                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T a = pa[i];                                                            \
                out[i] = (R)(EXPR);                                                           \
            }                                                                                 \
        } else if (packed && strides[1] == 0 && strides[2] == (int64_t)sizeof(T)) {           \
            const T a = *pa;                                                                  \
            SYI_INDEPENDENT                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T b = pb[i];                                                            \
                out[i] = (R)(EXPR);                                                           \
            }                                                                                 \
        } else {                                                                              \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T a = SYI_AT_CONST(T, data[1], i, strides[1]);                          \
                const T b = SYI_AT_CONST(T, data[2], i, strides[2]);                          \
                SYI_AT(R, data[0], i, strides[0]) = (R)(EXPR);                                \
            }                                                                                 \
        }                                                                                     \
    }

/* out = EXPR(a, b, c); packed rows go without strides */
#define SYI_TERNARY_LOOP(NAME, T, W, EXPR)                                                 \
    SYI_LOOP_CLONES static void NAME(int64_t n, void *const *data, const int64_t *strides, \
                                     const void *param)                                    \
    {                                                                                      \
        SYI_LOOP_TYPES(T, W)                                                               \
        const int64_t size = (int64_t)sizeof(T);                                           \
        if (strides[0] == size && strides[1] == size && strides[2] == size &&              \
            strides[3] == size) {                                                          \
            T *out = data[0];                                                              \
            const T *pa = data[1], *pb = data[2], *pc = data[3];                           \
            SYI_INDEPENDENT                                                                \
            for (int64_t i = 0; i < n; i++) {                                              \
                const T a = pa[i], b = pb[i], c = pc[i];                                   \
                out[i] = (T)(EXPR);                                                        \
            }                                                                              \
            return;                                                                        \
        }                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                  \
            const T a = SYI_AT_CONST(T, data[1], i, strides[1]);                           \
            const T b = SYI_AT_CONST(T, data[2], i, strides[2]);                           \
            const T c = SYI_AT_CONST(T, data[3], i, strides[3]);                           \
            SYI_AT(T, data[0], i, strides[0]) = (T)(EXPR);                                 \
        }                                                                                  \
    }

/* As macros over the lists of dtypes.h: X(name, element type, wide type, operation, expression). */
#define SYI_UNARY_OF(name, T, W, op, EXPR) SYI_UNARY_LOOP(op##_##name, T, T, W, EXPR)
#define SYI_BINARY_OF(name, T, W, op, EXPR) SYI_BINARY_LOOP(op##_##name, T, T, W, EXPR)
#define SYI_TERNARY_OF(name, T, W, op, EXPR) SYI_TERNARY_LOOP(op##_##name, T, W, EXPR)
#define SYI_COMPARE_OF(name, T, W, op, EXPR) SYI_BINARY_LOOP(op##_##name, uint8_t, T, W, EXPR)

/*
 * lanes[0] = the sum of `count` lanes, a power of two up to 32: by halves, since each sum in a chain would wait for the
 * one before (rows of 1000 f32: a fifth of the time).
 */
#define SYI_JOIN_HALF(lanes, count, half)                                       \
    for (int syi_lane = 0; (count) > (half) && syi_lane < (half); syi_lane++) { \
        (lanes)[syi_lane] += (lanes)[syi_lane + (half)];                        \
    }
#define SYI_JOIN_LANES(lanes, count) \
    SYI_JOIN_HALF(lanes, count, 16)  \
    SYI_JOIN_HALF(lanes, count, 8)   \
    SYI_JOIN_HALF(lanes, count, 4)   \
    SYI_JOIN_HALF(lanes, count, 2)   \
    SYI_JOIN_HALF(lanes, count, 1)

/* Four neighbours as doubles: written so, the conversion is one instruction with its load (as a conversion of vectors it
 * is four, and loops of the vectoriser's load eight and take them apart). */
typedef double syi_doubles __attribute__((vector_size(4 * sizeof(double))));
#define SYI_WIDE_OF(p) \
    ((syi_doubles){(double)(p)[0], (double)(p)[1], (double)(p)[2], (double)(p)[3]})

/* One entry of a table of loops by dtype. (In one macro, clang-format takes the header for Objective-C.) */
#define SYI_LOOP_AT(place, loop) [place] = loop,
#define SYI_LOOP_ENTRY(name, T, W, op) SYI_LOOP_AT(SY_DTYPE_##name, op##_##name)

#endif
