/*
 * factor.c - inverse, determinant and solution of square systems, by elimination with partial pivoting (Golub and Van
 * Loan, Matrix Computations, 3.4); float is computed in double. Batches in the leading dims. Test: factor_test.c;
 * answers of torch: tests/vectors/ops.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/dtypes.h"

/* row[i] -= factor * pivot[i] */
SYI_CLONES static void eliminate(int64_t n, double factor, const double *restrict pivot,
                                 double *restrict row)
{
    for (int64_t i = 0; i < n; i++) {
        row[i] -= factor * pivot[i];
    }
}

static void swap_rows(int64_t n, double *a, double *b)
{
    for (int64_t i = 0; i < n; i++) {
        const double held = a[i];
        a[i] = b[i];
        b[i] = held;
    }
}

static int64_t find_pivot(const double *a, int64_t n, int64_t width, int64_t column)
{
    int64_t best = column;
    for (int64_t r = column + 1; r < n; r++) {
        if (fabs(a[r * width + column]) > fabs(a[best * width + column])) {
            best = r;
        }
    }
    return best;
}

/* Makes the left n columns of the packed n x width matrix upper triangular; the others go along. Returns the
 * determinant, and in *singular the first column without a pivot, or -1. */
static double triangulate(double *a, int64_t n, int64_t width, int64_t *singular)
{
    double determinant = 1;
    *singular = -1;
    for (int64_t c = 0; c < n; c++) {
        const int64_t best = find_pivot(a, n, width, c);
        double *pivot = a + c * width;
        if (best != c) {
            swap_rows(width - c, pivot + c, a + best * width + c);
            determinant = -determinant;
        }
        determinant *= pivot[c];
        if (pivot[c] == 0) {
            *singular = *singular < 0 ? c : *singular;
            continue;
        }
        for (int64_t r = c + 1; r < n; r++) {
            double *row = a + r * width;
            const double factor = row[c] / pivot[c];
            if (factor != 0) {
                eliminate(width - c, factor, pivot + c, row + c);
            }
        }
    }
    return determinant;
}

/* The right columns become the solution. */
static void substitute(double *a, int64_t n, int64_t width)
{
    const int64_t right = width - n;
    for (int64_t c = n - 1; c >= 0; c--) {
        double *pivot = a + c * width;
        for (int64_t k = 0; k < right; k++) {
            pivot[n + k] /= pivot[c];
        }
        for (int64_t r = 0; r < c; r++) {
            double *row = a + r * width;
            eliminate(right, row[c], pivot + n, row + n);
        }
    }
}

/* The batch that both sides broadcast to, from element to element of the result. */
typedef struct systems {
    const syi_cpu_call *call;
    syi_array work; /* n x width doubles */
    int64_t n, width;
} systems;

static sy_status open_systems(systems *s, const syi_cpu_call *call, int64_t n, int64_t right)
{
    *s = (systems){.call = call, .work = SYI_ARRAY_INIT, .n = n, .width = n + right};
    const int64_t count = s->n * s->width;
    return count == 0 ? SY_OK : syi_cpu_temporary(call, &s->work, SY_DTYPE_F64, 1, &count);
}

/* Copies a matrix of any strides (elements) into columns of the work. */
static void load(const systems *s, const syi_array *from, const char *data, int64_t column,
                 int64_t rows, int64_t columns, const int64_t strides[2])
{
    const int64_t size = (int64_t)sy_dtype_size(from->dtype);
    double *work = syi_array_data(&s->work);
    for (int64_t r = 0; r < rows; r++) {
        syi_convert_row(columns, work + r * s->width + column, SY_DTYPE_F64, sizeof(double),
                        data + r * strides[0] * size, from->dtype, strides[1] * size);
    }
}

static sy_status refuse_singular(const systems *s, int64_t batch, bool batched, int64_t column)
{
    char which[40] = "";
    if (batched) {
        snprintf(which, sizeof which, " number %lld", (long long)batch);
    }
    return syi_fail(s->call->err, SY_ERANGE,
                    "the matrix%s is singular: no pivot in column %lld of %lld", which,
                    (long long)column, (long long)s->n);
}

