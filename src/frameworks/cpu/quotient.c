/*
 * quotient.c - division of integers toward zero: what brings a product of fixed precision back to its scale.
 * One divisor for all of int64 is a product with its reciprocal (Granlund and Montgomery, Division by invariant
 * integers using multiplication, PLDI 1994). Test: quotient_test.c; answers: tests/vectors/ops.
 */
#include "frameworks/cpu/cpu.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

__extension__ typedef __int128 wide_int;

/* Division by 0 gives 0 and is noted; the least number by -1 wraps. */
static inline void note_zero(const void *param)
{
    *(bool *)(uintptr_t)param = true;
}

#define DEFINE_UNSIGNED_QUOTIENT(name, T, W, op)                 \
    static inline T quotient_##name(T a, T b, const void *param) \
    {                                                            \
        if (b == 0) {                                            \
            note_zero(param);                                    \
            return 0;                                            \
        }                                                        \
        return (T)(a / b);                                       \
    }
#define DEFINE_SIGNED_QUOTIENT(name, T, W, op)                   \
    static inline T quotient_##name(T a, T b, const void *param) \
    {                                                            \
        if (b == 0) {                                            \
            note_zero(param);                                    \
            return 0;                                            \
        }                                                        \
        if (b == -1) {                                           \
            return (T)(0 - (W)a);                                \
        }                                                        \
        return (T)(a / b);                                       \
    }
SYI_CPU_UNSIGNED(DEFINE_UNSIGNED_QUOTIENT, )
SYI_CPU_SIGNED(DEFINE_SIGNED_QUOTIENT, )
#define QUOTIENT_LOOP(name, T, W, op) \
    SYI_BINARY_LOOP(op##_##name, T, T, W, quotient_##name(a, b, param))
SYI_CPU_INTEGERS(QUOTIENT_LOOP, div_trunc)
static const syi_loop loops[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, div_trunc)};

/* x / d = (x * factor / 2^64 + correction * x) / 2^shift, plus 1 where x is negative. */
typedef struct reciprocal {
    int64_t factor;
    int64_t correction; /* 1 where factor stands for factor + 2^64 */
    int shift;
} reciprocal;

/* d >= 2. The least 2^p with 2^p > nc (d - 2^p mod d), nc the largest x with x mod d = d - 1. */
static reciprocal reciprocal_of(int64_t d)
{
    const uint64_t half = UINT64_C(1) << 63, by = (uint64_t)d;
    const uint64_t nc = half - 1 - half % by;
    int p = 63;
    uint64_t q1 = half / nc, r1 = half % nc, q2 = half / by, r2 = half % by, missing;
    do {
        p++;
        q1 = 2 * q1 + (r1 >= nc - r1);
        r1 = r1 >= nc - r1 ? r1 - (nc - r1) : 2 * r1;
        q2 = 2 * q2 + (r2 >= by - r2);
        r2 = r2 >= by - r2 ? r2 - (by - r2) : 2 * r2;
        missing = by - r2;
    } while (q1 < missing || (q1 == missing && r1 == 0));
    const int64_t factor = (int64_t)(q2 + 1);
    return (reciprocal){factor, factor < 0, p - 64};
}

static void divide_by_one(int64_t n, void *const *data, const int64_t *strides, const void *param)
{
    const reciprocal by = *(const reciprocal *)param;
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = SYI_AT_CONST(int64_t, data[1], i, strides[1]);
        const uint64_t high = (uint64_t)(((wide_int)x * by.factor) >> 64);
        const int64_t sum = (int64_t)(high + (uint64_t)by.correction * (uint64_t)x);
        SYI_AT(int64_t, data[0], i, strides[0]) = (sum >> by.shift) + (x < 0);
    }
}

static sy_status refuse_zero(const syi_cpu_call *call)
{
    return syi_fail(call->err, SY_ERANGE, "division by zero");
}

sy_status syi_cpu_div_trunc(const syi_cpu_call *call)
{
    const sy_value *divisor = &call->args[1];
    syi_element room[2];
    syi_operand operands[3] = {
        {.array = &call->outs[0], .dtype = call->dtype},
        syi_cpu_operand(&call->args[0], call->dtype, &room[0]),
    };
    if (divisor->kind == SY_VALUE_INT && call->dtype == SY_DTYPE_I64 && divisor->as.integer > 1) {
        const reciprocal by = reciprocal_of(divisor->as.integer);
        syi_iterate(operands, 2, divide_by_one, &by, call->secret);
        return SY_OK;
    }
    bool zero = false;
    operands[2] = syi_cpu_operand(divisor, call->dtype, &room[1]);
    syi_iterate(operands, 3, loops[call->dtype], &zero, call->secret);
    return zero ? refuse_zero(call) : SY_OK;
}
