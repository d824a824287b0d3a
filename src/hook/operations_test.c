/*
 * operations_test.c - every C function of operations.h against the same row by name, on a pool of operands that
 * includes wrong ones: equal bits, or the same refusal. Each function succeeds at least once. What a row computes is
 * tested with its kernel.
 */
#include <csyft/operations.h>
#include <csyft/precision.h>

#include <stdio.h>
#include <string.h>

#include "support/local_hook.h"

enum { POOL = 13, RESULTS = 4 };

typedef struct bench {
    local_hook *local;
    sy_tensor *pool[POOL];
    int successes; /* of the function at hand */
    int functions;
} bench;

/* --- operands ------------------------------------------------------------------------------------ */

static sy_tensor *tensor(bench *t, sy_dtype dtype, int ndim, const int64_t *shape, const void *data)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_new(t->local->hook, &made, dtype, ndim, shape, data, &t->local->err),
              &t->local->err);
    return made;
}

#define SHAPE(...)    \
    (const int64_t[]) \
    {                 \
        __VA_ARGS__   \
    }
#define DATA(type, ...) \
    (const type[])      \
    {                   \
        __VA_ARGS__     \
    }

static void fill_pool(bench *t)
{
    t->pool[0] = tensor(t, SY_DTYPE_F32, 2, SHAPE(2, 2), DATA(float, 0.5f, 0.25f, 0.125f, 0.75f));
    t->pool[1] = tensor(t, SY_DTYPE_F32, 2, SHAPE(2, 2), DATA(float, 1, -2, 3.5f, 0));
    t->pool[2] = tensor(t, SY_DTYPE_F32, 1, SHAPE(3), DATA(float, 1.5f, -0.5f, 2));
    t->pool[3] = tensor(t, SY_DTYPE_I64, 2, SHAPE(2, 2), DATA(int64_t, 6, 1, 0, 5));
    t->pool[4] = tensor(t, SY_DTYPE_I64, 1, SHAPE(2), DATA(int64_t, 1, 0));
    t->pool[5] = tensor(t, SY_DTYPE_BOOL, 2, SHAPE(2, 2), DATA(uint8_t, 1, 0, 0, 1));
    t->pool[6] = tensor(t, SY_DTYPE_F32, 3, SHAPE(2, 2, 2), DATA(float, 1, 2, 3, 4, 5, 6, 7, 9));
    t->pool[7] = tensor(t, SY_DTYPE_F64, 2, SHAPE(2, 2), DATA(double, 4, 1, 1, 3));
    t->pool[8] = tensor(t, SY_DTYPE_F32, 0, NULL, DATA(float, 0.5f));
    t->pool[9] = tensor(t, SY_DTYPE_F32, 2, SHAPE(0, 2), NULL);
    t->pool[10] = tensor(t, SY_DTYPE_F32, 4, SHAPE(1, 1, 2, 2), DATA(float, 1, 2, 3, 4));
    t->pool[11] = tensor(t, SY_DTYPE_F32, 1, SHAPE(2), DATA(float, 0.5f, 0.75f));
    assert_ok(sy_tensor_fix_precision(t->pool[0], &t->pool[12], NULL, &t->local->err),
              &t->local->err);
}

/* --- outcomes ------------------------------------------------------------------------------------ */

typedef struct outcome {
    sy_status status;
    size_t count;
    sy_tensor *results[RESULTS];
    sy_error err;
} outcome;

/* Ends the scope that a function ran in; random rows start from the same seed each time. */
static sy_scope *begin(bench *t)
{
    sy_hook_manual_seed(t->local->hook, 7);
    return sy_scope_begin(t->local->hook);
}

static outcome end(sy_scope *s, sy_tensor *first, sy_tensor *second)
{
    outcome o = {.err = SY_ERROR_INIT};
    sy_tensor *const both[] = {first, second};
    for (int k = 0; k < 2; k++) {
        if (both[k] != NULL) {
            o.results[o.count++] = sy_scope_keep(s, both[k]);
        }
    }
    o.status = sy_scope_end(s, &o.err);
    return o;
}

