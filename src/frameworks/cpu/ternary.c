/* ternary.c - pointwise operations on three tensors. Test: answers of torch: tests/vectors/ops. */
#include "frameworks/cpu/pointwise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

SYI_CPU_INTEGERS(SYI_TERNARY_OF, addcmul, (wide)a + (wide)*constant * (wide)b * (wide)c)
SYI_CPU_FLOATS(SYI_TERNARY_OF, addcmul, a + *constant * b * c)
static const syi_loop_table addcmul_loops = {SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, addcmul)
                                                 SYI_CPU_FLOATS(SYI_LOOP_ENTRY, addcmul)};
SYI_CPU_FLOATS(SYI_TERNARY_OF, addcdiv, a + *constant * b / c)
static const syi_loop_table addcdiv_loops = {SYI_CPU_FLOATS(SYI_LOOP_ENTRY, addcdiv)};

/* From the nearer end, so that weight 1 gives b exactly. */
SYI_CPU_FLOATS(SYI_TERNARY_OF, lerp,
               (c < 0 ? -c : c) < (element)0.5 ? a + c * (b - a) : b - (b - a) * (1 - c))
static const syi_loop_table lerp_loops = {SYI_CPU_FLOATS(SYI_LOOP_ENTRY, lerp)};

sy_status syi_cpu_run_ternary(const syi_cpu_call *call, const syi_loop_table loops,
                              const void *param)
{
    const sy_dtype dtype = call->dtype;
    if (loops[dtype] == NULL) {
        return syi_cpu_refuse_dtype(call, dtype);
    }
    syi_element room[3];
    const syi_operand operands[4] = {
        {.array = &call->outs[0], .dtype = dtype},
        syi_cpu_operand(&call->args[0], dtype, &room[0]),
        syi_cpu_operand(&call->args[1], dtype, &room[1]),
        syi_cpu_operand(&call->args[2], dtype, &room[2]),
    };
    syi_iterate(operands, 4, loops[dtype], param, call->secret);
    return SY_OK;
}

/* self + value tensor1 tensor2 */
sy_status syi_cpu_addcmul(const syi_cpu_call *call)
{
    const syi_element value = syi_element_from_value(&call->args[3], call->dtype);
    return syi_cpu_run_ternary(call, addcmul_loops, &value);
}

sy_status syi_cpu_addcdiv(const syi_cpu_call *call)
{
    const syi_element value = syi_element_from_value(&call->args[3], call->dtype);
    return syi_cpu_run_ternary(call, addcdiv_loops, &value);
}

sy_status syi_cpu_lerp(const syi_cpu_call *call)
{
    return syi_cpu_run_ternary(call, lerp_loops, NULL);
}
