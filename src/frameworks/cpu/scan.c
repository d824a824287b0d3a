/*
 * scan.c - cumulative sums and products along one dim, and what flows back through the product. Sums of floats are
 * kept in double, integers wrap. Test: answers of torch, tests/vectors/ops.
 */
#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

#define TILE 256 /* neighbouring scans that run side by side */
#define ROWS 4   /* rows scanned together, whose sums need not wait for each other */

/* Scans `count` packed [n, inner] blocks at `data` in place, column by column. */
typedef void (*scan_fn)(int64_t count, int64_t n, int64_t inner, void *data);

#define DEFINE_SCAN(op, name, T, A, START, STEP)                               \
    SYI_CLONES static void op##_block_##name(int64_t n, int64_t inner, T *p)   \
    {                                                                          \
        for (int64_t first = 0; first < inner; first += TILE) {                \
            const int64_t width = inner - first < TILE ? inner - first : TILE; \
            A held[TILE];                                                      \
            for (int64_t i = 0; i < width; i++) {                              \
                held[i] = START;                                               \
            }                                                                  \
            for (int64_t k = 0; k < n; k++) {                                  \
                T *row = p + k * inner + first;                                \
                for (int64_t i = 0; i < width; i++) {                          \
                    held[i] = held[i] STEP(A) row[i];                          \
                    row[i] = (T)held[i];                                       \
                }                                                              \
            }                                                                  \
        }                                                                      \
    }                                                                          \
    static void op##_rows_##name(int64_t n, T *p)                              \
    {                                                                          \
        A a = START, b = START, c = START, d = START;                          \
        for (int64_t k = 0; k < n; k++) {                                      \
            a = a STEP(A) p[k];                                                \
            b = b STEP(A) p[n + k];                                            \
            c = c STEP(A) p[2 * n + k];                                        \
            d = d STEP(A) p[3 * n + k];                                        \
            p[k] = (T)a;                                                       \
            p[n + k] = (T)b;                                                   \
            p[2 * n + k] = (T)c;                                               \
            p[3 * n + k] = (T)d;                                               \
        }                                                                      \
    }                                                                          \
    static void op##_##name(int64_t count, int64_t n, int64_t inner, void *at) \
    {                                                                          \
        T *p = at;                                                             \
        for (; inner == 1 && count >= ROWS; count -= ROWS, p += ROWS * n) {    \
            op##_rows_##name(n, p);                                            \
        }                                                                      \
        for (; count > 0; count--, p += n * inner) {                           \
            op##_block_##name(n, inner, p);                                    \
        }                                                                      \
    }
#define WHOLE_SUM(name, T, W, unused) DEFINE_SCAN(cumsum, name, T, uint64_t, 0, +)
#define REAL_SUM(name, T, W, unused) DEFINE_SCAN(cumsum, name, T, double, 0, +)
#define WHOLE_PRODUCT(name, T, W, unused) DEFINE_SCAN(cumprod, name, T, uint64_t, 1, *)
#define REAL_PRODUCT(name, T, W, unused) DEFINE_SCAN(cumprod, name, T, double, 1, *)
SYI_CPU_INTEGERS(WHOLE_SUM, )
SYI_CPU_FLOATS(REAL_SUM, )
SYI_CPU_INTEGERS(WHOLE_PRODUCT, )
SYI_CPU_FLOATS(REAL_PRODUCT, )
#define SCAN_ENTRY(name, T, W, op) [SY_DTYPE_##name] = op##_##name,
static const scan_fn sums[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(SCAN_ENTRY, cumsum)
                                                 SYI_CPU_FLOATS(SCAN_ENTRY, cumsum)};
static const scan_fn products[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(SCAN_ENTRY, cumprod)
                                                     SYI_CPU_FLOATS(SCAN_ENTRY, cumprod)};

/* A packed array as blocks of [n, inner] along `dim`. */
typedef struct blocks {
    int64_t count, n, inner;
    int64_t bytes; /* of a block */
} blocks;

static sy_status split(const syi_cpu_call *call, const syi_array *array, const sy_value *dim,
                       blocks *b)
{
    int d = 0;
    SY_TRY(syi_dim_wrap(&d, dim->as.integer, array->ndim, call->err));
    *b = (blocks){.count = 1, .n = array->ndim > 0 ? array->shape[d] : 1, .inner = 1};
    for (int k = 0; k < array->ndim; k++) {
        b->count *= k < d ? array->shape[k] : 1;
        b->inner *= k > d ? array->shape[k] : 1;
    }
    b->bytes = b->n * b->inner * (int64_t)sy_dtype_size(array->dtype);
    return SY_OK;
}

sy_status syi_cpu_scan(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    const scan_fn scan = (call->op->id == SYI_OP_cumprod ? products : sums)[out->dtype];
    blocks b;
    if (scan == NULL) {
        return syi_cpu_refuse_dtype(call, out->dtype);
    }
    SY_TRY(split(call, out, &call->args[1], &b));
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    syi_array_assign(out, syi_cpu_array(&call->args[0]));
    scan(b.count, b.n, b.inner, syi_array_data(out));
    return SY_OK;
}

/*
 * The gradient of cumprod, exact with zeros among the elements: with p_k the product of all before k and
 * s_k = g_k + x_{k+1} s_{k+1}, it is p_k s_k. (torch divides by x where it can.)
 */
#define DEFINE_BACKWARD(name, T, W, unused)                                                      \
    static void backward_##name(int64_t n, int64_t inner, const void *grads, const void *values, \
                                void *results)                                                   \
    {                                                                                            \
        const T *g = grads, *x = values;                                                         \
        T *out = results;                                                                        \
        for (int64_t i = 0; i < inner; i++) {                                                    \
            double flow = 0;                                                                     \
            for (int64_t k = n - 1; k >= 0; k--) {                                               \
                const int64_t at = k * inner + i;                                                \
                const double next = k + 1 < n ? (double)x[at + inner] : 0;                       \
                flow = (double)g[at] + (k + 1 < n ? next * flow : 0);                            \
                out[at] = (T)flow;                                                               \
            }                                                                                    \
            double before = 1;                                                                   \
            for (int64_t k = 0; k < n; k++) {                                                    \
                const int64_t at = k * inner + i;                                                \
                out[at] = (T)(before * (double)out[at]);                                         \
                before *= (double)x[at];                                                         \
            }                                                                                    \
        }                                                                                        \
    }
SYI_CPU_FLOATS(DEFINE_BACKWARD, )

sy_status syi_cpu_cumprod_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    blocks b;
    SY_TRY(split(call, out, &call->args[2], &b));
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    syi_array grad = SYI_ARRAY_INIT, self = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, syi_cpu_convert(call, &grad, syi_cpu_array(&call->args[0]), out->dtype, true));
    SY_GOTO(done, syi_cpu_convert(call, &self, syi_cpu_array(&call->args[1]), out->dtype, true));
    for (int64_t k = 0; k < b.count; k++) {
        (out->dtype == SY_DTYPE_F32 ? backward_F32 : backward_F64)(
            b.n, b.inner, (const char *)syi_array_data(&grad) + k * b.bytes,
            (const char *)syi_array_data(&self) + k * b.bytes,
            (char *)syi_array_data(out) + k * b.bytes);
    }
done:
    syi_array_fini(&self);
    syi_array_fini(&grad);
    return status;
}
