/*
 * clamp.c - bounds from below and above. A NaN of the tensor stays, one of a bound comes; where the bounds cross, the
 * upper one wins. Test: answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/pointwise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

#define TABLE_NUMBERS(op) SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, op) SYI_CPU_FLOATS(SYI_LOOP_ENTRY, op)

#define LOWER_BOUND(x, bound) ((x) < (bound) || (bound) != (bound) ? (bound) : (x))
#define UPPER_BOUND(x, bound) ((x) > (bound) || (bound) != (bound) ? (bound) : (x))
SYI_CPU_INTEGERS(SYI_BINARY_OF, clamp_min, a < b ? b : a)
SYI_CPU_FLOATS(SYI_BINARY_OF, clamp_min, a != a ? a : LOWER_BOUND(a, b))
static const syi_loop_table clamp_min_loops = {TABLE_NUMBERS(clamp_min)};
SYI_CPU_INTEGERS(SYI_BINARY_OF, clamp_max, a > b ? b : a)
SYI_CPU_FLOATS(SYI_BINARY_OF, clamp_max, a != a ? a : UPPER_BOUND(a, b))
static const syi_loop_table clamp_max_loops = {TABLE_NUMBERS(clamp_max)};
SYI_CPU_INTEGERS(SYI_TERNARY_OF, clamp, (a < b ? b : a) > c ? c : (a < b ? b : a))
SYI_CPU_FLOATS(SYI_TERNARY_OF, clamp, a != a ? a : b != b ? b : UPPER_BOUND(LOWER_BOUND(a, b), c))
static const syi_loop_table clamp_loops = {TABLE_NUMBERS(clamp)};

/* constant: the bounds, no NaN among them */
#define BETWEEN (a < constant[0] ? constant[0] : a)
SYI_CPU_INTEGERS(SYI_UNARY_OF, between, BETWEEN > constant[1] ? constant[1] : BETWEEN)
SYI_CPU_FLOATS(SYI_UNARY_OF, between, BETWEEN > constant[1] ? constant[1] : BETWEEN)
static const syi_loop_table between_loops = {TABLE_NUMBERS(between)};

static bool is_plain(const sy_value *bound)
{
    return syi_cpu_array(bound) == NULL &&
           (bound->kind != SY_VALUE_FLOAT || !isnan(bound->as.real));
}

static sy_status clamp_between(const syi_cpu_call *call)
{
    syi_numbers bounds;
    syi_numbers_set(&bounds, 0, &call->args[1], call->dtype);
    syi_numbers_set(&bounds, 1, &call->args[2], call->dtype);
    return syi_cpu_run_unary(call, between_loops, &bounds);
}

sy_status syi_cpu_hardtanh(const syi_cpu_call *call)
{
    const bool plain = is_plain(&call->args[1]) && is_plain(&call->args[2]);
    return plain ? clamp_between(call) : syi_cpu_run_ternary(call, clamp_loops, NULL);
}

sy_status syi_cpu_clamp_min(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, clamp_min_loops, 0, 1, NULL);
}

sy_status syi_cpu_clamp_max(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, clamp_max_loops, 0, 1, NULL);
}

sy_status syi_cpu_clamp(const syi_cpu_call *call)
{
    if (call->args[1].kind == SY_VALUE_NONE) {
        return syi_cpu_run_binary(call, clamp_max_loops, 0, 2, NULL);
    }
    if (call->args[2].kind == SY_VALUE_NONE) {
        return syi_cpu_run_binary(call, clamp_min_loops, 0, 1, NULL);
    }
    return syi_cpu_hardtanh(call);
}
