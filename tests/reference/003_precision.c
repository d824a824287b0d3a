/*
 * 003_precision.c - FixedPrecisionTensor (003), every vector of spec/tensors.md, precision: with the integers here,
 * in a fixed precision tensor at a worker, and with the node here over integers at a worker. Options, ranges,
 * gradients, bytes: src/interpreters/precision.
 */
#include <math.h>
#include <string.h>

#include <csyft/precision.h>

#include "support/worker_kinds.h"

static sy_tensor *owned(workers *w, sy_tensor *tensor)
{
    return sy_scope_adopt(w->s, tensor);
}

static sy_tensor *encoded(workers *w, sy_tensor *tensor, int64_t precision)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    sy_tensor *fixed = NULL;
    options.precision_fractional = precision;
    assert_ok(sy_tensor_fix_precision(tensor, &fixed, &options, &w->err), &w->err);
    return owned(w, fixed);
}

static sy_tensor *below(workers *w, sy_tensor *tensor)
{
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_attr(tensor, &child, "child", &w->err), &w->err);
    return owned(w, child);
}

/* Three ways to hold an encoded tensor. */

static sy_tensor *here(workers *w, sy_tensor *fixed)
{
    (void)w;
    return fixed;
}

static sy_tensor *at_bob(workers *w, sy_tensor *fixed)
{
    return workers_send(w, fixed, w->bob);
}

static sy_tensor *over_bob(workers *w, sy_tensor *fixed)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_get_precision(fixed, &options, &w->err), &w->err);
    sy_tensor *integers = workers_send(w, below(w, fixed), w->bob);
    assert_ok(sy_tensor_on_fixed_precision(integers, &made, &options, &w->err), &w->err);
    workers_drop(w, integers); /* the node holds them */
    return owned(w, made);
}

typedef struct way {
    const char *name, *text;
    sy_tensor *(*put)(workers *w, sy_tensor *fixed);
} way;

static const way ways[] = {
    {"here", "(Wrapper)>FixedPrecisionTensor>tensor(*", here},
    {"at bob", "(Wrapper)>\\[PointerTensor | me:* -> bob:*", at_bob},
    {"over bob", "(Wrapper)>FixedPrecisionTensor>\\[PointerTensor | me:* -> bob:*", over_bob},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* Back to a native tensor of floats. */
static sy_tensor *decoded(workers *w, sy_tensor *fixed)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_float_precision(fixed, &tensor, &w->err), &w->err);
    (void)owned(w, tensor);
    return sy_tensor_is_pointer(tensor) ? workers_get(w, tensor) : tensor;
}