static outcome by_name(bench *t, const char *name, bool inplace, const sy_value *args, size_t count)
{
    outcome o = {.err = SY_ERROR_INIT};
    char text[64];
    const bool marked = name[strlen(name) - 1] == '_';
    snprintf(text, sizeof text, "%s%s", name, inplace && !marked ? "_" : "");
    sy_hook_manual_seed(t->local->hook, 7);
    o.status = sy_call(t->local->hook, text, args, count, NULL, 0, o.results, RESULTS, &o.count,
                       NULL, &o.err);
    return o;
}

/* Of what is no native tensor: the text holds the elements. */
static void assert_same_text(bench *t, const char *what, sy_tensor *a, sy_tensor *b)
{
    char *texts[2];
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_to_text(a, &texts[0], &err), &err);
    assert_ok(sy_tensor_to_text(b, &texts[1], &err), &err);
    if (strcmp(texts[0], texts[1]) != 0) {
        fail_msg("%s: %s, by name %s", what, texts[0], texts[1]);
    }
    sy_string_free(t->local->hook, texts[0]);
    sy_string_free(t->local->hook, texts[1]);
}

static void assert_same(const char *what, sy_tensor *a, sy_tensor *b, bool contents)
{
    int ndim[2];
    int64_t shape[2][SY_DIM_MAX];
    sy_dtype dtype[2];
    sy_error err = SY_ERROR_INIT;
    sy_tensor *const both[] = {a, b};
    size_t size = 1;
    char bytes[2][1024];
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_tensor_get_shape(both[k], &ndim[k], shape[k], &err), &err);
        assert_ok(sy_tensor_get_dtype(both[k], &dtype[k], &err), &err);
    }
    if (dtype[0] != dtype[1] || ndim[0] != ndim[1] ||
        memcmp(shape[0], shape[1], (size_t)ndim[0] * sizeof shape[0][0]) != 0) {
        fail_msg("%s: another dtype or shape than by name", what);
    }
    for (int d = 0; d < ndim[0]; d++) {
        size *= (size_t)shape[0][d];
    }
    size *= sy_dtype_size(dtype[0]);
    assert_true(size <= sizeof bytes[0]);
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_tensor_copy_data(both[k], bytes[k], size, &err), &err);
    }
    if (contents && memcmp(bytes[0], bytes[1], size) != 0) {
        fail_msg("%s: other elements than by name", what);
    }
}

/* Frees both. */
static void check(bench *t, const char *what, outcome made, outcome named)
{
    if (made.status != named.status) {
        fail_msg("%s: %s (%s), by name %s (%s)", what, sy_status_name(made.status),
                 made.err.message, sy_status_name(named.status), named.err.message);
    }
    if (made.status == SY_OK) {
        if (made.count == 0 || made.count > named.count) {
            fail_msg("%s: %zu results, by name %zu", what, made.count, named.count);
        }
        for (size_t k = 0; k < made.count; k++) {
            if (sy_tensor_is_wrapper(made.results[k])) {
                assert_same_text(t, what, made.results[k], named.results[k]);
                continue;
            }
            assert_same(what, made.results[k], named.results[k], strncmp(what, "empty", 5) != 0);
        }
        t->successes++;
    } else {
        assert_string_not_equal(made.err.message, "");
    }
    for (size_t k = 0; k < RESULTS; k++) {
        sy_tensor_unref(made.results[k]);
        sy_tensor_unref(named.results[k]);
    }
}

/* At the end of one function's cases. */
static void finish(bench *t, const char *what)
{
    if (t->successes == 0) {
        fail_msg("%s: no case of the pool succeeds", what);
    }
    t->successes = 0;
    t->functions++;
}

/* --- forms --------------------------------------------------------------------------------------- */

#define TENSOR(x) sy_value_tensor(x)

/* A writable copy. */
static sy_tensor *copy_of(bench *t, sy_tensor *x)
{
    sy_tensor *copy = NULL;
    assert_ok(sy_tensor_copy(x, &copy, &t->local->err), &t->local->err);
    return copy;
}

