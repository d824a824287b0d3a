/* infer_creation.c - tensors made from numbers. Test: infer_creation_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

#include <inttypes.h>
#include <math.h>

static sy_status describe_size(syi_inference *result, const sy_value *size, sy_dtype dtype,
                               sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    int ndim;
    SY_TRY(syi_argument_dims(size, shape, &ndim, err));
    return syi_infer_describe(result, dtype, ndim, shape, err);
}

sy_status syi_infer_create(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    return describe_size(result, &args[0], syi_argument_dtype(&args[1], SY_DTYPE_F32), err);
}

sy_status syi_infer_create_float(const syi_op *op, const sy_value *args, syi_inference *result,
                                 sy_error *err)
{
    (void)op;
    sy_dtype dtype = syi_argument_dtype(&args[1], SY_DTYPE_F32);
    SY_TRY(syi_check_floating(dtype, err));
    return describe_size(result, &args[0], dtype, err);
}

sy_status syi_infer_full(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    sy_dtype otherwise = syi_result_type(&args[1], 1);
    return describe_size(result, &args[0], syi_argument_dtype(&args[2], otherwise), err);
}

sy_status syi_infer_like(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    return syi_infer_describe(result, syi_argument_dtype(&args[1], self->dtype), self->ndim,
                              self->shape, err);
}

sy_status syi_infer_like_float(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    SY_TRY(
        syi_check_floating(syi_argument_dtype(&args[1], syi_argument_array(&args[0])->dtype), err));
    return syi_infer_like(op, args, result, err);
}

sy_status syi_infer_full_like(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    const sy_value like[] = {args[0], args[2]};
    return syi_infer_like(op, like, result, err);
}

/* new_zeros, ...: another tensor's dtype, a size of its own. */
sy_status syi_infer_new(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    (void)op;
    const sy_dtype otherwise = syi_argument_array(&args[0])->dtype;
    return describe_size(result, &args[1], syi_argument_dtype(&args[2], otherwise), err);
}

sy_status syi_infer_new_full(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    const sy_value plain[] = {args[0], args[1], args[3]};
    return syi_infer_new(op, plain, result, err);
}

sy_status syi_infer_eye(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    (void)op;
    const int64_t rows = args[0].as.integer;
    const int64_t shape[] = {rows, args[1].kind == SY_VALUE_INT ? args[1].as.integer : rows};
    return syi_infer_describe(result, syi_argument_dtype(&args[2], SY_DTYPE_F32), 2, shape, err);
}

sy_status syi_infer_linspace(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const sy_dtype dtype = syi_argument_dtype(&args[3], SY_DTYPE_F32);
    if (dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "bool has no numbers between two others");
    }
    return syi_infer_describe(result, dtype, 1, &args[2].as.integer, err);
}

static double number_real(const sy_value *number)
{
    switch (number->kind) {
    case SY_VALUE_INT:
        return (double)number->as.integer;
    case SY_VALUE_BOOL:
        return number->as.boolean;
    default:
        return number->as.real;
    }
}

/* Toward zero; false when the number does not fit. */
static bool number_integer(const sy_value *number, int64_t *integer)
{
    if (number->kind != SY_VALUE_FLOAT) {
        *integer = number->kind == SY_VALUE_INT ? number->as.integer : number->as.boolean;
        return true;
    }
    if (!(number->as.real >= -0x1p63 && number->as.real < 0x1p63)) {
        return false;
    }
    *integer = (int64_t)number->as.real;
    return true;
}

/* ceil((end - start) / step), exactly; false when the steps lead away from the end. */
static bool count_integers(const sy_value *args, uint64_t *count)
{
    int64_t start, end, step;
    if (!number_integer(&args[0], &start) || !number_integer(&args[1], &end) ||
        !number_integer(&args[2], &step) || step == 0 || (step > 0 ? start > end : start < end)) {
        return false;
    }
    uint64_t distance =
        step > 0 ? (uint64_t)end - (uint64_t)start : (uint64_t)start - (uint64_t)end;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    *count = distance / stride + (distance % stride != 0);
    return true;
}

