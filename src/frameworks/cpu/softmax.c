/*
 * softmax.c - softmax, log_softmax and their backward halves along one dim. The largest element is
 * taken off first, so that no exponential overflows; sums are kept in double. Test: softmax_test.c;
 * answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/elementary.h"
#include "frameworks/cpu/loops.h"

#define LANES 32 /* sums side by side */

/* One row: n elements, strides in bytes. `gradient` is for backward halves only. */
typedef void (*row_fn)(int64_t n, char *out, int64_t out_stride, const char *in, int64_t in_stride,
                       const char *gradient, int64_t gradient_stride);

#define IN(i) SYI_AT_CONST(T, in, i, in_stride)
#define GRADIENT(i) SYI_AT_CONST(T, gradient, i, gradient_stride)
#define OUT(i) SYI_AT(T, out, i, out_stride)

/* NAME(): BODY, compiled once for packed rows and once for any strides. */
#define ROW_FUNCTION(NAME, TYPE, BODY)                                                         \
    static inline __attribute__((always_inline)) void NAME##_body(                             \
        int64_t n, char *restrict out, int64_t out_stride, const char *in, int64_t in_stride,  \
        const char *gradient, int64_t gradient_stride)                                         \
    {                                                                                          \
        typedef TYPE T;                                                                        \
        (void)gradient;                                                                        \
        (void)gradient_stride;                                                                 \
        BODY                                                                                   \
    }                                                                                          \
    SYI_CLONES static void NAME(int64_t n, char *out, int64_t out_stride, const char *in,      \
                                int64_t in_stride, const char *gradient,                       \
                                int64_t gradient_stride)                                       \
    {                                                                                          \
        const int64_t size = sizeof(TYPE);                                                     \
        if (out_stride == size && in_stride == size && gradient_stride == size) {              \
            NAME##_body(n, out, sizeof(TYPE), in, sizeof(TYPE), gradient, sizeof(TYPE));       \
        } else {                                                                               \
            NAME##_body(n, out, out_stride, in, in_stride, gradient, gradient_stride);         \
        }                                                                                      \
    }

/* sum += VALUE(0) + ... + VALUE(n - 1), in double */
#define ADD_UP(sum, VALUE)                              \
    do {                                                \
        int64_t place = 0;                              \
        if (n >= LANES) {                               \
            double lanes[LANES] = {0};                  \
            for (; n - place >= LANES; place += LANES) { \
                for (int64_t l = 0; l < LANES; l++) {   \
                    lanes[l] += VALUE(place + l);       \
                }                                       \
            }                                           \
            for (int l = 0; l < LANES; l++) {           \
                (sum) += lanes[l];                      \
            }                                           \
        }                                               \
        for (; place < n; place++) {                    \
            (sum) += VALUE(place);                      \
        }                                               \
    } while (0)

#define FIND_LARGEST(largest)                                           \
    do {                                                                \
        int64_t place = 0;                                              \
        if (n >= LANES) {                                               \
            T lanes[LANES];                                             \
            for (int64_t l = 0; l < LANES; l++) {                       \
                lanes[l] = IN(l);                                       \
            }                                                           \
            for (place = LANES; n - place >= LANES; place += LANES) {   \
                for (int64_t l = 0; l < LANES; l++) {                   \
                    const T x = IN(place + l), y = lanes[l];            \
                    lanes[l] = x > y ? x : y;                           \
                }                                                       \
            }                                                           \
            for (int l = 0; l < LANES; l++) {                           \
                (largest) = lanes[l] > (largest) ? lanes[l] : (largest); \
            }                                                           \
        }                                                               \
        for (; place < n; place++) {                                    \
            (largest) = IN(place) > (largest) ? IN(place) : (largest);  \
        }                                                               \
    } while (0)

/* A NaN may be missed as the largest, but not by the sum. A row of -inf becomes NaN, as in torch. */
#define AS_DOUBLE(i) (double)OUT(i)
#define SOFTMAX_BODY(EXP)                          \
    T largest = -(T)INFINITY;                      \
    FIND_LARGEST(largest);                         \
    for (int64_t i = 0; i < n; i++) {              \
        OUT(i) = EXP(IN(i) - largest);             \
    }                                              \
    double sum = 0;                                \
    ADD_UP(sum, AS_DOUBLE);                        \
    for (int64_t i = 0; i < n; i++) {              \
        OUT(i) /= (T)sum;                          \
    }

#define LOG_SOFTMAX_BODY(EXP)                               \
    T largest = -(T)INFINITY;                               \
    FIND_LARGEST(largest);                                  \
    for (int64_t i = 0; i < n; i++) {                       \
        OUT(i) = EXP(IN(i) - largest);                      \
    }                                                       \
    double sum = 0;                                         \
    ADD_UP(sum, AS_DOUBLE);                                 \
    const double shift = log(sum);                          \
    for (int64_t i = 0; i < n; i++) {                       \
        OUT(i) = (T)((double)(IN(i) - largest) - shift);    \
    }

/* in: the softmax y; y (g - sum(g y)) */
#define GRADIENT_TIMES_Y(i) (double)GRADIENT(i) * (double)IN(i)
#define SOFTMAX_BACKWARD_BODY(EXP)                                  \
    double sum = 0;                                                 \
    ADD_UP(sum, GRADIENT_TIMES_Y);                                  \
    for (int64_t i = 0; i < n; i++) {                               \
        OUT(i) = (T)(((double)GRADIENT(i) - sum) * (double)IN(i));  \
    }

/* in: the log-softmax y; g - exp(y) sum(g) */
#define GRADIENT_ALONE(i) (double)GRADIENT(i)
#define LOG_SOFTMAX_BACKWARD_BODY(EXP)                                 \
    double sum = 0;                                                    \
    ADD_UP(sum, GRADIENT_ALONE);                                       \
    for (int64_t i = 0; i < n; i++) {                                  \
        OUT(i) = (T)((double)GRADIENT(i) - (double)EXP(IN(i)) * sum);  \
    }

ROW_FUNCTION(softmax_F32, float, SOFTMAX_BODY(syi_expf))
ROW_FUNCTION(softmax_F64, double, SOFTMAX_BODY(exp))
ROW_FUNCTION(log_softmax_F32, float, LOG_SOFTMAX_BODY(syi_expf))
ROW_FUNCTION(log_softmax_F64, double, LOG_SOFTMAX_BODY(exp))
ROW_FUNCTION(softmax_backward_F32, float, SOFTMAX_BACKWARD_BODY(syi_expf))
ROW_FUNCTION(softmax_backward_F64, double, SOFTMAX_BACKWARD_BODY(exp))
ROW_FUNCTION(log_softmax_backward_F32, float, LOG_SOFTMAX_BACKWARD_BODY(syi_expf))
ROW_FUNCTION(log_softmax_backward_F64, double, LOG_SOFTMAX_BACKWARD_BODY(exp))

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
