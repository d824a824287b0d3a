/*
 * sharing_operations.c - the linear rows of AdditiveSharingTensor's table by sy_call (each holder gets its part of every
 * argument: dispatch), each against the same on native int64 tensors: for 2, 3 and (virtual) 5 holders, by the client and by another worker as provider, over every kind of worker.
 */
#include <string.h>

#include "support/shared_values.h"

/* Sums */

static void sums(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONGS(w, 1, 2, -3), *y = LONGS(w, 10, 20, 30);
    for (unsigned mask = 1; mask < 4; mask++) {
        SAME(s, mask, "add", TENSOR(x), TENSOR(y));
        SAME(s, mask, "sub", TENSOR(x), TENSOR(y));
        SAME(s, mask, "rsub", TENSOR(x), TENSOR(y));
        SAME(s, mask, "add", TENSOR(x), TENSOR(y), INT(-7));
        SAME(s, mask, "sub", TENSOR(x), TENSOR(y), INT(3));
    }
    SAME(s, 1, "add", TENSOR(x), INT(5));
    SAME(s, 1, "add", TENSOR(x), sy_value_bool(true));
    SAME(s, 1, "sub", TENSOR(x), INT(-5));
    SAME(s, 1, "rsub", TENSOR(x), INT(5));
    SAME(s, 1, "neg", TENSOR(x));
    SAME(s, 1, "add", TENSOR(x), INT(INT64_MIN)); /* wraps as the machine does */
    assert_shared(s, OP(w, "add", TENSOR(SHARED(s, 1)), FLOAT(2)), 3);
}

/* [1,2,3]: x + x, x - x; also with -2 (spec) */
static void vectors_of_sums(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED(s, 1, 2, 3), *y = SHARED(s, 1, -2, 3);
    assert_shared(s, OP(w, "add", TENSOR(x), TENSOR(x)), 2, 4, 6);
    assert_shared(s, OP(w, "sub", TENSOR(x), TENSOR(x)), 0, 0, 0);
    assert_shared(s, OP(w, "add", TENSOR(y), TENSOR(y)), 2, -4, 6);
    assert_shared(s, OP(w, "sub", TENSOR(y), TENSOR(y)), 0, 0, 0);
    assert_shared(s, OP(w, "torch.add", TENSOR(x), TENSOR(y)), 2, 0, 6);
    assert_shared(s, OP(w, "__radd__", TENSOR(x), INT(1)), 2, 3, 4);
    assert_shared(s, OP(w, "__add__", TENSOR(x), TENSOR(y)), 2, 0, 6);
    assert_shared(s, OP(w, "__sub__", TENSOR(x), TENSOR(y)), 0, 4, 0);
}

static void broadcasts(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = LONG_MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6);
    sy_tensor *row = LONGS(w, 10, 20, 30), *column = LONG_MATRIX(w, 2, 1, 100, 200);
    for (unsigned mask = 1; mask < 4; mask++) {
        SAME(s, mask, "add", TENSOR(m), TENSOR(row));
        SAME(s, mask, "sub", TENSOR(column), TENSOR(row));
        SAME(s, mask, "mul", TENSOR(column), TENSOR(row));
    }
}

static void in_place(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED(s, 1, 2, 3), *y = SHARED(s, 10, 20, 30);
    const sy_id before = sy_tensor_get_id(x);
    (void)OP(w, "add_", TENSOR(x), TENSOR(y));
    (void)OP(w, "sub_", TENSOR(x), INT(1));
    (void)OP(w, "mul_", TENSOR(x), TENSOR(y));
    (void)OP(w, "add_", TENSOR(x), TENSOR(LONGS(w, 1, 1, 1)));
    (void)OP(w, "neg_", TENSOR(x));
    const sy_id after = sy_tensor_get_id(x);
    assert_true(sy_id_equal(&before, &after));
    assert_shared(s, x, -101, -421, -961);
    (void)OP(w, "fill_", TENSOR(y), INT(-4));
    sy_tensor *z = OP(w, "clone", TENSOR(y));
    (void)OP(w, "div_", TENSOR(z), INT(2));
    (void)OP(w, "copy_", TENSOR(y), TENSOR(LONGS(w, 7, 8, 9)));
    assert_shared(s, y, 7, 8, 9);
    (void)OP(w, "zero_", TENSOR(z));
    assert_shared(s, z, 0, 0, 0);
    assert_fails(w, CALL(w, "add_", TENSOR(LONGS(w, 1, 2, 3)), TENSOR(SHARED(s, 1, 2, 3))),
                 SY_EINVAL, "plain tensor");
}

