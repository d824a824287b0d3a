/*
 * sharing_ranges.c - comparisons of shared numbers that are known to be small: that results are those of native tensors at the bounds of every
 * dtype and in padded windows; and random programs, in which the holders look whether every range holds. How many bits are compared:
 * sharing_range_bits.c.
 */
#include <string.h>

#include "support/shared_values.h"

static const int64_t ends[][4] = {[SY_DTYPE_BOOL] = {0, 1, 1, 0},
                                  [SY_DTYPE_U8] = {0, 255, 1, 254},
                                  [SY_DTYPE_I8] = {-128, 127, -1, 0},
                                  [SY_DTYPE_I16] = {-32768, 32767, 0, -1},
                                  [SY_DTYPE_I32] = {-INT64_C(2147483648), 2147483647, 0, -1},
                                  [SY_DTYPE_I64] = {-(INT64_C(1) << 61), INT64_C(1) << 61, 0, -1}};

/* The same operation on shares of these dtypes, and on int64. */
static void check(const sharing *s, const char *name, sy_tensor *x, sy_dtype x_dtype, sy_tensor *y,
                  sy_dtype y_dtype, const sy_value *more, size_t count, int line)
{
    workers *w = s->w;
    sy_tensor *expected[RESULTS_MAX];
    sy_value args[8] = {TENSOR(x)}, there[8] = {TENSOR(sharing_share_as(s, x, x_dtype))};
    size_t used = 1;
    if (y != NULL) {
        args[used] = TENSOR(y);
        there[used++] = TENSOR(sharing_share_as(s, y, y_dtype));
    }
    for (size_t k = 0; k < count; k++, used++) {
        args[used] = there[used] = more[k];
    }
    (void)workers_op(w, name, args, used, __FILE__, line);
    const size_t results = w->result_count;
    memcpy(expected, w->results, results * sizeof expected[0]);
    (void)workers_op(w, name, there, used, __FILE__, line);
    sy_tensor *actual[RESULTS_MAX];
    memcpy(actual, w->results, results * sizeof actual[0]);
    for (size_t k = 0; k < results; k++) {
        sharing_assert_same(sharing_value(s, actual[k]), expected[k], name, __FILE__, line);
    }
}
#define ONE(s, name, x, dtype) \
    check((s), (name), (x), (dtype), NULL, SY_DTYPE_I64, NULL, 0, __LINE__)
#define MORE(s, name, x, dtype, ...)                                                      \
    check((s), (name), (x), (dtype), NULL, SY_DTYPE_I64, (const sy_value[]){__VA_ARGS__}, \
          sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), __LINE__)
#define TWO(s, name, x, dtype, y, other) \
    check((s), (name), (x), (dtype), (y), (other), NULL, 0, __LINE__)

/* Bounds of one dtype with those of each other. */
static void dtypes(const sharing *s)
{
    workers *w = s->w;
    static const char *const two[] = {"ge", "gt", "le", "lt", "eq", "ne", "maximum", "minimum"};
    static const char *const one[] = {"relu", "abs", "sign", "argmax", "max", "min", "argmin"};
    for (int a = 0; a <= SY_DTYPE_I64; a++) {
        sy_tensor *x = workers_longs(w, 4, ends[a]);
        for (int b = 0; b <= SY_DTYPE_I64 && s->count == 2; b += w->kind->url == NULL ? 1 : 4) {
            sy_tensor *y = workers_longs(w, 4, ends[b]);
            sy_tensor *turned = OP(w, "flip", TENSOR(y), LIST(INT(0)));
            for (size_t k = 0; k < sizeof two / sizeof two[0]; k++) {
                TWO(s, two[k], x, (sy_dtype)a, turned, (sy_dtype)b);
            }
        }
        for (size_t k = 0; k < sizeof one / sizeof one[0]; k++) {
            ONE(s, one[k], x, (sy_dtype)a);
        }
        MORE(s, "max", x, (sy_dtype)a, INT(0));
        MORE(s, "clamp", x, (sy_dtype)a, INT(0), INT(100));
        MORE(s, "clamp", x, (sy_dtype)a, INT(100), INT(0));
        MORE(s, "clamp_min", x, (sy_dtype)a, INT(-300));
        MORE(s, "clamp_max", x, (sy_dtype)a, INT(70000));
        MORE(s, "remainder", x, (sy_dtype)a, INT(10));
        MORE(s, "floor_divide", x, (sy_dtype)a, INT(-7));
        MORE(s, "gt", x, (sy_dtype)a, INT(254));
    }
}

