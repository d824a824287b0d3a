/*
 * sgd.c - the step of plain gradient descent, self -= lr grad. Test: sgd_test.c; answers of torch:
 * tests/vectors/ops.
 */
#include "frameworks/cpu/cpu.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

SYI_CPU_FLOATS(SYI_BINARY_OF, step, a - *constant * b)
static const syi_loop steps[SY_DTYPE_COUNT] = {SYI_CPU_FLOATS(SYI_LOOP_ENTRY, step)};

sy_status syi_cpu_sgd(const syi_cpu_call *call)
{
    const syi_array *self = &call->outs[0];
    const syi_array *given = syi_cpu_array(&call->args[1]);
    if (!sy_dtype_is_floating(self->dtype)) {
        return syi_cpu_refuse_dtype(call, self->dtype);
    }
    syi_array gradient = SYI_ARRAY_INIT;
    if (syi_array_overlaps(self, given)) {
        SY_TRY(syi_cpu_temporary(call, &gradient, given->dtype, given->ndim, given->shape));
        syi_array_assign(&gradient, given);
        given = &gradient;
    }
    syi_element rate = syi_element_from_value(&call->args[2], self->dtype);
    syi_operand operands[3] = {
        {.array = self, .dtype = self->dtype},
        {.array = self, .dtype = self->dtype},
        {.array = given, .dtype = self->dtype},
    };
    syi_iterate(operands, 3, steps[self->dtype], &rate, call->secret);
    syi_array_fini(&gradient);
    return SY_OK;
}
