/*
 * functions.c - the elementary functions of one operand: exponentials, logarithms, angles, roundings. Floats go
 * through precise.h, doubles through C's library. Test: precise_test.c; answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/elementary.h"
#include "frameworks/cpu/pointwise.h"
#include "frameworks/cpu/precise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

#define TABLE_INTEGERS(op) SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, op)
#define TABLE_FLOATS(op) SYI_CPU_FLOATS(SYI_LOOP_ENTRY, op)

#define DEFINE_FUNCTION(op, F32_EXPR, F64_EXPR)                \
    SYI_UNARY_LOOP(op##_F32, float, float, float, F32_EXPR)    \
    SYI_UNARY_LOOP(op##_F64, double, double, double, F64_EXPR) \
    static const syi_loop_table op##_loops = {TABLE_FLOATS(op)};

/* --- exponentials and logarithms ----------------------------------------------------------------- */

DEFINE_FUNCTION(rsqrt, 1 / sqrtf(a), 1 / sqrt(a))
DEFINE_FUNCTION(exp2, syi_precise_exp(a *SYI_LN2), exp2(a))
DEFINE_FUNCTION(expm1, syi_precise_expm1(a), expm1(a))
DEFINE_FUNCTION(log1p, syi_precise_log1p(a), log1p(a))
DEFINE_FUNCTION(log2, syi_precise_log2(a), log2(a))
DEFINE_FUNCTION(log10, syi_precise_log(a) * 0x1.bcb7b1526e50ep-2, log10(a))

SYI_CPU_INTEGERS(SYI_UNARY_OF, square, (wide)a *(wide)a)
SYI_CPU_FLOATS(SYI_UNARY_OF, square, a *a)
static const syi_loop_table square_loops = {TABLE_INTEGERS(square) TABLE_FLOATS(square)};

/* --- angles -------------------------------------------------------------------------------------- */

/* Is some finite number of the packed row beyond `reach`? Of the numbers' bits, so that the loop is vectorised. */
SYI_CLONES static bool some_beyond(int64_t n, const float *p, float reach)
{
    const uint32_t most = syi_float_bits(reach);
    uint32_t beyond = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = syi_float_bits(p[i]) & 0x7fffffffu;
        beyond |= (uint32_t)(bits > most) & (uint32_t)(bits < 0x7f800000u);
    }
    return beyond != 0;
}

#define PIECE 1024 /* elements that are near or far together */

/* Pieces whose arguments are within REACH by CLOSE, those within which precise.h counts turns exactly by that, and others
 * by C's function. */
