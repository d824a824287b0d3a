/*
 * sharing_comparisons.c - the rows of AdditiveSharingTensor's table that compare, by sy_call, each against the same on native
 * tensors: for 2, 3 and (virtual) 5 holders, by the client and by another worker as provider, over every kind of worker; and in
 * fixed precision. The programs under them: src/crypto/comparison_test.c.
 */
#include <string.h>

#include "support/shared_values.h"

static void orders(const sharing *s)
{
    workers *w = s->w;
    static const char *const names[] = {"gt", "ge", "lt", "le", "eq", "ne"};
    const int64_t most = INT64_C(1) << 61;
    sy_tensor *x = LONGS(w, 1, -2, 3, 0, 7, -7, most, -most),
              *y = LONGS(w, 1, 2, -3, 0, 8, -8, -most, most);
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        for (unsigned mask = 1; mask < 4; mask++) {
            SAME(s, mask, names[k], TENSOR(x), TENSOR(y));
        }
        SAME(s, 1, names[k], TENSOR(x), INT(0));
        SAME(s, 1, names[k], TENSOR(LONG_MATRIX(w, 2, 2, 1, 2, 3, 4)), TENSOR(LONGS(w, 2, 3)));
    }
    assert_shared(s, OP(w, "__gt__", TENSOR(SHARED(s, 1, 5)), INT(3)), 0, 1);
}

static void signs(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONG_MATRIX(w, 2, 4, 0, 1, -1, 100, -100, INT64_MAX, INT64_MIN + 1, 2);
    SAME(s, 1, "relu", TENSOR(x));
    SAME(s, 1, "torch.nn.functional.relu", TENSOR(x));
    SAME(s, 1, "abs", TENSOR(x));
    SAME(s, 1, "sign", TENSOR(x));
    sy_tensor *bits = NULL;
    assert_ok(sy_shared_positive(SHARED(s, 3, 0, -4), &bits, &w->err), &w->err);
    assert_shared(s, sy_scope_adopt(w->s, bits), 1, 1, 0);
    assert_status(sy_shared_positive(x, &bits, &w->err), SY_EINVAL, &w->err);
    assert_null(bits);
    sy_tensor *in_place = SHARED(s, 3, -4);
    (void)OP(w, "relu_", TENSOR(in_place));
    assert_shared(s, in_place, 3, 0);
    SAME(s, 1, "relu", TENSOR(OP(w, "zeros", LIST(INT(0)), sy_value_dtype(SY_DTYPE_I64))));
}

static void clamps(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONGS(w, -5, -1, 0, 3, 9), *y = LONGS(w, 0, -3, 4, 3, -9);
    for (unsigned mask = 1; mask < 4; mask++) {
        SAME(s, mask, "maximum", TENSOR(x), TENSOR(y));
        SAME(s, mask, "minimum", TENSOR(x), TENSOR(y));
    }
    SAME(s, 1, "clamp", TENSOR(x), INT(-2), INT(4));
    SAME(s, 1, "clamp", TENSOR(x), INT(4), INT(-2));
    SAME(s, 1, "clamp", TENSOR(x), INT(-2));
    SAME(s, 1, "clamp", TENSOR(x), sy_value_none(), INT(1));
    SAME(s, 1, "clamp_min", TENSOR(x), INT(1));
    SAME(s, 1, "clamp_max", TENSOR(x), INT(1));
    SAME(s, 3, "clamp_min", TENSOR(x), TENSOR(y));
    SAME(s, 3, "threshold_backward", TENSOR(LONGS(w, 1, 2, 3, 4, 5)), TENSOR(x), INT(0));
}

static void choices(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *a = LONGS(w, 1, 2, 3), *b = LONGS(w, -1, -2, -3);
    sy_tensor *shared = SHARED(s, 1, 2, 3);
    sy_tensor *condition = OP(w, "gt", TENSOR(shared), INT(1));
    assert_shared(s, OP(w, "where", TENSOR(condition), TENSOR(a), TENSOR(b)), -1, 2, 3);
    assert_shared(s, OP(w, "where", TENSOR(condition), TENSOR(shared), INT(9)), 9, 2, 3);
}

