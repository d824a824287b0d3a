/*
 * softmax.c - softmax, log_softmax and their backward halves along one dim. The largest element is
 * taken off first, so that no exponential overflows; sums are kept in double. Test: softmax_test.c;
 * answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

/* One row: n elements, strides in bytes. `in` and `gradient` may be the same memory as nothing else. */
typedef void (*row_fn)(int64_t n, char *out, int64_t out_stride, const char *in, int64_t in_stride,
                       const char *gradient, int64_t gradient_stride);

#define IN(i) SYI_AT_CONST(T, in, i, in_stride)
#define GRADIENT(i) SYI_AT_CONST(T, gradient, i, gradient_stride)
#define OUT(i) SYI_AT(T, out, i, out_stride)

#define ROW_FUNCTION(NAME, BODY)                                                               \
    static void NAME(int64_t n, char *out, int64_t out_stride, const char *in,                 \
                     int64_t in_stride, const char *gradient, int64_t gradient_stride)         \
    {                                                                                          \
        (void)gradient;                                                                        \
        (void)gradient_stride;                                                                 \
        BODY                                                                                   \
    }

/* NaN makes a row of NaN through the sum; a row of -inf becomes NaN, as in torch. */
#define SOFTMAX_BODY(TYPE, EXP)                             \
    typedef TYPE T;                                         \
    T largest = -(T)INFINITY;                               \
    for (int64_t i = 0; i < n; i++) {                       \
        largest = IN(i) > largest ? IN(i) : largest;        \
    }                                                       \
    double sum = 0;                                         \
    for (int64_t i = 0; i < n; i++) {                       \
        T e = EXP(IN(i) - largest);                         \
        OUT(i) = e;                                         \
        sum += (double)e;                                   \
    }                                                       \
    for (int64_t i = 0; i < n; i++) {                       \
        OUT(i) = (T)((double)OUT(i) / sum);                 \
    }

#define LOG_SOFTMAX_BODY(TYPE, EXP)                         \
    typedef TYPE T;                                         \
    T largest = -(T)INFINITY;                               \
    for (int64_t i = 0; i < n; i++) {                       \
        largest = IN(i) > largest ? IN(i) : largest;        \
    }                                                       \
    double sum = 0;                                         \
    for (int64_t i = 0; i < n; i++) {                       \
        sum += (double)EXP(IN(i) - largest);                \
    }                                                       \
    const double shift = log(sum);                          \
    for (int64_t i = 0; i < n; i++) {                       \
        OUT(i) = (T)((double)(IN(i) - largest) - shift);    \
    }

/* in: the softmax y; y (g - sum(g y)) */
#define SOFTMAX_BACKWARD_BODY(TYPE, EXP)                    \
    typedef TYPE T;                                         \
    double sum = 0;                                         \
    for (int64_t i = 0; i < n; i++) {                       \
        sum += (double)GRADIENT(i) * (double)IN(i);         \
    }                                                       \
    for (int64_t i = 0; i < n; i++) {                       \
        OUT(i) = (T)(((double)GRADIENT(i) - sum) * (double)IN(i)); \
    }

/* in: the log-softmax y; g - exp(y) sum(g) */
#define LOG_SOFTMAX_BACKWARD_BODY(TYPE, EXP)                \
    typedef TYPE T;                                         \
    double sum = 0;                                         \
    for (int64_t i = 0; i < n; i++) {                       \
        sum += (double)GRADIENT(i);                         \
    }                                                       \
    for (int64_t i = 0; i < n; i++) {                       \
        OUT(i) = (T)((double)GRADIENT(i) - (double)EXP(IN(i)) * sum); \
    }

ROW_FUNCTION(softmax_F32, SOFTMAX_BODY(float, expf))
ROW_FUNCTION(softmax_F64, SOFTMAX_BODY(double, exp))
ROW_FUNCTION(log_softmax_F32, LOG_SOFTMAX_BODY(float, expf))
ROW_FUNCTION(log_softmax_F64, LOG_SOFTMAX_BODY(double, exp))
ROW_FUNCTION(softmax_backward_F32, SOFTMAX_BACKWARD_BODY(float, expf))
ROW_FUNCTION(softmax_backward_F64, SOFTMAX_BACKWARD_BODY(double, exp))
ROW_FUNCTION(log_softmax_backward_F32, LOG_SOFTMAX_BACKWARD_BODY(float, expf))
ROW_FUNCTION(log_softmax_backward_F64, LOG_SOFTMAX_BACKWARD_BODY(double, exp))

