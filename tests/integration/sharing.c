/*
 * sharing.c - life of values that workers hold in shares, over every kind of worker: sharing, getting, opening, refreshing,
 * sending on, what a shared tensor says of itself. Operations: sharing_operations.c, sharing_products.c, sharing_fixed.c.
 */
#include <stdio.h>

#include "support/shared_values.h"

static sy_tensor *adopt(const sharing *s, sy_tensor *tensor)
{
    return sy_scope_adopt(s->w->s, tensor);
}

/* init_shares, get, copy_get */
static void share_and_get(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED(s, 1, -2, 3, INT64_MIN, INT64_MAX);
    assert_true(sy_tensor_is_shared(x));
    assert_int_equal(sy_shared_get_holder_count(x), s->count);
    for (size_t k = 0; k < s->count; k++) {
        assert_count(w, s->serving[k], 1);
        assert_ptr_equal(sy_shared_get_holder(x, k), s->holders[k]);
    }
    sy_tensor *same = LONGS(w, 1, -2, 3, INT64_MIN, INT64_MAX);
    for (int round = 0; round < 2; round++) {
        sharing_assert_same(workers_copy_get(w, x), same, "copy_get", __FILE__, __LINE__);
        assert_count(w, s->serving[0], 1);
    }
    sharing_assert_same(workers_get(w, x), same, "get", __FILE__, __LINE__);
    for (size_t k = 0; k < s->count; k++) {
        assert_count(w, s->serving[k], 0);
    }
    sy_tensor *value = NULL;
    assert_int_not_equal(sy_tensor_get(x, &value, &w->err), SY_OK); /* it is gone */
    assert_null(value);
}

/* Shapes and dtypes: empty, of no dims, bools, bytes, views. */
static void all_shapes(const sharing *s)
{
    workers *w = s->w;
    static const int64_t none[] = {0, 3}, cube[] = {2, 1, 2};
    static const uint8_t bytes[] = {0, 255, 7, 1};
    static const int64_t one[] = {-5};
    sy_tensor *tensors[4];
    assert_ok(sy_tensor_new(w->hook, &tensors[0], SY_DTYPE_I64, 2, none, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_new(w->hook, &tensors[1], SY_DTYPE_I64, 0, NULL, one, &w->err), &w->err);
    assert_ok(sy_tensor_new(w->hook, &tensors[2], SY_DTYPE_U8, 3, cube, bytes, &w->err), &w->err);
    for (int k = 0; k < 3; k++) {
        (void)adopt(s, tensors[k]);
    }
    tensors[3] = OP(w, "t", TENSOR(LONG_MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6)));
    for (int k = 0; k < 4; k++) {
        sharing_assert_same(sharing_value(s, sharing_share(s, tensors[k])), tensors[k], "get",
                            __FILE__, __LINE__);
        sy_tensor *twice = OP(w, "add", TENSOR(tensors[k]), TENSOR(tensors[k]));
        sy_tensor *x =
            sharing_share(s, OP(w, "to", TENSOR(tensors[k]), sy_value_dtype(SY_DTYPE_I64)));
        if (k != 2) { /* bytes would wrap */
            sharing_assert_same(sharing_value(s, OP(w, "add", TENSOR(x), TENSOR(x))), twice, "add",
                                __FILE__, __LINE__);
            sharing_assert_same(sharing_value(s, OP(w, "mul", TENSOR(x), TENSOR(x))),
                                OP(w, "mul", TENSOR(tensors[k]), TENSOR(tensors[k])), "mul",
                                __FILE__, __LINE__);
        }
    }
}

