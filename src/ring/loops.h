/*
 * loops.h - the kernels of one instruction set, made from these loops by its file, which defines SYI_RING_SET (its name) and
 * SYI_RING_BYTES (of a vector) first. The compiler makes them of that set's instructions. Room ring only.
 */
#include "ring/kernels.h"

#define JOIN_(a, b, c) a##b##_##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#define NAMED(name, N) JOIN(name, N, SYI_RING_SET)

#define EACH(EXPRESSION)             \
    for (size_t i = 0; i < n; i++) { \
        out[i] = (EXPRESSION);       \
    }

/* The strip that stands for itself: products of vectors, two of them wide. */
#define DEFINE_STRIP(T, N)                                                                \
    static void NAMED(strip, N)(size_t k, const T *a, const T *bs, T *c, size_t c_stride, \
                                size_t rows, size_t columns, bool first)                  \
    {                                                                                     \
        typedef T vector __attribute__((vector_size(SYI_RING_BYTES), may_alias));         \
        enum { WIDE = 2 * SYI_RING_BYTES / sizeof(T) };                                   \
        const vector *b = (const vector *)(const void *)bs;                               \
        vector sums[SYI_RING_ROWS][2] = {{{0}}};                                          \
        for (size_t p = 0; p < k; p++, a += SYI_RING_ROWS, b += 2) {                      \
            _Pragma("GCC unroll 4") for (int r = 0; r < SYI_RING_ROWS; r++)               \
            {                                                                             \
                sums[r][0] += a[r] * b[0];                                                \
                sums[r][1] += a[r] * b[1];                                                \
            }                                                                             \
        }                                                                                 \
        for (size_t r = 0; r < rows; r++, c += c_stride) {                                \
            if (columns == WIDE) { /* nearly all are whole */                             \
                vector whole[2] = {sums[r][0], sums[r][1]}, before[2];                    \
                if (!first) {                                                             \
                    memcpy(before, c, sizeof before);                                     \
                    whole[0] += before[0];                                                \
                    whole[1] += before[1];                                                \
                }                                                                         \
                memcpy(c, whole, sizeof whole);                                           \
                continue;                                                                 \
            }                                                                             \
            T row[WIDE];                                                                  \
            memcpy(row, sums[r], sizeof row);                                             \
            for (size_t j = 0; j < columns; j++) {                                        \
                c[j] = first ? row[j] : c[j] + row[j];                                    \
            }                                                                             \
        }                                                                                 \
    }

#define DEFINE_LOOPS(T, N)                                                                \
    static void NAMED(add, N)(T * out, const T *a, const T *b, size_t n)                  \
    {                                                                                     \
        EACH(a[i] + b[i])                                                                 \
    }                                                                                     \
    static void NAMED(sub, N)(T * out, const T *a, const T *b, size_t n)                  \
    {                                                                                     \
        EACH(a[i] - b[i])                                                                 \
    }                                                                                     \
    static void NAMED(mul, N)(T * out, const T *a, const T *b, size_t n)                  \
    {                                                                                     \
        EACH(a[i] * b[i])                                                                 \
    }                                                                                     \
    static void NAMED(neg, N)(T * out, const T *a, size_t n)                              \
    {                                                                                     \
        EACH(0 - a[i])                                                                    \
    }                                                                                     \
    static void NAMED(add_public, N)(T * out, const T *a, T b, size_t n)                  \
    {                                                                                     \
        EACH(a[i] + b)                                                                    \
    }                                                                                     \
    static void NAMED(mul_public, N)(T * out, const T *a, T b, size_t n)                  \
    {                                                                                     \
        EACH(a[i] * b)                                                                    \
    }                                                                                     \
    static void NAMED(mul_add, N)(T * out, const T *a, const T *b, size_t n)              \
    {                                                                                     \
        EACH(out[i] + a[i] * b[i])                                                        \
    }                                                                                     \
    static void NAMED(mul_add_public, N)(T * out, const T *a, T b, size_t n)              \
    {                                                                                     \
        EACH(out[i] + a[i] * b)                                                           \
    }                                                                                     \
    static T NAMED(dot, N)(const T *a, const T *b, size_t n)                              \
    {                                                                                     \
        T sum = 0;                                                                        \
        for (size_t i = 0; i < n; i++) {                                                  \
            sum += a[i] * b[i];                                                           \
        }                                                                                 \
        return sum;                                                                       \
    }                                                                                     \
    static void NAMED(beaver, N)(T * out, const T *x, const T *f, const T *e, const T *b, \
                                 const T *c, size_t n)                                    \
    {                                                                                     \
        EACH(x[i] * f[i] + e[i] * b[i] + c[i])                                            \
    }                                                                                     \
    static void NAMED(square, N)(T * out, const T *e, const T *x, const T *a, const T *q, \
                                 size_t n)                                                \
    {                                                                                     \
        EACH(e[i] * (x[i] + a[i]) + q[i])                                                 \
    }                                                                                     \
    static void NAMED(truncate, N)(T * out, const T *opened, const T *u, const T *v,      \
                                   unsigned shift, bool lead, size_t n)                   \
    {                                                                                     \
        const T every = lead ? ~(T)0 : 0, down = (T)1 << (N - 2 - shift);                 \
        const unsigned up = N - shift;                                                    \
        EACH((((opened[i] >> shift) - down) & every) - u[i] +                             \
             (((opened[i] >> (N - 1)) - 1) & (v[i] << up)))                               \
    }

DEFINE_LOOPS(uint64_t, 64)
DEFINE_LOOPS(uint32_t, 32)
#ifndef SYI_RING_OWN_STRIP64
DEFINE_STRIP(uint64_t, 64)
#define SYI_RING_STRIP64_COLUMNS (2 * SYI_RING_BYTES / 8)
#endif
DEFINE_STRIP(uint32_t, 32)

#define ENTRIES(N)                                                                          \
    .add = NAMED(add, N), .sub = NAMED(sub, N), .mul = NAMED(mul, N), .neg = NAMED(neg, N), \
    .add_public = NAMED(add_public, N), .mul_public = NAMED(mul_public, N),                 \
    .mul_add = NAMED(mul_add, N), .mul_add_public = NAMED(mul_add_public, N),               \
    .dot = NAMED(dot, N), .beaver = NAMED(beaver, N), .square = NAMED(square, N),           \
    .truncate = NAMED(truncate, N), .strip = NAMED(strip, N)

#define TABLE_(set) syi_ring_kernels_##set
#define TABLE(set) TABLE_(set)
#define TEXT_(set) #set
#define TEXT(set) TEXT_(set)

extern const syi_ring_kernels TABLE(SYI_RING_SET);
const syi_ring_kernels TABLE(SYI_RING_SET) = {
    .name = TEXT(SYI_RING_SET),
    .ring64 = {ENTRIES(64), .strip_columns = SYI_RING_STRIP64_COLUMNS},
    .ring32 = {ENTRIES(32), .strip_columns = 2 * SYI_RING_BYTES / 4},
};
