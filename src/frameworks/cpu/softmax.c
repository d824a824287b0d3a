/*
 * softmax.c - softmax, log_softmax and their backward halves along one dim. The largest element is
 * taken off first, so that no exponential overflows; sums are kept in double. Test: softmax_test.c;
 * answers of torch: tests/vectors/ops.
 */
#include <math.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/elementary.h"

#define LANES 32 /* sums side by side */

/* One packed row of n elements; `gradient` is for backward halves only. */
typedef void (*row_fn)(int64_t n, void *out, const void *in, const void *gradient);

/* A NaN may be missed as the largest, but not by the sum. A row of -inf becomes NaN, as in torch. */
#define DEFINE_ROWS(name, T, EXP)                                                                \
    SYI_CLONES static T largest_##name(int64_t n, const T *in)                                   \
    {                                                                                            \
        T lanes[LANES], largest = -(T)INFINITY;                                                  \
        int64_t i = 0;                                                                           \
        for (int l = 0; l < LANES; l++) {                                                        \
            lanes[l] = largest;                                                                  \
        }                                                                                        \
        for (; n - i >= LANES; i += LANES) {                                                     \
            for (int l = 0; l < LANES; l++) {                                                    \
                lanes[l] = in[i + l] > lanes[l] ? in[i + l] : lanes[l];                          \
            }                                                                                    \
        }                                                                                        \
        for (; i < n; i++) {                                                                     \
            largest = in[i] > largest ? in[i] : largest;                                         \
        }                                                                                        \
        for (int l = 0; l < LANES; l++) {                                                        \
            largest = lanes[l] > largest ? lanes[l] : largest;                                   \
        }                                                                                        \
        return largest;                                                                          \
    }                                                                                            \
    /* Their sum. */                                                                             \
    SYI_CLONES static double sum_##name(int64_t n, const T *a)                                   \
    {                                                                                            \
        double sum = 0;                                                                          \
        int64_t i = 0;                                                                           \
        if (n >= LANES) {                                                                        \
            double lanes[LANES] = {0};                                                           \
            for (; n - i >= LANES; i += LANES) {                                                 \
                for (int l = 0; l < LANES; l++) {                                                \
                    lanes[l] += (double)a[i + l];                                                \
                }                                                                                \
            }                                                                                    \
            for (int l = 0; l < LANES; l++) {                                                    \
                sum += lanes[l];                                                                 \
            }                                                                                    \
        }                                                                                        \
        for (; i < n; i++) {                                                                     \
            sum += (double)a[i];                                                                 \
        }                                                                                        \
        return sum;                                                                              \
    }                                                                                            \
    /* out = exp(in - shift) */                                                                  \
    SYI_CLONES static void exp_##name(int64_t n, T *restrict out, const T *restrict in, T shift) \
    {                                                                                            \
        SYI_INDEPENDENT                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                        \
            out[i] = EXP(in[i] - shift);                                                         \
        }                                                                                        \
    }                                                                                            \
    SYI_CLONES static void softmax_##name(int64_t n, void *outv, const void *inv,                \
                                          const void *gradient)                                  \
    {                                                                                            \
        (void)gradient;                                                                          \
        T *restrict out = outv;                                                                  \
        const T *in = inv;                                                                       \
        exp_##name(n, out, in, largest_##name(n, in));                                           \
        const T sum = (T)sum_##name(n, out);                                                     \
        for (int64_t i = 0; i < n; i++) {                                                        \
            out[i] /= sum;                                                                       \
        }                                                                                        \
    }                                                                                            \
    SYI_CLONES static void log_softmax_##name(int64_t n, void *outv, const void *inv,            \
                                              const void *gradient)                              \
    {                                                                                            \
        (void)gradient;                                                                          \
        T *restrict out = outv;                                                                  \
        const T *restrict in = inv;                                                              \
        const T largest = largest_##name(n, in);                                                 \
        exp_##name(n, out, in, largest);                                                         \
        const double shift = log(sum_##name(n, out));                                            \
        for (int64_t i = 0; i < n; i++) {                                                        \
            out[i] = (T)((double)(in[i] - largest) - shift);                                     \
        }                                                                                        \
    }                                                                                            \
    /* y: the softmax; y (g - sum(g y)) */                                                       \
    SYI_CLONES static void softmax_backward_##name(int64_t n, void *outv, const void *yv,        \
                                                   const void *gv)                               \
    {                                                                                            \
        T *restrict out = outv;                                                                  \
        const T *restrict y = yv, *restrict g = gv;                                              \
        for (int64_t i = 0; i < n; i++) {                                                        \
            out[i] = g[i] * y[i];                                                                \
        }                                                                                        \
        const T sum = (T)sum_##name(n, out);                                                     \
        for (int64_t i = 0; i < n; i++) {                                                        \
            out[i] -= y[i] * sum;                                                                \
        }                                                                                        \
    }                                                                                            \
    /* y: the log-softmax; g - exp(y) sum(g) */                                                  \
    SYI_CLONES static void log_softmax_backward_##name(int64_t n, void *outv, const void *yv,    \
                                                       const void *gv)                           \
    {                                                                                            \
        T *restrict out = outv;                                                                  \
        const T *restrict g = gv;                                                                \
        const T sum = (T)sum_##name(n, g);                                                       \
        exp_##name(n, out, yv, 0);                                                               \
        for (int64_t i = 0; i < n; i++) {                                                        \
            out[i] = g[i] - out[i] * sum;                                                        \
        }                                                                                        \
    }