static void labels(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONGS(w, 1, 2);
    assert_ok(sy_tensor_tag(x, "#x", &w->err), &w->err);
    sy_tensor *shared = sharing_share(s, x);
    assert_true(syi_tensor_has_tag(shared, "#x", 2));
    sy_tensor *y = LONGS(w, 3, 4);
    const sy_id before = sy_tensor_get_id(y);
    assert_ok(sy_tensor_tag(y, "#y", &w->err), &w->err);
    assert_ok(sy_tensor_share_(y, s->holders, s->count, s->provider, &w->err), &w->err);
    const sy_id after = sy_tensor_get_id(y);
    assert_true(sy_id_equal(&before, &after));
    assert_true(syi_tensor_has_tag(y, "#y", 2));
    assert_shared(s, OP(w, "add", TENSOR(shared), TENSOR(y)), 4, 6);
    assert_ok(sy_tensor_get_(y, &w->err), &w->err); /* in place, too */
    assert_floats(w, y, 3, 4);
    assert_true(syi_tensor_has_tag(y, "#y", 2));
    sy_tensor *fixed = sharing_fix(w, FLOATS(w, 1.5f), 3);
    assert_ok(sy_tensor_share_(fixed, s->holders, s->count, s->provider, &w->err), &w->err);
    assert_ok(sy_tensor_get_(fixed, &w->err), &w->err);
    assert_ok(sy_tensor_float_precision_(fixed, &w->err), &w->err);
    assert_floats(w, fixed, 1.5);
}

/* sy_tensor_to_text */
static void text(const sharing *s)
{
    workers *w = s->w;
    char pattern[512];
    sy_tensor *x = SHARED(s, 1, 2, 3);
    snprintf(pattern, sizeof pattern,
             "(Wrapper)>\\[AdditiveSharingTensor]\n\t-> \\[PointerTensor | me:* -> bob:*]\n\t-> "
             "\\[PointerTensor | me:* -> alice:*]*\n\t\\*crypto provider: %s\\*",
             s->provider != NULL ? "james" : "me");
    assert_text(w, x, pattern);
    sy_tensor *fixed = SHARED_FIXED(s, 3, 1.5f);
    snprintf(pattern, sizeof pattern,
             "(Wrapper)>FixedPrecisionTensor>\\[AdditiveSharingTensor]\n\t-> *\n\t\\*crypto "
             "provider: %s\\*",
             s->provider != NULL ? "james" : "me");
    assert_text(w, fixed, pattern);
    /* Nothing of the value is in the text of a share, either. */
    sy_tensor *child = NULL;
    assert_ok(sy_shared_get_child(x, &child, 0, &w->err), &w->err);
    assert_text(w, child, "*PointerTensor | me:* -> bob:*");
    sy_tensor_unref(child);
    assert_fails(w, sy_shared_get_child(x, &child, s->count, &w->err), SY_EINVAL, "get_child");
}

/* get_class_attributes: provider, field, n_bits */
static void attributes(const sharing *s)
{
    static const struct {
        sy_precision_dtype dtype;
        uint64_t field;
        int bits;
    } kinds[] = {{SY_PRECISION_LONG, 0, 64},
                 {SY_PRECISION_INT, 0, 32},
                 {SY_PRECISION_CUSTOM, UINT64_C(1) << 62, 62},
                 {SY_PRECISION_CUSTOM, (UINT64_C(1) << 31) - 1, 31},
                 {SY_PRECISION_CUSTOM, 5, 8}};
    workers *w = s->w;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        sharing other = *s;
        sy_share_options said = SY_SHARE_OPTIONS_INIT;
        int bits = 0;
        other.options.dtype = kinds[k].dtype;
        other.options.field = kinds[k].field;
        sy_tensor *x = SHARED(&other, 1, 2, -2);
        assert_ok(sy_shared_get_attributes(x, &said, &bits, &w->err), &w->err);
        assert_int_equal(said.dtype, kinds[k].dtype);
        assert_int_equal(said.field, kinds[k].field);
        assert_int_equal(bits, kinds[k].bits);
        assert_ptr_equal(said.crypto_provider, s->provider != NULL ? s->provider : w->me);
        assert_ptr_equal(sy_shared_get_provider(x), said.crypto_provider);
        assert_shared(&other, x, 1, 2, -2);
    }
    sy_share_options said = SY_SHARE_OPTIONS_INIT;
    assert_fails(w, sy_shared_get_attributes(LONGS(w, 1), &said, NULL, &w->err), SY_EINVAL,
                 "not shared");
    assert_int_equal(sy_shared_get_holder_count(LONGS(w, 1)), 0);
    assert_null(sy_shared_get_provider(LONGS(w, 1)));
}