/* --- pools ------------------------------------------------------------------------------------- */

/* Windows are padded with less than all elements. */
static void pools(const sharing *s)
{
    workers *w = s->w;
    static const sy_dtype dtypes[] = {SY_DTYPE_I8, SY_DTYPE_U8, SY_DTYPE_I32};
    for (size_t k = 0; k < sizeof dtypes / sizeof dtypes[0]; k++) {
        int64_t data[2 * 5 * 6];
        for (int e = 0; e < 60; e++) {
            data[e] = ends[dtypes[k]][e * 7 % 13 % 4];
        }
        sy_tensor *x =
            OP(w, "view", TENSOR(workers_longs(w, 60, data)), LIST(INT(1), INT(2), INT(5), INT(6)));
        sy_tensor *reals = OP(w, "to", TENSOR(x), sy_value_dtype(SY_DTYPE_F64));
        for (int64_t padding = 0; padding < 2; padding++) {
            (void)OP(w, "max_pool2d_with_indices", TENSOR(reals), INT(3), INT(2), INT(padding));
            sy_tensor *values = w->results[0], *places = w->results[1];
            (void)OP(w, "max_pool2d_with_indices", TENSOR(sharing_share_as(s, x, dtypes[k])),
                     INT(3), INT(2), INT(padding));
            sy_tensor *const shared[] = {w->results[0], w->results[1]};
            sharing_assert_same(sharing_value(s, shared[0]), values, "max_pool2d_with_indices",
                                __FILE__, __LINE__);
            sharing_assert_same(sharing_value(s, shared[1]), places, "max_pool2d_with_indices",
                                __FILE__, __LINE__);
            sy_tensor *alone = OP(w, "max_pool2d", TENSOR(sharing_share_as(s, x, dtypes[k])),
                                  INT(3), INT(2), INT(padding));
            sharing_assert_same(sharing_value(s, alone), values, "max_pool2d", __FILE__, __LINE__);
        }
    }
}

/* --- random programs --------------------------------------------------------------------------- */

enum { VALUES = 4, WIDTH = 6 };

typedef struct machine {
    const sharing *s;
    property_random random;
    sy_tensor *shared[VALUES], *plain[VALUES];
} machine;

static int64_t drawn(machine *m, int64_t low, int64_t high)
{
    return property_between(&m->random, low, high);
}

static void refill(machine *m, int k)
{
    static const sy_dtype dtypes[] = {SY_DTYPE_BOOL, SY_DTYPE_U8,  SY_DTYPE_I8,
                                      SY_DTYPE_I16,  SY_DTYPE_I32, SY_DTYPE_I64};
    const sy_dtype dtype = dtypes[drawn(m, 0, 5)];
    int64_t data[WIDTH];
    for (int e = 0; e < WIDTH; e++) {
        const int64_t any = drawn(m, -3, 3), end = ends[dtype][drawn(m, 0, 3)];
        data[e] = dtype == SY_DTYPE_I64    ? drawn(m, -100000, 100000)
                  : drawn(m, 0, 1) == 0    ? end
                  : dtype == SY_DTYPE_BOOL ? any & 1
                  : dtype == SY_DTYPE_U8   ? any & 255
                                           : any;
    }
    m->plain[k] = workers_longs(m->s->w, WIDTH, data);
    m->shared[k] = sharing_share_as(m->s, m->plain[k], dtype);
}

