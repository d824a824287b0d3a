/* window.c - reads and checks the geometry of convolution and pooling. Test: infer_windows_test.c; refusals and shapes
 * of torch: infer_vectors_test.c. */
#include "ops/window.h"

#include <inttypes.h>

/* Above it nothing sensible lies, and sums of such numbers and of sizes of arrays do not overflow. */
#define NUMBER_MAX INT64_C(2147483647)

/* One number for all spatial dims, or one each. None and an empty list leave `to` alone. */
static sy_status read_numbers(const sy_value *value, const char *what, int spatial, int64_t low,
                              int64_t to[2], sy_error *err)
{
    const syi_ints ints = syi_argument_ints(value);
    if (ints.count == 0) {
        return SY_OK;
    }
    if (ints.count != 1 && ints.count != (size_t)spatial) {
        return syi_fail(err, SY_ESHAPE, "%s has %zu numbers, expected 1%s", what, ints.count,
                        spatial == 2 ? " or 2" : "");
    }
    for (int d = 0; d < spatial; d++) {
        const int64_t number = ints.items[ints.count == 1 ? 0 : d].as.integer;
        if (number < low || number > NUMBER_MAX) {
            return syi_fail(err, SY_ERANGE, "%s is %" PRId64 ", expected %" PRId64 " to %" PRId64,
                            what, number, low, NUMBER_MAX);
        }
        to[2 - spatial + d] = number;
    }
    return SY_OK;
}

static void start(syi_window *window)
{
    for (int d = 0; d < 2; d++) {
        window->in[d] = window->kernel[d] = window->stride[d] = window->dilation[d] = 1;
        window->padding[d] = 0;
        window->out[d] = 1;
    }
}

/* What the window covers, gaps of dilation included. */
static sy_status reach(const syi_window *window, int d, int64_t *covered, sy_error *err)
{
    int64_t gaps;
    if (__builtin_mul_overflow(window->kernel[d] - 1, window->dilation[d], &gaps) ||
        gaps >= INT64_MAX) {
        return syi_fail(err, SY_ERANGE,
                        "a window of %" PRId64 " with dilation %" PRId64 " is too large",
                        window->kernel[d], window->dilation[d]);
    }
    *covered = gaps + 1;
    return SY_OK;
}

/* Convolution */

/* The transposed form and its padding exist in ATen's row only. */
static sy_status read_numbers_of_convolution(syi_convolution *c, const syi_op *op,
                                             const sy_value *args, sy_error *err)
{
    const bool aten = op->id == SYI_OP_convolution || op->id == SYI_OP_convolution_backward;
    syi_window *w = &c->window;
    SY_TRY(read_numbers(&args[0], "stride", c->spatial, 1, w->stride, err));
    SY_TRY(read_numbers(&args[1], "padding", c->spatial, 0, w->padding, err));
    SY_TRY(read_numbers(&args[2], "dilation", c->spatial, 1, w->dilation, err));
    if (aten && args[3].as.boolean) {
        return syi_fail(err, SY_ENOTSUP, "transposed convolutions are not supported");
    }
    c->groups = args[aten ? 5 : 3].as.integer;
    if (c->groups < 1) {
        return syi_fail(err, SY_ERANGE, "groups is %" PRId64 ", expected at least 1", c->groups);
    }
    return SY_OK;
}

static sy_status check_channels(const syi_convolution *c, sy_error *err)
{
    char weight[SYI_SHAPE_TEXT], input[SYI_SHAPE_TEXT];
    int64_t needed;
    if (__builtin_mul_overflow(c->weight->shape[1], c->groups, &needed) ||
        needed != c->in_channels || needed == 0) {
        return syi_fail(err, SY_ESHAPE,
                        "weight %s with groups %" PRId64 " needs %" PRId64
                        " input channels, input %s has %" PRId64,
                        SYI_SHAPE(c->weight, weight), c->groups, needed, SYI_SHAPE(c->input, input),
                        c->in_channels);
    }
    if (c->out_channels == 0 || c->out_channels % c->groups != 0) {
        return syi_fail(err, SY_ESHAPE,
                        "weight %s has %" PRId64 " output channels, which %" PRId64
                        " groups do not divide",
                        SYI_SHAPE(c->weight, weight), c->out_channels, c->groups);
    }
    if (c->bias != NULL && (c->bias->ndim != 1 || c->bias->shape[0] != c->out_channels)) {
        char bias[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "bias is %s, expected %" PRId64, SYI_SHAPE(c->bias, bias),
                        c->out_channels);
    }
    return SY_OK;
}

