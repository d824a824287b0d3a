/*
 * sharing_primitives.c - triples and the crypto store: generate_triple, provide_primitives, force_preprocessing, what is used
 * once, and what the operations of a group cost, over every kind of worker.
 */
#include <inttypes.h>
#include <string.h>

#include "support/shared_values.h"

/* Triples */

static sy_tensor *apply(const sharing *s, const char *cmd, sy_tensor *a, sy_tensor *b)
{
    const sy_value pair[] = {TENSOR(a), TENSOR(b)};
    return strchr(cmd, '>') != NULL
               ? OP(s->w, "einsum", sy_value_string(cmd), sy_value_list(pair, 2))
               : OP(s->w, cmd, pair[0], pair[1]);
}

static void check_triple(const sharing *s, const char *cmd, int a_ndim, const int64_t *a_size,
                         int b_ndim, const int64_t *b_size)
{
    workers *w = s->w;
    sy_tensor *triple[3], *values[3];
    assert_ok(sy_worker_generate_triple(s->provider != NULL ? s->provider : w->me, triple, cmd,
                                        a_ndim, a_size, b_ndim, b_size, s->holders, s->count,
                                        &s->options, &w->err),
              &w->err);
    for (int k = 0; k < 3; k++) {
        triple[k] = sy_scope_adopt(w->s, triple[k]);
        assert_int_equal(sy_shared_get_holder_count(triple[k]), s->count);
        assert_ptr_equal(sy_shared_get_provider(triple[k]),
                         s->provider != NULL ? s->provider : w->me);
        values[k] = workers_get(w, triple[k]);
    }
    const uint64_t field = s->options.field;
    sy_tensor *product = apply(s, cmd, values[0], values[1]);
    const syi_array *c = syi_node_array(values[2]->node), *d = syi_node_array(product->node);
    assert_true(syi_array_same_shape(c, d));
    for (int64_t k = 0; k < syi_array_numel(c); k++) {
        int64_t difference = syi_array_get_int(c, k) - syi_array_get_int(d, k);
        difference = field != 0 ? difference % (int64_t)field : difference;
        assert_int_equal(s->options.dtype == SY_PRECISION_INT ? (int32_t)difference : difference,
                         0);
    }
}

static void triples(const sharing *s)
{
    static const int64_t row[] = {5}, a[] = {2, 3}, b[] = {3, 4}, image[] = {1, 2, 4, 4},
                         kernel[] = {3, 2, 2, 2};
    static const struct {
        sy_precision_dtype dtype;
        uint64_t field;
    } fields[] = {{SY_PRECISION_LONG, 0}, {SY_PRECISION_INT, 0}, {SY_PRECISION_CUSTOM, 1000003}};
    for (size_t k = 0; k < 3; k++) {
        sharing other = *s;
        other.options.dtype = fields[k].dtype;
        other.options.field = fields[k].field;
        check_triple(&other, "mul", 1, row, 1, row);
        check_triple(&other, "mul", 2, a, 1, a + 1); /* broadcast */
        check_triple(&other, "matmul", 2, a, 2, b);
        check_triple(&other, "conv2d", 4, image, 4, kernel);
        check_triple(&other, "ij,jk->ki", 2, a, 2, b);
    }
}

static void bad_triples(const sharing *s)
{
    workers *w = s->w;
    static const int64_t a[] = {2, 3}, b[] = {4, 5};
    sy_worker *provider = s->provider != NULL ? s->provider : w->me;
    sy_tensor *triple[3];
#define TRY_TRIPLE(worker, cmd, count)                                                        \
    sy_worker_generate_triple((worker), triple, (cmd), 2, a, 2, b, s->holders, (count), NULL, \
                              &w->err)
    assert_fails(w, TRY_TRIPLE(provider, "matmul", s->count), SY_ESHAPE, "matmul");
    assert_fails(w, TRY_TRIPLE(provider, "mul", s->count), SY_ESHAPE, "mul");
    assert_fails(w, TRY_TRIPLE(provider, "no such!", s->count), SY_EINVAL, "no such!");
    assert_fails(w, TRY_TRIPLE(provider, NULL, s->count), SY_EINVAL, "generate_triple");
    assert_fails(w, TRY_TRIPLE(s->holders[0], "ij,kl->ijkl", s->count), SY_EINVAL, "bob");
    assert_fails(w, TRY_TRIPLE(provider, "ij,kl->ijkl", 1), SY_EINVAL, "1");
    assert_null(triple[0]);
}

/* The store */

static sy_sharing_cost cost_of(const sharing *s, size_t holder)
{
    sy_sharing_cost cost;
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, holder, &cost, &s->w->err),
              &s->w->err);
    return cost;
}

