/*
 * element_loss.c - losses that compare element by element (mse_loss, l1_loss, smooth_l1_loss, binary_cross_entropy
 * with and without logits) and their backward halves. Formulas: PyTorch 1.13, torch.nn.functional. Test:
 * element_loss_test.c; answers of torch: tests/vectors/ops/kernels/losses.txt.
 */
#include <math.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"
#include "ops/infer.h"

/* The same words for both dtypes, so that one expression serves. */
static inline float floor_log_F32(float x)
{
    return fmaxf(logf(x), -100);
}
static inline double floor_log_F64(double x)
{
    return fmax(log(x), -100);
}
static inline float floor_log1p_F32(float x)
{
    return fmaxf(log1pf(x), -100);
}
static inline double floor_log1p_F64(double x)
{
    return fmax(log1p(x), -100);
}
static inline float exp_F32(float x)
{
    return expf(x);
}
static inline double exp_F64(double x)
{
    return exp(x);
}
static inline float log1p_F32(float x)
{
    return log1pf(x);
}
static inline double log1p_F64(double x)
{
    return log1p(x);
}
static inline float abs_F32(float x)
{
    return fabsf(x);
}
static inline double abs_F64(double x)
{
    return fabs(x);
}

/* Loss of one element: input a, target b, *constant is beta. */
#define MSE(name) (a - b) * (a - b)
#define L1(name) abs_##name(a - b)
#define SMOOTH_L1(name)                                                 \
    abs_##name(a - b) < *constant ? (a - b) * (a - b) / (2 * *constant) \
                                  : abs_##name(a - b) - *constant / 2
#define BINARY(name) (b - 1) * floor_log1p_##name(-a) - b *floor_log_##name(a)
/* (1 - b) a + log(1 + exp(-a)), and no exponential overflows */
#define LOGITS(name) (1 - b) * a + (a < 0 ? -a : 0) + log1p_##name(exp_##name(-abs_##name(a)))

#define LOSS_OF(name, T, W, op, BODY) SYI_BINARY_LOOP(op##_##name, T, T, W, BODY(name))
SYI_CPU_FLOATS(LOSS_OF, mse, MSE)
SYI_CPU_FLOATS(LOSS_OF, l1, L1)
SYI_CPU_FLOATS(LOSS_OF, smooth_l1, SMOOTH_L1)
SYI_CPU_FLOATS(LOSS_OF, binary, BINARY)
SYI_CPU_FLOATS(LOSS_OF, logits, LOGITS)
SYI_CPU_FLOATS(SYI_BINARY_OF, weigh, a *b)

/* Slope of one element; g is the gradient of its loss, times 1/n for a mean. (PyTorch's 1e-12 is a float for doubles,
 * too.) */
#define MSE_SLOPE(name) 2 * (a - b) * g
#define L1_SLOPE(name) a > b ? g : a < b ? -g : (a - b) * 0
#define SMOOTH_L1_SLOPE(name) a - b <= -beta ? -g : a - b >= beta ? g : (a - b) * g / beta
#define BINARY_SLOPE(name) g *(a - b) / ((1 - a) * a > (T)1e-12f ? (1 - a) * a : (T)1e-12f)
#define LOGITS_SLOPE(name) g *(1 / (1 + exp_##name(-a)) - b)

typedef struct slope_parameter {
    double beta;
    double factor; /* of the incoming gradient */
} slope_parameter;

/* out = BODY(a, b, g factor) */
#define DEFINE_SLOPE(name, type, W, op, BODY)                                             \
    static void op##_slope_##name(int64_t n, void *const *data, const int64_t *strides,   \
                                  const void *param)                                      \
    {                                                                                     \
        typedef type T;                                                                   \
        const T beta __attribute__((unused)) = (T)((const slope_parameter *)param)->beta; \
        const T factor = (T)((const slope_parameter *)param)->factor;                     \
        for (int64_t i = 0; i < n; i++) {                                                 \
            const T a = SYI_AT_CONST(T, data[1], i, strides[1]);                          \
            const T b = SYI_AT_CONST(T, data[2], i, strides[2]);                          \
            const T g = SYI_AT_CONST(T, data[3], i, strides[3]) * factor;                 \
            SYI_AT(T, data[0], i, strides[0]) = (T)(BODY(name));                          \
        }                                                                                 \
    }
