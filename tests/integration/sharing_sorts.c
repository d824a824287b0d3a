/*
 * sharing_sorts.c - sort, argsort and topk of shared values: what native tensors give, equal elements in their order, along any dim, by every protocol, in
 * fixed precision; rounds as documented; what is refused. The network under them: src/interpreters/sharing/network_test.c.
 */
#include <string.h>

#include "support/shared_values.h"

static sy_tensor *drawn(workers *w, property_random *random, int64_t count, int64_t most)
{
    int64_t data[256];
    for (int64_t k = 0; k < count; k++) {
        data[k] = property_between(random, -most, most);
    }
    return workers_longs(w, count, data);
}

static void sorts(const sharing *s)
{
    workers *w = s->w;
    static const char *const names[] = {"sort", "argsort"};
    sy_tensor *x = LONG_MATRIX(w, 3, 5, 4, -1, 7, 7, 0, -9, -9, 3, 2, -8, 5, 6, 1, 0, 2);
    for (size_t k = 0; k < 2; k++) {
        SAME(s, 1, names[k], TENSOR(x));
        SAME(s, 1, names[k], TENSOR(x), INT(0), sy_value_bool(true));
        SAME(s, 1, names[k], TENSOR(x), INT(-1), sy_value_bool(true));
        SAME(s, 1, names[k], TENSOR(LONGS(w, 5)));
        SAME(s, 1, names[k], TENSOR(OP(w, "select", TENSOR(LONGS(w, 5, 6)), INT(0), INT(1))));
        SAME(s, 1, names[k],
             TENSOR(OP(w, "zeros", LIST(INT(0), INT(3)), sy_value_dtype(SY_DTYPE_I64))), INT(0));
        SAME(s, 1, names[k],
             TENSOR(OP(w, "zeros", LIST(INT(0), INT(3)), sy_value_dtype(SY_DTYPE_I64))), INT(1));
    }
    for (int64_t k = 0; k <= 5; k++) {
        SAME(s, 1, "topk", TENSOR(x), INT(k));
        SAME(s, 1, "topk", TENSOR(x), INT(k), INT(1), sy_value_bool(false));
    }
    SAME(s, 1, "topk", TENSOR(x), INT(2), INT(0));
    const int64_t most = (INT64_C(1) << 60) - 1; /* a quarter of the field over four */
    SAME(s, 1, "sort", TENSOR(LONGS(w, most, -most, 0)));
    sy_tensor *shared = sharing_share(s, x);
    assert_fails(w, CALL(w, "topk", TENSOR(shared), INT(6)), SY_ERANGE, "topk");
    assert_fails(w, CALL(w, "sort", TENSOR(shared), INT(2)), SY_ERANGE, "dimension 2");
}

/* Of few different numbers: equal ones stay in their order. */
static void many(const sharing *s)
{
    workers *w = s->w;
    static const sy_dtype dtypes[] = {SY_DTYPE_I64, SY_DTYPE_I8};
    property_random random = property_start("sorts");
    if (s->count != 2) {
        return;
    }
    const int rounds = w->kind->url == NULL && TEST_SLOWNESS == 1 ? 6 : 1;
    for (int round = 0; round < rounds; round++) {
        const int64_t count = property_between(&random, 2, 100),
                      k = property_between(&random, 1, count);
        const bool down = round % 2 == 0;
        sy_tensor *x = drawn(w, &random, count, round < 3 ? 3 : 127), *values, *places;
        sy_tensor *y = OP(w, "to", TENSOR(x), sy_value_dtype(dtypes[round / 2 % 2]));
        (void)OP(w, "sort", TENSOR(x), INT(0), sy_value_bool(down));
        values = w->results[0];
        places = w->results[1];
        (void)OP(w, "sort", TENSOR(sharing_share(s, y)), INT(0), sy_value_bool(down));
        sy_tensor *const sorted[] = {w->results[0], w->results[1]};
        sharing_assert_same(sharing_value(s, sorted[0]), values, "sort", __FILE__, __LINE__);
        sharing_assert_same(sharing_value(s, sorted[1]), places, "sort", __FILE__, __LINE__);
        SAME(s, 1, "topk", TENSOR(x), INT(k), INT(0), sy_value_bool(down));
    }
}

static void protocols(const sharing *s)
{
    static const char *const names[] = {"bits", "carry", "fss", "snn"};
    workers *w = s->w;
    for (size_t k = 0; k < (s->count > 2 ? 2 : 4); k++) {
        sharing of = *s;
        of.options.protocol = names[k];
        SAME(&of, 1, "sort", TENSOR(LONGS(w, 3, -1, 2, 3, 0)), INT(0), sy_value_bool(true));
        of.options.dtype = SY_PRECISION_INT;
        SAME(&of, 1, "sort", TENSOR(LONGS(w, 3, -1, (1 << 26) - 1, 3, 1 - (1 << 26))));
    }
    sharing of = *s;
    of.options.dtype = SY_PRECISION_CUSTOM;
    of.options.field = UINT64_C(1) << 40;
    SAME(&of, 1, "sort", TENSOR(LONGS(w, 3, -1, 2, 3, 0)));
    of.options.field = 1000003;
    sy_tensor *odd = SHARED(&of, 3, 1, 2);
    assert_fails(w, CALL(w, "sort", TENSOR(odd)), SY_ENOTSUP, "power of two");
}

/* ceil(log2 m) = s: s (s + 1) / 2 comparisons one after the other, and one with a division in the end. */
static void rounds(const sharing *s)
{
    workers *w = s->w;
    static const struct {
        int64_t count;
        uint64_t layers;
    } known[] = {{2, 1}, {3, 3}, {4, 3}, {8, 6}, {9, 10}};
    sharing of = *s;
    of.options.protocol = "bits";
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        sy_sharing_cost before, after;
        const int64_t data[9] = {4, 3, 2, 1, 0, -1, -2, -3, -4};
        sy_tensor *x = sharing_longs(&of, known[k].count, data);
        assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 0, &before, &w->err),
                  &w->err);
        (void)OP(w, "sort", TENSOR(x));
        assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 0, &after, &w->err),
                  &w->err);
        /* of places below 2^4 the rest is so small that it takes 2 rounds */
        assert_int_equal(after.rounds - before.rounds, 4 * known[k].layers + 1 + 2);
    }
}

static void fixed(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED_FIXED(s, 3, 1.5F, -2.25F, 1.5F, 0.125F);
    (void)OP(w, "sort", TENSOR(x), INT(0), sy_value_bool(true));
    sy_tensor *values = w->results[0], *places = w->results[1];
    assert_shared(s, values, 1.5, 1.5, 0.125, -2.25);
    assert_shared(s, places, 0, 2, 3, 1);
    (void)OP(w, "topk", TENSOR(x), INT(2), INT(0), sy_value_bool(false));
    values = w->results[0];
    places = w->results[1];
    assert_shared(s, values, -2.25, 0.125);
    assert_shared(s, places, 1, 3);
    assert_shared(s, OP(w, "argsort", TENSOR(x)), 1, 3, 0, 2);
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(sorts)
EACH(many)
EACH(protocols)
EACH(rounds)
EACH(fixed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_sorts),     LIBRARY_WORKER_KINDS(test_many),
        LIBRARY_WORKER_KINDS(test_protocols), LIBRARY_WORKER_KINDS(test_rounds),
        LIBRARY_WORKER_KINDS(test_fixed),
    };
    return workers_run(tests);
}