/* One case: `expr` in scope `s` on `self`, against the row with these arguments. */
#define CASE(t, what, name, inplace, x, expr, ...)                                               \
    do {                                                                                         \
        sy_tensor *copies_[] = {copy_of(t, x), copy_of(t, x)};                                   \
        sy_tensor *self = copies_[0], *second = NULL;                                            \
        sy_scope *s = begin(t);                                                                  \
        sy_tensor *first = (expr);                                                               \
        if ((inplace) && first != NULL) {                                                        \
            assert_ptr_equal(first, self);                                                       \
        }                                                                                        \
        const outcome made_ = end(s, first, second);                                             \
        self = copies_[1];                                                                       \
        const sy_value args_[] = {__VA_ARGS__};                                                  \
        check(t, what, made_, by_name(t, name, inplace, args_, sizeof args_ / sizeof args_[0])); \
        sy_tensor_unref(copies_[0]);                                                             \
        sy_tensor_unref(copies_[1]);                                                             \
    } while (0)

typedef sy_tensor *(*unary_fn)(sy_scope *s, sy_tensor *x);
typedef sy_tensor *(*pair_fn)(sy_scope *s, sy_tensor *x, sy_tensor *y);
typedef sy_tensor *(*scalar_fn)(sy_scope *s, sy_tensor *x, double y);
typedef sy_tensor *(*int_fn)(sy_scope *s, sy_tensor *x, int64_t y);
typedef sy_tensor *(*dim_fn)(sy_scope *s, sy_tensor *x, int dim);
typedef sy_tensor *(*fold_fn)(sy_scope *s, sy_tensor *x, int dim, bool keepdim);
typedef sy_tensor *(*fold_pair_fn)(sy_scope *s, sy_tensor *x, int dim, bool keepdim,
                                   sy_tensor **indices);
typedef sy_tensor *(*create_fn)(sy_scope *s, sy_dtype dtype, int ndim, const int64_t *shape);
typedef sy_tensor *(*size_fn)(sy_scope *s, sy_tensor *x, int ndim, const int64_t *shape);
typedef sy_tensor *(*join_fn)(sy_scope *s, sy_tensor *const *x, size_t count, int dim);

static void test_unary(bench *t, const char *name, bool inplace, unary_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        CASE(t, name, name, inplace, t->pool[i], fn(s, self), TENSOR(self));
    }
    finish(t, name);
}

static void test_pair(bench *t, const char *name, bool inplace, pair_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        for (int k = 0; k < POOL; k++) {
            CASE(t, name, name, inplace, t->pool[i], fn(s, self, t->pool[k]), TENSOR(self),
                 TENSOR(t->pool[k]));
        }
    }
    finish(t, name);
}

static void test_scalar(bench *t, const char *name, bool inplace, scalar_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        CASE(t, name, name, inplace, t->pool[i], fn(s, self, 1.5), TENSOR(self),
             sy_value_float(1.5));
    }
    finish(t, name);
}

static void test_int(bench *t, const char *name, bool inplace, int_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        CASE(t, name, name, inplace, t->pool[i], fn(s, self, 2), TENSOR(self), sy_value_int(2));
    }
    finish(t, name);
}

static void test_dim(bench *t, const char *name, dim_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        for (int dim = -3; dim <= 2; dim++) {
            CASE(t, name, name, false, t->pool[i], fn(s, self, dim), TENSOR(self),
                 sy_value_int(dim));
        }
    }
    finish(t, name);
}

static void test_fold(bench *t, const char *name, fold_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        for (int dim = -3; dim <= 2; dim++) {
            const bool keepdim = (dim & 1) != 0;
            CASE(t, name, name, false, t->pool[i], fn(s, self, dim, keepdim), TENSOR(self),
                 sy_value_int(dim), sy_value_bool(keepdim));
        }
    }
    finish(t, name);
}

/* With the indices and without them. */
static void test_fold_pair(bench *t, const char *name, fold_pair_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        for (int dim = -3; dim <= 2; dim++) {
            const bool keepdim = (dim & 1) != 0;
            CASE(t, name, name, false, t->pool[i], fn(s, self, dim, keepdim, &second), TENSOR(self),
                 sy_value_int(dim), sy_value_bool(keepdim));
            CASE(t, name, name, false, t->pool[i], fn(s, self, dim, keepdim, NULL), TENSOR(self),
                 sy_value_int(dim), sy_value_bool(keepdim));
        }
    }
    finish(t, name);
}

static sy_value size_of(sy_value items[3], int ndim, const int64_t *shape)
{
    for (int d = 0; d < ndim; d++) {
        items[d] = sy_value_int(shape[d]);
    }
    return sy_value_list(items, (size_t)ndim);
}

