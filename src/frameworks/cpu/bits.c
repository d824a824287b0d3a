/*
 * bits.c - truth values and bits: logical and bitwise operations, shifts, and what a float is. Test: bits_test.c;
 * answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/pointwise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

#define TABLE_INTEGERS(op) SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, op)
#define TABLE_WHOLE(op) SYI_CPU_BOOL(SYI_LOOP_ENTRY, op) TABLE_INTEGERS(op)
#define TABLE_ALL(op) TABLE_WHOLE(op) SYI_CPU_FLOATS(SYI_LOOP_ENTRY, op)

/* --- truth: the operands' common dtype in, bool out ----------------------------------------------- */

#define DEFINE_LOGICAL(op, EXPR)               \
    SYI_CPU_BOOL(SYI_COMPARE_OF, op, EXPR)     \
    SYI_CPU_INTEGERS(SYI_COMPARE_OF, op, EXPR) \
    SYI_CPU_FLOATS(SYI_COMPARE_OF, op, EXPR)   \
    static const syi_loop_table op##_loops = {TABLE_ALL(op)};
DEFINE_LOGICAL(logical_and, a != 0 && b != 0)
DEFINE_LOGICAL(logical_or, a != 0 || b != 0)
DEFINE_LOGICAL(logical_xor, (a != 0) != (b != 0))

#define TRUTH_OF(name, T, W, op, EXPR) SYI_UNARY_LOOP(op##_##name, uint8_t, T, W, EXPR)
SYI_CPU_ALL(TRUTH_OF, logical_not, a == 0)
static const syi_loop_table logical_not_loops = {TABLE_ALL(logical_not)};
SYI_CPU_ALL(TRUTH_OF, isnan, a != a)
static const syi_loop_table isnan_loops = {TABLE_ALL(isnan)};
SYI_CPU_FLOATS(TRUTH_OF, isinf, a - a != 0 && a == a)
SYI_CPU_BOOL(TRUTH_OF, isinf, 0 * a)
SYI_CPU_INTEGERS(TRUTH_OF, isinf, 0 * a)
static const syi_loop_table isinf_loops = {TABLE_ALL(isinf)};
SYI_CPU_FLOATS(TRUTH_OF, isfinite, a - a == 0)
SYI_CPU_BOOL(TRUTH_OF, isfinite, a == a)
SYI_CPU_INTEGERS(TRUTH_OF, isfinite, a == a)
static const syi_loop_table isfinite_loops = {TABLE_ALL(isfinite)};

sy_status syi_cpu_logical(const syi_cpu_call *call)
{
    const syi_op_id id = call->op->id;
    const syi_loop *loops = id == SYI_OP_logical_and  ? logical_and_loops
                            : id == SYI_OP_logical_or ? logical_or_loops
                                                      : logical_xor_loops;
    const sy_dtype dtype = syi_result_type(call->args, 2);
    const syi_operand operands[3] = {
        {.array = &call->outs[0], .dtype = SY_DTYPE_BOOL},
        {.array = syi_cpu_array(&call->args[0]), .dtype = dtype},
        {.array = syi_cpu_array(&call->args[1]), .dtype = dtype},
    };
    syi_iterate(operands, 3, loops[dtype], NULL, call->secret);
    return SY_OK;
}

sy_status syi_cpu_predicate(const syi_cpu_call *call)
{
    const syi_op_id id = call->op->id;
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const syi_loop *loops = id == SYI_OP_logical_not ? logical_not_loops
                            : id == SYI_OP_isnan     ? isnan_loops
                            : id == SYI_OP_isinf     ? isinf_loops
                                                     : isfinite_loops;
    const syi_operand operands[2] = {
        {.array = &call->outs[0], .dtype = SY_DTYPE_BOOL},
        {.array = self, .dtype = self->dtype},
    };
    syi_iterate(operands, 2, loops[self->dtype], NULL, call->secret);
    return SY_OK;
}

/* --- bits ---------------------------------------------------------------------------------------- */

SYI_CPU_BOOL(SYI_BINARY_OF, bitwise_and, a != 0 && b != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, bitwise_and, a &b)
static const syi_loop_table bitwise_and_loops = {TABLE_WHOLE(bitwise_and)};
SYI_CPU_BOOL(SYI_BINARY_OF, bitwise_or, a != 0 || b != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, bitwise_or, a | b)
static const syi_loop_table bitwise_or_loops = {TABLE_WHOLE(bitwise_or)};
SYI_CPU_BOOL(SYI_BINARY_OF, bitwise_xor, (a != 0) != (b != 0))
SYI_CPU_INTEGERS(SYI_BINARY_OF, bitwise_xor, a ^ b)
static const syi_loop_table bitwise_xor_loops = {TABLE_WHOLE(bitwise_xor)};
SYI_CPU_BOOL(SYI_UNARY_OF, bitwise_not, a == 0)
SYI_CPU_INTEGERS(SYI_UNARY_OF, bitwise_not, ~a)
static const syi_loop_table bitwise_not_loops = {TABLE_WHOLE(bitwise_not)};

/* A count below 0 or of all bits shifts everything out; on the right the sign stays. */
#define WIDTH ((int64_t)(8 * sizeof(element)))
#define OUT_OF_RANGE ((uint64_t)b >= (uint64_t)WIDTH)
SYI_CPU_INTEGERS(SYI_BINARY_OF, bitwise_left_shift,
                 OUT_OF_RANGE ? 0 : (wide)a << (OUT_OF_RANGE ? 0 : b))
static const syi_loop_table bitwise_left_shift_loops = {TABLE_INTEGERS(bitwise_left_shift)};
SYI_CPU_SIGNED(SYI_BINARY_OF, bitwise_right_shift, a >> (OUT_OF_RANGE ? WIDTH - 1 : b))
SYI_BINARY_LOOP(bitwise_right_shift_of_bytes, uint8_t, uint8_t, uint32_t, b > 7 ? 0 : a >> b)
static const syi_loop_table bitwise_right_shift_loops = {SYI_CPU_SIGNED(
    SYI_LOOP_ENTRY, bitwise_right_shift) SYI_LOOP_AT(SY_DTYPE_U8, bitwise_right_shift_of_bytes)};

#define BITWISE(op) [SYI_OP_##op] = &op##_loops
static const syi_loop_table *const bitwise[SYI_OP_COUNT] = {
    BITWISE(bitwise_and),        BITWISE(bitwise_or),          BITWISE(bitwise_xor),
    BITWISE(bitwise_left_shift), BITWISE(bitwise_right_shift),
};

sy_status syi_cpu_bitwise(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, *bitwise[call->op->id], 0, 1, NULL);
}

sy_status syi_cpu_bitwise_not(const syi_cpu_call *call)
{
    return syi_cpu_run_unary(call, bitwise_not_loops, NULL);
}