/* [3,1,2], [3,4], [3,4,5,2]: 3, 4, 5 and 0, 1, 2; [[1,2,4],[3,9,2]]: 4; by rows of [[1,2,4],[3,1,2]] 2 and 0 (spec) */
static void vectors_of_extrema(const sharing *s)
{
    workers *w = s->w;
    assert_shared(s, OP(w, "max", TENSOR(SHARED(s, 3, 1, 2))), 3);
    assert_shared(s, OP(w, "max", TENSOR(SHARED(s, 3, 4))), 4);
    assert_shared(s, OP(w, "max", TENSOR(SHARED(s, 3, 4, 5, 2))), 5);
    assert_shared(s, OP(w, "argmax", TENSOR(SHARED(s, 3, 1, 2))), 0);
    assert_shared(s, OP(w, "argmax", TENSOR(SHARED(s, 3, 4))), 1);
    assert_shared(s, OP(w, "argmax", TENSOR(SHARED(s, 3, 4, 5, 2))), 2);
    sy_tensor *m = sharing_share(s, LONG_MATRIX(w, 2, 3, 1, 2, 4, 3, 9, 2));
    assert_shared(s, OP(w, "argmax", TENSOR(m)), 4);
    m = sharing_share(s, LONG_MATRIX(w, 2, 3, 1, 2, 4, 3, 1, 2));
    assert_shared(s, OP(w, "argmax", TENSOR(m), INT(1)), 2, 0);
    assert_shared(s, OP(w, "argmax", TENSOR(SHARED(s, 7, 7, 7))), 0); /* the first of equal ones */
    assert_shared(s, OP(w, "argmin", TENSOR(SHARED(s, 7, 2, 2, 7))), 1);
}

static void extrema(const sharing *s)
{
    workers *w = s->w;
    static const char *const names[] = {"max", "min", "argmax", "argmin"};
    sy_tensor *x = LONG_MATRIX(w, 3, 5, 4, -1, 7, 7, 0, -9, -9, 3, 2, -8, 5, 6, 1, 0, 2);
    for (size_t k = 0; k < 4; k++) {
        SAME(s, 1, names[k], TENSOR(x));
        SAME(s, 1, names[k], TENSOR(x), INT(0));
        SAME(s, 1, names[k], TENSOR(x), INT(-1), sy_value_bool(true));
        SAME(s, 1, names[k], TENSOR(LONGS(w, -3)));
    }
    SAME(s, 1, "amax", TENSOR(x), LIST(INT(0), INT(1)));
    SAME(s, 1, "amin", TENSOR(x), LIST(INT(1)), sy_value_bool(true));
    SAME(s, 1, "amax",
         TENSOR(
             OP(w, "view", TENSOR(LONGS(w, 1, 8, 3, 4, 5, 6, 7, 2)), LIST(INT(2), INT(2), INT(2)))),
         LIST(INT(0), INT(2)));
    sy_tensor *none = OP(w, "zeros", LIST(INT(0)), sy_value_dtype(SY_DTYPE_I64));
    assert_fails(w, CALL(w, "max", TENSOR(sharing_share(s, none))), SY_ERANGE, "max",
                 "no elements");
}

static sy_tensor *image(workers *w, int64_t count, int64_t rows, int64_t columns)
{
    sy_tensor *x = OP(w, "arange", INT(count * rows * columns));
    x = OP(w, "remainder", TENSOR(OP(w, "mul", TENSOR(x), INT(37))), INT(23));
    x = OP(w, "sub", TENSOR(x), INT(11));
    return OP(w, "view", TENSOR(x), LIST(INT(1), INT(count), INT(rows), INT(columns)));
}

static sy_tensor *reals_of(workers *w, sy_tensor *x)
{
    return OP(w, "to", TENSOR(x), sy_value_dtype(SY_DTYPE_F32));
}

/* Frameworks pool reals. */
static void check_pool(const sharing *s, sy_tensor *x, const sy_value *more, size_t count, int line)
{
    workers *w = s->w;
    sy_value args[8] = {sy_value_tensor(reals_of(w, x))};
    memcpy(args + 1, more, count * sizeof *more);
    sy_tensor *expected = workers_op(w, "max_pool2d", args, count + 1, __FILE__, line);
    args[0] = sy_value_tensor(sharing_share(s, x));
    sy_tensor *actual = workers_op(w, "max_pool2d", args, count + 1, __FILE__, line);
    sharing_assert_same(sharing_value(s, actual), expected, "max_pool2d", __FILE__, line);
}
#define POOLS(s, x, ...)                                  \
    check_pool((s), (x), (const sy_value[]){__VA_ARGS__}, \
               sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), __LINE__)