/* Float32 of what the decimals say. */
#define assert_decoded(w, tensor, ...)                                                           \
    do {                                                                                         \
        const float expected_[] = {__VA_ARGS__};                                                 \
        assert_decodes((w), (tensor), expected_, sizeof expected_ / sizeof *expected_, #tensor); \
    } while (0)

static void assert_decodes(workers *w, sy_tensor *tensor, const float *expected, size_t count,
                           const char *what)
{
    float actual[16];
    assert_true(count <= sizeof actual / sizeof *actual);
    assert_ok(sy_tensor_copy_data(decoded(w, tensor), actual, count * sizeof *actual, &w->err),
              &w->err);
    for (size_t k = 0; k < count; k++) {
        if (!(fabsf(actual[k] - expected[k]) <= fabsf(expected[k]) * 1e-6f)) {
            fail_msg("%s, element %zu: %.9g, expected %.9g", what, k, (double)actual[k],
                     (double)expected[k]);
        }
    }
}

/* [0.1, 0.2, 0.3] is [100, 200, 300]: fix_precision truncates, float_precision divides; a pointer's is encoded there. */
static void test_encode_and_decode(workers *w, const way *how)
{
    sy_tensor *x = encoded(w, FLOATS(w, 0.1f, 0.2f, 0.3f), 3);
    assert_floats(w, below(w, x), 100, 200, 300);
    assert_floats(w, below(w, encoded(w, FLOATS(w, 2.1139f, -2.1139f), 3)), 2113, -2113);
    x = how->put(w, x);
    assert_text(w, x, how->text);
    assert_decoded(w, x, 0.1f, 0.2f, 0.3f);
    sy_tensor *p = workers_send(w, FLOATS(w, 2.1139f), w->bob), *fixed = NULL;
    assert_ok(sy_tensor_fix_precision(p, &fixed, NULL, &w->err), &w->err);
    (void)owned(w, fixed);
    assert_text(w, fixed, "(Wrapper)>\\[PointerTensor | me:* -> bob:*");
    assert_decoded(w, fixed, 2.113f);
}

/* enc_fix_prec: of a wrapper, what is under it is encoded; float_precision decodes it there. */
static void test_under_an_interpreter(void **state)
{
    workers *w = *state;
    sy_tensor *logged = NULL, *fixed = NULL, *back = NULL;
    sy_tensor *const tensors[] = {FLOATS(w, 1.5f, -2),
                                  workers_send(w, FLOATS(w, 1.5f, -2), w->bob)};
    for (size_t k = 0; k < 2; k++) {
        assert_ok(sy_tensor_log(tensors[k], &logged, &w->err), &w->err);
        (void)owned(w, logged);
        assert_ok(sy_tensor_fix_precision(logged, &fixed, NULL, &w->err), &w->err);
        (void)owned(w, fixed);
        assert_text(w, fixed,
                    k == 0 ? "(Wrapper)>LoggingTensor>FixedPrecisionTensor>tensor(*"
                           : "(Wrapper)>LoggingTensor>\\[PointerTensor | me:* -> bob:*");
        sy_tensor *y = OP(w, "mul", TENSOR(fixed), TENSOR(fixed));
        assert_ok(sy_tensor_float_precision(y, &back, &w->err), &w->err);
        sy_tensor *plain = below(w, owned(w, back));
        assert_floats(w, k == 0 ? plain : workers_get(w, plain), 2.25, 4);
    }
}

/* In place: fix_prec_, float_prec_; the class attributes. */
static void test_in_place_and_attributes(workers *w, const way *how)
{
    sy_tensor *x = FLOATS(w, 1.5f, -2);
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT, got = SY_PRECISION_OPTIONS_INIT;
    const sy_id id = sy_tensor_get_id(x);
    options.precision_fractional = 2;
    options.kappa = 4;
    if (how->put == at_bob) {
        assert_ok(sy_tensor_send_(x, w->bob, &w->err), &w->err);
    }
    assert_ok(sy_tensor_fix_precision_(x, &options, &w->err), &w->err);
    if (how->put == here) {
        assert_text(w, x, "(Wrapper)>FixedPrecisionTensor>tensor(\\[150, -200\\])");
        assert_ok(sy_tensor_get_precision(x, &got, &w->err), &w->err);
        assert_int_equal(got.base, 10);
        assert_int_equal(got.precision_fractional, 2);
        assert_int_equal(got.kappa, 4);
        const sy_id now = sy_tensor_get_id(x);
        assert_true(sy_id_equal(&id, &now));
        sy_tensor *y = OP(w, "add", TENSOR(x), TENSOR(x)); /* of results, too */
        assert_ok(sy_tensor_get_precision(y, &got, &w->err), &w->err);
        assert_int_equal(got.kappa, 4);
    }
    assert_ok(sy_tensor_float_precision_(x, &w->err), &w->err);
    if (sy_tensor_is_pointer(x)) {
        assert_ok(sy_tensor_get_(x, &w->err), &w->err);
    }
    assert_floats(w, x, 1.5, -2);
}

/* add, sub, rsub: children are added, numbers and plain tensors encoded first. */
static void test_sums(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 0.1f, 0.2f, 0.3f), 3));
    sy_tensor *y = how->put(w, encoded(w, FLOATS(w, 1.5f, -2, 0), 3));
    static const char *const sums[] = {"add", "__add__", "__radd__", "torch.add"};
    for (size_t k = 0; k < sizeof sums / sizeof sums[0]; k++) {
        assert_decoded(w, OP(w, sums[k], TENSOR(x), TENSOR(y)), 1.6f, -1.8f, 0.3f);
        assert_decoded(w, OP(w, sums[k], TENSOR(x), INT(2)), 2.1f, 2.2f, 2.3f);
        assert_decoded(w, OP(w, sums[k], TENSOR(x), FLOAT(0.5)), 0.6f, 0.7f, 0.8f);
    }
    assert_decoded(w, OP(w, "sub", TENSOR(x), TENSOR(y)), -1.4f, 2.2f, 0.3f);
    assert_decoded(w, OP(w, "torch.sub", TENSOR(x), INT(1)), -0.9f, -0.8f, -0.7f);
    assert_decoded(w, OP(w, "__rsub__", TENSOR(x), INT(1)), 0.9f, 0.8f, 0.7f);
    sy_tensor *z = OP(w, "__iadd__", TENSOR(x), TENSOR(y));
    assert_ptr_equal(z, x);
    assert_decoded(w, x, 1.6f, -1.8f, 0.3f);
    OP(w, "__isub__", TENSOR(x), INT(1));
    assert_decoded(w, x, 0.6f, -2.8f, -0.7f);
    OP(w, "add_", TENSOR(x), TENSOR(y), INT(2)); /* add_(v, t): v t is added */
    assert_decoded(w, x, 3.6f, -6.8f, -0.7f);
}

