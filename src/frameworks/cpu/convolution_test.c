/* convolution_test.c - large problems (tiles, parts of the batch, BLAS, threads) against sums written down plainly;
 * torch's answers to small ones are in vectors_test.c. */
#include "support/native_call.h"

/* Sizes of one problem. */
typedef struct problem {
    int64_t batch, in, out, groups, size[2], kernel[2];
    int64_t stride, padding, dilation;
    int64_t places[2];
} problem;

static sy_value list(sy_value *items, int64_t a, int64_t b)
{
    items[0] = sy_value_int(a);
    items[1] = sy_value_int(b);
    return sy_value_list(items, 2);
}

static double at(const syi_array *array, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return syi_array_get_double(
        array, ((a * array->shape[1] + b) * array->shape[2] + c) * array->shape[3] + d);
}

/* The input under element (y, x) of the window at one place, 0 in the padding. */
static double under(const problem *p, const syi_array *input, int64_t n, int64_t c, int64_t row,
                    int64_t column, int64_t y, int64_t x)
{
    const int64_t i = row * p->stride - p->padding + y * p->dilation;
    const int64_t k = column * p->stride - p->padding + x * p->dilation;
    return i >= 0 && i < p->size[0] && k >= 0 && k < p->size[1] ? at(input, n, c, i, k) : 0;
}

static double one_place(const problem *p, const syi_array *input, const syi_array *weight,
                        int64_t n, int64_t o, int64_t row, int64_t column)
{
    const int64_t each = p->in / p->groups, first = o / (p->out / p->groups) * each;
    double sum = 0;
    for (int64_t c = 0; c < each; c++) {
        for (int64_t y = 0; y < p->kernel[0]; y++) {
            for (int64_t x = 0; x < p->kernel[1]; x++) {
                sum += at(weight, o, c, y, x) * under(p, input, n, first + c, row, column, y, x);
            }
        }
    }
    return sum;
}

static void assert_close(double actual, double expected, double scale)
{
    if (!(fabs(actual - expected) <= 1e-6 * scale)) {
        fail_msg("%.17g, expected %.17g", actual, expected);
    }
}

static void check_forward(const native *n, problem *p, const syi_array *input,
                          const syi_array *weight, const syi_array *bias, syi_array *made)
{
    sy_value items[6];
    const sy_value args[7] = {native_value(input),
                              native_value(weight),
                              native_value(bias),
                              list(items, p->stride, p->stride),
                              list(items + 2, p->padding, p->padding),
                              list(items + 4, p->dilation, p->dilation),
                              sy_value_int(p->groups)};
    *made = native_call(n, SYI_OP_conv2d, args);
    p->places[0] = made->shape[2];
    p->places[1] = made->shape[3];
    for (int64_t i = 0; i < p->batch; i++) {
        for (int64_t o = 0; o < p->out; o++) {
            for (int64_t row = 0; row < p->places[0]; row += 1 + p->places[0] / 9) {
                for (int64_t k = 0; k < p->places[1]; k += 1 + p->places[1] / 9) {
                    assert_close(at(made, i, o, row, k),
                                 one_place(p, input, weight, i, o, row, k) +
                                     syi_array_get_double(bias, o),
                                 1000);
                }
            }
        }
    }
}

/* <conv(x), g> is linear in x, w and b: the three gradients give it back. */
static double inner(const syi_array *a, const syi_array *b)
{
    double sum = 0;
    for (int64_t i = 0; i < syi_array_numel(a); i++) {
        sum += syi_array_get_double(a, i) * syi_array_get_double(b, i);
    }
    return sum;
}