/* Bytes between neighbours along `dim` of an array, which is then left with one place there. */
static int64_t take_dim(syi_array *array, int dim)
{
    if (array->ndim == 0) {
        return 0;
    }
    array->shape[dim] = 1;
    return array->strides[dim] * (int64_t)sy_dtype_size(array->dtype);
}

/* Calls `row` once per row along `dim`; `gradient` may be NULL. Arrays of one shape and dtype. */
static void run_rows(row_fn row, const syi_array *out, const syi_array *in,
                     const syi_array *gradient, int dim)
{
    const int64_t n = out->ndim == 0 ? 1 : out->shape[dim];
    if (syi_array_numel(out) == 0) {
        return;
    }
    syi_array places[3] = {*out, *in, gradient != NULL ? *gradient : *in};
    int64_t strides[3];
    for (int k = 0; k < 3; k++) {
        strides[k] = take_dim(&places[k], dim);
    }
    syi_nest nest;
    syi_nest_init(&nest, places[0].ndim, places[0].shape);
    for (int k = 0; k < 3; k++) {
        syi_nest_add(&nest, &places[k]);
    }
    syi_nest_merge(&nest, true);
    int64_t at[SY_DIM_MAX] = {0};
    char *data[3] = {nest.data[0], nest.data[1], nest.data[2]};
    do {
        row(n, data[0], strides[0], data[1], strides[1], data[2], strides[2]);
    } while (syi_nest_step(&nest, 0, at, data));
}

sy_status syi_cpu_softmax(const syi_cpu_call *call)
{
    static const row_fn rows[2][2] = {{softmax_F32, softmax_F64},
                                      {log_softmax_F32, log_softmax_F64}};
    const syi_array *out = &call->outs[0];
    if (!sy_dtype_is_floating(out->dtype)) {
        return syi_cpu_refuse_dtype(call, out->dtype);
    }
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, out->ndim, call->err));
    syi_array in;
    SY_TRY(syi_cpu_convert(call, &in, syi_cpu_array(&call->args[0]), out->dtype, false));
    run_rows(rows[call->op->id == SYI_OP_log_softmax][out->dtype == SY_DTYPE_F64], out, &in, NULL,
             dim);
    syi_array_fini(&in);
    return SY_OK;
}

/* An argument in the result's dtype and shape. */
static sy_status take_argument(const syi_cpu_call *call, syi_array *array, const sy_value *value)
{
    const syi_array *out = &call->outs[0];
    syi_array converted;
    SY_TRY(syi_cpu_convert(call, &converted, syi_cpu_array(value), out->dtype, false));
    sy_status status = syi_array_expand(array, &converted, out->ndim, out->shape, call->err);
    syi_array_fini(&converted);
    return status;
}

sy_status syi_cpu_softmax_backward(const syi_cpu_call *call)
{
    static const row_fn rows[2][2] = {{softmax_backward_F32, softmax_backward_F64},
                                      {log_softmax_backward_F32, log_softmax_backward_F64}};
    const syi_array *out = &call->outs[0];
    if (!sy_dtype_is_floating(out->dtype)) {
        return syi_cpu_refuse_dtype(call, out->dtype);
    }
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[2].as.integer, out->ndim, call->err));
    syi_array gradient = SYI_ARRAY_INIT, in = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, take_argument(call, &gradient, &call->args[0]));
    SY_GOTO(done, take_argument(call, &in, &call->args[1]));
    run_rows(rows[call->op->id == SYI_OP__log_softmax_backward_data][out->dtype == SY_DTYPE_F64],
             out, &in, &gradient, dim);
done:
    syi_array_fini(&in);
    syi_array_fini(&gradient);
    return status;
}