static void pools(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = image(w, 2, 5, 6);
    POOLS(s, x, INT(2));
    POOLS(s, x, INT(3), INT(2), INT(1));
    POOLS(s, x, LIST(INT(2), INT(3)), LIST(INT(1), INT(2)));
    POOLS(s, x, INT(2), INT(2), INT(0), INT(2));
    POOLS(s, x, INT(2), INT(2), INT(0), INT(1), sy_value_bool(true));
    POOLS(s, OP(w, "select", TENSOR(x), INT(0), INT(0)), INT(2));
    (void)OP(w, "max_pool2d_with_indices", TENSOR(sharing_share(s, x)), INT(3), INT(2), INT(1));
    sy_tensor *values = w->results[0], *places = w->results[1];
    values = sharing_value(s, values);
    places = sharing_value(s, places);
    (void)OP(w, "max_pool2d_with_indices", TENSOR(reals_of(w, x)), INT(3), INT(2), INT(1));
    sharing_assert_same(values, w->results[0], "max_pool2d_with_indices", __FILE__, __LINE__);
    sharing_assert_same(places, w->results[1], "max_pool2d_with_indices", __FILE__, __LINE__);
    sy_tensor *shared = sharing_share(s, x);
    assert_fails(w, CALL(w, "max_pool2d", TENSOR(shared), INT(9)), SY_ESHAPE, "max_pool2d");
    assert_fails(w, CALL(w, "max_pool2d", TENSOR(shared), INT(0)), SY_EINVAL, "max_pool2d");
    assert_fails(w, CALL(w, "max_pool2d", TENSOR(shared), INT(4), INT(1), INT(3)), SY_EINVAL,
                 "max_pool2d", "padding");
    assert_fails(w, CALL(w, "max_pool2d", TENSOR(shared), INT(3), INT(1), INT(INT64_MAX)),
                 SY_EINVAL, "max_pool2d", "padding");
    sy_tensor *large = sharing_share(s, image(w, 1, 257, 257));
    assert_fails(w, CALL(w, "max_pool2d", TENSOR(large), INT(257)), SY_ELIMIT, "max_pool2d",
                 "66049");
    /* of fixed precision, where averages are reals */
    sy_tensor *reals = OP(w, "div", TENSOR(reals_of(w, x)), FLOAT(4));
    sy_tensor *fixed = sharing_fixed(s, reals, 3);
    sy_tensor *averages = OP(w, "avg_pool2d", TENSOR(fixed), INT(2));
    sy_tensor *error = OP(w, "sub", TENSOR(sharing_value(s, averages)),
                          TENSOR(OP(w, "avg_pool2d", TENSOR(reals), INT(2))));
    error = OP(w, "max", TENSOR(OP(w, "abs", TENSOR(error))));
    assert_true(syi_array_get_double(syi_node_array(error->node), 0) <= 0.00101);
    fixed = sharing_fixed(s, reals, 3);
    sharing_assert_same(sharing_value(s, OP(w, "max_pool2d", TENSOR(fixed), INT(2))),
                        OP(w, "max_pool2d", TENSOR(reals), INT(2)), "max_pool2d", __FILE__,
                        __LINE__);
}

/* 21 and -21 by 8 and -8: 5, -3 and 3, -5 (spec) */
static void remainders(const sharing *s)
{
    workers *w = s->w;
    static const int64_t by[] = {8, -8, 7, -7, 1, 10};
    sy_tensor *x = LONGS(w, 21, -21, 0, 64, -1, 1000003, -(INT64_C(1) << 60));
    for (size_t k = 0; k < sizeof by / sizeof by[0]; k++) {
        SAME(s, 1, "remainder", TENSOR(x), INT(by[k]));
        SAME(s, 1, "floor_divide", TENSOR(x), INT(by[k]));
    }
    SAME(s, 1, "floor_divide", TENSOR(x), TENSOR(LONGS(w, -7)));
    SAME(s, 1, "remainder", TENSOR(x), TENSOR(LONGS(w, -7)));
    assert_shared(s, OP(w, "__mod__", TENSOR(SHARED(s, 21, -21)), INT(8)), 5, 3);
    assert_shared(s, OP(w, "__mod__", TENSOR(SHARED(s, 21, -21)), INT(-8)), -3, -5);
    sy_tensor *shared = SHARED(s, 21);
    assert_fails(w, CALL(w, "remainder", TENSOR(shared), INT(0)), SY_ERANGE, "remainder", "by 0");
    assert_fails(w, CALL(w, "remainder", TENSOR(shared), TENSOR(shared)), SY_ENOTSUP, "remainder",
                 "shared");
    assert_fails(w, CALL(w, "floor_divide", TENSOR(shared), TENSOR(shared)), SY_ENOTSUP,
                 "floor_divide", "shared");
    assert_fails(w, CALL(w, "floor_divide", TENSOR(shared), TENSOR(LONGS(w, 2, 3))), SY_ENOTSUP,
                 "floor_divide", "several");
}

