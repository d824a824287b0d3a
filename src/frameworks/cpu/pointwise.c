/*
 * pointwise.c - arithmetic and functions element by element. Test: pointwise_test.c; answers of torch:
 * tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/elementary.h"
#include "frameworks/cpu/pointwise.h"

#define SYI_LOOP_CLONES SYI_CLONES
#include "frameworks/cpu/loops.h"

#define TABLE_INTEGERS(op) SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, op)
#define TABLE_FLOATS(op) SYI_CPU_FLOATS(SYI_LOOP_ENTRY, op)
#define TABLE_NUMBERS(op) TABLE_INTEGERS(op) TABLE_FLOATS(op)
#define TABLE_ALL(op) SYI_CPU_BOOL(SYI_LOOP_ENTRY, op) TABLE_NUMBERS(op)

/* --- two operands -------------------------------------------------------------------------------- */

SYI_CPU_BOOL(SYI_BINARY_OF, add, (a | b) != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, add, (wide)a + (wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, add, a + b)
static const syi_loop_table add_loops = {TABLE_ALL(add)};

SYI_CPU_INTEGERS(SYI_BINARY_OF, sub, (wide)a - (wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, sub, a - b)
static const syi_loop_table sub_loops = {TABLE_NUMBERS(sub)};

/* a + alpha b */
SYI_CPU_BOOL(SYI_BINARY_OF, add_scaled, a != 0 || (*constant != 0 && b != 0))
SYI_CPU_INTEGERS(SYI_BINARY_OF, add_scaled, (wide)a + (wide)*constant * (wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, add_scaled, a + *constant * b)
static const syi_loop_table add_scaled_loops = {TABLE_ALL(add_scaled)};

/* a - alpha b */
SYI_CPU_INTEGERS(SYI_BINARY_OF, sub_scaled, (wide)a - (wide)*constant * (wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, sub_scaled, a - *constant * b)
static const syi_loop_table sub_scaled_loops = {TABLE_NUMBERS(sub_scaled)};

SYI_CPU_BOOL(SYI_BINARY_OF, mul, a != 0 && b != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, mul, (wide)a *(wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, mul, a *b)
static const syi_loop_table mul_loops = {TABLE_ALL(mul)};

SYI_CPU_FLOATS(SYI_BINARY_OF, div, a / b)
static const syi_loop_table div_loops = {TABLE_FLOATS(div)};

/* The larger or smaller one; NaN when either is. */
SYI_CPU_BOOL(SYI_BINARY_OF, maximum, (a | b) != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, maximum, a > b ? a : b)
SYI_CPU_FLOATS(SYI_BINARY_OF, maximum, a > b || a != a ? a : b)
static const syi_loop_table maximum_loops = {TABLE_ALL(maximum)};

SYI_CPU_BOOL(SYI_BINARY_OF, minimum, a != 0 && b != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, minimum, a < b ? a : b)
SYI_CPU_FLOATS(SYI_BINARY_OF, minimum, a < b || a != a ? a : b)
static const syi_loop_table minimum_loops = {TABLE_ALL(minimum)};

/* Squaring, wrapping. A negative exponent leaves 1 and -1 standing and makes 0 of the rest. */
#define DEFINE_POWER(name, T, W, unused)                                            \
    static T power_##name(T base, T exponent)                                       \
    {                                                                               \
        int64_t left = (int64_t)exponent;                                           \
        if (left < 0) {                                                             \
            return (T)(base == 1 ? 1 : base != (T)-1 ? 0 : left % 2 == 0 ? 1 : -1); \
        }                                                                           \
        W result = 1;                                                               \
        for (W factor = (W)base; left > 0; left >>= 1) {                            \
            result *= left & 1 ? factor : 1;                                        \
            factor *= factor;                                                       \
        }                                                                           \
        return (T)result;                                                           \
    }
SYI_CPU_INTEGERS(DEFINE_POWER, )
static float power_F32(float base, float exponent)
{
    return powf(base, exponent);
}
static double power_F64(double base, double exponent)
{
    return pow(base, exponent);
}
#define POWER_LOOP(name, T, W, op) SYI_BINARY_LOOP(op##_##name, T, T, W, power_##name(a, b))
SYI_CPU_INTEGERS(POWER_LOOP, pow)
SYI_CPU_FLOATS(POWER_LOOP, pow)
static const syi_loop_table pow_loops = {TABLE_NUMBERS(pow)};

/* Exponents that torch computes by other means. */
SYI_CPU_FLOATS(SYI_UNARY_OF, square, a *a)
SYI_CPU_FLOATS(SYI_UNARY_OF, cube, a *a *a)
SYI_CPU_FLOATS(SYI_UNARY_OF, inverse_square, 1 / (a * a))
static const syi_loop_table square_loops = {TABLE_FLOATS(square)};
static const syi_loop_table cube_loops = {TABLE_FLOATS(cube)};
static const syi_loop_table inverse_square_loops = {TABLE_FLOATS(inverse_square)};
SYI_UNARY_LOOP(inverse_root_F32, float, float, float, 1 / sqrtf(a))
SYI_UNARY_LOOP(inverse_root_F64, double, double, double, 1 / sqrt(a))
static const syi_loop_table inverse_root_loops = {TABLE_FLOATS(inverse_root)};

/* --- one operand --------------------------------------------------------------------------------- */

SYI_CPU_INTEGERS(SYI_UNARY_OF, neg, 0 - (wide)a)
SYI_CPU_FLOATS(SYI_UNARY_OF, neg, -a)
static const syi_loop_table neg_loops = {TABLE_NUMBERS(neg)};

SYI_CPU_BOOL(SYI_UNARY_OF, abs, a != 0)
SYI_CPU_UNSIGNED(SYI_UNARY_OF, abs, a)
SYI_CPU_SIGNED(SYI_UNARY_OF, abs, a < 0 ? 0 - (wide)a : (wide)a)
SYI_UNARY_LOOP(abs_F32, float, float, float, fabsf(a))
SYI_UNARY_LOOP(abs_F64, double, double, double, fabs(a))
static const syi_loop_table abs_loops = {TABLE_ALL(abs)};

SYI_CPU_BOOL(SYI_UNARY_OF, sign, a != 0)
SYI_CPU_UNSIGNED(SYI_UNARY_OF, sign, a != 0)
SYI_CPU_SIGNED(SYI_UNARY_OF, sign, (a > 0) - (a < 0))
SYI_CPU_FLOATS(SYI_UNARY_OF, sign, (element)(a > 0) - (element)(a < 0))
static const syi_loop_table sign_loops = {TABLE_ALL(sign)};

SYI_CPU_INTEGERS(SYI_UNARY_OF, relu, a > 0 ? a : 0)
SYI_CPU_FLOATS(SYI_UNARY_OF, relu, a <= 0 ? 0 : a)
static const syi_loop_table relu_loops = {TABLE_NUMBERS(relu)};

#define DEFINE_FUNCTION(op, F32_EXPR, F64_EXPR)                \
    SYI_UNARY_LOOP(op##_F32, float, float, float, F32_EXPR)    \
    SYI_UNARY_LOOP(op##_F64, double, double, double, F64_EXPR) \
    static const syi_loop_table op##_loops = {TABLE_FLOATS(op)};
DEFINE_FUNCTION(exp, syi_expf(a), exp(a))
DEFINE_FUNCTION(log, syi_logf(a), log(a))
DEFINE_FUNCTION(sqrt, sqrtf(a), sqrt(a))
DEFINE_FUNCTION(reciprocal, 1 / a, 1 / a)
DEFINE_FUNCTION(sigmoid, syi_logisticf(a), 1 / (1 + exp(-a)))
DEFINE_FUNCTION(tanh, syi_tanhf(a), tanh(a))

/* --- backward halves ----------------------------------------------------------------------------- */

/* a gradient, b input; *constant threshold. NaN passes the gradient on, as torch does. */
SYI_CPU_INTEGERS(SYI_BINARY_OF, threshold_backward, b <= *constant ? 0 : a)
SYI_CPU_FLOATS(SYI_BINARY_OF, threshold_backward, b <= *constant ? 0 : a)
static const syi_loop_table threshold_backward_loops = {TABLE_NUMBERS(threshold_backward)};

/* a gradient, b output */
SYI_CPU_FLOATS(SYI_BINARY_OF, sigmoid_backward, a *(1 - b) * b)
static const syi_loop_table sigmoid_backward_loops = {TABLE_FLOATS(sigmoid_backward)};
SYI_CPU_FLOATS(SYI_BINARY_OF, tanh_backward, a *(1 - b * b))
static const syi_loop_table tanh_backward_loops = {TABLE_FLOATS(tanh_backward)};

/* --- kernels ------------------------------------------------------------------------------------- */

sy_status syi_cpu_run_unary(const syi_cpu_call *call, const syi_loop_table loops, const void *param)
{
    syi_loop loop = loops[call->dtype];
    if (loop == NULL) {
        return syi_cpu_refuse_dtype(call, call->dtype);
    }
    syi_element room;
    syi_operand operands[2] = {
        {.array = &call->outs[0], .dtype = call->dtype},
        syi_cpu_operand(&call->args[0], call->dtype, &room),
    };
    syi_iterate(operands, 2, loop, param, call->secret);
    return SY_OK;
}

/* left and right are positions among the arguments */
sy_status syi_cpu_run_binary(const syi_cpu_call *call, const syi_loop_table loops, int left,
                             int right, const void *param)
{
    syi_loop loop = loops[call->dtype];
    if (loop == NULL) {
        return syi_cpu_refuse_dtype(call, call->dtype);
    }
    syi_element room[2];
    syi_operand operands[3] = {
        {.array = &call->outs[0], .dtype = call->dtype},
        syi_cpu_operand(&call->args[left], call->dtype, &room[0]),
        syi_cpu_operand(&call->args[right], call->dtype, &room[1]),
    };
    syi_iterate(operands, 3, loop, param, call->secret);
    return SY_OK;
}

/* alpha, where 1 is the common case that needs no product */
static sy_status run_scaled(const syi_cpu_call *call, const syi_loop_table plain,
                            const syi_loop_table scaled, int left, int right)
{
    const sy_value *alpha = &call->args[2];
    if ((alpha->kind == SY_VALUE_INT && alpha->as.integer == 1) ||
        (alpha->kind == SY_VALUE_FLOAT && alpha->as.real == 1)) {
        return syi_cpu_run_binary(call, plain, left, right, NULL);
    }
    syi_element factor = syi_element_from_value(alpha, call->dtype);
    return syi_cpu_run_binary(call, scaled, left, right, &factor);
}

sy_status syi_cpu_add(const syi_cpu_call *call)
{
    return run_scaled(call, add_loops, add_scaled_loops, 0, 1);
}

sy_status syi_cpu_sub(const syi_cpu_call *call)
{
    return run_scaled(call, sub_loops, sub_scaled_loops, 0, 1);
}

sy_status syi_cpu_rsub(const syi_cpu_call *call)
{
    return run_scaled(call, sub_loops, sub_scaled_loops, 1, 0);
}

sy_status syi_cpu_mul(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, mul_loops, 0, 1, NULL);
}

sy_status syi_cpu_div(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, div_loops, 0, 1, NULL);
}

sy_status syi_cpu_maximum(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, maximum_loops, 0, 1, NULL);
}

sy_status syi_cpu_minimum(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, minimum_loops, 0, 1, NULL);
}

static sy_status pow_of_floats(const syi_cpu_call *call, double exponent)
{
    const struct {
        double exponent;
        const syi_loop_table *loops;
    } shortcuts[] = {
        {2, &square_loops},          {3, &cube_loops},
        {0.5, &sqrt_loops},          {-1, &reciprocal_loops},
        {-2, &inverse_square_loops}, {-0.5, &inverse_root_loops},
    };
    for (size_t i = 0; i < sizeof shortcuts / sizeof shortcuts[0]; i++) {
        if (exponent == shortcuts[i].exponent) {
            return syi_cpu_run_unary(call, *shortcuts[i].loops, NULL);
        }
    }
    return syi_cpu_run_binary(call, pow_loops, 0, 1, NULL);
}

sy_status syi_cpu_pow(const syi_cpu_call *call)
{
    const sy_value *exponent = &call->args[1];
    if (syi_cpu_array(exponent) != NULL) {
        return syi_cpu_run_binary(call, pow_loops, 0, 1, NULL);
    }
    if (sy_dtype_is_floating(call->dtype)) {
        return pow_of_floats(call, syi_value_get_double(exponent));
    }
    return syi_cpu_run_binary(call, pow_loops, 0, 1, NULL);
}

sy_status syi_cpu_unary(const syi_cpu_call *call)
{
    switch (call->op->id) {
    case SYI_OP_neg:
        return syi_cpu_run_unary(call, neg_loops, NULL);
    case SYI_OP_abs:
        return syi_cpu_run_unary(call, abs_loops, NULL);
    case SYI_OP_sign:
        return syi_cpu_run_unary(call, sign_loops, NULL);
    case SYI_OP_relu:
        return syi_cpu_run_unary(call, relu_loops, NULL);
    case SYI_OP_exp:
        return syi_cpu_run_unary(call, exp_loops, NULL);
    case SYI_OP_log:
        return syi_cpu_run_unary(call, log_loops, NULL);
    case SYI_OP_sqrt:
        return syi_cpu_run_unary(call, sqrt_loops, NULL);
    case SYI_OP_reciprocal:
        return syi_cpu_run_unary(call, reciprocal_loops, NULL);
    case SYI_OP_sigmoid:
        return syi_cpu_run_unary(call, sigmoid_loops, NULL);
    default:
        return syi_cpu_run_unary(call, tanh_loops, NULL);
    }
}

sy_status syi_cpu_threshold_backward(const syi_cpu_call *call)
{
    syi_element threshold = syi_element_from_value(&call->args[2], call->dtype);
    return syi_cpu_run_binary(call, threshold_backward_loops, 0, 1, &threshold);
}

sy_status syi_cpu_sigmoid_backward(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, sigmoid_backward_loops, 0, 1, NULL);
}

sy_status syi_cpu_tanh_backward(const syi_cpu_call *call)
{
    return syi_cpu_run_binary(call, tanh_backward_loops, 0, 1, NULL);
}