/* Places */

static void shapes(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = LONG_MATRIX(w, 2, 6, 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6);
    SAME(s, 1, "view", TENSOR(m), LIST(INT(3), INT(4)));
    SAME(s, 1, "reshape", TENSOR(m), LIST(INT(-1)));
    SAME(s, 1, "flatten", TENSOR(m));
    SAME(s, 1, "t", TENSOR(m));
    SAME(s, 1, "transpose", TENSOR(m), INT(0), INT(1));
    SAME(s, 1, "permute", TENSOR(m), LIST(INT(1), INT(0)));
    SAME(s, 1, "unsqueeze", TENSOR(m), INT(1));
    SAME(s, 1, "squeeze", TENSOR(LONG_MATRIX(w, 1, 3, 1, 2, 3)));
    SAME(s, 1, "expand", TENSOR(LONG_MATRIX(w, 1, 3, 1, 2, 3)), LIST(INT(4), INT(3)));
    SAME(s, 1, "clone", TENSOR(m));
    SAME(s, 1, "detach", TENSOR(m));
    SAME(s, 1, "flip", TENSOR(m), LIST(INT(1)));
    SAME(s, 1, "roll", TENSOR(m), LIST(INT(2)), LIST(INT(1)));
    SAME(s, 1, "roll", TENSOR(m), LIST(INT(-3)));
    SAME(s, 1, "tril", TENSOR(m));
    SAME(s, 1, "triu", TENSOR(m), INT(1));
    SAME(s, 1, "diagonal", TENSOR(m));
    SAME(s, 1, "diag", TENSOR(m));
    SAME(s, 1, "trace", TENSOR(m));
    SAME(s, 1, "repeat", TENSOR(m), LIST(INT(2), INT(1)));
    SAME(s, 1, "tile", TENSOR(m), LIST(INT(1), INT(2)));
    SAME(s, 1, "unfold", TENSOR(m), INT(1), INT(2), INT(2));
    SAME(s, 1, "pad", TENSOR(m), LIST(INT(1), INT(2)));
    SAME(s, 1, "pad", TENSOR(m), LIST(INT(1), INT(0)), sy_value_string("constant"), INT(9));
    SAME(s, 1, "constant_pad_nd", TENSOR(m), LIST(INT(0), INT(1), INT(1), INT(0)), INT(-5));
    SAME(s, 3, "view_as", TENSOR(m),
         TENSOR(LONG_MATRIX(w, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
    SAME(s, 1, "view_as", TENSOR(m),
         TENSOR(LONG_MATRIX(w, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
}

static void parts(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = LONG_MATRIX(w, 4, 3, 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6);
    SAME(s, 1, "chunk", TENSOR(m), INT(2));
    SAME(s, 1, "torch.chunk", TENSOR(m), INT(2), INT(1));
    SAME(s, 1, "split", TENSOR(m), LIST(INT(3)));
    SAME(s, 1, "split", TENSOR(m), LIST(INT(1), INT(3)));
    SAME(s, 1, "split_with_sizes", TENSOR(m), LIST(INT(1), INT(2)), INT(1));
    SAME(s, 1, "unbind", TENSOR(m));
    SAME(s, 1, "torch.unbind", TENSOR(m), INT(1));
    SAME(s, 1, "narrow", TENSOR(m), INT(0), INT(1), INT(2));
    sy_tensor *x = SHARED(s, 21, 17); /* spec */
    (void)OP(w, "unbind", TENSOR(x));
    assert_int_equal(w->result_count, 2);
    sy_tensor *second = w->results[1];
    assert_shared(s, w->results[0], 21);
    assert_shared(s, second, 17);
}

static void joins(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *a = LONG_MATRIX(w, 1, 2, 1, 2), *b = LONG_MATRIX(w, 1, 2, -3, 4);
    static const char *const names[] = {"cat", "torch.stack", "hstack", "vstack"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        SAME(s, 1, names[k], LIST(TENSOR(a), TENSOR(b), TENSOR(a)));
        SAME(s, 1 | 1u << 17, names[k], LIST(TENSOR(a), TENSOR(b), TENSOR(a)));
        SAME(s, 1 | 1u << 16, names[k], LIST(TENSOR(a), TENSOR(b)));
    }
    SAME(s, 1, "cat", LIST(TENSOR(a), TENSOR(b)), INT(1));
    SAME(s, 1, "stack", LIST(TENSOR(a), TENSOR(b)), INT(-1));
}

static void reductions(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = LONG_MATRIX(w, 2, 3, 1, 2, 3, -40, 50, 60);
    SAME(s, 1, "sum", TENSOR(m));
    SAME(s, 1, "sum", TENSOR(m), LIST(INT(0)));
    SAME(s, 1, "torch.sum", TENSOR(m), LIST(INT(-1)), sy_value_bool(true));
    SAME(s, 1, "cumsum", TENSOR(m), INT(0));
    SAME(s, 1, "cumsum", TENSOR(m), INT(1));
    SAME(s, 1, "sum_to_size", TENSOR(m), LIST(INT(1), INT(3)));
}

/* Indexing */

static void indexing(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = LONG_MATRIX(w, 3, 4, 0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23);
    sy_tensor *rows = LONGS(w, 2, 0, 2), *columns = LONGS(w, 1, 1, 3);
    const sy_value all = sy_value_slice(SY_SLICE_OPEN, SY_SLICE_OPEN, 1);
    SAME(s, 1, "__getitem__", TENSOR(m), INT(1));
    SAME(s, 1, "__getitem__", TENSOR(m), LIST(INT(-1), INT(2)));
    SAME(s, 1, "__getitem__", TENSOR(m), LIST(all, INT(0)));
    SAME(s, 1, "__getitem__", TENSOR(m), TENSOR(rows));
    SAME(s, 1, "__getitem__", TENSOR(m), LIST(all, TENSOR(columns)));
    SAME(s, 1, "__getitem__", TENSOR(m), LIST(TENSOR(rows), TENSOR(columns)));
    SAME(s, 1, "select", TENSOR(m), INT(1), INT(-1));
    SAME(s, 1, "slice", TENSOR(m), INT(0), INT(0), INT(3), INT(2));
    SAME(s, 1, "index_select", TENSOR(m), INT(0), TENSOR(rows));
    SAME(s, 1, "take", TENSOR(m), TENSOR(rows));
    SAME(s, 1, "gather", TENSOR(m), INT(1), TENSOR(LONG_MATRIX(w, 3, 1, 3, 0, 1)));
    for (unsigned mask = 1; mask < 16; mask++) {
        if ((mask & 9u) != 0 && (mask & 6u) == 0) {
            SAME(s, mask, "index_add", TENSOR(m), INT(0), TENSOR(LONGS(w, 0, 2)),
                 TENSOR(LONG_MATRIX(w, 2, 4, 1, 2, 3, 4, 5, 6, 7, 8)));
        }
    }
}

/* [[3,4]][:, idx] with idx = [0] at every holder (spec) */
static void index_by_multi_pointer(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *index = NULL;
    sy_tensor *x = sharing_share(s, LONG_MATRIX(w, 1, 2, 3, 4));
    assert_ok(sy_tensor_send_to_many(LONGS(w, 0), &index, s->holders, s->count, &w->err), &w->err);
    index = sy_scope_adopt(w->s, index);
    assert_shared(s,
                  OP(w, "__getitem__", TENSOR(x),
                     LIST(sy_value_slice(SY_SLICE_OPEN, SY_SLICE_OPEN, 1), TENSOR(index))),
                  3);
    assert_shared(s, OP(w, "index_select", TENSOR(x), INT(1), TENSOR(index)), 3);
    assert_shared(s, OP(w, "mul", TENSOR(x), TENSOR(index)), 0, 0); /* public, too */
    sy_tensor *plain = NULL, *column = NULL; /* beside a slice, of what is in the clear, too */
    assert_ok(
        sy_tensor_send_to_many(LONG_MATRIX(w, 1, 2, 3, 4), &plain, s->holders, s->count, &w->err),
        &w->err);
    plain = OP(w, "__getitem__", TENSOR(sy_scope_adopt(w->s, plain)),
               LIST(sy_value_slice(SY_SLICE_OPEN, SY_SLICE_OPEN, 1), TENSOR(index)));
    assert_ok(sy_multi_pointer_get_sum(plain, &column, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, column), 3 * (double)s->count);
    /* AST + MultiPointer: public, on either side, and added once */
    assert_shared(s, OP(w, "add", TENSOR(SHARED(s, 5)), TENSOR(index)), 5);
    sy_tensor *sevens = NULL;
    assert_ok(sy_tensor_send_to_many(LONGS(w, 7, 8), &sevens, s->holders, s->count, &w->err),
              &w->err);
    sevens = sy_scope_adopt(w->s, sevens);
    assert_shared(s, OP(w, "add", TENSOR(x), TENSOR(sevens)), 10, 12);
    assert_shared(s, OP(w, "add", TENSOR(sevens), TENSOR(x)), 10, 12);
    assert_shared(s, OP(w, "sub", TENSOR(sevens), TENSOR(x)), 4, 4);
    assert_shared(s, OP(w, "mul", TENSOR(sevens), TENSOR(x)), 21, 32);
    assert_shared(s, OP(w, "roll", TENSOR(x), LIST(INT(1))), 4, 3);
    sy_tensor *less = NULL;
    assert_ok(sy_tensor_send_to_many(LONGS(w, 0), &less, s->holders, s->count - 1, &w->err),
              &w->err);
    less = sy_scope_adopt(w->s, less);
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(less)), SY_ECOLLOCATION, "mul");
}

/* A public condition chooses; what it chooses from is shared. */
static void choices(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *a = LONGS(w, 1, 2, 3), *b = LONGS(w, -1, -2, -3);
    sy_tensor *mask = OP(w, "gt", TENSOR(LONGS(w, 0, 5, 0)), INT(1));
    for (unsigned m = 2; m < 8; m += 2) {
        SAME(s, m, "where", TENSOR(mask), TENSOR(a), TENSOR(b));
    }
    SAME(s, 2, "where", TENSOR(mask), TENSOR(a), INT(7));
    SAME(s, 1, "masked_fill", TENSOR(a), TENSOR(mask), INT(7));
    SAME(s, 1, "masked_select", TENSOR(a), TENSOR(mask));
}

static void constants(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONGS(w, 4, 5);
    SAME(s, 1, "zeros_like", TENSOR(x));
    SAME(s, 1, "ones_like", TENSOR(x));
    SAME(s, 1, "full_like", TENSOR(x), INT(-9));
    SAME(s, 1, "new_zeros", TENSOR(x), LIST(INT(2), INT(1)));
    SAME(s, 1, "new_ones", TENSOR(x), LIST(INT(3)));
    SAME(s, 1, "to", TENSOR(x), sy_value_dtype(SY_DTYPE_I64));
    assert_fails(w, CALL(w, "to", TENSOR(SHARED(s, 1)), sy_value_dtype(SY_DTYPE_F32)), SY_EDTYPE,
                 "to", "int64", "float32");
}

/* Sizes are public, and asked nobody for. */
static void sizes(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = sharing_share(s, LONG_MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6));
    assert_ok(CALL(w, "dim", TENSOR(x)), &w->err);
    assert_int_equal(w->value.as.integer, 2);
    assert_ok(CALL(w, "numel", TENSOR(x)), &w->err);
    assert_int_equal(w->value.as.integer, 6);
    assert_ok(CALL(w, "size", TENSOR(x), INT(-1)), &w->err);
    assert_int_equal(w->value.as.integer, 3);
}

/* Refusals */

static void floats_are_refused(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *shared = NULL, *x = SHARED(s, 1, 2);
    assert_fails(
        w, sy_tensor_share(FLOATS(w, 1, 2), &shared, s->holders, s->count, s->provider, &w->err),
        SY_EDTYPE, "share", "float32", "fix_precision");
    assert_null(shared);
    static const char *const names[] = {"add", "sub", "mul"};
    for (size_t k = 0; k < 3; k++) {
        assert_fails(w, CALL(w, names[k], TENSOR(x), FLOAT(0.5)), SY_EDTYPE, names[k],
                     "fix_precision");
        assert_fails(w, CALL(w, names[k], TENSOR(x), TENSOR(FLOATS(w, 1, 2))), SY_EDTYPE, names[k],
                     "float32", "fix_precision");
    }
    assert_fails(w, CALL(w, "add", TENSOR(x), FLOAT(NAN)), SY_EDTYPE, "add");
    assert_fails(w, CALL(w, "add", TENSOR(x), FLOAT(1e30)), SY_EDTYPE, "add");
    assert_fails(w, CALL(w, "mul", TENSOR(x), FLOAT(INFINITY)), SY_EDTYPE, "mul");
}

/* What has no form is refused by name, and never run on the shares. */
static void refused_by_name(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED(s, 1, 2);
    static const char *const unary[] = {
        "exp",         "sqrt",    "sin",           "prod",
        "det",         "nonzero", "unique",        "bitwise_not",
        "logical_not", "floor",   "log",           "softplus",
        "cumprod",     "var",     "fix_precision", "float_precision",
        "rand_like",   "any",     "median"};
    for (size_t k = 0; k < sizeof unary / sizeof unary[0]; k++) {
        const bool dim = strcmp(unary[k], "cumprod") == 0;
        assert_fails(w, dim ? CALL(w, unary[k], TENSOR(x), INT(0)) : CALL(w, unary[k], TENSOR(x)),
                     w->err.status == SY_EINVAL ? SY_EINVAL : SY_ENOTSUP, unary[k]);
    }
    assert_fails(w, CALL(w, "fmod", TENSOR(x), INT(8)), SY_ENOTSUP, "fmod");
    assert_fails(w, CALL(w, "bitwise_and", TENSOR(x), INT(1)), SY_ENOTSUP, "bitwise_and");
    assert_fails(w, CALL(w, "item", TENSOR(SHARED(s, 1))), SY_ENOTSUP, "item");
    assert_fails(w, CALL(w, "equal", TENSOR(x), TENSOR(x)), SY_ENOTSUP, "equal");
    assert_fails(w, CALL(w, "__bool__", TENSOR(SHARED(s, 1))), SY_ENOTSUP, "item");
    assert_shared(s, x, 1, 2);
}

static void test_other_holders(void **state)
{
    workers *w = *state;
    const sharing all = sharing_of(w, 3, true);
    sharing two = all, client = all, turned = all;
    two.count = 2;
    client.provider = NULL;
    client.options.crypto_provider = NULL;
    turned.holders[0] = all.holders[1];
    turned.holders[1] = all.holders[0];
    sy_tensor *x = SHARED(&all, 1, 2), *y = SHARED(&two, 1, 2), *z = SHARED(&client, 1, 2);
    sy_tensor *turn = SHARED(&turned, 1, 2);
    assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(y)), SY_ECOLLOCATION, "add", "carol");
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(z)), SY_ECOLLOCATION, "mul", "james", "me");
    assert_fails(w, CALL(w, "sub", TENSOR(x), TENSOR(turn)), SY_ECOLLOCATION, "sub");
    sy_tensor *pointer = workers_send(w, LONGS(w, 1, 2), w->bob);
    assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(pointer)), SY_ECOLLOCATION, "add",
                 "PointerTensor");
    assert_fails(w, CALL(w, "add", TENSOR(pointer), TENSOR(x)), SY_ECOLLOCATION, "add");
    sharing custom = all;
    custom.options.dtype = SY_PRECISION_CUSTOM;
    custom.options.field = 1000003;
    assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(SHARED(&custom, 1, 2))), SY_EINVAL, "add",
                 "different fields");
}