static sy_status check_dtypes(const syi_convolution *c, sy_error *err)
{
    const sy_dtype dtype = c->input->dtype;
    if (dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for tensors of bool");
    }
    if (c->weight->dtype != dtype || (c->bias != NULL && c->bias->dtype != dtype)) {
        return syi_fail(err, SY_EDTYPE, "input is %s, weight %s%s%s", sy_dtype_name(dtype),
                        sy_dtype_name(c->weight->dtype), c->bias != NULL ? ", bias " : "",
                        c->bias != NULL ? sy_dtype_name(c->bias->dtype) : "");
    }
    return SY_OK;
}

static sy_status count_places(syi_convolution *c, sy_error *err)
{
    syi_window *w = &c->window;
    for (int d = 2 - c->spatial; d < 2; d++) {
        w->in[d] = c->input->shape[c->input->ndim - 2 + d];
        w->kernel[d] = c->weight->shape[c->weight->ndim - 2 + d];
        int64_t covered = 0;
        SY_TRY(reach(w, d, &covered, err));
        if (w->kernel[d] < 1 || covered > w->in[d] + 2 * w->padding[d]) {
            return syi_fail(err, SY_ESHAPE,
                            "the window covers %" PRId64 " of %" PRId64 " places (input %" PRId64
                            ", padding %" PRId64 " at both ends)",
                            covered, w->in[d] + 2 * w->padding[d], w->in[d], w->padding[d]);
        }
        w->out[d] = (w->in[d] + 2 * w->padding[d] - covered) / w->stride[d] + 1;
    }
    return SY_OK;
}

static const syi_array *optional_array(const sy_value *value)
{
    return syi_is_array(value) ? syi_argument_array(value) : NULL;
}

sy_status syi_convolution_read(syi_convolution *c, const syi_op *op, const sy_value *args,
                               sy_error *err)
{
    const bool backward = op->id == SYI_OP_convolution_backward;
    args += backward ? 1 : 0; /* grad_output */
    *c = (syi_convolution){.input = syi_argument_array(&args[0]),
                           .weight = syi_argument_array(&args[1]),
                           .bias = backward ? NULL : optional_array(&args[2])};
    start(&c->window);
    c->spatial = c->weight->ndim - 2;
    const int wanted = op->id == SYI_OP_conv1d ? 1 : op->id == SYI_OP_conv2d ? 2 : c->spatial;
    c->batched = c->input->ndim == wanted + 2;
    if (wanted < 1 || wanted > 2 || c->spatial != wanted ||
        (!c->batched && c->input->ndim != wanted + 1)) {
        char input[SYI_SHAPE_TEXT], weight[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE,
                        "input %s with weight %s, expected %d spatial dims after the channels "
                        "in both",
                        SYI_SHAPE(c->input, input), SYI_SHAPE(c->weight, weight),
                        wanted == 1 ? 1 : 2);
    }
    c->batch = c->batched ? c->input->shape[0] : 1;
    c->in_channels = c->input->shape[c->batched];
    c->out_channels = c->weight->shape[0];
    SY_TRY(read_numbers_of_convolution(c, op, args + 3, err));
    SY_TRY(check_channels(c, err));
    SY_TRY(check_dtypes(c, err));
    return count_places(c, err);
}

int syi_convolution_shape(const syi_convolution *c, int64_t shape[SY_DIM_MAX])
{
    int ndim = 0;
    if (c->batched) {
        shape[ndim++] = c->batch;
    }
    shape[ndim++] = c->out_channels;
    for (int d = 2 - c->spatial; d < 2; d++) {
        shape[ndim++] = c->window.out[d];
    }
    return ndim;
}

/* Pooling */

/* Dims before the last two; only the batch may be empty. */
static sy_status read_planes(syi_pooling *p, sy_error *err)
{
    const syi_array *input = p->input;
    bool fits = input->ndim == 3 || input->ndim == 4;
    for (int d = input->ndim == 4 ? 1 : 0; fits && d < input->ndim; d++) {
        fits = input->shape[d] > 0;
    }
    if (!fits) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE,
                        "input is %s, expected 3 or 4 dims of which only the batch may be 0",
                        SYI_SHAPE(input, text));
    }
    p->planes = 1;
    for (int d = 0; d < input->ndim - 2; d++) {
        p->planes *= input->shape[d];
    }
    p->window.in[0] = input->shape[input->ndim - 2];
    p->window.in[1] = input->shape[input->ndim - 1];
    return syi_check_floating(input->dtype, err);
}

