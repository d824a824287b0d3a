/*
 * activations.c - functions with parameters: the activations of networks. Test:
 * answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/elementary.h"
#include "frameworks/cpu/pointwise.h"
#include "frameworks/cpu/precise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

#define TABLE_FLOATS(op) SYI_CPU_FLOATS(SYI_LOOP_ENTRY, op)

/* --- activations; constant[] holds the numbers behind self ---------------------------------------- */

#define DEFINE_ACTIVATION(op, F32_EXPR, F64_EXPR)              \
    SYI_UNARY_LOOP(op##_F32, float, float, float, F32_EXPR)    \
    SYI_UNARY_LOOP(op##_F64, double, double, double, F64_EXPR) \
    static const syi_loop_table op##_loops = {TABLE_FLOATS(op)};

SYI_CPU_FLOATS(SYI_UNARY_OF, leaky_relu, a > 0 ? a : a * *constant)
static const syi_loop_table leaky_relu_loops = {TABLE_FLOATS(leaky_relu)};

/* constant: alpha, scale, input_scale */
DEFINE_ACTIVATION(elu,
                  a <= 0 ? constant[0] * constant[1] * (float)syi_precise_expm1(a * constant[2])
                         : a * constant[1],
                  a <= 0 ? constant[0] * constant[1] * expm1(a * constant[2]) : a * constant[1])

/* constant: beta, threshold */
DEFINE_ACTIVATION(softplus,
                  a *constant[0] > constant[1]
                      ? a
                      : (float)syi_precise_log1p(syi_precise_exp(a * constant[0])) / constant[0],
                  a *constant[0] > constant[1] ? a : log1p(exp(a * constant[0])) / constant[0])

DEFINE_ACTIVATION(gelu, syi_geluf(a), 0.5 * a * erfc(-a * 0x1.6a09e667f3bcdp-1))

/* The approximation by tanh: x / (1 + exp(-2 y)), y = sqrt(2/pi) (x + 0.044715 x^3) */
#define TANH_ARGUMENT(x) (-0x1.9884533d43651p0 * ((x) + 0.044715 * (x) * (x) * (x)))
DEFINE_ACTIVATION(gelu_tanh, a / (1.0 + syi_precise_exp(TANH_ARGUMENT((double)a))),
                  a / (1.0 + exp(TANH_ARGUMENT(a))))

/* NaN at -inf, as PyTorch's quotient of infinities. */
DEFINE_ACTIVATION(silu, a < -0x1.fffffep127f ? NAN : a / (1.0 + syi_precise_exp(-(double)a)),
                  a / (1.0 + exp(-a)))

/* min(0, x) - log1p(exp(-|x|)) */
DEFINE_ACTIVATION(log_sigmoid,
                  (a < 0 || a != a ? a : 0.0f) -
                      syi_precise_log1p(syi_precise_exp(-fabs((double)a))),
                  (a < 0 || a != a ? a : 0.0) - log1p(exp(-fabs(a))))

/* --- kernels ------------------------------------------------------------------------------------- */

/* The numbers behind self, as the loops' parameter. */
static sy_status run(const syi_cpu_call *call, const syi_loop_table loops, int count)
{
    syi_numbers numbers;
    for (int k = 0; k < count; k++) {
        syi_numbers_set(&numbers, k, &call->args[1 + k], call->dtype);
    }
    return syi_cpu_run_unary(call, loops, &numbers);
}

sy_status syi_cpu_leaky_relu(const syi_cpu_call *call)
{
    return run(call, leaky_relu_loops, 1);
}

sy_status syi_cpu_elu(const syi_cpu_call *call)
{
    return run(call, elu_loops, 3);
}

/* elu with the constants of Klambauer et al., Self-Normalizing Neural Networks (2017). */
sy_status syi_cpu_selu(const syi_cpu_call *call)
{
    const sy_value given[] = {sy_value_float(1.6732632423543772848170429916717),
                              sy_value_float(1.0507009873554804934193349852946), sy_value_float(1)};
    syi_numbers numbers;
    for (int k = 0; k < 3; k++) {
        syi_numbers_set(&numbers, k, &given[k], call->dtype);
    }
    return syi_cpu_run_unary(call, elu_loops, &numbers);
}

/* elu of x / alpha, times alpha */
sy_status syi_cpu_celu(const syi_cpu_call *call)
{
    const double alpha = syi_value_get_double(&call->args[1]);
    const sy_value given[] = {call->args[1], sy_value_float(1), sy_value_float(1 / alpha)};
    syi_numbers numbers;
    for (int k = 0; k < 3; k++) {
        syi_numbers_set(&numbers, k, &given[k], call->dtype);
    }
    return syi_cpu_run_unary(call, elu_loops, &numbers);
}

sy_status syi_cpu_softplus(const syi_cpu_call *call)
{
    return run(call, softplus_loops, 2);
}

sy_status syi_cpu_gelu(const syi_cpu_call *call)
{
    const bool exact = strcmp(call->args[1].as.string, "none") == 0;
    return syi_cpu_run_unary(call, exact ? gelu_loops : gelu_tanh_loops, NULL);
}

sy_status syi_cpu_silu(const syi_cpu_call *call)
{
    return syi_cpu_run_unary(call, silu_loops, NULL);
}

sy_status syi_cpu_log_sigmoid(const syi_cpu_call *call)
{
    return syi_cpu_run_unary(call, log_sigmoid_loops, NULL);
}