static void test_who_may_share(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    sy_tensor *x = LONGS(w, 1, 2), *shared = NULL;
    sy_worker *const twice[] = {w->bob, w->bob}, *const with[] = {w->bob, s.provider};
    assert_fails(w, sy_tensor_share(x, &shared, s.holders, 1, s.provider, &w->err), SY_EINVAL, "1");
    assert_fails(w, sy_tensor_share(x, &shared, s.holders, 0, s.provider, &w->err), SY_EINVAL, "0");
    assert_fails(w, sy_tensor_share(x, &shared, twice, 2, s.provider, &w->err), SY_EINVAL, "bob");
    assert_fails(w, sy_tensor_share(x, &shared, with, 2, s.provider, &w->err), SY_EINVAL, "james");
    assert_null(shared);
    assert_count(w, s.serving[0], 0);
    shared = SHARED(&s, 1, 2);
    sy_tensor *again = NULL;
    assert_fails(w, sy_tensor_share(shared, &again, s.holders, 2, s.provider, &w->err), SY_EINVAL,
                 "share", "AdditiveSharingTensor");
}

/* Every row in other rings. */
static void fields(const sharing *s)
{
    static const struct {
        sy_precision_dtype dtype;
        uint64_t field;
    } others[] = {{SY_PRECISION_INT, 0},
                  {SY_PRECISION_CUSTOM, UINT64_C(1) << 62},
                  {SY_PRECISION_CUSTOM, (UINT64_C(1) << 61) - 1},
                  {SY_PRECISION_CUSTOM, 1000000007},
                  {SY_PRECISION_CUSTOM, UINT64_MAX}};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        sharing other = *s;
        other.options.dtype = others[k].dtype;
        other.options.field = others[k].field;
        workers *w = s->w;
        sy_tensor *m = LONG_MATRIX(w, 2, 3, 1, 2, 3, -40, 50, 60);
        sy_tensor *n = LONG_MATRIX(w, 2, 3, 7, -8, 9, 1, 0, 2);
        for (unsigned mask = 1; mask < 4; mask++) {
            SAME(&other, mask, "add", TENSOR(m), TENSOR(n));
            SAME(&other, mask, "sub", TENSOR(m), TENSOR(n), INT(-5));
            SAME(&other, mask, "mul", TENSOR(m), TENSOR(n));
            SAME(&other, mask, "matmul", TENSOR(m), TENSOR(OP(w, "t", TENSOR(n))));
        }
        SAME(&other, 1, "sum", TENSOR(m));
        SAME(&other, 1, "sum", TENSOR(m), LIST(INT(1)), sy_value_bool(true));
        SAME(&other, 1, "cumsum", TENSOR(m), INT(1));
        SAME(&other, 1, "trace", TENSOR(m));
        SAME(&other, 1, "neg", TENSOR(m));
        SAME(&other, 1, "mul", TENSOR(m), INT(-3));
        SAME(&other, 1, "square", TENSOR(m));
        SAME(&other, 1, "roll", TENSOR(m), LIST(INT(1)));
        SAME(&other, 1, "full_like", TENSOR(m), INT(-9));
        SAME(&other, 1, "constant_pad_nd", TENSOR(m), LIST(INT(0), INT(1)), INT(-5));
        SAME(&other, 1, "add", TENSOR(m), INT(-100));
    }
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(sums)
EACH(vectors_of_sums)
EACH(broadcasts)
EACH(in_place)
EACH(shapes)
EACH(parts)
EACH(joins)
EACH(reductions)
EACH(indexing)
EACH(index_by_multi_pointer)
EACH(choices)
EACH(constants)
EACH(sizes)
EACH(floats_are_refused)
EACH(refused_by_name)
EACH(fields)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_sums),
        LIBRARY_WORKER_KINDS(test_vectors_of_sums),
        LIBRARY_WORKER_KINDS(test_broadcasts),
        LIBRARY_WORKER_KINDS(test_in_place),
        LIBRARY_WORKER_KINDS(test_shapes),
        LIBRARY_WORKER_KINDS(test_parts),
        LIBRARY_WORKER_KINDS(test_joins),
        LIBRARY_WORKER_KINDS(test_reductions),
        LIBRARY_WORKER_KINDS(test_indexing),
        LIBRARY_WORKER_KINDS(test_index_by_multi_pointer),
        LIBRARY_WORKER_KINDS(test_choices),
        LIBRARY_WORKER_KINDS(test_constants),
        LIBRARY_WORKER_KINDS(test_sizes),
        LIBRARY_WORKER_KINDS(test_floats_are_refused),
        LIBRARY_WORKER_KINDS(test_refused_by_name),
        LIBRARY_WORKER_KINDS(test_other_holders),
        LIBRARY_WORKER_KINDS(test_who_may_share),
        LIBRARY_WORKER_KINDS(test_fields),
    };
    return workers_run(tests);
}
