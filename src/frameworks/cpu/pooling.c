/*
 * pooling.c - max_pool2d, avg_pool2d, adaptive_avg_pool2d and their backward halves, plane by plane. NaN wins every
 * maximum, as in torch; averages are summed in double. Test: pooling_test.c; answers of torch:
 * tests/vectors/ops/kernels/pooling.txt.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/parallel.h"
#include "ops/window.h"

/* Rows and columns of one plane, [from, to). */
typedef struct part {
    int64_t row, row_end, column, column_end;
} part;

/* One call. Arrays are packed and of one dtype. */
typedef struct problem {
    const syi_cpu_call *call;
    syi_pooling p;
    bool adaptive;
    bool doubles;
    syi_array from; /* input, or grad_output */
    syi_array indices;
    void *out;
    int64_t *places; /* of maxima; NULL: not asked for */
} problem;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* First row or column inside the input from `start` on, in steps of the dilation. */
static int64_t enter(int64_t start, int64_t dilation)
{
    return start >= 0 ? start : start + (-start + dilation - 1) / dilation * dilation;
}

/* What the window at (y, x) covers of the input. */
static part window_at(const syi_window *w, int64_t y, int64_t x)
{
    const int64_t row = y * w->stride[0] - w->padding[0];
    const int64_t column = x * w->stride[1] - w->padding[1];
    return (part){
        .row = enter(row, w->dilation[0]),
        .row_end = smaller(row + (w->kernel[0] - 1) * w->dilation[0] + 1, w->in[0]),
        .column = enter(column, w->dilation[1]),
        .column_end = smaller(column + (w->kernel[1] - 1) * w->dilation[1] + 1, w->in[1]),
    };
}

/* The end of the places from `k` on in its row whose windows lie inside the input; k where its own does not. */
static int64_t inside_until(const syi_window *w, int64_t k)
{
    const int64_t y = k / w->out[1], x = k % w->out[1];
    const int64_t row = y * w->stride[0] - w->padding[0];
    const int64_t column = x * w->stride[1] - w->padding[1];
    const int64_t height = (w->kernel[0] - 1) * w->dilation[0] + 1;
    const int64_t width = (w->kernel[1] - 1) * w->dilation[1] + 1;
    if (row < 0 || row + height > w->in[0] || column < 0 || column + width > w->in[1] ||
        w->in[0] * w->in[1] > INT32_MAX) {
        return k;
    }
    const int64_t more = (w->in[1] - width - column) / w->stride[1] + 1;
    return k + smaller(more, w->out[1] - x);
}

/* Adaptive windows: from floor(k in / out) to ceil((k + 1) in / out). */
static void adaptive_range(int64_t in, int64_t out, int64_t k, int64_t *from, int64_t *to)
{
    *from = (int64_t)((__int128)k * in / out);
    *to = (int64_t)(((__int128)(k + 1) * in + out - 1) / out);
}

/* The part of an average's window that counts, and by what its sum is divided. */
static part average_at(const problem *x, int64_t at_row, int64_t at_column, double *divisor)
{
    const syi_window *w = &x->p.window;
    part covered;
    if (x->adaptive) {
        adaptive_range(w->in[0], w->out[0], at_row, &covered.row, &covered.row_end);
        adaptive_range(w->in[1], w->out[1], at_column, &covered.column, &covered.column_end);
        *divisor =
            (double)((covered.row_end - covered.row) * (covered.column_end - covered.column));
        return covered;
    }
    const int64_t row = at_row * w->stride[0] - w->padding[0];
    const int64_t column = at_column * w->stride[1] - w->padding[1];
    const int64_t row_end = smaller(row + w->kernel[0], w->in[0] + w->padding[0]);
    const int64_t column_end = smaller(column + w->kernel[1], w->in[1] + w->padding[1]);
    covered = (part){larger(row, 0), smaller(row_end, w->in[0]), larger(column, 0),
                     smaller(column_end, w->in[1])};
    const int64_t inside =
        larger(covered.row_end - covered.row, 0) * larger(covered.column_end - covered.column, 0);
    *divisor = x->p.divisor != 0        ? (double)x->p.divisor
               : x->p.count_include_pad ? (double)((row_end - row) * (column_end - column))
                                        : (double)inside;
    return covered;
}