static void provide(const sharing *s, const char *op, size_t count, int ndim, const int64_t *shape,
                    int64_t divisor)
{
    sy_primitive primitive = SY_PRIMITIVE_INIT;
    primitive.op = op;
    primitive.a_ndim = primitive.b_ndim = ndim;
    primitive.a_shape = primitive.b_shape = shape;
    primitive.divisor = divisor;
    assert_ok(
        sy_provide_primitives(&primitive, count, s->holders, s->count, s->provider, &s->w->err),
        &s->w->err);
}

static void force(const sharing *s, bool on)
{
    assert_ok(sy_force_preprocessing(on, s->holders, s->count, s->provider, &s->w->err),
              &s->w->err);
}

/* Everything made ahead is used, once, and gives the right results. */
static void made_ahead(const sharing *s)
{
    workers *w = s->w;
    static const int64_t square[] = {2, 2}, image[] = {1, 1, 3, 3};
    const sy_sharing_cost before = cost_of(s, 0);
    provide(s, "mul", 2, 2, square, 0);
    provide(s, "matmul", 1, 2, square, 0);
    provide(s, "ij,kj->ik", 1, 2, square, 0);
    provide(s, "conv2d", 1, 4, image, 0);
    provide(s, "square", 1, 2, square, 0);
    provide(s, "division", 2, 2, square, 1000);
    provide(s, "division", 1, 2, square, 8);
    provide(s, "zero", 1, 2, square, 0);
    provide(s, "relu", 1, 2, square, 0);
    provide(s, "comparison", 2, 2, square, 0);
    provide(s, "equality", 1, 2, square, 0);
    const sy_sharing_cost made = cost_of(s, 0);
    assert_int_equal(made.primitives_made - before.primitives_made, 14);
    assert_int_equal(made.primitives_taken, before.primitives_taken);
    force(s, true);
    sy_tensor *m = LONG_MATRIX(w, 2, 2, 1, -2, 3, 4),
              *big = LONG_MATRIX(w, 2, 2, 8000, -16000, 0, 24000);
    SAME(s, 3, "mul", TENSOR(m), TENSOR(m));
    SAME(s, 3, "matmul", TENSOR(m), TENSOR(m));
    SAME(s, 1, "square", TENSOR(m));
    sy_tensor *im = OP(w, "view", TENSOR(LONGS(w, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
                       LIST(INT(1), INT(1), INT(3), INT(3)));
    SAME(s, 3, "conv2d", TENSOR(im), TENSOR(im));
    sy_tensor *x = sharing_share(s, big);
    assert_shared(s, OP(w, "div", TENSOR(x), INT(1000)), 8, -16, 0, 24);
    assert_shared(s, OP(w, "div", TENSOR(x), INT(8)), 1000, -2000, 0, 3000);
    SAME(s, 1, "mul", TENSOR(m), INT(0));
    SAME(s, 1, "relu", TENSOR(m));
    SAME(s, 3, "ge", TENSOR(m), TENSOR(big));
    SAME(s, 3, "lt", TENSOR(m), TENSOR(big));
    SAME(s, 3, "eq", TENSOR(m), TENSOR(m));
    const sy_sharing_cost used = cost_of(s, 0);
    assert_int_equal(used.primitives_taken - made.primitives_taken, 11);
    SAME(s, 3, "mul", TENSOR(m), TENSOR(m));
    /* Each is used once: a third product finds none. */
    sy_tensor *y = sharing_share(s, m);
    assert_fails(w, CALL(w, "mul", TENSOR(y), TENSOR(y)), SY_EEMPTY, "0", "1", "mul");
    force(s, false);
    assert_shared(s, OP(w, "mul", TENSOR(y), TENSOR(y)), 1, 4, 9, 16);
}

/* Of every protocol that can: for values of this one alone. */
static void made_ahead_by_protocol(const sharing *s)
{
    static const char *const names[] = {"bits", "carry", "fss"};
    static const char *const ops[] = {"relu", "comparison", "equality"};
    static const int64_t shape[] = {3};
    workers *w = s->w;
    for (size_t k = 0; k < (s->count > 2 ? 2 : 3); k++) {
        sharing of = *s;
        of.options.protocol = names[k];
        sy_tensor *x = SHARED(&of, 5, -6, 0);
        const sy_sharing_cost before = cost_of(s, 0);
        for (size_t op = 0; op < 3; op++) {
            sy_primitive p = SY_PRIMITIVE_INIT;
            p.op = ops[op];
            p.a_ndim = p.b_ndim = 1;
            p.a_shape = p.b_shape = shape;
            p.protocol = names[k];
            assert_ok(sy_provide_primitives(&p, 1, s->holders, s->count, s->provider, &s->w->err),
                      &s->w->err);
        }
        force(s, true);
        assert_shared(s, OP(w, "relu", TENSOR(x)), 5, 0, 0);
        assert_shared(s, OP(w, "gt", TENSOR(x), INT(-1)), 1, 0, 1);
        assert_shared(s, OP(w, "eq", TENSOR(x), INT(0)), 0, 0, 1);
        const sy_sharing_cost after = cost_of(s, 0);
        assert_int_equal(after.primitives_made - before.primitives_made, 3);
        assert_int_equal(after.primitives_taken - before.primitives_taken, 3);
        assert_fails(w, CALL(w, "relu", TENSOR(x)), SY_EEMPTY, "relu of 3");
        force(s, false);
    }
}

/* EmptyCryptoPrimitiveStoreError(available, needed, op): other shapes are other primitives. */
static void empty_store(const sharing *s)
{
    workers *w = s->w;
    static const int64_t three[] = {3};
    sy_tensor *x = SHARED(s, 1, 2), *y = SHARED(s, 1, 2, 3);
    provide(s, "mul", 1, 1, three, 0);
    force(s, true);
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(x)), SY_EEMPTY, "0 instances of",
                 "mul of 2 and 2", "1 is needed");
    assert_fails(w, CALL(w, "square", TENSOR(x)), SY_EEMPTY, "square of 2");
    assert_fails(w, CALL(w, "div", TENSOR(x), INT(10)), SY_EEMPTY, "division by 10 of 2");
    assert_fails(w, CALL(w, "div", TENSOR(x), INT(8)), SY_EEMPTY, "division by 2^3 of 2");
    assert_fails(w, CALL(w, "matmul", TENSOR(x), TENSOR(x)), SY_EEMPTY, "matmul of 2 and 2");
    assert_fails(w, CALL(w, "relu", TENSOR(x)), SY_EEMPTY, "relu of 2");
    assert_fails(w, CALL(w, "gt", TENSOR(x), INT(0)), SY_EEMPTY, "comparison of 2");
    assert_fails(w, CALL(w, "eq", TENSOR(x), INT(0)), SY_EEMPTY, "equality of 2");
    sy_tensor *m = sharing_share(s, LONG_MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6));
    assert_fails(w, CALL(w, "matmul", TENSOR(m), TENSOR(y)), SY_EEMPTY, "matmul of 2x3 and 3");
    /* Linear work and public factors need none. */
    assert_shared(s, OP(w, "add", TENSOR(x), TENSOR(OP(w, "mul", TENSOR(x), INT(3)))), 4, 8);
    assert_shared(s, OP(w, "mul", TENSOR(x), INT(0)), 0, 0);
    /* Provided, and tried again. */
    provide(s, "mul", 1, 1, three, 0);
    assert_shared(s, OP(w, "mul", TENSOR(y), TENSOR(y)), 1, 4, 9);
    force(s, false);
    assert_shared(s, y, 1, 2, 3);
}

