/*
 * linalg.c - matmul, mm and addmm: batches and vectors become plain products, and each product goes
 * to BLAS or to gemm.h. Test: linalg_test.c; answers of torch: tests/vectors/ops.
 */
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/gemm.h"
#include "frameworks/cpu/loops.h"

#define BLAS_FROM (32 * 32 * 32) /* multiplications; below, a call costs more than it saves */

/* A matrix in memory, strides in elements. */
typedef struct matrix {
    const char *data;
    int64_t rows, columns;
    int64_t strides[2];
} matrix;

/* What the products of one call share. */
typedef struct products {
    const syi_cpu_call *call;
    sy_dtype dtype;
    syi_array workspace; /* bytes for syi_gemm, made when first needed; wiped with secrets */
} products;

static bool multiply_by_blas(const products *all, const matrix *a, const matrix *b, void *c)
{
    const int64_t m = a->rows, n = b->columns, k = a->columns;
    const bool is_vector = m == 1 || n == 1; /* bound by memory; ours is as fast */
    if (is_vector || (double)m * (double)n * (double)k <= BLAS_FROM) {
        return false;
    }
    syi_blas *blas = &all->call->cpu->blas;
    const void *left = a->data, *right = b->data;
    switch (all->dtype) {
    case SY_DTYPE_F32:
        return syi_blas_multiply_f32(blas, m, n, k, left, a->strides, right, b->strides, c, n,
                                     false);
    case SY_DTYPE_F64:
        return syi_blas_multiply_f64(blas, m, n, k, left, a->strides, right, b->strides, c, n,
                                     false);
    default:
        return false;
    }
}

/*
 * out[r] = row r of a times x, both packed along k: what mv, dot and layers of one output are. Four rows at once, so that
 * x is loaded once for them, each in two vectors of lanes that are joined by halves (2048x2048 f32, in the cache: 0.7 ms
 * row by row became 0.35).
 */
#define DOT_BYTES 32 /* of a vector */
#define DEFINE_DOTS_OF(name, T, ROWS)                                                           \
    SYI_CLONES static void dots_##name##_##ROWS(int64_t rows, int64_t k, const T *a,            \
                                                int64_t stride, const T *x, T *out)             \
    {                                                                                           \
        typedef T vector __attribute__((vector_size(DOT_BYTES)));                               \
        typedef T piece __attribute__((vector_size(DOT_BYTES), aligned(sizeof(T)), may_alias)); \
        enum { WIDE = DOT_BYTES / sizeof(T) };                                                  \
        for (int64_t r = 0; r < rows; r += ROWS, a += ROWS * stride) {                          \
            vector low[ROWS] = {{0}}, high[ROWS] = {{0}};                                       \
            int64_t i = 0;                                                                      \
            for (; k - i >= 2 * WIDE; i += 2 * WIDE) {                                          \
                const vector y = *(const piece *)(x + i), z = *(const piece *)(x + i + WIDE);   \
                for (int j = 0; j < ROWS; j++) {                                                \
                    low[j] += *(const piece *)(a + j * stride + i) * y;                         \
                    high[j] += *(const piece *)(a + j * stride + i + WIDE) * z;                 \
                }                                                                               \
            }                                                                                   \
            for (int j = 0; j < ROWS; j++) {                                                    \
                T lanes[WIDE], sum = 0;                                                         \
                low[j] += high[j];                                                              \
                memcpy(lanes, &low[j], sizeof lanes);                                           \
                SYI_JOIN_LANES(lanes, WIDE)                                                     \
                for (int64_t l = i; l < k; l++) {                                               \
                    sum += a[j * stride + l] * x[l];                                            \
                }                                                                               \
                out[r + j] = lanes[0] + sum;                                                    \
            }                                                                                   \
        }                                                                                       \
    }
#define DEFINE_DOTS(name, T)                                                                 \
    DEFINE_DOTS_OF(name, T, 4)                                                               \
    DEFINE_DOTS_OF(name, T, 1)                                                               \
    static void dots_##name(int64_t rows, int64_t k, const T *a, int64_t stride, const T *x, \
                            T *out)                                                          \
    {                                                                                        \
        const int64_t most = rows - rows % 4;                                                \
        dots_##name##_4(most, k, a, stride, x, out);                                         \
        dots_##name##_1(rows - most, k, a + most * stride, stride, x, out + most);           \
    }