/* Products are truncated toward 0 once (truncate): 2.113 squared with two decimals is 211 * 211 = 44521, so 445. */
static void test_products(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 2.113f), 2));
    static const char *const names[] = {"mul", "__mul__", "__rmul__", "torch.mul"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_decoded(w, OP(w, names[k], TENSOR(x), TENSOR(x)), 4.45f);
    }
    x = how->put(w, encoded(w, FLOATS(w, 2.113f), 3));
    sy_tensor *y = how->put(w, encoded(w, FLOATS(w, -0.113f), 3));
    assert_decoded(w, OP(w, "mul", TENSOR(x), TENSOR(y)), -0.238f); /* of -238.769 */
    assert_decoded(w, OP(w, "mul", TENSOR(x), TENSOR(OP(w, "__rmul__", TENSOR(y), INT(2)))),
                   -0.477f);
    assert_decoded(w, OP(w, "mul", TENSOR(x), INT(3)), 6.339f); /* an int truncates nothing */
    x = how->put(w, encoded(w, FLOATS(w, 1, 2, 3, 4), 3));
    assert_decoded(w, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9, 16);
    assert_decoded(w, OP(w, "torch.dot", TENSOR(x), TENSOR(x)), 30);
    static const char *const powers[] = {"pow", "__pow__", "torch.pow"};
    for (size_t k = 0; k < sizeof powers / sizeof powers[0]; k++) {
        assert_decoded(w, OP(w, powers[k], TENSOR(x), INT(3)), 1, 8, 27, 64);
        assert_decoded(w, OP(w, powers[k], TENSOR(x), INT(0)), 1, 1, 1,
                       1); /* defect 40: was none */
    }
}

/* truncate(p): the integers divided by base^p, toward 0. */
static void test_truncate(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 44.521f, -238.769f, 0.001f), 3));
    assert_decoded(w, OP(w, "truncate", TENSOR(x), INT(2)), 0.445f, -2.387f, 0);
    assert_decoded(w, OP(w, "truncate", TENSOR(x), INT(0)), 44.521f, -238.769f, 0.001f);
    assert_fails(w, CALL(w, "truncate", TENSOR(x), INT(-1)), SY_EINVAL, "truncate", "-1");
}