static void bad_fields(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *shared = NULL, *x = LONGS(w, 1, 2, -3);
    sy_share_options o = s->options;
    const struct {
        sy_precision_dtype dtype;
        uint64_t field;
        sy_status status;
    } bad[] = {{SY_PRECISION_CUSTOM, 0, SY_EINVAL},   {SY_PRECISION_CUSTOM, 3, SY_EINVAL},
               {SY_PRECISION_LONG, 7, SY_EINVAL},     {SY_PRECISION_INT, 7, SY_EINVAL},
               {(sy_precision_dtype)9, 0, SY_EINVAL}, {SY_PRECISION_CUSTOM, 4, SY_ERANGE}};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        o.dtype = bad[k].dtype;
        o.field = bad[k].field;
        assert_fails(w, sy_tensor_share_with(x, &shared, s->holders, s->count, &o, &w->err),
                     bad[k].status, "share");
        assert_null(shared);
    }
    o.dtype = SY_PRECISION_INT;
    o.field = 0;
    assert_fails(w,
                 sy_tensor_share_with(LONGS(w, INT64_C(1) << 31), &shared, s->holders, s->count, &o,
                                      &w->err),
                 SY_ERANGE, "share", "does not fit the field");
    assert_count(w, s->serving[0], 0);
}

static void virtual_get(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *value = NULL, *x = SHARED(s, 1, 2, -3);
    if (w->kind->url != NULL) {
        assert_fails(w, sy_shared_virtual_get(x, &value, &w->err), SY_ENOTSUP, "virtual");
        return;
    }
    for (int round = 0; round < 2; round++) {
        assert_ok(sy_shared_virtual_get(x, &value, &w->err), &w->err);
        assert_floats(w, adopt(s, value), 1, 2, -3);
    }
    sy_tensor *fixed = SHARED_FIXED(s, 3, 1.5f, -2);
    assert_ok(sy_shared_virtual_get(fixed, &value, &w->err), &w->err);
    value = adopt(s, value);
    assert_true(sy_tensor_is_fixed_precision(value));
    assert_ok(sy_tensor_float_precision_(value, &w->err), &w->err);
    assert_floats(w, value, 1.5, -2);
    assert_count(w, s->serving[0], 2);
}

/* Every holder learns the value; the shares stay. */
static void reconstruct(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *values = NULL, *parts[SHARING_HOLDERS_MAX], *x = SHARED(s, 1, 2, -3);
    assert_ok(sy_shared_reconstruct(x, &values, &w->err), &w->err);
    values = adopt(s, values);
    assert_true(sy_tensor_is_multi_pointer(values));
    size_t count = 0;
    assert_ok(sy_multi_pointer_get(values, parts, SHARING_HOLDERS_MAX, &count, &w->err), &w->err);
    assert_int_equal(count, s->count);
    for (size_t k = 0; k < count; k++) {
        assert_floats(w, adopt(s, parts[k]), 1, 2, -3);
    }
    assert_shared(s, x, 1, 2, -3);
}

static sy_tensor *part_of(const sharing *s, sy_tensor *shared, size_t index)
{
    sy_tensor *child = NULL;
    assert_ok(sy_shared_get_child(shared, &child, index, &s->w->err), &s->w->err);
    return adopt(s, child);
}