DEFINE_DOTS(F32, float)
DEFINE_DOTS(F64, double)

static bool multiply_by_dots(sy_dtype dtype, const matrix *a, const matrix *b, void *c)
{
    if (b->columns != 1 || a->strides[1] != 1 || b->strides[0] != 1 ||
        !sy_dtype_is_floating(dtype)) {
        return false;
    }
    if (dtype == SY_DTYPE_F32) {
        dots_F32(a->rows, a->columns, (const float *)(const void *)a->data, a->strides[0],
                 (const float *)(const void *)b->data, c);
    } else {
        dots_F64(a->rows, a->columns, (const double *)(const void *)a->data, a->strides[0],
                 (const double *)(const void *)b->data, c);
    }
    return true;
}

/* C = A B into packed memory. */
static sy_status multiply(products *all, const matrix *a, const matrix *b, void *c)
{
    if (multiply_by_dots(all->dtype, a, b, c) || multiply_by_blas(all, a, b, c)) {
        return SY_OK;
    }
    const int64_t m = a->rows, n = b->columns, k = a->columns;
    int64_t bytes = (int64_t)syi_gemm_workspace(all->dtype, m, n, k, b->strides);
    void *workspace = NULL;
    if (bytes > 0) {
        if (all->workspace.storage == NULL) {
            SY_TRY(syi_cpu_temporary(all->call, &all->workspace, SY_DTYPE_U8, 1, &bytes));
        }
        workspace = syi_array_data(&all->workspace);
    }
    syi_gemm(all->dtype, m, n, k, a->data, a->strides, b->data, b->strides, c, workspace);
    return SY_OK;
}

/* The two inner dims of an array as a matrix; a vector is a row on the left, a column on the right. */
static matrix last_two_dims(const syi_array *array, bool left)
{
    matrix x = {.data = syi_array_data(array)};
    const int d = array->ndim;
    if (d == 1) {
        x.rows = left ? 1 : array->shape[0];
        x.columns = left ? array->shape[0] : 1;
        x.strides[0] = left ? array->shape[0] : array->strides[0];
        x.strides[1] = left ? array->strides[0] : 1;
    } else {
        x.rows = array->shape[d - 2];
        x.columns = array->shape[d - 1];
        x.strides[0] = array->strides[d - 2];
        x.strides[1] = array->strides[d - 1];
    }
    return x;
}

static int batch_dims(const syi_array *array)
{
    return array->ndim > 2 ? array->ndim - 2 : 0;
}

/* All dims but the last as the rows of one matrix, when they follow each other in memory. */
static bool fold_rows(const syi_array *array, matrix *x)
{
    int64_t rows = 1;
    for (int d = array->ndim - 2; d >= 0; d--) {
        if (array->shape[d] != 1 && array->strides[d] != rows * x->strides[0]) {
            return false;
        }
        rows *= array->shape[d];
    }
    x->rows = rows;
    return true;
}

/* One product per place of the batch, in row-major order of the result's batch dims. */
static sy_status multiply_batches(products *all, const syi_array *out, const syi_array *left,
                                  const syi_array *right)
{
    matrix a = last_two_dims(left, true), b = last_two_dims(right, false);
    char *c = syi_array_data(out);
    if (right->ndim <= 2 && left->ndim > 2 && fold_rows(left, &a)) {
        return multiply(all, &a, &b, c);
    }
    syi_array batch_a = *left, batch_b = *right;
    batch_a.ndim = batch_dims(left);
    batch_b.ndim = batch_dims(right);
    syi_nest nest;
    syi_nest_init(&nest, batch_a.ndim > batch_b.ndim ? batch_a.ndim : batch_b.ndim, out->shape);
    syi_nest_add(&nest, &batch_a);
    syi_nest_add(&nest, &batch_b);
    const int64_t piece = a.rows * b.columns * (int64_t)sy_dtype_size(out->dtype);
    int64_t at[SY_DIM_MAX] = {0};
    char *data[2] = {nest.data[0], nest.data[1]};
    do {
        a.data = data[0];
        b.data = data[1];
        SY_TRY(multiply(all, &a, &b, c));
        c += piece;
    } while (syi_nest_step(&nest, 0, at, data));
    return SY_OK;
}