static void test_quotients(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 9, -25.42f, 24.3f), 3));
    sy_tensor *y = how->put(w, encoded(w, FLOATS(w, 3, 6.2f, -5.4f), 3));
    static const char *const names[] = {"div", "__truediv__", "torch.div"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_decoded(w, OP(w, names[k], TENSOR(x), TENSOR(y)), 3, -4.1f, -4.5f);
        assert_decoded(w, OP(w, names[k], TENSOR(x), INT(2)), 4.5f, -12.71f, 12.15f);
    }
}

/* matmul, addmm(bias, x, w) = x w + bias, linear, t. */
static void test_matrices(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, MATRIX(w, 2, 2, 1, 2, 3, 4), 3));
    sy_tensor *y = how->put(w, encoded(w, MATRIX(w, 2, 2, 0.5f, 0, -1, 2), 3));
    static const char *const names[] = {"matmul", "__matmul__", "mm", "torch.matmul", "torch.mm"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_decoded(w, OP(w, names[k], TENSOR(x), TENSOR(y)), -1.5f, 4, -2.5f, 8);
        assert_decoded(w, OP(w, names[k], TENSOR(y), TENSOR(x)), 0.5f, 1, 5, 6); /* defect 39 */
    }
    assert_decoded(w, OP(w, "t", TENSOR(x)), 1, 3, 2, 4);
    assert_decoded(w, OP(w, "torch.t", TENSOR(x)), 1, 3, 2, 4);
    sy_tensor *bias = how->put(w, encoded(w, FLOATS(w, 1, 2), 3));
    sy_tensor *row = how->put(w, encoded(w, MATRIX(w, 1, 2, 1, 2), 3));
    sy_tensor *weight = how->put(w, encoded(w, MATRIX(w, 2, 2, 1, 2, 4, 2), 3));
    assert_decoded(w, OP(w, "torch.addmm", TENSOR(bias), TENSOR(row), TENSOR(weight)), 10, 8);
    sy_tensor *input = how->put(w, encoded(w, MATRIX(w, 2, 2, 1, -2, 3, 4), 3));
    assert_decoded(w, OP(w, "torch.nn.functional.linear", TENSOR(input), TENSOR(x)), -3, -5, 11,
                   25);
    const float image[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, kernel[] = {0.5f, 0, 0, -0.25f};
    sy_tensor *pixels =
        how->put(w, encoded(w, workers_tensor(w, 4, (const int64_t[]){1, 1, 3, 3}, image), 3));
    sy_tensor *window =
        how->put(w, encoded(w, workers_tensor(w, 4, (const int64_t[]){1, 1, 2, 2}, kernel), 3));
    assert_decoded(w, OP(w, "torch.nn.functional.conv2d", TENSOR(pixels), TENSOR(window)), -0.75f,
                   -0.5f, 0, 0.25f);
}

/* 0.0 and 1.0, consistent, of negative numbers, too. */
static void test_comparisons(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 3.1f, -3.1f, 3.1f), 3));
    sy_tensor *y = how->put(w, encoded(w, FLOATS(w, 3.1f, -3.1f, 2.1f), 3));
    static const struct {
        const char *names[2];
        float expected[3];
    } cases[] = {
        {{"eq", "__eq__"}, {1, 1, 0}}, {{"gt", "__gt__"}, {0, 0, 1}}, {{"ge", "__ge__"}, {1, 1, 1}},
        {{"lt", "__lt__"}, {0, 0, 0}}, {{"le", "__le__"}, {1, 1, 0}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        for (size_t i = 0; i < 2; i++) {
            sy_tensor *answer = OP(w, cases[k].names[i], TENSOR(x), TENSOR(y));
            assert_decodes(w, answer, cases[k].expected, 3, cases[k].names[i]);
        }
    }
    assert_decoded(w, OP(w, "__gt__", TENSOR(x), FLOAT(3.05)), 1, 0, 1);
}