/* refresh and zero: other words, the same value */
static void refresh_and_zero(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED(s, 1, 2, -3), *fresh = NULL, *zero = NULL;
    assert_ok(sy_shared_refresh(x, &fresh, &w->err), &w->err);
    assert_ok(sy_shared_zero(x, &zero, &w->err), &w->err);
    fresh = adopt(s, fresh);
    zero = adopt(s, zero);
    if (w->kind->url == NULL) {
        for (size_t k = 0; k < s->count; k++) {
            sy_tensor *const nodes[3] = {x, fresh, zero};
            int64_t words[3];
            for (int n = 0; n < 3; n++) {
                const sy_id id = sy_tensor_get_id_at_location(part_of(s, nodes[n], k));
                sy_tensor *object = workers_object(w, s->serving[k], &id);
                words[n] = syi_array_get_int(syi_node_array(object->node->child), 0);
            }
            assert_true(words[0] != words[1]);
            assert_true(words[2] != 0);
        }
    }
    assert_shared(s, OP(w, "add", TENSOR(x), TENSOR(zero)), 1, 2, -3);
    assert_shared(s, fresh, 1, 2, -3);
    assert_shared(s, zero, 0, 0, 0);
    sy_tensor *fixed = SHARED_FIXED(s, 3, 1.5f), *again = NULL;
    assert_ok(sy_shared_refresh(fixed, &again, &w->err), &w->err);
    assert_shared(s, adopt(s, again), 1.5);
}

/* generate_shares: uniform words that add up; one share is refused */
static void generate_shares(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *secret = LONGS(w, 1, 2, -3), *shares[SHARING_HOLDERS_MAX];
    assert_ok(sy_generate_shares(secret, shares, s->count, NULL, &w->err), &w->err);
    sy_tensor *sum = adopt(s, shares[0]);
    for (size_t k = 1; k < s->count; k++) {
        sum = OP(w, "add", TENSOR(sum), TENSOR(adopt(s, shares[k])));
    }
    assert_floats(w, sum, 1, 2, -3);
    shares[0] = NULL;
    assert_fails(w, sy_generate_shares(secret, shares, 1, NULL, &w->err), SY_EINVAL,
                 "generate_shares", "1");
    assert_fails(w, sy_generate_shares(secret, shares, 0, NULL, &w->err), SY_EINVAL,
                 "generate_shares");
    assert_fails(w, sy_generate_shares(FLOATS(w, 1), shares, 2, NULL, &w->err), SY_EDTYPE,
                 "fix_precision");
    assert_null(shares[0]);
    sy_share_options o = s->options;
    o.dtype = SY_PRECISION_CUSTOM;
    o.field = 97;
    assert_ok(sy_generate_shares(secret, shares, s->count, &o, &w->err), &w->err);
    sum = adopt(s, shares[0]);
    for (size_t k = 1; k < s->count; k++) {
        sum = OP(w, "add", TENSOR(sum), TENSOR(adopt(s, shares[k])));
    }
    assert_floats(w, OP(w, "remainder", TENSOR(sum), INT(97)), 1, 2, 94);
}

/* AdditiveSharingTensor(shares) of what is there */
static void shares_that_are_there(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *pointers[SHARING_HOLDERS_MAX], *shared = NULL;
    int64_t sum = 0;
    for (size_t k = 0; k < s->count; k++) {
        const int64_t share = (int64_t)(k + 1) * 10;
        sum += share;
        pointers[k] = workers_send(w, LONGS(w, share, -share), s->holders[k]);
    }
    assert_ok(sy_additive_shared_new(&shared, pointers, s->count, &s->options, &w->err), &w->err);
    shared = adopt(s, shared);
    assert_shared(s, OP(w, "mul", TENSOR(shared), TENSOR(shared)), (double)(sum * sum),
                  (double)(sum * sum));
    assert_shared(s, shared, (double)sum, (double)-sum);
    sy_tensor *again = NULL;
    assert_fails(w, sy_additive_shared_new(&again, pointers, 1, &s->options, &w->err), SY_EINVAL,
                 "1 shares");
    pointers[1] = LONGS(w, 1, 2);
    assert_fails(w, sy_additive_shared_new(&again, pointers, 2, &s->options, &w->err), SY_EINVAL,
                 "no pointer");
    pointers[1] = workers_send(w, LONGS(w, 1, 2, 3), s->holders[1]);
    assert_fails(w, sy_additive_shared_new(&again, pointers, 2, &s->options, &w->err), SY_ESHAPE,
                 "shape");
    pointers[1] = workers_send(w, FLOATS(w, 1, 2), s->holders[1]);
    assert_fails(w, sy_additive_shared_new(&again, pointers, 2, &s->options, &w->err), SY_EDTYPE,
                 "integers");
    assert_null(again);
}

