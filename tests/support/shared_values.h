/*
 * shared_values.h - holders for tests of secret sharing, on worker_kinds.h: bob and alice, more of the same kind where a
 * test asks for them, and a provider, which is another worker of the kind or the client itself.
 */
#ifndef CSYFT_TESTS_SHARED_VALUES_H
#define CSYFT_TESTS_SHARED_VALUES_H

#include <math.h>
#include <string.h>

#include <csyft/sharing.h>

#include "hook/tensor.h"
#include "support/property.h"
#include "support/worker_kinds.h"

#define SHARING_HOLDERS_MAX 5

typedef struct sharing {
    workers *w;
    sy_worker *holders[SHARING_HOLDERS_MAX];
    sy_worker *serving[SHARING_HOLDERS_MAX];
    size_t count;
    sy_worker *provider; /* NULL: the client */
    sy_share_options options;
} sharing;

/* `james` provides; otherwise the client does. Once in a test: workers are added. */
static inline sharing sharing_of(workers *w, size_t count, bool james)
{
    sharing s = {.w = w, .count = count, .options = SY_SHARE_OPTIONS_INIT};
    static const char *const more[] = {"carol", "dave", "erin"};
    s.holders[0] = w->bob;
    s.serving[0] = w->bob_serving;
    s.holders[1] = w->alice;
    s.serving[1] = w->alice_serving;
    for (size_t k = 2; k < count; k++) {
        s.holders[k] = workers_add(w, more[k - 2], &s.serving[k]);
    }
    s.provider = james ? workers_add(w, "james", NULL) : NULL;
    s.options.crypto_provider = s.provider;
    return s;
}

/* Drops everything that the test made so far, and looks whether the holders do, too. */
static inline void sharing_clean(const sharing *s)
{
    (void)sy_scope_end(s->w->s, NULL);
    s->w->s = sy_scope_begin(s->w->hook);
    for (size_t k = 0; k < s->count; k++) {
        assert_count(s->w, s->serving[k], 0);
    }
}

/* `body` for 2 holders with the client as provider and 3 with another worker; of virtual workers for 2, 3
 * and 5 with both. Under the thread sanitizer one of these. */
static inline void sharing_each(workers *w, void (*body)(const sharing *s))
{
    const bool few = w->kind->url != NULL || TEST_SLOWNESS > 1;
    const sharing all = sharing_of(w, few ? 3 : 5, true);
    for (size_t count = 2; count <= all.count; count += count == 3 ? 2 : 1) {
        for (int james = 0; james < 2; james++) {
            sharing s = all;
            if (few && (count == 3) != (james == 1)) {
                continue;
            }
            if (TEST_SLOWNESS > 1 && (count == 3) != (w->kind->url == NULL)) {
                continue;
            }
            s.count = count;
            s.provider = james ? all.provider : NULL;
            s.options.crypto_provider = s.provider;
            body(&s);
            sharing_clean(&s);
        }
    }
}

static inline sy_tensor *sharing_share(const sharing *s, sy_tensor *tensor)
{
    sy_tensor *shared = NULL;
    assert_ok(sy_tensor_share_with(tensor, &shared, s->holders, s->count, &s->options, &s->w->err),
              &s->w->err);
    return sy_scope_adopt(s->w->s, shared);
}

static inline sy_tensor *sharing_longs(const sharing *s, int64_t count, const int64_t *data)
{
    return sharing_share(s, workers_longs(s->w, count, data));
}
#define LONGS(w, ...)                                                            \
    workers_longs((w), sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
                  (const int64_t[]){__VA_ARGS__})
#define SHARED(s, ...)                                                           \
    sharing_longs((s), sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
                  (const int64_t[]){__VA_ARGS__})

/* Integers of another dtype, and shares of them: what is known of the numbers is by the dtype. */
static inline sy_tensor *sharing_as(workers *w, sy_tensor *longs, sy_dtype dtype)
{
    return OP(w, "to", TENSOR(longs), sy_value_dtype(dtype));
}
static inline sy_tensor *sharing_share_as(const sharing *s, sy_tensor *longs, sy_dtype dtype)
{
    return sharing_share(s, sharing_as(s->w, longs, dtype));
}