static bool count_reals(const sy_value *args, uint64_t *count)
{
    double start = number_real(&args[0]), end = number_real(&args[1]);
    double step = number_real(&args[2]);
    double steps = ceil((end - start) / step);
    if (!isfinite(start) || !isfinite(end) || !(steps < 0x1p63)) {
        return false;
    }
    *count = steps > 0 ? (uint64_t)steps : 0; /* truncated numbers may lead nowhere in the end */
    return true;
}

static bool leads_to_end(double start, double end, double step)
{
    return (step > 0 && start <= end) || (step < 0 && start >= end);
}

/*
 * As PyTorch: the dtype is integer only when all three numbers are. The direction is judged by the
 * numbers as the result's dtype holds them; elements are counted in integers for int64, and from the
 * numbers as given for other dtypes.
 */
sy_status syi_infer_arange(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    sy_dtype natural = syi_result_type(args, 3);
    natural = natural == SY_DTYPE_BOOL ? SY_DTYPE_I64 : natural;
    sy_dtype dtype = syi_argument_dtype(&args[3], natural);
    if (dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for bool");
    }
    uint64_t whole = 0, count = 0;
    bool valid =
        sy_dtype_is_floating(dtype)
            ? leads_to_end(number_real(&args[0]), number_real(&args[1]), number_real(&args[2])) &&
                  count_reals(args, &count)
            : count_integers(args, &whole) && count_reals(args, &count);
    if (dtype == SY_DTYPE_I64 || natural == SY_DTYPE_I64) {
        valid = valid && count_integers(args, &count);
    }
    if (!valid || count > INT64_MAX) {
        return syi_fail(err, SY_ERANGE, "from %g to %g in steps of %g is no range",
                        number_real(&args[0]), number_real(&args[1]), number_real(&args[2]));
    }
    return syi_infer_describe(result, dtype, 1, (const int64_t[]){(int64_t)count}, err);
}

/* Lowest and highest integer that a dtype holds; everything for floats, which round. */
static void integer_bounds(sy_dtype dtype, int64_t *low, int64_t *high)
{
    int bits = (int)sy_dtype_size(dtype) * 8;
    switch (dtype) {
    case SY_DTYPE_BOOL:
        *low = 0, *high = 1;
        break;
    case SY_DTYPE_U8:
        *low = 0, *high = UINT8_MAX;
        break;
    case SY_DTYPE_I8:
    case SY_DTYPE_I16:
    case SY_DTYPE_I32:
        *high = (INT64_C(1) << (bits - 1)) - 1;
        *low = -*high - 1;
        break;
    default:
        *low = INT64_MIN, *high = INT64_MAX;
        break;
    }
}

/* Does the dtype hold low to high - 1? */
static sy_status check_bounds(int64_t low, int64_t high, sy_dtype dtype, sy_error *err)
{
    int64_t lowest, highest;
    if (low >= high) {
        return syi_fail(err, SY_ERANGE, "low %" PRId64 " is not below high %" PRId64, low, high);
    }
    integer_bounds(dtype, &lowest, &highest);
    if (low < lowest || high - 1 > highest) {
        return syi_fail(err, SY_ERANGE, "%" PRId64 " to %" PRId64 " does not fit into %s", low,
                        high - 1, sy_dtype_name(dtype));
    }
    return SY_OK;
}

sy_status syi_infer_randint(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const sy_dtype dtype = syi_argument_dtype(&args[3], SY_DTYPE_I64);
    SY_TRY(check_bounds(args[0].as.integer, args[1].as.integer, dtype, err));
    return describe_size(result, &args[2], dtype, err);
}

/* randint_like(x, high) and randint_like(x, low, high). */
sy_status syi_infer_randint_like(const syi_op *op, const sy_value *args, syi_inference *result,
                                 sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const sy_dtype dtype = syi_argument_dtype(&args[3], self->dtype);
    const bool both = args[2].kind == SY_VALUE_INT;
    SY_TRY(check_bounds(both ? args[1].as.integer : 0,
                        both ? args[2].as.integer : args[1].as.integer, dtype, err));
    return syi_infer_describe(result, dtype, self->ndim, self->shape, err);
}

sy_status syi_infer_randperm(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    return syi_infer_describe(result, SY_DTYPE_I64, 1, &args[0].as.integer, err);
}