/* An operation on one or two of the values, to a third or in place. */
static void step(machine *m)
{
    static const char *const unary[] = {"relu", "abs", "sign", "neg"},
                             *const binary[] = {"add",     "sub", "mul", "maximum",
                                                "minimum", "ge",  "eq",  "lt"},
                             *const written[] = {"add_", "sub_", "copy_", "mul_"};
    workers *w = m->s->w;
    const int a = (int)drawn(m, 0, VALUES - 1), b = (int)drawn(m, 0, VALUES - 1),
              to = (int)drawn(m, 0, VALUES - 1);
    const int64_t number = drawn(m, -300, 300), kind = drawn(m, 0, 9);
    sy_tensor *results[2];
    for (int side = 0; side < 2; side++) {
        sy_tensor **v = side == 0 ? m->plain : m->shared;
        sy_tensor *x = v[a], *y = v[b], *r = NULL;
        switch (kind) {
        case 0:
        case 1:
            r = OP(w, unary[(number & 3)], TENSOR(x));
            break;
        case 2:
        case 3:
        case 4:
            r = OP(w, binary[number & 7], TENSOR(x), TENSOR(y));
            break;
        case 5: /* through a view, so that the value forgets */
            x = OP(w, "narrow", TENSOR(x), INT(0), INT(1), INT(3));
            y = OP(w, "narrow", TENSOR(y), INT(0), INT(0), INT(3));
            y = OP(w, "clone", TENSOR(y));
            (void)OP(w, written[number & 3], TENSOR(x), TENSOR(y));
            r = OP(w, "clone", TENSOR(v[a]));
            break;
        case 6:
            r = OP(w, "clamp", TENSOR(x), INT(-5), INT(number));
            break;
        case 7:
            r = OP(w, number & 1 ? "remainder" : "floor_divide", TENSOR(x),
                   INT(number & 1 ? 17 : -9));
            break;
        case 8:
            r = OP(w, "cat",
                   LIST(TENSOR(OP(w, "narrow", TENSOR(x), INT(0), INT(0), INT(2))),
                        TENSOR(OP(w, "narrow", TENSOR(y), INT(0), INT(1), INT(4)))));
            break;
        default:
            (void)OP(w, "max", TENSOR(OP(w, "view", TENSOR(x), LIST(INT(2), INT(3)))), INT(0));
            r = OP(w, "cat", LIST(TENSOR(w->results[0]), TENSOR(w->results[1])));
            break;
        }
        results[side] = r;
    }
    m->plain[to] = sharing_as(w, results[0], SY_DTYPE_I64);
    m->shared[to] = results[1];
    sy_tensor *most = OP(w, "max", TENSOR(OP(w, "abs", TENSOR(m->plain[to]))));
    if (syi_array_get_int(syi_node_array(most->node), 0) > INT64_C(1) << 30) {
        refill(m, to); /* its square is compared, too */
    }
}

/* The holders look at what they compare: SY_ERANGE where it is beyond its range. */
static void test_random(void **state)
{
    workers *w = *state;
    const sharing all = sharing_of(w, 2, false);
    static const char *const names[] = {"bits", "fss"};
    for (size_t k = 0; k < w->place_count; k++) {
        sy_hook_check_shared_range(w->places[k].hook, true);
    }
    for (size_t k = 0; k < 2; k++) {
        sharing s = all;
        s.options.protocol = names[k];
        machine m = {.s = &s, .random = property_start("ranges")};
        const long rounds = property_iterations(TEST_SLOWNESS > 1 ? 2 : 20);
        for (long round = 0; round < rounds; round++) {
            for (int v = 0; v < VALUES; v++) {
                refill(&m, v);
            }
            for (int n = 0; n < 20; n++) {
                step(&m);
            }
            for (int v = 0; v < VALUES; v++) {
                sy_tensor *copy = OP(w, "clone", TENSOR(m.shared[v]));
                sharing_assert_same(sharing_value(&s, copy), m.plain[v], "program", __FILE__,
                                    __LINE__);
            }
            sharing_clean(&s);
        }
    }
}

/* A peer that says of its numbers what is not so harms its results only: the test mode sees it. */
static void test_seen(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, false);
    for (size_t k = 0; k < w->place_count; k++) {
        sy_hook_check_shared_range(w->places[k].hook, true);
    }
    sy_tensor *x = SHARED(&s, 21, -21), *bits = OP(w, "ge", TENSOR(x), INT(0));
    assert_shared(&s, OP(w, "relu", TENSOR(bits)), 1, 0);
    /* a rest is below the divisor only where the number could be divided */
    sy_tensor *beyond = OP(w, "mul", TENSOR(x), INT(INT64_C(1) << 58));
    assert_fails(w, CALL(w, "remainder", TENSOR(beyond), INT(10)), SY_ERANGE, "beyond");
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(dtypes)
EACH(pools)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_dtypes),
        LIBRARY_WORKER_KINDS(test_pools),
        LIBRARY_WORKER_KINDS(test_random),
        LIBRARY_WORKER_KINDS(test_seen),
    };
    return workers_run(tests);
}