/* outs[0] = left right, shapes checked; operands are converted to the result's dtype. */
static sy_status multiply_arrays(const syi_cpu_call *call, const sy_value *left,
                                 const sy_value *right)
{
    const syi_array *out = &call->outs[0];
    if (out->dtype == SY_DTYPE_BOOL) {
        return syi_cpu_refuse_dtype(call, out->dtype);
    }
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    products all = {.call = call, .dtype = out->dtype};
    syi_array a = SYI_ARRAY_INIT, b = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, syi_cpu_convert(call, &a, syi_cpu_array(left), out->dtype, false));
    SY_GOTO(done, syi_cpu_convert(call, &b, syi_cpu_array(right), out->dtype, false));
    SY_GOTO(done, multiply_batches(&all, out, &a, &b));
done:
    syi_array_fini(&all.workspace);
    syi_array_fini(&b);
    syi_array_fini(&a);
    return status;
}

sy_status syi_cpu_matmul(const syi_cpu_call *call)
{
    return multiply_arrays(call, &call->args[0], &call->args[1]);
}

/* beta and alpha */
typedef struct addmm_factors {
    syi_element beta, alpha;
} addmm_factors;

/* out = beta a + alpha b, where beta 0 hides what a holds, NaN included, as in torch */
#define FIELD_U8 u8
#define FIELD_I8 i8
#define FIELD_I16 i16
#define FIELD_I32 i32
#define FIELD_I64 i64
#define FIELD_F32 f32
#define FIELD_F64 f64
#define DEFINE_BLEND(name, T, W, field)                                            \
    static void blend_##name(int64_t n, void *const *data, const int64_t *strides, \
                             const void *param)                                    \
    {                                                                              \
        const addmm_factors *factors = param;                                      \
        const T beta = factors->beta.field, alpha = factors->alpha.field;          \
        for (int64_t i = 0; i < n; i++) {                                          \
            const T a = SYI_AT_CONST(T, data[1], i, strides[1]);                   \
            const T b = SYI_AT_CONST(T, data[2], i, strides[2]);                   \
            const W kept = beta == 0 ? 0 : (W)beta * (W)a;                         \
            SYI_AT(T, data[0], i, strides[0]) = (T)(kept + (W)alpha * (W)b);       \
        }                                                                          \
    }
#define BLEND_OF(name, T, W, unused) DEFINE_BLEND(name, T, W, FIELD_##name)
SYI_CPU_INTEGERS(BLEND_OF, )
SYI_CPU_FLOATS(BLEND_OF, )
static const syi_loop blends[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(SYI_LOOP_ENTRY, blend)
                                                    SYI_CPU_FLOATS(SYI_LOOP_ENTRY, blend)};

/* beta self + alpha mat1 mat2 */
sy_status syi_cpu_addmm(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    SY_TRY(multiply_arrays(call, &call->args[1], &call->args[2]));
    addmm_factors factors = {
        .beta = syi_element_from_value(&call->args[3], out->dtype),
        .alpha = syi_element_from_value(&call->args[4], out->dtype),
    };
    syi_operand operands[3] = {
        {.array = out, .dtype = out->dtype},
        {.array = syi_cpu_array(&call->args[0]), .dtype = out->dtype},
        {.array = out, .dtype = out->dtype},
    };
    syi_iterate(operands, 3, blends[out->dtype], &factors, call->secret);
    return SY_OK;
}

/* The products of two vectors: a column times a row. */
sy_status syi_cpu_outer(const syi_cpu_call *call)
{
    syi_array column = *syi_cpu_array(&call->args[0]), row = *syi_cpu_array(&call->args[1]);
    column.ndim = 2;
    column.shape[1] = 1;
    column.strides[1] = 0;
    const sy_value args[] = {syi_cpu_value(&column), syi_cpu_value(&row)};
    syi_cpu_call product = *call;
    product.args = args;
    return syi_cpu_mul(&product);
}

/* The sum of the diagonal, which is a view. */
sy_status syi_cpu_trace(const syi_cpu_call *call)
{
    syi_array diagonal = *syi_cpu_array(&call->args[0]);
    diagonal.ndim = 1;
    diagonal.strides[0] += diagonal.strides[1];
    diagonal.shape[0] =
        diagonal.shape[0] < diagonal.shape[1] ? diagonal.shape[0] : diagonal.shape[1];
    const sy_value args[] = {syi_cpu_value(&diagonal), sy_value_none(), sy_value_bool(false)};
    syi_cpu_call sum = *call;
    sum.args = args;
    return syi_cpu_sum(&sum);
}
