/*
 * compare.c - comparisons and the choice between two values. Test: compare_test.c; answers of torch:
 * tests/vectors/ops.
 */
#include "frameworks/cpu/cpu.h"

/* Eight bytes are compared at once from SSE4.1 on only (eq of 1e7 int64: 13 ms became 5.4). */
#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

typedef syi_loop loop_table[SY_DTYPE_COUNT];

/* Of bools only the truth counts, whatever the byte. */
#define DEFINE_COMPARE(op, OPERATOR)                            \
    SYI_CPU_BOOL(SYI_COMPARE_OF, op, (a != 0) OPERATOR(b != 0)) \
    SYI_CPU_INTEGERS(SYI_COMPARE_OF, op, a OPERATOR b)          \
    SYI_CPU_FLOATS(SYI_COMPARE_OF, op, a OPERATOR b)            \
    static const loop_table op##_loops = {SYI_CPU_ALL(SYI_LOOP_ENTRY, op)};
DEFINE_COMPARE(eq, ==)
DEFINE_COMPARE(ne, !=)
DEFINE_COMPARE(lt, <)
DEFINE_COMPARE(le, <=)
DEFINE_COMPARE(gt, >)
DEFINE_COMPARE(ge, >=)

static const loop_table *choose_table(syi_op_id id)
{
    switch (id) {
    case SYI_OP_eq:
        return &eq_loops;
    case SYI_OP_ne:
        return &ne_loops;
    case SYI_OP_lt:
        return &lt_loops;
    case SYI_OP_le:
        return &le_loops;
    case SYI_OP_gt:
        return &gt_loops;
    default:
        return &ge_loops;
    }
}

/* The dtype of the comparison. A plain number that the tensor's integers cannot hold is compared in
 * int64, where torch 1.13 would wrap it. */
static sy_dtype comparing_dtype(const sy_value *args)
{
    sy_dtype dtype = syi_result_type(args, 2);
    for (int i = 0; i < 2; i++) {
        if (args[i].kind == SY_VALUE_INT && !syi_value_fits(&args[i], dtype)) {
            return SY_DTYPE_I64;
        }
    }
    return dtype;
}

sy_status syi_cpu_compare(const syi_cpu_call *call)
{
    sy_dtype dtype = comparing_dtype(call->args);
    syi_element room[2];
    syi_operand operands[3] = {
        {.array = &call->outs[0], .dtype = SY_DTYPE_BOOL},
        syi_cpu_operand(&call->args[0], dtype, &room[0]),
        syi_cpu_operand(&call->args[1], dtype, &room[1]),
    };
    syi_iterate(operands, 3, (*choose_table(call->op->id))[dtype], NULL, call->secret);
    return SY_OK;
}

/*
 * data: out, condition, value where true, value where false. Packed rows, and numbers as values, are chosen by masks:
 * a condition that is hard to foretell costs 5 ns per element as a branch.
 */
#define WHERE_ROW(YES, NO)                              \
    SYI_INDEPENDENT                                     \
    for (int64_t i = 0; i < n; i++) {                   \
        const T keep = (T)(0 - (T)(condition[i] != 0)); \
        out[i] = (T)(((YES)&keep) | ((NO) & (T)~keep)); \
    }                                                   \
    return;
#define DEFINE_WHERE(size, type)                                                              \
    SYI_CLONES static void where_##size(int64_t n, void *const *data, const int64_t *strides, \
                                        const void *param)                                    \
    {                                                                                         \
        (void)param;                                                                          \
        typedef type T;                                                                       \
        T *out = data[0];                                                                     \
        const uint8_t *condition = data[1];                                                   \
        const T *yes = data[2], *no = data[3];                                                \
        const bool packed = strides[0] == size && strides[1] == 1;                            \
        if (packed && strides[2] == size && strides[3] == size) {                             \
            WHERE_ROW(yes[i], no[i])                                                          \
        }                                                                                     \
        if (packed && strides[2] == 0 && strides[3] == size) {                                \
            const T number = *yes;                                                            \
            WHERE_ROW(number, no[i])                                                          \
        }                                                                                     \
        if (packed && strides[2] == size && strides[3] == 0) {                                \
            const T number = *no;                                                             \
            WHERE_ROW(yes[i], number)                                                         \
        }                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                     \
            const bool chosen = SYI_AT_CONST(uint8_t, data[1], i, strides[1]) != 0;           \
            const T first = SYI_AT_CONST(T, data[2], i, strides[2]);                          \
            const T second = SYI_AT_CONST(T, data[3], i, strides[3]);                         \
            SYI_AT(T, data[0], i, strides[0]) = chosen ? first : second;                      \
        }                                                                                     \
    }
DEFINE_WHERE(1, uint8_t)
DEFINE_WHERE(2, uint16_t)
DEFINE_WHERE(4, uint32_t)
DEFINE_WHERE(8, uint64_t)

sy_status syi_cpu_where(const syi_cpu_call *call)
{
    static const syi_loop loops[9] = {[1] = where_1, [2] = where_2, [4] = where_4, [8] = where_8};
    const sy_dtype dtype = call->dtype;
    syi_element room[2];
    syi_operand operands[4] = {
        {.array = &call->outs[0], .dtype = dtype},
        {.array = syi_cpu_array(&call->args[0])},
        syi_cpu_operand(&call->args[1], dtype, &room[0]),
        syi_cpu_operand(&call->args[2], dtype, &room[1]),
    };
    sy_dtype condition = operands[1].array->dtype;
    operands[1].dtype = condition == SY_DTYPE_U8 ? SY_DTYPE_U8 : SY_DTYPE_BOOL;
    syi_iterate(operands, 4, loops[sy_dtype_size(dtype)], NULL, call->secret);
    return SY_OK;
}
