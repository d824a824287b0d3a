/*
 * optimizers.c - the steps of SGD with momentum and of Adam, in place, one pass each: _momentum_, _nesterov_,
 * _adam_square_, _adam_apply_. What makes one optimizer step of them: hook/optimizers.c. Formulas: PyTorch 1.13,
 * torch.optim. Answers of torch: tests/vectors/ops/kernels/optimizers.txt, replayed by vectors_test.c.
 */
#include <math.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

/* out = EXPR(a, b, c); constant[] as in loops.h */
#define TERNARY_OF(name, T, W, op, EXPR)                                          \
    static void op##_##name(int64_t n, void *const *data, const int64_t *strides, \
                            const void *param)                                    \
    {                                                                             \
        SYI_LOOP_TYPES(T, W)                                                      \
        const int64_t size = (int64_t)sizeof(T);                                  \
        if (strides[0] == size && strides[1] == size && strides[2] == size &&     \
            strides[3] == size) {                                                 \
            T *out = data[0];                                                     \
            const T *pa = data[1], *pb = data[2], *pc = data[3];                  \
            SYI_INDEPENDENT                                                       \
            for (int64_t i = 0; i < n; i++) {                                     \
                const T a = pa[i], b = pb[i], c = pc[i];                          \
                out[i] = (EXPR);                                                  \
            }                                                                     \
            return;                                                               \
        }                                                                         \
        for (int64_t i = 0; i < n; i++) {                                         \
            const T a = SYI_AT_CONST(T, data[1], i, strides[1]);                  \
            const T b = SYI_AT_CONST(T, data[2], i, strides[2]);                  \
            const T c = SYI_AT_CONST(T, data[3], i, strides[3]);                  \
            SYI_AT(T, data[0], i, strides[0]) = (EXPR);                           \
        }                                                                         \
    }

static inline float root_F32(float x)
{
    return sqrtf(x);
}
static inline double root_F64(double x)
{
    return sqrt(x);
}

/* a: the average, b: the gradient, c: the parameter that decays */
SYI_CPU_FLOATS(SYI_BINARY_OF, momentum, constant[0] * a + constant[1] * b)
SYI_CPU_FLOATS(TERNARY_OF, momentum_decay, constant[0] * a + constant[1] * (b + constant[2] * c))
SYI_CPU_FLOATS(SYI_BINARY_OF, square, constant[0] * a + constant[1] * b * b)
SYI_CPU_FLOATS(TERNARY_OF, square_decay,
               constant[0] * a + constant[1] * (b + constant[2] * c) * (b + constant[2] * c))
/* a: the parameter, b: the gradient, c: the momentum */
SYI_CPU_FLOATS(SYI_BINARY_OF, descend, a - constant[0] * (b + constant[1] * a))
SYI_CPU_FLOATS(TERNARY_OF, nesterov, a - constant[0] * (b + constant[1] * a + constant[2] * c))
/* a: the parameter, b: the average, c: the average of squares */
#define APPLY_OF(name, T, W, op) \
    TERNARY_OF(name, T, W, op, a - constant[0] * b / (root_##name(c) / constant[1] + constant[2]))
SYI_CPU_FLOATS(APPLY_OF, apply)

enum { CONSTANT_MAX = 3 };

/* The constants in the dtype of the loop. */
typedef union constants {
    float singles[CONSTANT_MAX];
    double doubles[CONSTANT_MAX];
} constants;

/* outs[0] = loops[dtype](self, b, c); c may be NULL. */
static sy_status run(const syi_cpu_call *call, const syi_array *b, const syi_array *c,
                     const syi_loop loops[2], const double given[CONSTANT_MAX])
{
    const syi_array *out = &call->outs[0];
    const sy_dtype dtype = call->dtype;
    constants k;
    if (!sy_dtype_is_floating(dtype)) {
        return syi_cpu_refuse_dtype(call, dtype);
    }
    for (int i = 0; i < CONSTANT_MAX; i++) {
        if (dtype == SY_DTYPE_F32) {
            k.singles[i] = (float)given[i];
        } else {
            k.doubles[i] = given[i];
        }
    }
    syi_operand operands[4] = {{.array = out, .dtype = dtype},
                               {.array = syi_cpu_array(&call->args[0]), .dtype = dtype},
                               {.array = b, .dtype = dtype},
                               {.array = c, .dtype = dtype}};
    syi_iterate(operands, c != NULL ? 4 : 3, loops[dtype == SY_DTYPE_F64], &k, call->secret);
    return SY_OK;
}

static double real(const syi_cpu_call *call, int argument)
{
    return call->args[argument].as.real;
}

/* self = momentum self + (1 - dampening) (grad + weight_decay parameter) */
sy_status syi_cpu_momentum(const syi_cpu_call *call)
{
    static const syi_loop plain[2] = {momentum_F32, momentum_F64};
    static const syi_loop decaying[2] = {momentum_decay_F32, momentum_decay_F64};
    const double k[CONSTANT_MAX] = {real(call, 3), 1 - real(call, 4), real(call, 5)};
    const syi_array *grad = syi_cpu_array(&call->args[1]);
    return k[2] == 0 ? run(call, grad, NULL, plain, k)
                     : run(call, grad, syi_cpu_array(&call->args[2]), decaying, k);
}

/* self = beta self + (1 - beta) (grad + weight_decay parameter)^2 */
sy_status syi_cpu_adam_square(const syi_cpu_call *call)
{
    static const syi_loop plain[2] = {square_F32, square_F64};
    static const syi_loop decaying[2] = {square_decay_F32, square_decay_F64};
    const double k[CONSTANT_MAX] = {real(call, 3), 1 - real(call, 3), real(call, 4)};
    const syi_array *grad = syi_cpu_array(&call->args[1]);
    return k[2] == 0 ? run(call, grad, NULL, plain, k)
                     : run(call, grad, syi_cpu_array(&call->args[2]), decaying, k);
}

/* self -= lr (grad + weight_decay self + momentum buffer) */
sy_status syi_cpu_nesterov(const syi_cpu_call *call)
{
    static const syi_loop plain[2] = {descend_F32, descend_F64};
    static const syi_loop ahead[2] = {nesterov_F32, nesterov_F64};
    const double k[CONSTANT_MAX] = {real(call, 3), real(call, 5), real(call, 4)};
    const syi_array *grad = syi_cpu_array(&call->args[1]), *buffer = syi_cpu_array(&call->args[2]);
    return run(call, grad, buffer, buffer == NULL ? plain : ahead, k);
}

/* self -= step_size average / (sqrt(squares) / correction + eps) */
sy_status syi_cpu_adam_apply(const syi_cpu_call *call)
{
    static const syi_loop loops[2] = {apply_F32, apply_F64};
    const double k[CONSTANT_MAX] = {real(call, 3), real(call, 4), real(call, 5)};
    return run(call, syi_cpu_array(&call->args[1]), syi_cpu_array(&call->args[2]), loops, k);
}