static inline sy_tensor *sharing_matrix(workers *w, int64_t rows, int64_t columns,
                                        const int64_t *data)
{
    sy_tensor *tensor = NULL;
    const int64_t shape[] = {rows, columns};
    assert_ok(sy_tensor_new(w->hook, &tensor, SY_DTYPE_I64, 2, shape, data, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}
#define LONG_MATRIX(w, rows, columns, ...) \
    sharing_matrix((w), (rows), (columns), (const int64_t[]){__VA_ARGS__})

static inline sy_tensor *sharing_fix(workers *w, sy_tensor *floats, int64_t precision)
{
    sy_tensor *fixed = NULL;
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = precision;
    assert_ok(sy_tensor_fix_precision(floats, &fixed, &options, &w->err), &w->err);
    return sy_scope_adopt(w->s, fixed);
}
static inline sy_tensor *sharing_fixed(const sharing *s, sy_tensor *floats, int64_t precision)
{
    return sharing_share(s, sharing_fix(s->w, floats, precision));
}
#define SHARED_FIXED(s, precision, ...) sharing_fixed((s), FLOATS((s)->w, __VA_ARGS__), (precision))

/* What a shared tensor holds; of fixed precision as reals. The shares go. */
static inline sy_tensor *sharing_value(const sharing *s, sy_tensor *shared)
{
    sy_tensor *value = NULL, *reals = NULL;
    assert_ok(sy_tensor_get(shared, &value, &s->w->err), &s->w->err);
    if (sy_tensor_is_fixed_precision(value)) {
        assert_ok(sy_tensor_float_precision(value, &reals, &s->w->err), &s->w->err);
        sy_tensor_unref(value);
        value = reals;
    }
    return sy_scope_adopt(s->w->s, value);
}
#define assert_shared(s, shared, ...) \
    assert_floats((s)->w, sharing_value((s), (shared)), __VA_ARGS__)

/* Every element within `error`. */
static inline void sharing_assert_near(sy_tensor *value, double error, const double *expected,
                                       size_t count, const char *what, const char *file, int line)
{
    const syi_array *array = syi_node_array(value->node);
    bool near = (size_t)syi_array_numel(array) == count;
    for (size_t k = 0; near && k < count; k++) {
        const double actual = syi_array_get_double(array, (int64_t)k);
        near = fabs(actual - expected[k]) <= error + fabs(expected[k]) * 0x1p-22; /* as a float */
        if (!near) {
            print_error("%s[%zu]: expected %.9g, actual %.9g\n", what, k, expected[k], actual);
        }
    }
    if (!near) {
        _fail(file, line);
    }
}
#define assert_near(s, shared, error, ...)                                                         \
    sharing_assert_near(sharing_value((s), (shared)), (error), (const double[]){__VA_ARGS__},      \
                        sizeof((const double[]){__VA_ARGS__}) / sizeof(double), #shared, __FILE__, \
                        __LINE__)

/* The same elements in the same shape. */
static inline void sharing_assert_same(sy_tensor *actual, sy_tensor *expected, const char *what,
                                       const char *file, int line)
{
    const syi_array *a = syi_node_array(actual->node), *b = syi_node_array(expected->node);
    bool same = syi_array_same_shape(a, b);
    for (int64_t k = 0; same && k < syi_array_numel(a); k++) {
        same = syi_array_get_int(a, k) == syi_array_get_int(b, k);
        if (!same) {
            print_error("%s[%lld]: expected %lld, actual %lld\n", what, (long long)k,
                        (long long)syi_array_get_int(b, k), (long long)syi_array_get_int(a, k));
        }
    }
    if (!same) {
        print_error("%s: not what native tensors give\n", what);
        _fail(file, line);
    }
}

/*
 * A row of the table against the same on native tensors: the arguments are native, those in `mask` (bit k) are shared for
 * the other run; of a list, all items or, with bit 16 + i, only item i are not.
 */
static inline void sharing_check(const sharing *s, const char *name, unsigned mask,
                                 const sy_value *args, size_t count, const char *file, int line)
{
    workers *w = s->w;
    sy_value there[8], items[8];
    sy_tensor *expected[RESULTS_MAX], *actual[RESULTS_MAX];
    (void)workers_op(w, name, args, count, file, line);
    const size_t results = w->result_count;
    memcpy(expected, w->results, results * sizeof expected[0]);
    for (size_t k = 0; k < count; k++) {
        there[k] = args[k];
        if ((mask >> k & 1u) == 0) {
            continue;
        }
        if (args[k].kind != SY_VALUE_LIST) {
            there[k] = sy_value_tensor(sharing_share(s, args[k].as.tensor));
            continue;
        }
        for (size_t i = 0; i < args[k].as.list.count; i++) {
            items[i] = args[k].as.list.items[i];
            if ((mask >> (16 + i) & 1u) == 0) {
                items[i] = sy_value_tensor(sharing_share(s, items[i].as.tensor));
            }
        }
        there[k] = sy_value_list(items, args[k].as.list.count);
    }
    (void)workers_op(w, name, there, count, file, line);
    if (w->result_count != results) {
        print_error("%s: %zu results, expected %zu\n", name, w->result_count, results);
        _fail(file, line);
    }
    memcpy(actual, w->results, results * sizeof actual[0]);
    for (size_t k = 0; k < results; k++) {
        if (!sy_tensor_is_shared(actual[k])) {
            print_error("%s: result %zu is not shared\n", name, k);
            _fail(file, line);
        }
        sharing_assert_same(sharing_value(s, actual[k]), expected[k], name, file, line);
    }
}
#define SAME(s, mask, name, ...)                                        \
    sharing_check((s), (name), (mask), (const sy_value[]){__VA_ARGS__}, \
                  sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), __FILE__, __LINE__)

#endif