DEFINE_ROWS(F32, float, syi_expf)
DEFINE_ROWS(F64, double, exp)

/* The array with `dim` as its last one. Borrows. */
static syi_array turn(const syi_array *array, int dim)
{
    syi_array turned = *array;
    if (array->ndim > 0) {
        const int last = array->ndim - 1;
        turned.shape[dim] = array->shape[last];
        turned.strides[dim] = array->strides[last];
        turned.shape[last] = array->shape[dim];
        turned.strides[last] = array->strides[dim];
    }
    return turned;
}

/* An argument as packed rows along `dim`, in the result's dtype. */
static sy_status take_rows(const syi_cpu_call *call, syi_array *rows, const syi_array *from,
                           int dim)
{
    const syi_array turned = turn(from, dim);
    return syi_cpu_convert(call, rows, &turned, call->outs[0].dtype, true);
}

/* gradient: NULL for forward halves */
static sy_status run_rows(const syi_cpu_call *call, row_fn row, const syi_array *in,
                          const syi_array *gradient, const sy_value *along)
{
    const syi_array *out = &call->outs[0];
    int dim;
    SY_TRY(syi_dim_wrap(&dim, along->as.integer, out->ndim, call->err));
    syi_array turned = turn(out, dim);
    syi_array y = SYI_ARRAY_INIT, g = SYI_ARRAY_INIT, to = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, take_rows(call, &y, in, dim));
    if (gradient != NULL) {
        SY_GOTO(done, take_rows(call, &g, gradient, dim));
    }
    if (syi_array_is_contiguous(&turned)) {
        syi_array_copy_view(&to, &turned);
    } else {
        SY_GOTO(done, syi_cpu_temporary(call, &to, out->dtype, turned.ndim, turned.shape));
    }
    const int64_t n = to.ndim > 0 ? to.shape[to.ndim - 1] : 1;
    const int64_t bytes = n * (int64_t)sy_dtype_size(to.dtype);
    const int64_t rows = n > 0 ? syi_array_numel(&to) / n : 0;
    char *out_data = syi_array_data(&to);
    const char *in_data = syi_array_data(&y), *g_data = syi_array_data(&g);
    for (int64_t i = 0; i < rows; i++) {
        row(n, out_data + i * bytes, in_data + i * bytes,
            g_data != NULL ? g_data + i * bytes : NULL);
    }
    if (to.storage != out->storage) {
        syi_array_assign(&turned, &to);
    }
done:
    syi_array_fini(&to);
    syi_array_fini(&g);
    syi_array_fini(&y);
    return status;
}

sy_status syi_cpu_softmax(const syi_cpu_call *call)
{
    static const row_fn rows[2][2] = {{softmax_F32, softmax_F64},
                                      {log_softmax_F32, log_softmax_F64}};
    const sy_dtype dtype = call->outs[0].dtype;
    if (!sy_dtype_is_floating(dtype)) {
        return syi_cpu_refuse_dtype(call, dtype);
    }
    return run_rows(call, rows[call->op->id == SYI_OP_log_softmax][dtype == SY_DTYPE_F64],
                    syi_cpu_array(&call->args[0]), NULL, &call->args[1]);
}

sy_status syi_cpu_softmax_backward(const syi_cpu_call *call)
{
    static const row_fn rows[2][2] = {{softmax_backward_F32, softmax_backward_F64},
                                      {log_softmax_backward_F32, log_softmax_backward_F64}};
    const sy_dtype dtype = call->outs[0].dtype;
    if (!sy_dtype_is_floating(dtype)) {
        return syi_cpu_refuse_dtype(call, dtype);
    }
    const bool log = call->op->id == SYI_OP__log_softmax_backward_data;
    return run_rows(call, rows[log][dtype == SY_DTYPE_F64], syi_cpu_array(&call->args[1]),
                    syi_cpu_array(&call->args[0]), &call->args[2]);
}