/* x_sh.send(james): the shares stay where they are; get brings the handle back, another get the value (spec) */
static void test_send_on(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, false);
    sy_worker *serving = NULL, *james = workers_add(w, "james", &serving);
    sy_tensor *x = SHARED(&s, 1, 2, -3);
    sy_tensor *sent = NULL;
    for (size_t k = 0; k < s.count; k++) {
        assert_ok(sy_worker_introduce(james, s.holders[k], NULL, &w->err), &w->err);
    }
    (void)sent;
    s.provider = workers_add(w, "carol", NULL);
    s.options.crypto_provider = s.provider;
    assert_ok(sy_worker_introduce(james, s.provider, NULL, &w->err), &w->err);
    x = SHARED(&s, 1, 2, -3);
    sent = workers_send(w, x, james);
    assert_count(w, serving, 1);
    assert_count(w, s.serving[0], 2);
    sy_tensor *sum = OP(w, "add", TENSOR(sent), TENSOR(sent)); /* james asks the holders */
    sy_tensor *product = OP(w, "mul", TENSOR(sent), TENSOR(sent));
    sy_tensor *back = workers_get(w, sent);
    assert_true(sy_tensor_is_shared(back));
    assert_count(w, s.serving[0], 4);
    assert_floats(w, workers_get(w, back), 1, 2, -3);
    back = workers_get(w, sum);
    assert_floats(w, workers_get(w, back), 2, 4, -6);
    back = workers_get(w, product);
    assert_floats(w, workers_get(w, back), 1, 4, 9);
}

/* A pointer to a shared value moves; the shares stay where they are. */
static void test_move(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, true);
    sy_worker *at_carol = NULL, *at_dave = NULL;
    sy_worker *carol = workers_add(w, "carol", &at_carol), *dave = workers_add(w, "dave", &at_dave);
    sy_worker *const both[] = {carol, dave};
    for (size_t k = 0; k < 2; k++) {
        for (size_t h = 0; h < s.count; h++) {
            assert_ok(sy_worker_introduce(both[k], s.holders[h], NULL, &w->err), &w->err);
        }
        assert_ok(sy_worker_introduce(both[k], s.provider, NULL, &w->err), &w->err);
    }
    assert_ok(sy_worker_introduce(carol, dave, NULL, &w->err), &w->err);
    sy_tensor *sent = workers_send(w, SHARED(&s, 1, 2, -3), carol);
    assert_ok(sy_tensor_move_(sent, dave, &w->err), &w->err);
    assert_count(w, at_carol, 0);
    assert_count(w, at_dave, 1);
    assert_count(w, s.serving[0], 1);
    sy_tensor *back = workers_get(w, OP(w, "add", TENSOR(sent), INT(1)));
    assert_floats(w, workers_get(w, back), 2, 3, -2);
    back = workers_get(w, sent);
    assert_floats(w, workers_get(w, back), 1, 2, -3);
    assert_count(w, s.serving[0], 0);
}