#define BESIDE 64 /* windows side by side */
#define INTEGER_F32 uint32_t
#define INTEGER_F64 uint64_t

/* One plane each. */
#define DEFINE_POOLS(name, T)                                                                   \
    /* Places [k, end) of one row of places, whose windows lie inside: each element of the    \
     * windows is offered to all of them side by side. One window after the other, which of   \
     * its elements is the largest is noise, and a branch was half of the time. */ \
    SYI_CLONES static void max_inside_##name(const syi_window *w, const T *in, int64_t k,       \
                                             int64_t end, T *out, int64_t *places)              \
    {                                                                                           \
        const int64_t stride = w->stride[1];                                                    \
        int64_t corner = (k / w->out[1] * w->stride[0] - w->padding[0]) * w->in[1] +            \
                         k % w->out[1] * stride - w->padding[1];                                \
        for (int64_t n; k < end; k += n, corner += n * stride) {                                \
            T best[BESIDE];                                                                     \
            INTEGER_##name offsets[BESIDE];                                                     \
            n = smaller(end - k, BESIDE);                                                       \
            for (int64_t i = 0; i < n; i++) {                                                   \
                best[i] = -(T)INFINITY;                                                         \
                offsets[i] = 0;                                                                 \
            }                                                                                   \
            for (int64_t e = 0; e < w->kernel[0] * w->kernel[1]; e++) {                         \
                const INTEGER_##name offset =                                                   \
                    (INTEGER_##name)(e / w->kernel[1] * w->dilation[0] * w->in[1] +             \
                                     e % w->kernel[1] * w->dilation[1]);                        \
                const T *from = in + corner + (int64_t)offset;                                  \
                for (int64_t i = 0; i < n; i++) {                                               \
                    const T a = stride == 2 ? from[2 * i] : from[stride * i];                   \
                    const bool better = (a > best[i]) | (a != a);                               \
                    best[i] = better ? a : best[i];                                             \
                    offsets[i] = better ? offset : offsets[i];                                  \
                }                                                                               \
            }                                                                                   \
            memcpy(out + k, best, (size_t)n * sizeof *out);                                     \
            for (int64_t i = 0; places != NULL && i < n; i++) {                                 \
                places[k + i] = corner + i * stride + (int64_t)offsets[i];                      \
            }                                                                                   \
        }                                                                                       \
    }                                                                                           \
    static void max_##name(const problem *x, int64_t plane)                                     \
    {                                                                                           \
        const syi_window *w = &x->p.window;                                                     \
        const T *in = (const T *)syi_array_data(&x->from) + plane * w->in[0] * w->in[1];        \
        const int64_t first = plane * w->out[0] * w->out[1];                                    \
        T *out = (T *)x->out + first;                                                           \
        int64_t *places = x->places != NULL ? x->places + first : NULL;                         \
        for (int64_t k = 0; k < w->out[0] * w->out[1]; k++) {                                   \
            const int64_t inside = inside_until(w, k);                                          \
            if (inside > k) {                                                                   \
                max_inside_##name(w, in, k, inside, out, places);                               \
                k = inside - 1;                                                                 \
                continue;                                                                       \
            }                                                                                   \
            const part p = window_at(w, k / w->out[1], k % w->out[1]);                          \
            T best = -(T)INFINITY;                                                              \
            int64_t at = p.row * w->in[1] + p.column;                                           \
            for (int64_t row = p.row; row < p.row_end; row += w->dilation[0]) {                 \
                for (int64_t c = p.column; c < p.column_end; c += w->dilation[1]) {             \
                    const T a = in[row * w->in[1] + c];                                         \
                    if (a > best || a != a) {                                                   \
                        best = a;                                                               \
                        at = row * w->in[1] + c;                                                \
                    }                                                                           \
                }                                                                               \
            }                                                                                   \
            out[k] = best;                                                                      \
            if (places != NULL) {                                                               \
                places[k] = at;                                                                 \
            }                                                                                   \
        }                                                                                       \
    }                                                                                           \
    static void average_##name(const problem *x, int64_t plane)                                 \
    {                                                                                           \
        const syi_window *w = &x->p.window;                                                     \
        const T *in = (const T *)syi_array_data(&x->from) + plane * w->in[0] * w->in[1];        \
        T *out = (T *)x->out + plane * w->out[0] * w->out[1];                                   \
        for (int64_t k = 0; k < w->out[0] * w->out[1]; k++) {                                   \
            double divisor, sum = 0;                                                            \
            const part p = average_at(x, k / w->out[1], k % w->out[1], &divisor);               \
            for (int64_t row = p.row; row < p.row_end; row++) {                                 \
                for (int64_t c = p.column; c < p.column_end; c++) {                             \
                    sum += (double)in[row * w->in[1] + c];                                      \
                }                                                                               \
            }                                                                                   \
            const bool empty = p.row >= p.row_end || p.column >= p.column_end;                  \
            out[k] = empty ? 0 : (T)(sum / divisor);                                            \
        }                                                                                       \
    }                                                                                           \
    static void max_backward_##name(const problem *x, int64_t plane)                            \
    {                                                                                           \
        const syi_window *w = &x->p.window;                                                     \
        const int64_t count = w->out[0] * w->out[1];                                            \
        const T *grad = (const T *)syi_array_data(&x->from) + plane * count;                    \
        const int64_t *places = (const int64_t *)syi_array_data(&x->indices) + plane * count;   \
        T *out = (T *)x->out + plane * w->in[0] * w->in[1];                                     \
        memset(out, 0, (size_t)(w->in[0] * w->in[1]) * sizeof *out);                            \
        for (int64_t k = 0; k < count; k++) {                                                   \
            out[places[k]] += grad[k];                                                          \
        }                                                                                       \
    }                                                                                           \
    static void average_backward_##name(const problem *x, int64_t plane)                        \
    {                                                                                           \
        const syi_window *w = &x->p.window;                                                     \
        const T *grad = (const T *)syi_array_data(&x->from) + plane * w->out[0] * w->out[1];    \
        T *out = (T *)x->out + plane * w->in[0] * w->in[1];                                     \
        memset(out, 0, (size_t)(w->in[0] * w->in[1]) * sizeof *out);                            \
        for (int64_t k = 0; k < w->out[0] * w->out[1]; k++) {                                   \
            double divisor;                                                                     \
            const part p = average_at(x, k / w->out[1], k % w->out[1], &divisor);               \
            const T share = (T)((double)grad[k] / divisor);                                     \
            for (int64_t row = p.row; row < p.row_end; row++) {                                 \
                for (int64_t c = p.column; c < p.column_end; c++) {                             \
                    out[row * w->in[1] + c] += share;                                           \
                }                                                                               \
            }                                                                                   \
        }                                                                                       \
    }