/* max, argmax, mod of the later versions. */
static void test_extremes(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, MATRIX(w, 2, 3, 1, 2, 4, 3, 9, 2), 3));
    assert_decoded(w, OP(w, "max", TENSOR(x)), 9);
    assert_decoded(w, OP(w, "argmax", TENSOR(x)), 4);
    assert_decoded(w, OP(w, "argmax", TENSOR(x), INT(1)), 2, 1);
    assert_decoded(w, OP(w, "argmin", TENSOR(x), INT(1)), 0, 2);
    sy_tensor *y = how->put(w, encoded(w, FLOATS(w, 21, -21), 3));
    assert_decoded(w, OP(w, "remainder", TENSOR(y), INT(8)), 5, 3);
    assert_decoded(w, OP(w, "remainder", TENSOR(y), INT(-8)), -3, -5);
    assert_decoded(w, OP(w, "sign", TENSOR(y)), 1, -1);
}

/* The reference's own tests: the mean of |r - t| / ((r + t) / 2), for three, four and five decimals. */
typedef struct tolerance {
    const char *function, *method;
    double (*exact)(double x);
    double allowed[3];
    size_t count;
    float points[20];
} tolerance;

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static const tolerance tolerances[] = {
    {"exp", NULL, exp, {0.20, 0.05, 0.05}, 5, {0, 1, 2, 3, 4}},
    {"sigmoid", "exp", logistic, {0.06, 0.01, 0.01}, 5, {0, 1, 2, 3, 4}},
    {"sigmoid", "maclaurin", logistic, {0.07, 0.15, 0.15}, 5, {0, 1, 2, 3, 4}},
    {"sigmoid", NULL, logistic, {0.06, 0.01, 0.01}, 5, {0, 1, 2, 3, 4}},
    {"tanh", NULL, tanh, {0.06, 0.01, 0.01}, 5, {-2, -1, 0.5f, 1, 3}},
    {"log", NULL, log, {1.00, 0.03, 0.02}, 9, {0.1f, 0.5f, 2, 5, 10, 20, 50, 100, 250}},
};

static double mean_error(workers *w, const way *how, const tolerance *t, int64_t precision)
{
    float results[20];
    const int64_t count = (int64_t)t->count;
    double error = 0;
    sy_tensor *x = encoded(w, workers_tensor(w, 1, &count, t->points), precision);
    sy_tensor *y = sy_approximate(w->s, how->put(w, x), t->function, t->method, 0);
    assert_non_null(y);
    assert_ok(sy_tensor_copy_data(decoded(w, y), results, t->count * sizeof *results, &w->err),
              &w->err);
    for (size_t k = 0; k < t->count; k++) {
        const double exact = t->exact((double)t->points[k]);
        const double norm = fabs((double)results[k] + exact) / 2;
        error += fabs((double)results[k] - exact) / norm / (double)t->count;
    }
    return error;
}

static void test_approximations(workers *w, const way *how)
{
    for (size_t i = 0; i < sizeof tolerances / sizeof tolerances[0]; i++) {
        const tolerance *t = &tolerances[i];
        for (int precision = 3; precision <= 5; precision++) {
            const double error = mean_error(w, how, t, precision);
            if (!(error <= t->allowed[precision - 3])) {
                fail_msg("%s %s, %d decimals, %s: mean relative error %g", t->function,
                         t->method != NULL ? t->method : "", precision, how->name, error);
            }
        }
    }
}