static const int64_t shapes[][3] = {{4, 1, 1}, {2, 2, 1}, {2, 2, 2}, {-1, 2, 0}, {0, 3, 1}};

static void test_create(bench *t, const char *name, create_fn fn)
{
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64, SY_DTYPE_I64, SY_DTYPE_BOOL};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int ndim = 0; ndim <= 3; ndim++) {
            sy_value items[3];
            const sy_value size = size_of(items, ndim, shapes[i]);
            const sy_dtype dtype = dtypes[i % 4];
            CASE(t, name, name, false, t->pool[8], fn(s, dtype, ndim, shapes[i]), (sy_value)(size),
                 sy_value_dtype(dtype));
        }
    }
    finish(t, name);
}

static void test_size(bench *t, const char *name, size_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
            for (int ndim = 0; ndim <= 3; ndim++) {
                sy_value items[3];
                const sy_value size = size_of(items, ndim, shapes[k]);
                CASE(t, name, name, false, t->pool[i], fn(s, self, ndim, shapes[k]), TENSOR(self),
                     size);
            }
        }
    }
    finish(t, name);
}

static void test_join(bench *t, const char *name, join_fn fn)
{
    for (int i = 0; i < POOL; i++) {
        for (int k = 0; k < POOL; k++) {
            for (int dim = -1; dim <= 1; dim++) {
                sy_tensor *const parts[] = {t->pool[i], t->pool[k], t->pool[i]};
                const sy_value items[] = {TENSOR(parts[0]), TENSOR(parts[1]), TENSOR(parts[2])};
                CASE(t, name, name, false, t->pool[i], fn(s, parts, 3, dim),
                     sy_value_list(items, 3), sy_value_int(dim));
            }
        }
    }
    finish(t, name);
}

/* --- all rows ------------------------------------------------------------------------------------ */