/* 10 / 2 = 5, [[25, 9], [10, 30]] / [[5, 12], [2, 7]] = [[5, 0], [5, 4]] (spec) */
static void quotients(const sharing *s)
{
    workers *w = s->w;
    if (s->count != 2 || (s->provider == NULL && w->kind->url != NULL)) {
        return; /* many rounds */
    }
    assert_shared(s, OP(w, "div", TENSOR(SHARED(s, 10)), TENSOR(SHARED(s, 2))), 5);
    sy_tensor *x = sharing_share(s, LONG_MATRIX(w, 2, 2, 25, 9, 10, 30)),
              *y = sharing_share(s, LONG_MATRIX(w, 2, 2, 5, 12, 2, 7));
    assert_shared(s, OP(w, "div", TENSOR(x), TENSOR(y)), 5, 0, 5, 4);
    x = SHARED(s, 2147483647, -2147483647, -7, 7, 0, 1000000007);
    y = SHARED(s, 1, 1, 2, -2, 5, 2147483647);
    assert_shared(s, OP(w, "div", TENSOR(x), TENSOR(y)), 2147483647, -2147483647, -3, -3, 0, 0);
}

/* 3.1 == 3.1, -3.1 == -3.1, 3.1 == 2.1; [1, 3.1, -2.1] (spec) */
static void fixed(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED_FIXED(s, 3, 3.1F, -3.1F, 3.1F),
              *y = SHARED_FIXED(s, 3, 3.1F, -3.1F, 2.1F);
    assert_shared(s, OP(w, "eq", TENSOR(x), TENSOR(y)), 1, 1, 0);
    assert_shared(s, OP(w, "ge", TENSOR(x), TENSOR(y)), 1, 1, 1);
    assert_shared(s, OP(w, "le", TENSOR(x), TENSOR(y)), 1, 1, 0);
    assert_shared(s, OP(w, "gt", TENSOR(x), TENSOR(y)), 0, 0, 1);
    assert_shared(s, OP(w, "lt", TENSOR(x), TENSOR(y)), 0, 0, 0);
    assert_shared(s, OP(w, "gt", TENSOR(x), FLOAT(0.5)), 1, 0, 1);
    assert_near(s, OP(w, "relu", TENSOR(SHARED_FIXED(s, 3, 1, 3.1F, -2.1F))), 1e-6, 1, 3.1, 0);
    assert_near(s, OP(w, "abs", TENSOR(SHARED_FIXED(s, 3, 1, 3.1F, -2.1F))), 1e-6, 1, 3.1, 2.1);
    assert_shared(s, OP(w, "sign", TENSOR(SHARED_FIXED(s, 3, 1, 0, -2.1F))), 1, 0, -1);
    assert_near(s, OP(w, "max", TENSOR(SHARED_FIXED(s, 3, 1, 3.1F, -2.1F))), 1e-6, 3.1);
    assert_shared(s, OP(w, "argmax", TENSOR(SHARED_FIXED(s, 3, 1, 3.1F, -2.1F))), 1);
    assert_shared(s,
                  OP(w, "clamp", TENSOR(SHARED_FIXED(s, 3, 1, 3.1F, -2.1F)), FLOAT(-1.5), INT(2)),
                  1, 2, -1.5);
}

static uint64_t reported_by(const sharing *s)
{
    sy_sharing_cost cost;
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 1, &cost, &s->w->err),
              &s->w->err);
    return cost.bytes_reported;
}

