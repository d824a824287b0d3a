/*
 * division.c - quotients and remainders of integers and floats. Test: division_test.c; answers of torch:
 * tests/vectors/ops.
 *
 * floor_divide and remainder belong together, and so do truncation and fmod: the remainder has the sign of the
 * divisor with the one, of the dividend with the other. An integer divided by zero is refused before anything is
 * written.
 */
#include <math.h>

#include "frameworks/cpu/pointwise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

#define TABLE_NUMBERS(op) SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, op) SYI_CPU_FLOATS(SYI_LOOP_ENTRY, op)

/* The lowest integer divided by -1 wraps. */
#define DEFINE_UNSIGNED(name, T, W, unused)       \
    static inline T floor_divide_##name(T a, T b) \
    {                                             \
        return (T)(a / b);                        \
    }                                             \
    static inline T remainder_##name(T a, T b)    \
    {                                             \
        return (T)(a % b);                        \
    }                                             \
    static inline T fmod_##name(T a, T b)         \
    {                                             \
        return (T)(a % b);                        \
    }
#define DEFINE_SIGNED(name, T, W, unused)                     \
    static inline T floor_divide_##name(T a, T b)             \
    {                                                         \
        if (b == -1) {                                        \
            return (T)(0 - (W)a);                             \
        }                                                     \
        const T q = (T)(a / b);                               \
        return (T)(q - (a % b != 0 && (a < 0) != (b < 0)));   \
    }                                                         \
    static inline T remainder_##name(T a, T b)                \
    {                                                         \
        const T r = (T)(b == -1 ? 0 : a % b);                 \
        return (T)(r != 0 && (r < 0) != (b < 0) ? r + b : r); \
    }                                                         \
    static inline T fmod_##name(T a, T b)                     \
    {                                                         \
        return (T)(b == -1 ? 0 : a % b);                      \
    }
SYI_CPU_UNSIGNED(DEFINE_UNSIGNED, )
SYI_CPU_SIGNED(DEFINE_SIGNED, )

/* Python's, as torch: the quotient is rounded down from what fmod leaves exact. */
#define DEFINE_REAL(name, T, suffix)                         \
    static inline T fmod_##name(T a, T b)                    \
    {                                                        \
        return fmod##suffix(a, b);                           \
    }                                                        \
    static inline T remainder_##name(T a, T b)               \
    {                                                        \
        const T r = fmod##suffix(a, b);                      \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;     \
    }                                                        \
    static inline T floor_divide_##name(T a, T b)            \
    {                                                        \
        if (b == 0) {                                        \
            return a / b;                                    \
        }                                                    \
        const T r = fmod##suffix(a, b);                      \
        const bool down = r != 0 && (r < 0) != (b < 0);      \
        const T q = (a - r) / b - (T)down;                   \
        if (q == 0) {                                        \
            return copysign##suffix(0, a / b);               \
        }                                                    \
        const T floored = floor##suffix(q);                  \
        return q - floored > (T)0.5 ? floored + 1 : floored; \
    }
DEFINE_REAL(F32, float, f)
DEFINE_REAL(F64, double, )

#define QUOTIENT_LOOP(name, T, W, op) SYI_BINARY_LOOP(op##_loop_##name, T, T, W, op##_##name(a, b))
#define QUOTIENT_ENTRY(name, T, W, op) SYI_LOOP_AT(SY_DTYPE_##name, op##_loop_##name)
#define DEFINE_DIVISION(op)                                                        \
    SYI_CPU_INTEGERS(QUOTIENT_LOOP, op)                                            \
    SYI_CPU_FLOATS(QUOTIENT_LOOP, op)                                              \
    static const syi_loop_table op##_loops = {SYI_CPU_INTEGERS(QUOTIENT_ENTRY, op) \
                                                  SYI_CPU_FLOATS(QUOTIENT_ENTRY, op)};
DEFINE_DIVISION(floor_divide)
DEFINE_DIVISION(remainder)
DEFINE_DIVISION(fmod)

/* Writes whether the divisor's element is 0 over a single byte. */
#define DEFINE_ZERO(name, T, W, unused)                                           \
    static void zero_##name(int64_t n, void *const *data, const int64_t *strides, \
                            const void *param)                                    \
    {                                                                             \
        (void)param;                                                              \
        bool any = false;                                                         \
        for (int64_t i = 0; i < n; i++) {                                         \
            any |= SYI_AT_CONST(T, data[0], i, strides[0]) == 0;                  \
        }                                                                         \
        *(bool *)data[1] |= any;                                                  \
    }
SYI_CPU_INTEGERS(DEFINE_ZERO, )
static const syi_loop_table zero_loops = {SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, zero)};

static bool has_zero(const sy_value *divisor, sy_dtype dtype)
{
    const syi_array *array = syi_cpu_array(divisor);
    if (array == NULL) {
        const syi_element element = syi_element_from_value(divisor, dtype);
        const int64_t none = 0;
        return memcmp(&element, &none, sy_dtype_size(dtype)) == 0;
    }
    if (array->dtype == SY_DTYPE_BOOL) {
        for (int64_t i = 0; i < syi_array_numel(array); i++) {
            if (syi_array_get_int(array, i) == 0) {
                return true;
            }
        }
        return false;
    }
    syi_nest nest;
    bool any = false;
    int64_t at[SY_DIM_MAX] = {0};
    syi_nest_init(&nest, array->ndim, array->shape);
    syi_nest_add(&nest, array);
    if (syi_nest_is_empty(&nest)) {
        return false;
    }
    syi_nest_merge(&nest, true);
    char *row = nest.data[0];
    do {
        void *const data[2] = {row, &any};
        zero_loops[array->dtype](nest.shape[0], data, nest.strides[0], NULL);
    } while (!any && syi_nest_step(&nest, 1, at, &row));
    return any;
}

static sy_status divide(const syi_cpu_call *call, const syi_loop_table loops)
{
    if (!sy_dtype_is_floating(call->dtype) && syi_array_numel(&call->outs[0]) > 0 &&
        has_zero(&call->args[1], call->dtype)) {
        return syi_fail(call->err, SY_ERANGE, "an integer is divided by zero");
    }
    return syi_cpu_run_binary(call, loops, 0, 1, NULL);
}

sy_status syi_cpu_floor_divide(const syi_cpu_call *call)
{
    return divide(call, floor_divide_loops);
}

sy_status syi_cpu_remainder(const syi_cpu_call *call)
{
    return divide(call, remainder_loops);
}

sy_status syi_cpu_fmod(const syi_cpu_call *call)
{
    return divide(call, fmod_loops);
}