#undef SY_FORM_NONE
#undef SY_FORM_UNARY
#undef SY_FORM_UNARY_BOTH
#undef SY_FORM_PAIR
#undef SY_FORM_BINARY_NEW
#undef SY_FORM_BINARY
#undef SY_FORM_REDUCE_INDEX
#undef SY_FORM_REDUCE
#undef SY_FORM_REDUCE_PAIR
#undef SY_FORM_CREATE
#undef SY_FORM_SIZE
#undef SY_FORM_DIM
#undef SY_FORM_DIAGONAL
#undef SY_FORM_JOIN
#undef SY_FORM_LOSS
#define SY_FORM_NONE(name)
#define SY_FORM_UNARY(name) test_unary(t, #name, false, sy_##name);
#define SY_FORM_UNARY_BOTH(name) \
    SY_FORM_UNARY(name)          \
    test_unary(t, #name, true, sy_##name##_);
#define SY_FORM_PAIR(name) test_pair(t, #name, false, sy_##name);
#define SY_FORM_BINARY_NEW(name)                      \
    SY_FORM_PAIR(name)                                \
    test_scalar(t, #name, false, sy_##name##_scalar); \
    test_int(t, #name, false, sy_##name##_int);
#define SY_FORM_BINARY(name)                          \
    SY_FORM_BINARY_NEW(name)                          \
    test_pair(t, #name, true, sy_##name##_);          \
    test_scalar(t, #name, true, sy_##name##_scalar_); \
    test_int(t, #name, true, sy_##name##_int_);
#define SY_FORM_REDUCE_INDEX(name) \
    SY_FORM_UNARY(name)            \
    test_fold(t, #name, sy_##name##_dim);
#define SY_FORM_REDUCE(name) SY_FORM_REDUCE_INDEX(name)
#define SY_FORM_REDUCE_PAIR(name) \
    SY_FORM_UNARY(name)           \
    test_fold_pair(t, #name, sy_##name##_dim);
#define SY_FORM_CREATE(name) test_create(t, #name, sy_##name);
#define SY_FORM_SIZE(name) test_size(t, #name, sy_##name);
#define SY_FORM_DIM(name) test_dim(t, #name, sy_##name);
#define SY_FORM_DIAGONAL(name) test_int(t, #name, false, sy_##name);
#define SY_FORM_JOIN(name) test_join(t, #name, sy_##name);
#define SY_FORM_LOSS(name) SY_FORM_PAIR(name)
#define SY_OP(name, form, schema, infer, outputs, flags, rows, cost, aliases) SY_FORM_##form(name)

static void test_every_row(bench *t)
{
#include <csyft/ops.def>
}

/* --- functions of no form ------------------------------------------------------------------------ */

#define INT(x) sy_value_int(x)
#define REAL(x) sy_value_float(x)
#define ROW(t, name, inplace, x, expr, ...) CASE(t, #name, #name, inplace, x, expr, __VA_ARGS__)

static void test_views_and_indices(bench *t)
{
    const int64_t order[] = {1, 0}, dims[] = {0, 1};
    const sy_value one = INT(1), zero = INT(0), list = sy_value_list(&one, 1);
    const sy_value back[] = {INT(1), INT(0)}, both[] = {INT(0), INT(1)};
    const sy_value index[] = {sy_value_slice(0, 1, 1), INT(1)};
    sy_tensor *x = t->pool[1], *at = t->pool[4];
    sy_tensor *square = tensor(t, SY_DTYPE_I64, 2, SHAPE(2, 2), DATA(int64_t, 1, 0, 0, 1));
    ROW(t, transpose, false, x, sy_transpose(s, self, 0, -1), TENSOR(self), INT(0), INT(-1));
    ROW(t, permute, false, x, sy_permute(s, self, 2, order), TENSOR(self), sy_value_list(back, 2));
    ROW(t, select, false, x, sy_select(s, self, 1, -1), TENSOR(self), INT(1), INT(-1));
    ROW(t, slice, false, x, sy_slice(s, self, 0, 1, SY_SLICE_OPEN, 1), TENSOR(self), INT(0), INT(1),
        sy_value_none(), INT(1));
    ROW(t, narrow, false, x, sy_narrow(s, self, 1, 1, 1), TENSOR(self), INT(1), INT(1), INT(1));
    ROW(t, squeeze, false, t->pool[10], sy_squeeze(s, self, 0), TENSOR(self), INT(0));
    ROW(t, unsqueeze, false, x, sy_unsqueeze(s, self, -1), TENSOR(self), INT(-1));
    ROW(t, index_select, false, x, sy_index_select(s, self, 1, at), TENSOR(self), INT(1),
        TENSOR(at));
    ROW(t, index, false, x, sy_index(s, self, index, 2), TENSOR(self), sy_value_list(index, 2));
    ROW(t, index_put, true, x, sy_index_put_(s, self, index, 2, REAL(9)), TENSOR(self),
        sy_value_list(index, 2), REAL(9));
    ROW(t, gather, false, x, sy_gather(s, self, 1, square), TENSOR(self), INT(1), TENSOR(square));
    ROW(t, scatter, false, x, sy_scatter(s, self, 0, square, t->pool[0]), TENSOR(self), INT(0),
        TENSOR(square), TENSOR(t->pool[0]));
    ROW(t, scatter_add, false, x, sy_scatter_add(s, self, 1, square, t->pool[0]), TENSOR(self),
        INT(1), TENSOR(square), TENSOR(t->pool[0]));
    ROW(t, index_add, false, x, sy_index_add(s, self, 0, at, t->pool[0]), TENSOR(self), INT(0),
        TENSOR(at), TENSOR(t->pool[0]));
    ROW(t, flip, false, x, sy_flip(s, self, 2, dims), TENSOR(self), sy_value_list(both, 2));
    ROW(t, roll, false, x, sy_roll(s, self, 1, 1), TENSOR(self), list, list);
    ROW(t, movedim, false, x, sy_movedim(s, self, 0, 1), TENSOR(self), sy_value_list(&zero, 1),
        list);
    ROW(t, diagonal, false, x, sy_diagonal(s, self, 1, 0, 1), TENSOR(self), INT(1), INT(0), INT(1));
    assert_int_equal(t->successes, 18);
    t->functions += t->successes;
    t->successes = 0;
    sy_tensor_unref(square);
}

static void test_the_others(bench *t)
{
    const int64_t pad[] = {1, 0, 0, 2}, size[] = {2, 3};
    const sy_value pads[] = {INT(1), INT(0), INT(0), INT(2)}, sizes[] = {INT(2), INT(3)};
    const sy_value shape = sy_value_list(sizes, 2);
    sy_tensor *x = t->pool[1], *y = t->pool[0], *mask = t->pool[5];
    ROW(t, masked_fill, false, x, sy_masked_fill(s, self, mask, 2.5), TENSOR(self), TENSOR(mask),
        REAL(2.5));
    ROW(t, one_hot, false, t->pool[4], sy_one_hot(s, self, 3), TENSOR(self), INT(3));
    ROW(t, pad, false, x, sy_pad(s, self, pad, 4, NULL, 1.5), TENSOR(self), sy_value_list(pads, 4),
        sy_value_none(), REAL(1.5));
    ROW(t, repeat_interleave, false, x, sy_repeat_interleave(s, self, 2, 1), TENSOR(self), INT(2),
        INT(1));
    ROW(t, eye, false, x, sy_eye(s, SY_DTYPE_F64, 2, 3), INT(2), INT(3),
        sy_value_dtype(SY_DTYPE_F64));
    ROW(t, linspace, false, x, sy_linspace(s, SY_DTYPE_F32, -1, 1, 5), REAL(-1), REAL(1), INT(5),
        sy_value_dtype(SY_DTYPE_F32));
    ROW(t, full_like, false, x, sy_full_like(s, self, 7), TENSOR(self), REAL(7));
    ROW(t, to, false, x, sy_to(s, self, SY_DTYPE_I32), TENSOR(self), sy_value_dtype(SY_DTYPE_I32));
    ROW(t, linear, false, x, sy_linear(s, self, y, t->pool[11]), TENSOR(self), TENSOR(y),
        TENSOR(t->pool[11]));
    ROW(t, linear, false, x, sy_linear(s, self, y, NULL), TENSOR(self), TENSOR(y));
    ROW(t, where, false, x, sy_where(s, mask, self, y), TENSOR(mask), TENSOR(self), TENSOR(y));
    ROW(t, full, false, x, sy_full(s, SY_DTYPE_I64, 2, size, 4), shape, REAL(4),
        sy_value_dtype(SY_DTYPE_I64));
    ROW(t, arange, false, x, sy_arange(s, SY_DTYPE_F32, 1, 4, 0.5), REAL(1), REAL(4), REAL(0.5),
        sy_value_dtype(SY_DTYPE_F32));
    ROW(t, randint, false, x, sy_randint(s, -4, 9, 2, size), INT(-4), INT(9), shape);
    ROW(t, randperm, false, x, sy_randperm(s, 6), INT(6));
    ROW(t, copy_, true, x, sy_copy_(s, self, y), TENSOR(self), TENSOR(y));
    ROW(t, fill_, true, x, sy_fill_(s, self, 3), TENSOR(self), REAL(3));
    ROW(t, zero_, true, x, sy_zero_(s, self), TENSOR(self));
    ROW(t, sgd_, true, x, sy_sgd_(s, self, y, 0.5), TENSOR(self), TENSOR(y), REAL(0.5));
    assert_int_equal(t->successes, 19);
    t->functions += t->successes - 1; /* linear came twice */
    t->successes = 0;
}

/* More tensors than a call takes, and a NULL in a list. */
static void test_lists(bench *t)
{
    sy_tensor *many[200];
    for (int k = 0; k < 200; k++) {
        many[k] = t->pool[0];
    }
    sy_scope *s = sy_scope_begin(t->local->hook);
    assert_null(sy_cat(s, many, 200, 0));
    assert_status(sy_scope_end(s, &t->local->err), SY_ELIMIT, &t->local->err);
    assert_non_null(strstr(t->local->err.message, "cat: 200 tensors"));
    many[1] = NULL;
    s = sy_scope_begin(t->local->hook);
    assert_null(sy_cat(s, many, 2, 0));
    assert_int_not_equal(sy_scope_end(s, &t->local->err), SY_OK);
}

/* The header with a macro for every function is generated: nobody forgets one there. */
static int functions_of_the_header(void)
{
    char line[200];
    int count = 0;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/include/csyft/operations_here.h", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        count += strncmp(line, "#define sy_", 11) == 0;
    }
    fclose(file);
    return count;
}

static void test_functions(void **state)
{
    bench t = {.local = *state};
    fill_pool(&t);
    test_every_row(&t);
    test_views_and_indices(&t);
    test_the_others(&t);
    test_lists(&t);
    assert_int_equal(t.functions, functions_of_the_header());
    for (int k = 0; k < POOL; k++) {
        sy_tensor_unref(t.pool[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_functions, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