#define DEFINE_WAVE(op, REACH, CLOSE)                                                             \
    SYI_UNARY_LOOP(op##_close, float, float, float, CLOSE(a))                                     \
    SYI_UNARY_LOOP(op##_near, float, float, float, syi_precise_##op(a))                           \
    static void op##_F32(int64_t n, void *const *data, const int64_t *strides, const void *param) \
    {                                                                                             \
        float packed[PIECE];                                                                      \
        for (int64_t done = 0; done < n; done += PIECE) {                                         \
            const int64_t now = n - done < PIECE ? n - done : PIECE;                              \
            void *at[2] = {(char *)data[0] + done * strides[0],                                   \
                           (char *)data[1] + done * strides[1]};                                  \
            int64_t steps[2] = {strides[0], strides[1]};                                          \
            if (steps[1] != (int64_t)sizeof(float)) {                                             \
                for (int64_t i = 0; i < now; i++) {                                               \
                    packed[i] = SYI_AT(float, at[1], i, steps[1]);                                \
                }                                                                                 \
                at[1] = packed;                                                                   \
                steps[1] = (int64_t)sizeof(float);                                                \
            }                                                                                     \
            if (!some_beyond(now, at[1], REACH)) {                                                \
                op##_close(now, at, steps, param);                                                \
            } else if (!some_beyond(now, at[1], (float)SYI_PRECISE_TURNS)) {                      \
                op##_near(now, at, steps, param);                                                 \
            } else {                                                                              \
                for (int64_t i = 0; i < now; i++) {                                               \
                    SYI_AT(float, at[0], i, steps[0]) = op##f(((const float *)at[1])[i]);         \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }                                                                                             \
    SYI_UNARY_LOOP(op##_F64, double, double, double, op(a))                                       \
    static const syi_loop_table op##_loops = {TABLE_FLOATS(op)};
DEFINE_WAVE(sin, SYI_WAVE_REACH, syi_sinf)
DEFINE_WAVE(cos, SYI_WAVE_REACH, syi_cosf)
DEFINE_WAVE(tan, (float)SYI_PRECISE_TURNS, syi_precise_tan)

DEFINE_FUNCTION(asin, syi_precise_asin(a), asin(a))
DEFINE_FUNCTION(acos, syi_precise_acos(a), acos(a))
DEFINE_FUNCTION(atan, syi_precise_atan(a), atan(a))
DEFINE_FUNCTION(sinh, syi_precise_sinh(a), sinh(a))
DEFINE_FUNCTION(cosh, syi_precise_cosh(a), cosh(a))
DEFINE_FUNCTION(asinh, asinhf(a), asinh(a))
DEFINE_FUNCTION(acosh, acoshf(a), acosh(a))
DEFINE_FUNCTION(atanh, atanhf(a), atanh(a))
DEFINE_FUNCTION(erf, syi_precise_erf(a), erf(a))
DEFINE_FUNCTION(erfc, erfcf(a), erfc(a))

/* --- roundings: integers are round already ------------------------------------------------------- */

SYI_CPU_INTEGERS(SYI_UNARY_OF, floor, a)
SYI_UNARY_LOOP(floor_F32, float, float, float, floorf(a))
SYI_UNARY_LOOP(floor_F64, double, double, double, floor(a))
static const syi_loop_table floor_loops = {TABLE_INTEGERS(floor) TABLE_FLOATS(floor)};
SYI_UNARY_LOOP(ceil_F32, float, float, float, ceilf(a))
SYI_UNARY_LOOP(ceil_F64, double, double, double, ceil(a))
static const syi_loop_table ceil_loops = {TABLE_INTEGERS(floor) TABLE_FLOATS(ceil)};
SYI_UNARY_LOOP(round_F32, float, float, float, rintf(a))
SYI_UNARY_LOOP(round_F64, double, double, double, rint(a))
static const syi_loop_table round_loops = {TABLE_INTEGERS(floor) TABLE_FLOATS(round)};
SYI_UNARY_LOOP(trunc_F32, float, float, float, truncf(a))
SYI_UNARY_LOOP(trunc_F64, double, double, double, trunc(a))
static const syi_loop_table trunc_loops = {TABLE_INTEGERS(floor) TABLE_FLOATS(trunc)};
SYI_UNARY_LOOP(frac_F32, float, float, float, a - truncf(a))
SYI_UNARY_LOOP(frac_F64, double, double, double, a - trunc(a))
static const syi_loop_table frac_loops = {TABLE_FLOATS(frac)};

/* --- kernels ------------------------------------------------------------------------------------- */

#define FUNCTION(op) [SYI_OP_##op] = &op##_loops
static const syi_loop_table *const functions[SYI_OP_COUNT] = {
    FUNCTION(rsqrt), FUNCTION(square), FUNCTION(exp2),  FUNCTION(expm1), FUNCTION(log1p),
    FUNCTION(log2),  FUNCTION(log10),  FUNCTION(sin),   FUNCTION(cos),   FUNCTION(tan),
    FUNCTION(asin),  FUNCTION(acos),   FUNCTION(atan),  FUNCTION(sinh),  FUNCTION(cosh),
    FUNCTION(asinh), FUNCTION(acosh),  FUNCTION(atanh), FUNCTION(erf),   FUNCTION(erfc),
    FUNCTION(floor), FUNCTION(ceil),   FUNCTION(round), FUNCTION(trunc), FUNCTION(frac),
};

sy_status syi_cpu_function(const syi_cpu_call *call)
{
    return syi_cpu_run_unary(call, *functions[call->op->id], NULL);
}

SYI_BINARY_LOOP(atan2_F32, float, float, float, syi_precise_atan2(a, b))
SYI_BINARY_LOOP(atan2_F64, double, double, double, atan2(a, b))
static const syi_loop_table atan2_loops = {TABLE_FLOATS(atan2)};

sy_status syi_cpu_atan2(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, atan2_loops, 0, 1, NULL);
}