/* A LoggingTensor above the shares logs, and nothing of a value. */
static void logging(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(SHARED(s, 4242, 2), &logged, &w->err), &w->err);
    logged = adopt(s, logged);
    workers_log_clear(w);
    sy_tensor *sum = OP(w, "add", TENSOR(logged), TENSOR(logged));
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "logging", "4242"), 0);
    sy_tensor *value = workers_get(w, sum); /* the log stays above it */
    assert_int_equal(syi_array_get_int(syi_node_array(value->node->child), 0), 8484);
}

/* A pointer's worker shares what it has. */
static void test_pointer_share(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    sy_worker *serving = NULL, *carol = workers_add(w, "carol", &serving);
    sy_tensor *shared = NULL;
    sy_tensor *x = workers_send(w, LONGS(w, 1, 2, -3), carol);
    assert_ok(sy_tensor_share(x, &shared, s.holders, 2, s.provider, &w->err), &w->err);
    shared = adopt(&s, shared);
    assert_count(w, serving, 2);
    assert_count(w, s.serving[0], 1);
    assert_count(w, s.serving[1], 1);
    sy_tensor *there = OP(w, "add", TENSOR(shared), TENSOR(shared));
    sy_tensor *handle = workers_get(w, there);
    assert_true(sy_tensor_is_shared(handle));
    assert_floats(w, workers_get(w, handle), 2, 4, -6);
    sy_tensor *floats = workers_send(w, FLOATS(w, 1, 2), carol), *none = NULL;
    assert_fails(w, sy_tensor_share(floats, &none, s.holders, 2, s.provider, &w->err), SY_EDTYPE,
                 "fix_precision");
    assert_null(none);
    sy_tensor *fixed = OP(w, "fix_precision", TENSOR(floats));
    assert_ok(sy_tensor_share(fixed, &none, s.holders, 2, s.provider, &w->err), &w->err);
    handle = workers_get(w, adopt(&s, none));
    assert_shared(&s, handle, 1, 2);
}

static void test_missing_arguments(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    sy_worker *const none[] = {w->bob, NULL};
    sy_tensor *x = LONGS(w, 1, 2), *made = NULL, *shares[2] = {NULL};
    sy_sharing_cost cost;
    assert_fails(w, sy_tensor_share(NULL, &made, s.holders, 2, NULL, &w->err), SY_EINVAL, "NULL");
    assert_fails(w, sy_tensor_share(x, &made, NULL, 2, NULL, &w->err), SY_EINVAL, "NULL");
    assert_fails(w, sy_tensor_share(x, &made, none, 2, NULL, &w->err), SY_EINVAL, "share");
    assert_fails(w, sy_generate_shares(NULL, shares, 2, NULL, &w->err), SY_EINVAL, "NULL");
    assert_fails(w, sy_provide_primitives(NULL, 1, s.holders, 2, NULL, &w->err), SY_EINVAL, "NULL");
    assert_fails(w, sy_force_preprocessing(true, NULL, 0, NULL, &w->err), SY_EINVAL, "holders");
    assert_fails(w, sy_sharing_get_cost(NULL, 2, NULL, 0, &cost, &w->err), SY_EINVAL, "holders");
    assert_fails(w, sy_shared_refresh(x, &made, &w->err), SY_EINVAL, "refresh", "not shared");
    assert_fails(w, sy_shared_zero(x, &made, &w->err), SY_EINVAL, "zero", "not shared");
    assert_fails(w, sy_shared_reconstruct(x, &made, &w->err), SY_EINVAL, "reconstruct");
    assert_fails(w, sy_shared_virtual_get(x, &made, &w->err), SY_EINVAL, "virtual_get");
    assert_null(made);
}

/* No provider given: the local worker (spec). */
static void test_default_provider(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, false);
    sy_tensor *x = NULL;
    assert_ok(sy_tensor_share(LONGS(w, 4), &x, s.holders, 2, NULL, &w->err), &w->err);
    x = adopt(&s, x);
    assert_ptr_equal(sy_shared_get_provider(x), w->me);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(x)), 16);
}

