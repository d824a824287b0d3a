/* bilinear.c - which products there are, and the shapes of what comes out: the rules are those of the rows of ops.def. */
#include "crypto/bilinear.h"

#include <string.h>

#include "core/error.h"
#include "crypto/bilinear_parts.h"
#include "ops/einsum.h"

static sy_dtype dtype_of(const syi_field *field)
{
    return field->width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64;
}

/* Nobody writes to it: the field of a value is not const. */
static sy_value array_value(const syi_array *array)
{
    return (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY,
                      .as.internal = (void *)(uintptr_t)array};
}

/* The first result of a row. */
static sy_status infer(const syi_op *op, const sy_value *args, syi_array *z, sy_error *err)
{
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    SY_TRY(syi_op_infer(op, args, &result, err));
    *z = outs[0];
    return SY_OK;
}

static const syi_op *convolution_op(const syi_bilinear *b)
{
    return syi_op_get(b->spatial == 1 ? SYI_OP_conv1d : SYI_OP_conv2d);
}

/* Arguments of conv1d or conv2d; `numbers` is their room. */
static void convolution_arguments(const syi_bilinear *b, sy_value args[7], sy_value numbers[3][2])
{
    const int64_t *const from[3] = {b->stride, b->padding, b->dilation};
    args[0] = array_value(&b->x);
    args[1] = array_value(&b->y);
    args[2] = sy_value_none();
    for (int k = 0; k < 3; k++) {
        numbers[k][0] = sy_value_int(from[k][0]);
        numbers[k][1] = sy_value_int(from[k][1]);
        args[3 + k] = sy_value_list(numbers[k] + 2 - b->spatial, (size_t)b->spatial);
    }
    args[6] = sy_value_int(b->groups);
}

sy_status syi_bilinear_window(const syi_bilinear *bilinear, syi_convolution *convolution,
                              sy_error *err)
{
    sy_value args[7], numbers[3][2];
    convolution_arguments(bilinear, args, numbers);
    return syi_convolution_read(convolution, convolution_op(bilinear), args, err);
}

sy_status syi_bilinear_complete(syi_bilinear *b, sy_error *err)
{
    const sy_value factors[2] = {array_value(&b->x), array_value(&b->y)};
    sy_value args[7], numbers[3][2];
    switch (b->kind) {
    case SYI_BILINEAR_MUL:
        return infer(syi_op_get(SYI_OP_mul), factors, &b->z, err);
    case SYI_BILINEAR_MATMUL:
        return infer(syi_op_get(SYI_OP_matmul), factors, &b->z, err);
    case SYI_BILINEAR_CONVOLUTION:
        convolution_arguments(b, args, numbers);
        return infer(convolution_op(b), args, &b->z, err);
    case SYI_BILINEAR_EINSUM:
        args[0] = sy_value_string(b->equation);
        args[1] = sy_value_list(factors, 2);
        return infer(syi_op_get(SYI_OP_einsum), args, &b->z, err);
    }
    return syi_fail(err, SY_EINVAL, "product: kind %d is none", (int)b->kind);
}

static sy_status set_equation(syi_bilinear *b, const char *equation, sy_error *err)
{
    const size_t length = strlen(equation);
    if (length > SYI_BILINEAR_EQUATION_MAX) {
        return syi_fail(err, SY_ENOTSUP,
                        "einsum: an equation of %zu characters, at most %d are possible", length,
                        SYI_BILINEAR_EQUATION_MAX);
    }
    b->kind = SYI_BILINEAR_EINSUM;
    memcpy(b->equation, equation, length + 1);
    return SY_OK;
}

static void set_window(syi_bilinear *b, const syi_convolution *c)
{
    b->kind = SYI_BILINEAR_CONVOLUTION;
    b->spatial = c->spatial;
    b->groups = c->groups;
    for (int d = 0; d < 2; d++) {
        b->stride[d] = c->window.stride[d];
        b->padding[d] = c->window.padding[d];
        b->dilation[d] = c->window.dilation[d];
    }
}

/* What the row says besides its factors. */
static sy_status set_kind(syi_bilinear *b, const syi_op *op, const sy_value *args, sy_error *err)
{
    syi_convolution c;
    switch (op->id) {
    case SYI_OP_mul:
        b->kind = SYI_BILINEAR_MUL;
        return SY_OK;
    case SYI_OP_outer:
        return set_equation(b, "i,j->ij", err);
    case SYI_OP_einsum:
        return set_equation(b, args[0].as.string, err);
    case SYI_OP_conv1d:
    case SYI_OP_conv2d:
    case SYI_OP_convolution:
        SY_TRY(syi_convolution_read(&c, op, args, err));
        set_window(b, &c);
        return SY_OK;
    default:
        b->kind = SYI_BILINEAR_MATMUL;
        return SY_OK;
    }
}

