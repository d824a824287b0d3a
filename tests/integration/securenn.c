/*
 * securenn.c - SecureNN's functions on shared values of two holders, by the client and by another worker as provider, over every kind
 * of worker: the originals' vectors, fields, what is refused. The programs under them: src/crypto/snn_test.c.
 */
#include <csyft/securenn.h>

#include "support/shared_values.h"

/* What a function made. */
static sy_tensor *made_by(workers *w, sy_status status, sy_tensor **made, int line)
{
    if (status != SY_OK) {
        print_error("line %d: %s\n", line, w->err.message);
    }
    assert_int_equal(status, SY_OK);
    return sy_scope_adopt(w->s, *made);
}
#define NEW(call) made_by(w, (call), &made, __LINE__)

static sy_tensor *shared_in(const sharing *s, uint64_t field, sy_tensor *plain)
{
    sharing of = *s;
    of.options.dtype = field == 0 ? SY_PRECISION_LONG : SY_PRECISION_CUSTOM;
    of.options.field = field;
    return sharing_share(&of, plain);
}

/* 13 and 12, 2^60 and 2^61, [[13, 44], [1, 28]] and [[12, 44], [12, 33]] (spec) */
static void comparisons_of_bits(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *made;
    const int64_t large = INT64_C(1) << 60;
    sy_tensor *x = LONG_MATRIX(w, 3, 2, 13, large, 13, 44, 1, 28);
    sy_tensor *r = LONG_MATRIX(w, 3, 2, 12, 2 * large, 12, 44, 12, 33);
    sy_tensor *bits = NEW(sy_securenn_decompose(x, &made, 62, &w->err));
    sy_tensor *shared = shared_in(s, 67, bits);
    sy_tensor *no = LONG_MATRIX(w, 3, 2, 0, 0, 0, 0, 0, 0),
              *yes = LONG_MATRIX(w, 3, 2, 1, 1, 1, 1, 1, 1);
    sy_tensor *z = NEW(sy_securenn_private_compare(shared, r, no, &made, &w->err));
    assert_shared(s, z, 1, 0, 1, 0, 0, 0);
    z = NEW(sy_securenn_private_compare(shared, r, yes, &made, &w->err));
    assert_shared(s, z, 0, 1, 0, 1, 1, 1);
    assert_status(sy_securenn_private_compare(shared, LONGS(w, 1), no, &made, &w->err), SY_ESHAPE,
                  &w->err);
    assert_null(made);
    assert_status(
        sy_securenn_private_compare(SHARED(s, 1, 0), LONGS(w, 1), LONGS(w, 1), &made, &w->err),
        SY_EINVAL, &w->err);
    assert_non_null(strstr(w->err.message, "67"));
}

static void bits(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *made;
    sy_tensor *z = NEW(sy_securenn_decompose(LONGS(w, 5, 2), &made, 3, &w->err));
    assert_floats(w, z, 1, 0, 1, 0, 1, 0);
    z = NEW(sy_securenn_flip(z, &made, 1, &w->err));
    assert_floats(w, z, 1, 0, 1, 0, 1, 0);
    z = NEW(sy_securenn_flip(z, &made, 0, &w->err));
    assert_floats(w, z, 0, 1, 0, 1, 0, 1);
    assert_status(sy_securenn_decompose(z, &made, 64, &w->err), SY_EINVAL, &w->err);
}

/* relu_deriv of [10, 0, -3], relu of [1, -3], share_convert of [13, 3567, 2^60] in 2^62 (spec) */
static void signs(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *made;
    const uint64_t fields[] = {0, UINT64_C(1) << 62};
    for (int k = 0; k < 2; k++) {
        sy_tensor *a = shared_in(s, fields[k], LONGS(w, 10, 0, -3));
        sy_tensor *z = NEW(sy_securenn_relu_deriv(a, &made, &w->err));
        assert_shared(s, z, 1, 1, 0);
        z = NEW(sy_securenn_relu(shared_in(s, fields[k], LONGS(w, 1, -3)), &made, &w->err));
        assert_shared(s, z, 1, 0);
        const int64_t large = INT64_C(1) << 60;
        a = shared_in(s, fields[k], LONGS(w, 13, 3567, large, -5));
        z = NEW(sy_securenn_share_convert(a, &made, &w->err));
        sy_share_options options = SY_SHARE_OPTIONS_INIT;
        assert_ok(sy_shared_get_attributes(z, &options, NULL, &w->err), &w->err);
        assert_true(options.field == fields[k] - 1);
        sy_tensor *top = NEW(sy_securenn_msb(z, &made, &w->err));
        assert_shared(s, top, 0, 0, 0, 1);
        assert_status(sy_securenn_msb(a, &made, &w->err), SY_EINVAL, &w->err);
        /* L - 5 is L - 1 less 4 */
        sharing_assert_same(sharing_value(s, z), LONGS(w, 13, 3567, large, -4), "share_convert",
                            __FILE__, __LINE__);
    }
}