/* What is in the store is used without being forced, too. */
static void store_comes_first(const sharing *s)
{
    static const int64_t square[] = {2, 2};
    workers *w = s->w;
    sy_tensor *m = LONG_MATRIX(w, 2, 2, 1, -2, 3, 4);
    SAME(s, 3, "mul", TENSOR(m), TENSOR(m));
    const sy_sharing_cost before = cost_of(s, 0);
    provide(s, "mul", 1, 2, square, 0);
    provide(s, "matmul", 1, 2, square, 0);
    SAME(s, 3, "mul", TENSOR(m), TENSOR(m));
    SAME(s, 3, "matmul", TENSOR(m), TENSOR(m));
    SAME(s, 3, "matmul", TENSOR(m), TENSOR(m));
    SAME(s, 3, "mul", TENSOR(m), TENSOR(m));
    const sy_sharing_cost after = cost_of(s, 0);
    assert_int_equal(after.primitives_made - before.primitives_made, 2);
    assert_int_equal(after.primitives_taken - before.primitives_taken, 2);
}

static void bad_primitives(const sharing *s)
{
    workers *w = s->w;
    static const int64_t a[] = {2, 3}, b[] = {2, 2}, negative[] = {-1, 2};
    sy_primitive p = SY_PRIMITIVE_INIT;
#define TRY_PROVIDE() sy_provide_primitives(&p, 1, s->holders, s->count, s->provider, &w->err)
    assert_fails(w, TRY_PROVIDE(), SY_EINVAL, "provide_primitives");
    p.op = "matmul";
    p.a_ndim = p.b_ndim = 2;
    p.a_shape = a;
    p.b_shape = b;
    assert_fails(w, TRY_PROVIDE(), SY_ESHAPE, "matmul");
    p.op = "fss!";
    assert_fails(w, TRY_PROVIDE(), SY_EINVAL, "fss!");
    p.op = "division";
    assert_fails(w, TRY_PROVIDE(), SY_ERANGE, "division");
    p.divisor = -4;
    assert_fails(w, TRY_PROVIDE(), SY_ERANGE, "division");
    p.op = "relu";
    p.protocol = "snn";
    assert_fails(w, TRY_PROVIDE(), SY_ENOTSUP, "snn");
    p.protocol = "yao";
    assert_fails(w, TRY_PROVIDE(), SY_EINVAL, "yao");
    p.protocol = NULL;
    p.op = "square";
    p.a_shape = negative;
    assert_int_not_equal(TRY_PROVIDE(), SY_OK);
}