/* A protocol belongs to the value, and to what is made of it. */
static void protocols(const sharing *s)
{
    workers *w = s->w;
    sharing of = *s;
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    of.options.protocol = "bits";
    sy_tensor *x = SHARED(&of, 5, -6), *shared = NULL;
    sy_tensor *y = OP(w, "relu", TENSOR(OP(w, "add", TENSOR(x), INT(1))));
    assert_ok(sy_shared_get_attributes(y, &options, NULL, &w->err), &w->err);
    assert_string_equal(options.protocol, "bits");
    assert_shared(s, y, 6, 0);
    static const char *const names[] = {"fss", "snn", "carry"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        of.options.protocol = names[k];
        if (s->count > 2 && strcmp(names[k], "carry") != 0) {
            assert_status(sy_tensor_share_with(LONGS(w, 1), &shared, s->holders, s->count,
                                               &of.options, &w->err),
                          SY_ENOTSUP, &w->err);
            assert_non_null(strstr(w->err.message, of.options.protocol));
            continue;
        }
        sy_tensor *z = SHARED(&of, 5, -6, 0);
        assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(z)), SY_ECOLLOCATION, "bits",
                     of.options.protocol);
        SAME(&of, 1, "relu", TENSOR(LONG_MATRIX(w, 2, 2, INT64_MIN, -1, 0, INT64_MAX)));
        SAME(&of, 3, "eq", TENSOR(LONGS(w, 1, -2, 3)), TENSOR(LONGS(w, 1, 2, 3)));
        SAME(&of, 3, "gt", TENSOR(LONGS(w, 1, -2, 3)), TENSOR(LONGS(w, 1, 2, -3)));
        SAME(&of, 1, "max", TENSOR(LONGS(w, 1, -2, 3, 3, 0)), INT(0));
        sy_tensor *fixed = sharing_fixed(&of, FLOATS(w, 1.5F, -2.5F), 3);
        assert_shared(s, OP(w, "relu", TENSOR(fixed)), 1.5, 0);
        z = OP(w, "mul", TENSOR(z), TENSOR(z));
        const uint64_t reported = reported_by(s);
        z = OP(w, "relu", TENSOR(z));
        assert_int_equal(reported_by(s) - reported,
                         strcmp(names[k], "snn") == 0 ? 3 * (8 + 2 * 64) : 0);
        assert_ok(sy_shared_get_attributes(z, &options, NULL, &w->err), &w->err);
        assert_string_equal(options.protocol, of.options.protocol);
        assert_shared(s, z, 25, 36, 0);
    }
    of.options.protocol = "yao";
    assert_status(
        sy_tensor_share_with(LONGS(w, 1), &shared, s->holders, s->count, &of.options, &w->err),
        SY_EINVAL, &w->err);
    assert_non_null(strstr(w->err.message, "yao"));
    assert_null(shared);
}

static void fields(const sharing *s)
{
    workers *w = s->w;
    sharing of = *s;
    of.options.dtype = SY_PRECISION_INT;
    assert_shared(s, OP(w, "relu", TENSOR(SHARED(&of, 5, -6, 1 << 30))), 5, 0, 1 << 30);
    assert_shared(s, OP(w, "eq", TENSOR(SHARED(&of, 5, -6)), INT(5)), 1, 0);
    of.options.dtype = SY_PRECISION_CUSTOM;
    of.options.field = UINT64_C(1) << 62;
    assert_shared(s, OP(w, "relu", TENSOR(SHARED(&of, 5, -6, 1 << 30))), 5, 0, 1 << 30);
    assert_shared(s, OP(w, "max", TENSOR(SHARED(&of, 5, -6, 9)), INT(0)), 9);
    of.options.field = 1000003;
    sy_tensor *x = SHARED(&of, 5, -6);
    assert_fails(w, CALL(w, "relu", TENSOR(x)), SY_ENOTSUP, "power of two");
    of.options.field = 15; /* 3 divides it: every share modulo 3, and once more */
    sy_tensor *rest = sharing_value(s, OP(w, "remainder", TENSOR(SHARED(&of, 7, -4)), INT(3)));
    assert_floats(w, OP(w, "remainder", TENSOR(rest), INT(3)), 1, 2);
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(orders)
EACH(signs)
EACH(clamps)
EACH(choices)
EACH(vectors_of_extrema)
EACH(extrema)
EACH(pools)
EACH(remainders)
EACH(quotients)
EACH(fixed)
EACH(protocols)
EACH(fields)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_orders),
        LIBRARY_WORKER_KINDS(test_signs),
        LIBRARY_WORKER_KINDS(test_clamps),
        LIBRARY_WORKER_KINDS(test_choices),
        LIBRARY_WORKER_KINDS(test_vectors_of_extrema),
        LIBRARY_WORKER_KINDS(test_extrema),
        LIBRARY_WORKER_KINDS(test_pools),
        LIBRARY_WORKER_KINDS(test_remainders),
        LIBRARY_WORKER_KINDS(test_quotients),
        LIBRARY_WORKER_KINDS(test_fixed),
        LIBRARY_WORKER_KINDS(test_protocols),
        LIBRARY_WORKER_KINDS(test_fields),
    };
    return workers_run(tests);
}