DEFINE_POOLS(F32, float)
DEFINE_POOLS(F64, double)

typedef void (*plane_fn)(const problem *x, int64_t plane);

/* Several planes make a piece that is worth a thread. */
typedef struct work {
    const problem *x;
    plane_fn run;
    int64_t planes_each;
} work;

static void run_piece(void *user, int64_t piece, int worker)
{
    (void)worker;
    const work *w = user;
    const int64_t end = smaller((piece + 1) * w->planes_each, w->x->p.planes);
    for (int64_t plane = piece * w->planes_each; plane < end; plane++) {
        w->run(w->x, plane);
    }
}

static void run_planes(const problem *x, plane_fn single, plane_fn twice)
{
    const syi_window *w = &x->p.window;
    const double per_plane =
        (double)(w->in[0] * w->in[1] + w->out[0] * w->out[1] * w->kernel[0] * w->kernel[1]);
    sy_context *context = x->call->cpu->base.context;
    work all = {x, x->doubles ? twice : single, larger((int64_t)(20000 / (per_plane + 1)), 1)};
    const int64_t pieces = (x->p.planes + all.planes_each - 1) / all.planes_each;
    syi_parallel_run(context, pieces,
                     syi_parallel_workers(context, pieces, per_plane * (double)x->p.planes),
                     run_piece, &all);
}