/* Rounds and bytes, as the guide says. */
static void costs(const sharing *s)
{
    workers *w = s->w;
    enum { N = 100 };
    int64_t data[N] = {0};
    sy_tensor *x = sharing_longs(s, N, data), *y = sharing_longs(s, N, data);
    (void)OP(w, "mul", TENSOR(x), TENSOR(y)); /* the session is open */
    static const struct {
        const char *op;
        int64_t number; /* 0: with y */
        uint64_t rounds, words;
    } costs[] = {{"mul", 0, 1, 2 * N}, {"square", 1, 1, N}, {"div", 1000, 1, N},
                 {"div", 16, 1, N},    {"mul", 3, 0, 0},    {"add", 3, 0, 0},
                 {"pow", 4, 2, 2 * N}, {"mul", -1, 0, 0},   {"pow", 3, 2, 3 * N}};
    for (size_t k = 0; k < sizeof costs / sizeof costs[0]; k++) {
        const sy_sharing_cost before = cost_of(s, 0);
        const sy_value args[] = {TENSOR(x),
                                 costs[k].number == 0 ? TENSOR(y) : INT(costs[k].number)};
        const bool unary = strcmp(costs[k].op, "square") == 0;
        (void)workers_op(w, costs[k].op, args, unary ? 1 : 2, __FILE__, __LINE__);
        const sy_sharing_cost after = cost_of(s, 0);
        const uint64_t sent = (after.bytes_sent - before.bytes_sent);
        if (after.rounds - before.rounds != costs[k].rounds || sent < costs[k].words * 8 ||
            sent > costs[k].words * 8) {
            print_error("%s %" PRId64 ": %" PRIu64 " rounds, %" PRIu64 " bytes\n", costs[k].op,
                        costs[k].number, after.rounds - before.rounds, sent);
            fail();
        }
    }
    sy_sharing_cost cost;
    assert_fails(w,
                 sy_sharing_get_cost(s->holders, s->count, s->provider, s->count, &cost, &w->err),
                 SY_EINVAL, "holder");
}

/* A factor that is used again is not opened again; a changed one is. */
static void kept_masks(const sharing *s)
{
    workers *w = s->w;
    int64_t data[64];
    for (int k = 0; k < 64; k++) {
        data[k] = k - 30;
    }
    sy_tensor *weight = sharing_share(s, sharing_matrix(w, 8, 8, data));
    sy_tensor *x = sharing_share(s, sharing_matrix(w, 1, 8, data));
    (void)OP(w, "matmul", TENSOR(x), TENSOR(weight));
    uint64_t sent = cost_of(s, 0).bytes_sent;
    sy_tensor *y = sharing_share(s, sharing_matrix(w, 1, 8, data));
    (void)OP(w, "matmul", TENSOR(y), TENSOR(weight));
    assert_int_equal(cost_of(s, 0).bytes_sent - sent, 8 * 8); /* y only */
    sent = cost_of(s, 0).bytes_sent;
    (void)OP(w, "matmul", TENSOR(y), TENSOR(weight));
    assert_int_equal(cost_of(s, 0).bytes_sent - sent, 0); /* both are known */
    (void)OP(w, "add_", TENSOR(weight), INT(1));
    sent = cost_of(s, 0).bytes_sent;
    (void)OP(w, "matmul", TENSOR(y), TENSOR(weight));
    assert_int_equal(cost_of(s, 0).bytes_sent - sent, 64 * 8);
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(triples)
EACH(bad_triples)
EACH(made_ahead)
EACH(made_ahead_by_protocol)
EACH(empty_store)
EACH(store_comes_first)
EACH(bad_primitives)
EACH(costs)
EACH(kept_masks)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_triples),
        LIBRARY_WORKER_KINDS(test_bad_triples),
        LIBRARY_WORKER_KINDS(test_made_ahead),
        LIBRARY_WORKER_KINDS(test_made_ahead_by_protocol),
        LIBRARY_WORKER_KINDS(test_empty_store),
        LIBRARY_WORKER_KINDS(test_store_comes_first),
        LIBRARY_WORKER_KINDS(test_bad_primitives),
        LIBRARY_WORKER_KINDS(test_costs),
        LIBRARY_WORKER_KINDS(test_kept_masks),
    };
    return workers_run(tests);
}