/* How many arguments the rows of products have; 0: it is another row. */
static size_t argument_count(syi_op_id id)
{
    switch (id) {
    case SYI_OP_mul:
    case SYI_OP_matmul:
    case SYI_OP_mm:
    case SYI_OP_bmm:
    case SYI_OP_mv:
    case SYI_OP_dot:
    case SYI_OP_outer:
    case SYI_OP_einsum:
        return 2;
    case SYI_OP_conv1d:
    case SYI_OP_conv2d:
        return 7;
    case SYI_OP_convolution:
        return 9;
    default:
        return 0;
    }
}

/* The factors, if two tensors of the right dtype are multiplied. */
static sy_status find_factors(const syi_op *op, const sy_value *args, const syi_field *field,
                              const syi_array *factors[2], sy_error *err)
{
    const sy_value *first = args;
    if (op->id == SYI_OP_einsum) {
        first = args[1].as.list.items;
        if (args[1].as.list.count != 2) {
            return syi_fail(err, SY_ENOTSUP,
                            "einsum: %zu factors, a product of shared values has 2",
                            args[1].as.list.count);
        }
    }
    for (int k = 0; k < 2; k++) {
        if ((int)first[k].kind != SYI_VALUE_ARRAY) {
            return syi_fail(err, SY_ENOTSUP, "%s: factor %d is no tensor", op->name, k + 1);
        }
        factors[k] = first[k].as.internal;
        if (factors[k]->dtype != dtype_of(field)) {
            return syi_fail(err, SY_EDTYPE, "%s: factor %d is %s, shares of this field are %s",
                            op->name, k + 1, sy_dtype_name(factors[k]->dtype),
                            sy_dtype_name(dtype_of(field)));
        }
    }
    return SY_OK;
}

sy_status syi_bilinear_of_row(syi_bilinear *bilinear, const syi_op *op, const sy_value *bound,
                              const syi_field *field, int *x_at, int *y_at, sy_error *err)
{
    const syi_array *factors[2];
    sy_value args[SYI_ARGUMENT_MAX];
    memset(bilinear, 0, sizeof *bilinear);
    if (argument_count(op->id) == 0) {
        return syi_fail(err, SY_ENOTSUP, "%s: not a product of two shared values", op->name);
    }
    SY_TRY(find_factors(op, bound, field, factors, err));
    const size_t count = argument_count(op->id);
    memcpy(args, bound, count * sizeof *args);
    if (count > 2) {
        args[2] = sy_value_none(); /* bias */
    }
    SY_TRY(infer(op, args, &bilinear->z, err));
    SY_TRY(set_kind(bilinear, op, args, err));
    SY_TRY(syi_array_describe(&bilinear->x, factors[0]->dtype, factors[0]->ndim, factors[0]->shape,
                              err));
    SY_TRY(syi_array_describe(&bilinear->y, factors[1]->dtype, factors[1]->ndim, factors[1]->shape,
                              err));
    *x_at = 0;
    *y_at = 1;
    return SY_OK;
}

static bool set_name(syi_bilinear *b, const char *name)
{
    const bool one = strcmp(name, "conv1d") == 0, two = strcmp(name, "conv2d") == 0;
    if (strcmp(name, "mul") == 0) {
        b->kind = SYI_BILINEAR_MUL;
    } else if (strcmp(name, "matmul") == 0) {
        b->kind = SYI_BILINEAR_MATMUL;
    } else if (one || two) {
        b->kind = SYI_BILINEAR_CONVOLUTION;
        b->spatial = one ? 1 : 2;
        b->groups = b->stride[0] = b->stride[1] = b->dilation[0] = b->dilation[1] = 1;
    } else {
        return false;
    }
    return true;
}

sy_status syi_bilinear_of_name(syi_bilinear *bilinear, const char *name, const syi_field *field,
                               int x_ndim, const int64_t *x_shape, int y_ndim,
                               const int64_t *y_shape, sy_error *err)
{
    memset(bilinear, 0, sizeof *bilinear);
    if (strchr(name, ',') != NULL) {
        SY_TRY(set_equation(bilinear, name, err));
    } else if (!set_name(bilinear, name)) {
        return syi_fail(err, SY_EINVAL,
                        "\"%.40s\" is no product: mul, matmul, conv1d, conv2d or an equation of "
                        "einsum with two factors are",
                        name);
    }
    SY_TRY(syi_array_describe(&bilinear->x, dtype_of(field), x_ndim, x_shape, err));
    SY_TRY(syi_array_describe(&bilinear->y, dtype_of(field), y_ndim, y_shape, err));
    return syi_bilinear_complete(bilinear, err);
}