static void choices(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *made, *max = NULL, *index = NULL;
    sy_tensor *z = NEW(sy_securenn_select_share(SHARED(s, 0, 1, 1), SHARED(s, 1, 2, 3),
                                                SHARED(s, -1, -2, -3), &made, &w->err));
    assert_shared(s, z, 1, -2, -3);
    assert_status(
        sy_securenn_select_share(SHARED(s, 0), SHARED(s, 1, 2), SHARED(s, 1, 2), &made, &w->err),
        SY_ESHAPE, &w->err);
    /* [[10, 0], [15, 7]]: 15 at 2 (spec) */
    sy_tensor *x = sharing_share(s, LONG_MATRIX(w, 2, 2, 10, 0, 15, 7));
    assert_ok(sy_securenn_maxpool(x, &max, &index, &w->err), &w->err);
    assert_shared(s, sy_scope_adopt(w->s, max), 15);
    assert_shared(s, sy_scope_adopt(w->s, index), 2);
    z = NEW(sy_securenn_maxpool_deriv(x, &made, &w->err));
    assert_shared(s, z, 0, 0, 1, 0);
    sy_tensor *image = OP(w, "view", TENSOR(LONGS(w, 1, 2, 5, -4, 7, 0, 3, 9, 8, 6, 2, 4)),
                          LIST(INT(1), INT(1), INT(3), INT(4)));
    const int64_t two[] = {2, 2}, one[] = {1, 1}, none[] = {0, 0};
    z = NEW(sy_securenn_maxpool2d(sharing_share(s, image), two, one, none, &made, &w->err));
    assert_shared(s, z, 7, 5, 9, 8, 6, 9);
}

/* 10 / 2 = 5, [[25, 9], [10, 30]] / [[5, 12], [2, 7]] = [[5, 0], [5, 4]] (spec) */
static void quotients(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *made;
    sy_tensor *x = sharing_share(s, LONG_MATRIX(w, 2, 2, 25, 9, 10, 30)),
              *y = sharing_share(s, LONG_MATRIX(w, 2, 2, 5, 12, 2, 7));
    sy_tensor *z = NEW(sy_securenn_division(x, y, 5, &made, &w->err));
    assert_shared(s, z, 5, 0, 5, 4);
    z = NEW(sy_securenn_division(SHARED(s, 10, 7), SHARED(s, 2), 4, &made, &w->err));
    assert_shared(s, z, 5, 3);
    assert_status(sy_securenn_division(x, y, 64, &made, &w->err), SY_ERANGE, &w->err);
}

static void common(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *value = NULL, *zeros = NULL;
    const int64_t shape[] = {2, 3};
    assert_ok(sy_securenn_random_common_value(10, s->holders, s->provider, &value, &w->err),
              &w->err);
    value = sy_scope_adopt(w->s, value);
    sy_tensor *numbers[2] = {NULL, NULL};
    for (size_t k = 0; k < 2; k++) {
        sy_tensor *pointer = NULL;
        assert_ok(sy_multi_pointer_get_child(value, &pointer, k, &w->err), &w->err);
        assert_ok(sy_tensor_copy_get(pointer, &numbers[k], &w->err), &w->err);
        sy_tensor_unref(pointer);
        numbers[k] = sy_scope_adopt(w->s, numbers[k]);
    }
    sharing_assert_same(numbers[0], numbers[1], "random_common_value", __FILE__, __LINE__);
    assert_in_range(syi_array_get_int(syi_node_array(numbers[0]->node), 0), 0, 9);
    assert_ok(sy_securenn_shares_of_zero(2, shape, s->holders, &s->options, &zeros, &w->err),
              &w->err);
    zeros = sy_scope_adopt(w->s, zeros);
    assert_shared(s, zeros, 0, 0, 0, 0, 0, 0);
    assert_status(sy_securenn_random_common_value(0, s->holders, s->provider, &value, &w->err),
                  SY_ERANGE, &w->err);
}

static void refused(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *made;
    assert_status(sy_securenn_relu(LONGS(w, 1), &made, &w->err), SY_EINVAL, &w->err);
    assert_status(sy_securenn_relu(SHARED_FIXED(s, 3, 1.5F), &made, &w->err), SY_EINVAL, &w->err);
    sy_tensor *odd = shared_in(s, 1000003, LONGS(w, 1));
    assert_int_not_equal(sy_securenn_relu(odd, &made, &w->err), SY_OK);
    assert_null(made);
    assert_shared(s, odd, 1);
}

/* For two holders only. */
static void each(workers *w, void (*body)(const sharing *s))
{
    const sharing all = sharing_of(w, 3, true);
    for (int james = 0; james < 2; james++) {
        sharing s = all;
        s.count = 2;
        s.provider = james ? all.provider : NULL;
        s.options.crypto_provider = s.provider;
        body(&s);
        sharing_clean(&s);
    }
    sy_tensor *made;
    const sharing three = all;
    assert_status(sy_securenn_relu(SHARED(&three, 1), &made, &w->err), SY_ENOTSUP, &w->err);
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        each(*state, name);               \
    }
EACH(comparisons_of_bits)
EACH(bits)
EACH(signs)
EACH(choices)
EACH(quotients)
EACH(common)
EACH(refused)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_comparisons_of_bits),
        LIBRARY_WORKER_KINDS(test_bits),
        LIBRARY_WORKER_KINDS(test_signs),
        LIBRARY_WORKER_KINDS(test_choices),
        LIBRARY_WORKER_KINDS(test_quotients),
        LIBRARY_WORKER_KINDS(test_common),
        LIBRARY_WORKER_KINDS(test_refused),
    };
    return workers_run(tests);
}