static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static sy_status count_pooled(syi_pooling *p, sy_error *err)
{
    syi_window *w = &p->window;
    for (int d = 0; d < 2; d++) {
        int64_t covered = 0;
        SY_TRY(reach(w, d, &covered, err));
        if (w->padding[d] > w->kernel[d] / 2) {
            return syi_fail(err, SY_ERANGE,
                            "padding %" PRId64 " is more than half of the window of %" PRId64,
                            w->padding[d], w->kernel[d]);
        }
        const int64_t room = w->in[d] + 2 * w->padding[d] - covered;
        w->out[d] = divide_down(room + (p->ceil_mode ? w->stride[d] - 1 : 0), w->stride[d]) + 1;
        /* The last window starts inside of the input or its left padding. */
        if (p->ceil_mode && (w->out[d] - 1) * w->stride[d] >= w->in[d] + w->padding[d]) {
            w->out[d]--;
        }
        if (w->out[d] < 1) {
            return syi_fail(err, SY_ESHAPE,
                            "the window covers %" PRId64 " of %" PRId64 " places (input %" PRId64
                            ", padding %" PRId64 " at both ends)",
                            covered, w->in[d] + 2 * w->padding[d], w->in[d], w->padding[d]);
        }
    }
    return SY_OK;
}

sy_status syi_pooling_read(syi_pooling *p, const syi_op *op, const sy_value *args, sy_error *err)
{
    const bool average = op->id == SYI_OP_avg_pool2d || op->id == SYI_OP_avg_pool2d_backward;
    const bool backward =
        op->id == SYI_OP_avg_pool2d_backward || op->id == SYI_OP_max_pool2d_with_indices_backward;
    args += backward ? 1 : 0; /* grad_output */
    *p = (syi_pooling){.input = syi_argument_array(&args[0])};
    syi_window *w = &p->window;
    start(w);
    if (syi_argument_ints(&args[1]).count == 0) {
        return syi_fail(err, SY_ESHAPE, "kernel_size has 0 numbers, expected 1 or 2");
    }
    SY_TRY(read_numbers(&args[1], "kernel_size", 2, 1, w->kernel, err));
    w->stride[0] = w->kernel[0];
    w->stride[1] = w->kernel[1];
    SY_TRY(read_numbers(&args[2], "stride", 2, 1, w->stride, err));
    SY_TRY(read_numbers(&args[3], "padding", 2, 0, w->padding, err));
    if (average) {
        p->ceil_mode = args[4].as.boolean;
        p->count_include_pad = args[5].as.boolean;
        if (args[6].kind == SY_VALUE_INT && args[6].as.integer == 0) {
            return syi_fail(err, SY_ERANGE, "divisor_override is 0");
        }
        p->divisor = args[6].kind == SY_VALUE_INT ? args[6].as.integer : 0;
    } else {
        SY_TRY(read_numbers(&args[4], "dilation", 2, 1, w->dilation, err));
        p->ceil_mode = args[5].as.boolean;
    }
    SY_TRY(read_planes(p, err));
    return count_pooled(p, err);
}

sy_status syi_pooling_read_adaptive(syi_pooling *p, const syi_array *input,
                                    const sy_value *output_size, sy_error *err)
{
    *p = (syi_pooling){.input = input};
    start(&p->window);
    if (syi_argument_ints(output_size).count == 0) {
        return syi_fail(err, SY_ESHAPE, "output_size has 0 numbers, expected 1 or 2");
    }
    SY_TRY(read_numbers(output_size, "output_size", 2, 0, p->window.out, err));
    return read_planes(p, err);
}

int syi_pooling_shape(const syi_pooling *p, int64_t shape[SY_DIM_MAX])
{
    const int ndim = p->input->ndim;
    for (int d = 0; d < ndim - 2; d++) {
        shape[d] = p->input->shape[d];
    }
    shape[ndim - 2] = p->window.out[0];
    shape[ndim - 1] = p->window.out[1];
    return ndim;
}