/* The same by the names of operations; matrix inverse. */
static void test_functions(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 0.5f, 1, 2), 5));
    static const struct {
        const char *name;
        double (*exact)(double x);
    } functions[] = {{"torch.exp", exp},
                     {"torch.log", log},
                     {"torch.tanh", tanh},
                     {"torch.sigmoid", logistic},
                     {"torch.nn.functional.sigmoid", logistic},
                     {"exp", exp}};
    const double at[] = {0.5, 1, 2};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        float results[3];
        sy_tensor *y = decoded(w, OP(w, functions[i].name, TENSOR(x)));
        assert_ok(sy_tensor_copy_data(y, results, sizeof results, &w->err), &w->err);
        for (int k = 0; k < 3; k++) {
            assert_true(fabs((double)results[k] - functions[i].exact(at[k])) < 3e-3);
        }
    }
    sy_tensor *matrix = how->put(w, encoded(w, MATRIX(w, 2, 2, 2, 1, 1, 3), 5));
    const float inverse[] = {0.6f, -0.2f, -0.2f, 0.4f};
    float results[4];
    sy_tensor *y = decoded(w, OP(w, "torch.inverse", TENSOR(matrix)));
    assert_ok(sy_tensor_copy_data(y, results, sizeof results, &w->err), &w->err);
    for (int k = 0; k < 4; k++) {
        assert_true(fabsf(results[k] - inverse[k]) < 1e-3f);
    }
}

/* get(): the same attributes around what was at the worker. */
static void test_get(workers *w, const way *how)
{
    sy_precision_options got = SY_PRECISION_OPTIONS_INIT;
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 1.5f, -2), 4));
    if (how->put == here) {
        return; /* nothing to fetch */
    }
    sy_tensor *back = workers_get(w, OP(w, "mul", TENSOR(x), TENSOR(x)));
    assert_text(w, back, "(Wrapper)>FixedPrecisionTensor>tensor(\\[22500, 40000\\])*");
    assert_ok(sy_tensor_get_precision(back, &got, &w->err), &w->err);
    assert_int_equal(got.precision_fractional, 4);
    workers_drop(w, x);
    assert_count(w, w->bob_serving, 0);
}

static void test_refusals(workers *w, const way *how)
{
    sy_tensor *x = how->put(w, encoded(w, FLOATS(w, 1, 2), 3));
    sy_tensor *y = how->put(w, encoded(w, FLOATS(w, 1, 2), 4));
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(y)), SY_EINVAL, "precision 3", "precision 4");
    assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(y)), SY_EINVAL, "precision 3", "precision 4");
    assert_fails(w, CALL(w, "softmax", TENSOR(x), INT(0)), SY_ENOTSUP, "softmax",
                 "fixed precision");
}

#define IN_EVERY_WAY(test)                        \
    static void test##_in_every_way(void **state) \
    {                                             \
        for (size_t k = 0; k < WAYS; k++) {       \
            test(*state, &ways[k]);               \
        }                                         \
    }

IN_EVERY_WAY(test_encode_and_decode)
IN_EVERY_WAY(test_in_place_and_attributes)
IN_EVERY_WAY(test_sums)
IN_EVERY_WAY(test_products)
IN_EVERY_WAY(test_truncate)
IN_EVERY_WAY(test_quotients)
IN_EVERY_WAY(test_matrices)
IN_EVERY_WAY(test_comparisons)
IN_EVERY_WAY(test_extremes)
IN_EVERY_WAY(test_approximations)
IN_EVERY_WAY(test_functions)
IN_EVERY_WAY(test_get)
IN_EVERY_WAY(test_refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_encode_and_decode_in_every_way),
        WORKER_KINDS(test_under_an_interpreter),
        WORKER_KINDS(test_in_place_and_attributes_in_every_way),
        WORKER_KINDS(test_sums_in_every_way),
        WORKER_KINDS(test_products_in_every_way),
        WORKER_KINDS(test_truncate_in_every_way),
        WORKER_KINDS(test_quotients_in_every_way),
        WORKER_KINDS(test_matrices_in_every_way),
        WORKER_KINDS(test_comparisons_in_every_way),
        WORKER_KINDS(test_extremes_in_every_way),
        WORKER_KINDS(test_approximations_in_every_way),
        WORKER_KINDS(test_functions_in_every_way),
        WORKER_KINDS(test_get_in_every_way),
        WORKER_KINDS(test_refusals_in_every_way),
    };
    return workers_run(tests);
}