SYI_CPU_FLOATS(DEFINE_SLOPE, mse, MSE_SLOPE)
SYI_CPU_FLOATS(DEFINE_SLOPE, l1, L1_SLOPE)
SYI_CPU_FLOATS(DEFINE_SLOPE, smooth_l1, SMOOTH_L1_SLOPE)
SYI_CPU_FLOATS(DEFINE_SLOPE, binary, BINARY_SLOPE)
SYI_CPU_FLOATS(DEFINE_SLOPE, logits, LOGITS_SLOPE)

/* What differs between the rows; places in their schemas without grad_output, -1: it has none. */
typedef struct loss_kind {
    syi_loop losses[2], slopes[2];
    int reduction, weight, beta;
    bool probability; /* the input must be one */
} loss_kind;

#define LOOPS(op)                      \
    {op##_F32, op##_F64},              \
    {                                  \
        op##_slope_F32, op##_slope_F64 \
    }

static const loss_kind *kind_of(const syi_op *op)
{
    static const loss_kind mse = {LOOPS(mse), 2, -1, -1, false};
    static const loss_kind l1 = {LOOPS(l1), 2, -1, -1, false};
    static const loss_kind smooth_l1 = {LOOPS(smooth_l1), 3, -1, 2, false};
    static const loss_kind binary = {LOOPS(binary), 3, 2, -1, true};
    static const loss_kind logits = {LOOPS(logits), 3, 2, -1, false};
    switch (op->id) {
    case SYI_OP_l1_loss:
    case SYI_OP_l1_loss_backward:
        return &l1;
    case SYI_OP_smooth_l1_loss:
    case SYI_OP_smooth_l1_loss_backward:
        return &smooth_l1;
    case SYI_OP_binary_cross_entropy:
    case SYI_OP_binary_cross_entropy_backward:
        return &binary;
    case SYI_OP_binary_cross_entropy_with_logits:
    case SYI_OP_binary_cross_entropy_with_logits_backward:
        return &logits;
    default:
        return &mse;
    }
}

static const syi_loop weighings[2] = {weigh_F32, weigh_F64};

/* losses *= weight, which broadcasts */
static void weigh(const syi_cpu_call *call, const syi_array *losses, const syi_array *weight)
{
    const sy_dtype dtype = losses->dtype;
    syi_operand operands[3] = {{.array = losses, .dtype = dtype},
                               {.array = losses, .dtype = dtype},
                               {.array = weight, .dtype = dtype}};
    syi_iterate(operands, 3, weighings[dtype == SY_DTYPE_F64], NULL, call->secret);
}

static sy_status check_probabilities(const syi_cpu_call *call, const syi_array *input)
{
    const int64_t n = syi_array_numel(input);
    for (int64_t i = 0; i < n; i++) {
        const double x = syi_array_get_double(input, i);
        if (!(x >= 0 && x <= 1)) {
            return syi_fail(call->err, SY_ERANGE, "input %lld is %g, expected 0 to 1", (long long)i,
                            x);
        }
    }
    return SY_OK;
}

/* The sum or mean of a packed array's elements into a 0-dim one, through the kernel of sum or mean. */
static sy_status reduce_all(const syi_cpu_call *call, const syi_array *from, bool mean)
{
    const sy_value args[4] = {
        syi_cpu_value(from),
        sy_value_none(),
        sy_value_bool(false),
        sy_value_none(),
    };
    syi_cpu_call reduction_call = *call;
    reduction_call.op = syi_op_get(mean ? SYI_OP_mean : SYI_OP_sum);
    reduction_call.args = args;
    return mean ? syi_cpu_mean(&reduction_call) : syi_cpu_sum(&reduction_call);
}

/* Where the losses of all elements go: the result itself, or a temporary that will be reduced. */
static sy_status room_for_losses(const syi_cpu_call *call, syi_array *losses, syi_reduction how)
{
    const syi_array *out = &call->outs[0];
    const syi_array *a = syi_cpu_array(&call->args[0]), *b = syi_cpu_array(&call->args[1]);
    if (how == SYI_REDUCTION_NONE) {
        syi_array_copy_view(losses, out);
        return SY_OK;
    }
    int ndim;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(syi_shape_broadcast(&ndim, shape, a->ndim, a->shape, b->ndim, b->shape, call->err));
    return syi_cpu_temporary(call, losses, out->dtype, ndim, shape);
}

sy_status syi_cpu_element_loss(const syi_cpu_call *call)
{
    const loss_kind *kind = kind_of(call->op);
    const sy_dtype dtype = call->outs[0].dtype;
    const syi_array *a = syi_cpu_array(&call->args[0]), *b = syi_cpu_array(&call->args[1]);
    const bool twice = dtype == SY_DTYPE_F64;
    syi_reduction how;
    if (!sy_dtype_is_floating(dtype)) {
        return syi_cpu_refuse_dtype(call, dtype);
    }
    SY_TRY(syi_argument_reduction(&call->args[kind->reduction], &how, call->err));
    if (kind->probability) {
        SY_TRY(check_probabilities(call, a));
    }
    syi_array losses = SYI_ARRAY_INIT;
    SY_TRY(room_for_losses(call, &losses, how));
    syi_element beta = {0};
    if (kind->beta >= 0) {
        beta = syi_element_from_value(&call->args[kind->beta], dtype);
    }
    syi_operand operands[3] = {{.array = &losses, .dtype = dtype},
                               {.array = a, .dtype = dtype},
                               {.array = b, .dtype = dtype}};
    syi_iterate(operands, 3, kind->losses[twice], &beta, call->secret);
    const syi_array *weight = kind->weight >= 0 ? syi_cpu_array(&call->args[kind->weight]) : NULL;
    if (weight != NULL) {
        weigh(call, &losses, weight);
    }
    sy_status status = SY_OK;
    if (how != SYI_REDUCTION_NONE) {
        status = reduce_all(call, &losses, how == SYI_REDUCTION_MEAN);
    }
    syi_array_fini(&losses);
    return status;
}

/* grad_output comes first; it has one element, or with "none" one per loss. */
sy_status syi_cpu_element_loss_backward(const syi_cpu_call *call)
{
    const loss_kind *kind = kind_of(call->op);
    const syi_array *out = &call->outs[0];
    const sy_value *args = &call->args[1];
    const sy_dtype dtype = out->dtype;
    syi_reduction how;
    SY_TRY(syi_argument_reduction(&args[kind->reduction], &how, call->err));
    const double count = (double)syi_array_numel(out);
    const slope_parameter parameter = {
        .beta = kind->beta >= 0 ? args[kind->beta].as.real : 0,
        .factor = how == SYI_REDUCTION_MEAN ? 1 / count : 1,
    };
    syi_array grad = *syi_cpu_array(&call->args[0]); /* borrowed */
    if (how != SYI_REDUCTION_NONE) {
        grad.ndim = 0; /* one element, whatever its dims */
    }
    syi_operand operands[4] = {{.array = out, .dtype = dtype},
                               {.array = syi_cpu_array(&args[0]), .dtype = dtype},
                               {.array = syi_cpu_array(&args[1]), .dtype = dtype},
                               {.array = &grad, .dtype = dtype}};
    syi_iterate(operands, 4, kind->slopes[dtype == SY_DTYPE_F64], &parameter, call->secret);
    const syi_array *weight = kind->weight >= 0 ? syi_cpu_array(&args[kind->weight]) : NULL;
    if (weight != NULL) {
        weigh(call, out, weight);
    }
    return SY_OK;
}