static syi_nest batches_of(const syi_array *self, const syi_array *other, int other_inner,
                           const syi_array *out, int out_inner)
{
    syi_nest nest;
    syi_array a = *self, b = *other;
    a.ndim -= 2;
    b.ndim -= other_inner;
    syi_nest_init(&nest, out->ndim - out_inner, out->shape);
    syi_nest_add(&nest, &a);
    syi_nest_add(&nest, &b);
    return nest;
}

/* inverse: self */
sy_status syi_cpu_inverse(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *out = &call->outs[0];
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    systems s;
    const int64_t n = self->shape[self->ndim - 1];
    const int64_t size = (int64_t)sy_dtype_size(out->dtype);
    SY_TRY(open_systems(&s, call, n, n));
    double *work = syi_array_data(&s.work);
    syi_nest nest = batches_of(self, self, 2, out, 2);
    int64_t at[SY_DIM_MAX] = {0}, batch = 0, singular;
    char *data[2] = {nest.data[0], nest.data[1]}, *to = syi_array_data(out);
    sy_status status = SY_OK;
    do {
        load(&s, self, data[0], 0, n, n, &self->strides[self->ndim - 2]);
        for (int64_t r = 0; r < n; r++) {
            memset(work + r * s.width + n, 0, (size_t)n * sizeof *work);
            work[r * s.width + n + r] = 1;
        }
        (void)triangulate(work, n, s.width, &singular);
        if (singular >= 0) {
            status = refuse_singular(&s, batch, self->ndim > 2, singular);
            break;
        }
        substitute(work, n, s.width);
        for (int64_t r = 0; r < n; r++, to += n * size) {
            syi_convert_row(n, to, out->dtype, size, work + r * s.width + n, SY_DTYPE_F64,
                            sizeof *work);
        }
        batch++;
    } while (syi_nest_step(&nest, 0, at, data));
    syi_array_fini(&s.work);
    return status;
}

/* det: self */
sy_status syi_cpu_det(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *out = &call->outs[0];
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    systems s;
    const int64_t n = self->shape[self->ndim - 1];
    SY_TRY(open_systems(&s, call, n, 0));
    syi_nest nest = batches_of(self, self, 2, out, 0);
    int64_t at[SY_DIM_MAX] = {0}, batch = 0, singular;
    char *data[2] = {nest.data[0], nest.data[1]};
    do {
        double determinant = 1;
        if (n > 0) {
            load(&s, self, data[0], 0, n, n, &self->strides[self->ndim - 2]);
            determinant = triangulate(syi_array_data(&s.work), n, n, &singular);
        }
        syi_array_set_double(out, batch++, determinant);
    } while (syi_nest_step(&nest, 0, at, data));
    syi_array_fini(&s.work);
    return SY_OK;
}

/* linalg_solve: self other; other is a vector (n) or a matrix (n x k) */
sy_status syi_cpu_solve(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *other = syi_cpu_array(&call->args[1]);
    const syi_array *out = &call->outs[0];
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    systems s;
    const bool vector = other->ndim == 1;
    const int inner = vector ? 1 : 2;
    const int64_t n = self->shape[self->ndim - 1],
                  right = vector ? 1 : other->shape[other->ndim - 1];
    const int64_t strides[2] = {other->strides[other->ndim - inner],
                                vector ? 1 : other->strides[other->ndim - 1]};
    const int64_t size = (int64_t)sy_dtype_size(out->dtype);
    SY_TRY(open_systems(&s, call, n, right));
    double *work = syi_array_data(&s.work);
    syi_nest nest = batches_of(self, other, inner, out, inner);
    int64_t at[SY_DIM_MAX] = {0}, batch = 0, singular;
    char *data[2] = {nest.data[0], nest.data[1]}, *to = syi_array_data(out);
    sy_status status = SY_OK;
    do {
        load(&s, self, data[0], 0, n, n, &self->strides[self->ndim - 2]);
        load(&s, other, data[1], n, n, right, strides);
        (void)triangulate(work, n, s.width, &singular);
        if (singular >= 0) {
            status = refuse_singular(&s, batch, self->ndim > 2, singular);
            break;
        }
        substitute(work, n, s.width);
        for (int64_t r = 0; r < n; r++, to += right * size) {
            syi_convert_row(right, to, out->dtype, size, work + r * s.width + n, SY_DTYPE_F64,
                            sizeof *work);
        }
        batch++;
    } while (syi_nest_step(&nest, 0, at, data));
    syi_array_fini(&s.work);
    return status;
}