/* The client is a holder itself; the provider reaches it where it listens. */
static void test_client_holds(void **state)
{
    workers *w = *state;
    const char *url = NULL;
    if (w->kind->url != NULL) {
        assert_ok(sy_worker_listen(w->me, w->kind->url, NULL, &url, &w->err), &w->err);
    }
    sharing s = sharing_of(w, 2, true);
    s.holders[1] = w->me;
    s.serving[1] = w->me;
    sy_tensor *x = SHARED(&s, 1, 2, -3), *a = SHARED_FIXED(&s, 3, 1, -0.5, 2);
    assert_shared(&s, OP(w, "add", TENSOR(x), TENSOR(x)), 2, 4, -6);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9);
    assert_shared(&s, OP(w, "mul", TENSOR(a), TENSOR(a)), 1, 0.25, 4);
    assert_shared(&s, OP(w, "dot", TENSOR(a), TENSOR(a)), 5.25);
}

/* Private data is not shared away. */
static void test_private(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    sy_worker *serving = NULL, *carol = workers_add(w, "carol", &serving);
    static const int64_t data[] = {1, 2, 3}, shape[] = {3};
    sy_tensor *shared = NULL;
    sy_tensor *x =
        workers_publish(w, carol, serving, "secret", "#s", true, 1, shape, SY_DTYPE_I64, data);
    assert_fails(w, sy_tensor_share(x, &shared, s.holders, 2, s.provider, &w->err), SY_EPERM,
                 "share");
    assert_null(shared);
    assert_count(w, s.serving[0], 0);
}

/* Nothing stays, whatever is dropped when. */
static void drops(const sharing *s)
{
    workers *w = s->w;
    for (int k = 0; k < 5; k++) {
        sy_tensor *x = SHARED(s, 1, 2, 3), *y = OP(w, "mul", TENSOR(x), TENSOR(x));
        workers_drop(w, x);
        sy_tensor *z = OP(w, "add", TENSOR(y), INT(1));
        workers_drop(w, y);
        assert_shared(s, z, 2, 5, 10);
    }
    for (size_t k = 0; k < s->count; k++) {
        assert_count(w, s->serving[k], 0);
    }
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(share_and_get)
EACH(all_shapes)
EACH(labels)
EACH(text)
EACH(attributes)
EACH(bad_fields)
EACH(virtual_get)
EACH(reconstruct)
EACH(refresh_and_zero)
EACH(generate_shares)
EACH(shares_that_are_there)
EACH(drops)
EACH(logging)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_share_and_get),
        LIBRARY_WORKER_KINDS(test_all_shapes),
        LIBRARY_WORKER_KINDS(test_labels),
        LIBRARY_WORKER_KINDS(test_text),
        LIBRARY_WORKER_KINDS(test_attributes),
        LIBRARY_WORKER_KINDS(test_bad_fields),
        LIBRARY_WORKER_KINDS(test_virtual_get),
        LIBRARY_WORKER_KINDS(test_reconstruct),
        LIBRARY_WORKER_KINDS(test_refresh_and_zero),
        LIBRARY_WORKER_KINDS(test_generate_shares),
        LIBRARY_WORKER_KINDS(test_shares_that_are_there),
        LIBRARY_WORKER_KINDS(test_drops),
        LIBRARY_WORKER_KINDS(test_logging),
        LIBRARY_WORKER_KINDS(test_move),
        LIBRARY_WORKER_KINDS(test_send_on),
        LIBRARY_WORKER_KINDS(test_pointer_share),
        LIBRARY_WORKER_KINDS(test_missing_arguments),
        LIBRARY_WORKER_KINDS(test_default_provider),
        LIBRARY_WORKER_KINDS(test_client_holds),
        LIBRARY_WORKER_KINDS(test_private),
    };
    return workers_run(tests);
}