static void check_backward(const native *n, const problem *p, const syi_array *input,
                           const syi_array *weight, const syi_array *bias, const syi_array *grad,
                           double expected)
{
    sy_value items[6];
    sy_value mask[3] = {sy_value_int(1), sy_value_int(1), sy_value_int(1)};
    const sy_value zero = sy_value_int(0);
    const sy_value args[11] = {native_value(grad),
                               native_value(input),
                               native_value(weight),
                               sy_value_none(),
                               list(items, p->stride, p->stride),
                               list(items + 2, p->padding, p->padding),
                               list(items + 4, p->dilation, p->dilation),
                               sy_value_bool(false),
                               sy_value_list(&zero, 1),
                               sy_value_int(p->groups),
                               sy_value_list(mask, 3)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(native_try(n, SYI_OP_convolution_backward, args, outs, &count, NULL, &err), &err);
    assert_int_equal(count, 3);
    const double of_bias = inner(&outs[2], bias);
    assert_close(inner(&outs[0], input), expected - of_bias, fabs(expected) + 1e4);
    assert_close(inner(&outs[1], weight), expected - of_bias, fabs(expected) + 1e4);
    for (int k = 0; k < 3; k++) {
        syi_array_fini(&outs[k]);
    }
}

static void large_ones(void **state)
{
    const native *n = *state;
    property_random random = property_start("large_ones");
    const problem problems[] = {
        {5, 8, 9, 1, {40, 33}, {3, 3}, 1, 1, 1, {0, 0}},
        {3, 6, 8, 2, {30, 31}, {3, 2}, 2, 1, 2, {0, 0}},
        {2, 16, 16, 1, {20, 20}, {1, 1}, 1, 0, 1, {0, 0}},  /* the input is the matrix */
        {2, 24, 24, 24, {33, 40}, {3, 3}, 1, 1, 1, {0, 0}}, /* summed directly */
        {1, 64, 4, 1, {9, 700}, {5, 5}, 1, 2, 1, {0, 0}},   /* parts of rows */
        {1, 3, 2, 1, {61, 50}, {7, 7}, 3, 3, 2, {0, 0}},
    };
    for (size_t k = 0; k < sizeof problems / sizeof problems[0]; k++) {
        problem p = problems[k];
        for (sy_dtype dtype = SY_DTYPE_F32; dtype <= SY_DTYPE_F64; dtype++) {
            syi_array made;
            syi_array input =
                native_random(n, &random, dtype, NATIVE_SHAPE(p.batch, p.in, p.size[0], p.size[1]));
            syi_array weight = native_random(
                n, &random, dtype, NATIVE_SHAPE(p.out, p.in / p.groups, p.kernel[0], p.kernel[1]));
            syi_array bias = native_random(n, &random, dtype, NATIVE_SHAPE(p.out));
            check_forward(n, &p, &input, &weight, &bias, &made);
            syi_array grad = native_random(n, &random, dtype,
                                           NATIVE_SHAPE(p.batch, p.out, p.places[0], p.places[1]));
            check_backward(n, &p, &input, &weight, &bias, &grad, inner(&made, &grad));
            syi_array_fini(&grad);
            syi_array_fini(&made);
            syi_array_fini(&bias);
            syi_array_fini(&weight);
            syi_array_fini(&input);
        }
    }
}

static void batches_of_nothing(void **state)
{
    const native *n = *state;
    syi_array input = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(0, 2, 5, 5));
    syi_array weight = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(3, 2, 3, 3));
    const sy_value one = sy_value_int(1), zero = sy_value_int(0);
    const sy_value args[7] = {
        native_value(&input),    native_value(&weight),  sy_value_none(), sy_value_list(&one, 1),
        sy_value_list(&zero, 1), sy_value_list(&one, 1), sy_value_int(1)};
    syi_array made = native_call(n, SYI_OP_conv2d, args);
    assert_int_equal(made.shape[0], 0);
    assert_int_equal(made.shape[3], 3);
    const sy_value mask[3] = {one, one, one};
    const sy_value back[11] = {native_value(&made),
                               args[0],
                               args[1],
                               sy_value_none(),
                               args[3],
                               args[4],
                               args[5],
                               sy_value_bool(false),
                               args[4],
                               sy_value_int(1),
                               sy_value_list(mask, 3)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(native_try(n, SYI_OP_convolution_backward, back, outs, &count, NULL, &err), &err);
    for (int64_t k = 0; k < syi_array_numel(&outs[1]); k++) {
        assert_true(syi_array_get_double(&outs[1], k) == 0);
    }
    for (int k = 0; k < 3; k++) {
        syi_array_fini(&outs[k]);
    }
    syi_array_fini(&made);
    syi_array_fini(&weight);
    syi_array_fini(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_ones),
        cmocka_unit_test(batches_of_nothing),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