/* `from` packed and of the result's dtype. */
static sy_status start(problem *x, const syi_array *from)
{
    const syi_array *out = &x->call->outs[0];
    x->doubles = out->dtype == SY_DTYPE_F64;
    x->out = syi_array_data(out);
    return syi_cpu_convert(x->call, &x->from, from, out->dtype, true);
}

sy_status syi_cpu_max_pool2d(const syi_cpu_call *call)
{
    problem x = {.call = call};
    SY_TRY(syi_pooling_read(&x.p, call->op, call->args, call->err));
    SY_TRY(start(&x, x.p.input));
    x.places = call->op->id == SYI_OP_max_pool2d ? NULL : syi_array_data(&call->outs[1]);
    run_planes(&x, max_F32, max_F64);
    syi_array_fini(&x.from);
    return SY_OK;
}

sy_status syi_cpu_avg_pool2d(const syi_cpu_call *call)
{
    problem x = {.call = call};
    SY_TRY(syi_pooling_read(&x.p, call->op, call->args, call->err));
    SY_TRY(start(&x, x.p.input));
    run_planes(&x, average_F32, average_F64);
    syi_array_fini(&x.from);
    return SY_OK;
}

sy_status syi_cpu_adaptive_avg_pool2d(const syi_cpu_call *call)
{
    problem x = {.call = call, .adaptive = true};
    const syi_array *input = syi_cpu_array(&call->args[0]);
    SY_TRY(syi_pooling_read_adaptive(&x.p, input, &call->args[1], call->err));
    SY_TRY(start(&x, input));
    run_planes(&x, average_F32, average_F64);
    syi_array_fini(&x.from);
    return SY_OK;
}

/* A peer may send any numbers. */
static sy_status check_places(const problem *x)
{
    const int64_t *places = syi_array_data(&x->indices);
    const int64_t size = x->p.window.in[0] * x->p.window.in[1];
    const int64_t count = syi_array_numel(&x->indices);
    for (int64_t k = 0; k < count; k++) {
        if (places[k] < 0 || places[k] >= size) {
            return syi_fail(x->call->err, SY_ERANGE,
                            "index %" PRId64 " is place %" PRId64 " of %" PRId64, k, places[k],
                            size);
        }
    }
    return SY_OK;
}

sy_status syi_cpu_max_pool2d_backward(const syi_cpu_call *call)
{
    problem x = {.call = call};
    sy_status status;
    SY_TRY(syi_pooling_read(&x.p, call->op, call->args, call->err));
    SY_GOTO(done,
            syi_cpu_convert(call, &x.indices, syi_cpu_array(&call->args[7]), SY_DTYPE_I64, true));
    SY_GOTO(done, check_places(&x));
    SY_GOTO(done, start(&x, syi_cpu_array(&call->args[0])));
    run_planes(&x, max_backward_F32, max_backward_F64);
done:
    syi_array_fini(&x.from);
    syi_array_fini(&x.indices);
    return status;
}

sy_status syi_cpu_avg_pool2d_backward(const syi_cpu_call *call)
{
    problem x = {.call = call};
    SY_TRY(syi_pooling_read(&x.p, call->op, call->args, call->err));
    SY_TRY(start(&x, syi_cpu_array(&call->args[0])));
    run_planes(&x, average_backward_F32, average_backward_F64);
    syi_array_fini(&x.from);
    return SY_OK;
}

sy_status syi_cpu_adaptive_avg_pool2d_backward(const syi_cpu_call *call)
{
    problem x = {.call = call, .adaptive = true};
    const syi_array *grad = syi_cpu_array(&call->args[0]), *self = syi_cpu_array(&call->args[1]);
    const sy_value places[2] = {sy_value_int(grad->shape[grad->ndim - 2]),
                                sy_value_int(grad->shape[grad->ndim - 1])};
    const sy_value size = sy_value_list(places, 2);
    SY_TRY(syi_pooling_read_adaptive(&x.p, self, &size, call->err));
    SY_TRY(start(&x, grad));
    run_planes(&x, average_backward_F32, average_backward_F64);
    syi_array_fini(&x.from);
    return SY_OK;
}
