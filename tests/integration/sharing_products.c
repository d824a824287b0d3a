/*
 * sharing_products.c - products, powers and quotients of shared values, each against the same on native int64 tensors: for
 * 2, 3 and (virtual) 5 holders, by the client and by another worker as provider, over every kind of worker.
 */
#include <inttypes.h>
#include <string.h>

#include "support/shared_values.h"

static sy_tensor *tensor_of(const sharing *s, int ndim, const int64_t *shape, int64_t from)
{
    workers *w = s->w;
    int64_t data[256], count = 1;
    sy_tensor *tensor = NULL;
    for (int d = 0; d < ndim; d++) {
        count *= shape[d];
    }
    for (int64_t k = 0; k < count; k++) {
        data[k] = (from + 7 * k) % 11 - 5; /* with zeros */
    }
    assert_ok(sy_tensor_new(w->hook, &tensor, SY_DTYPE_I64, ndim, shape, data, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}
#define OF(from, ...)                                                      \
    tensor_of(s, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
              (const int64_t[]){__VA_ARGS__}, (from))

/* Elementwise: both factors shared, either of them public, numbers. */
static void elementwise(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONGS(w, 1, 2, -3, 0, INT64_MAX, INT64_MIN);
    sy_tensor *y = LONGS(w, 10, -20, 30, 7, 2, 3);
    for (unsigned mask = 1; mask < 4; mask++) {
        SAME(s, mask, "mul", TENSOR(x), TENSOR(y));
        SAME(s, mask, "torch.mul", TENSOR(y), TENSOR(x));
        SAME(s, mask, "mul", TENSOR(OF(1, 2, 3)), TENSOR(OF(2, 3)));
    }
    SAME(s, 1, "mul", TENSOR(x), INT(3));
    SAME(s, 1, "mul", TENSOR(x), INT(-1));
    SAME(s, 1, "mul", TENSOR(x), INT(0));
    SAME(s, 1, "__rmul__", TENSOR(x), INT(5));
    SAME(s, 1, "mul", TENSOR(x), sy_value_bool(true));
    SAME(s, 1, "square", TENSOR(x));
    SAME(s, 3, "__mul__", TENSOR(x), TENSOR(y));
    sy_tensor *shared = SHARED(s, 1, 2, 3, 4); /* spec */
    assert_shared(s, OP(w, "mul", TENSOR(shared), TENSOR(shared)), 1, 4, 9, 16);
}

static void matrices(const sharing *s)
{
    for (unsigned mask = 1; mask < 4; mask++) {
        SAME(s, mask, "matmul", TENSOR(OF(1, 2, 3)), TENSOR(OF(2, 3, 4)));
        SAME(s, mask, "__matmul__", TENSOR(OF(1, 2, 3)), TENSOR(OF(2, 3)));
        SAME(s, mask, "matmul", TENSOR(OF(1, 3)), TENSOR(OF(2, 3, 2)));
        SAME(s, mask, "matmul", TENSOR(OF(1, 2, 2, 3)), TENSOR(OF(2, 3, 2)));
        SAME(s, mask, "mm", TENSOR(OF(3, 3, 2)), TENSOR(OF(4, 2, 5)));
        SAME(s, mask, "bmm", TENSOR(OF(3, 2, 3, 2)), TENSOR(OF(4, 2, 2, 1)));
        SAME(s, mask, "mv", TENSOR(OF(3, 3, 2)), TENSOR(OF(4, 2)));
        SAME(s, mask, "dot", TENSOR(OF(5, 6)), TENSOR(OF(6, 6)));
        SAME(s, mask, "outer", TENSOR(OF(5, 2)), TENSOR(OF(6, 3)));
        SAME(s, mask, "tensordot", TENSOR(OF(1, 2, 3)), TENSOR(OF(2, 3, 4)), LIST(INT(1)),
             LIST(INT(0)));
    }
    for (unsigned mask = 1; mask < 8; mask++) {
        SAME(s, mask, "addmm", TENSOR(OF(0, 2, 4)), TENSOR(OF(1, 2, 3)), TENSOR(OF(2, 3, 4)),
             INT(2), INT(-3));
        SAME(s, mask, "baddbmm", TENSOR(OF(0, 2, 2, 1)), TENSOR(OF(3, 2, 2, 2)),
             TENSOR(OF(4, 2, 2, 1)));
        SAME(s, mask, "linear", TENSOR(OF(0, 2, 3)), TENSOR(OF(1, 4, 3)), TENSOR(OF(2, 4)));
    }
    SAME(s, 1, "linear", TENSOR(OF(0, 2, 3)), TENSOR(OF(1, 4, 3)));
}

static void einsums(const sharing *s)
{
    static const char *const equations[] = {"ij,jk->ik", "ij,ij->", "ij,kj->ikj", "ij,ij->j"};
    for (size_t k = 0; k < sizeof equations / sizeof equations[0]; k++) {
        sy_tensor *a = OF(1, 3, 3), *b = OF(2, 3, 3);
        SAME(s, 2, "einsum", sy_value_string(equations[k]), LIST(TENSOR(a), TENSOR(b)));
        SAME(s, 2 | 1u << 17, "einsum", sy_value_string(equations[k]), LIST(TENSOR(a), TENSOR(b)));
    }
    SAME(s, 2, "einsum", sy_value_string("ij->ji"), LIST(TENSOR(OF(1, 2, 3))));
}

static void convolutions(const sharing *s)
{
    for (unsigned mask = 1; mask < 8; mask++) {
        SAME(s, mask, "conv2d", TENSOR(OF(0, 1, 2, 4, 3)), TENSOR(OF(1, 3, 2, 2, 2)),
             TENSOR(OF(2, 3)));
    }
    for (unsigned mask = 1; mask < 4; mask++) {
        const sy_value none = sy_value_none();
        SAME(s, mask, "conv2d", TENSOR(OF(0, 2, 2, 5, 4)), TENSOR(OF(1, 2, 1, 3, 2)), none,
             LIST(INT(2), INT(1)), LIST(INT(1), INT(0)), LIST(INT(1), INT(2)), INT(2));
        SAME(s, mask, "conv1d", TENSOR(OF(0, 1, 2, 6)), TENSOR(OF(1, 3, 2, 3)), TENSOR(OF(5, 3)),
             LIST(INT(2)), LIST(INT(1)));
    }
}

/* Non-contiguous factors, factors that are one tensor, a factor used again. */
static void views(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = OF(3, 3, 3), *x = sharing_share(s, m);
    sy_tensor *t = OP(w, "t", TENSOR(m)), *xt = OP(w, "t", TENSOR(x));
    for (int round = 0; round < 3; round++) {
        sharing_assert_same(sharing_value(s, OP(w, "matmul", TENSOR(x), TENSOR(xt))),
                            OP(w, "matmul", TENSOR(m), TENSOR(t)), "x x.t", __FILE__, __LINE__);
        sharing_assert_same(sharing_value(s, OP(w, "mul", TENSOR(x), TENSOR(xt))),
                            OP(w, "mul", TENSOR(m), TENSOR(t)), "x * x.t", __FILE__, __LINE__);
        sharing_assert_same(sharing_value(s, OP(w, "square", TENSOR(xt))),
                            OP(w, "square", TENSOR(t)), "square", __FILE__, __LINE__);
        (void)OP(w, "add_", TENSOR(x), INT(1)); /* a new version: new masks */
        (void)OP(w, "add_", TENSOR(m), INT(1));
    }
    sy_tensor *row = OP(w, "select", TENSOR(x), INT(0), INT(1));
    sharing_assert_same(
        sharing_value(s, OP(w, "matmul", TENSOR(x), TENSOR(row))),
        OP(w, "matmul", TENSOR(m), TENSOR(OP(w, "select", TENSOR(m), INT(0), INT(1)))), "x row",
        __FILE__, __LINE__);
}

/* Public zeros leave no zeros in the shares (gotcha 8). */
static void zeros_are_refreshed(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED(s, 5, 6, 7);
    sy_tensor *products[] = {OP(w, "mul", TENSOR(x), INT(0)),
                             OP(w, "mul", TENSOR(x), TENSOR(LONGS(w, 0, 0, 1))),
                             OP(w, "mul", TENSOR(LONGS(w, 0, 1, 0)), TENSOR(x))};
    for (size_t p = 0; p < 3 && w->kind->url == NULL; p++) {
        for (size_t k = 0; k < s->count; k++) {
            sy_tensor *child = NULL;
            assert_ok(sy_shared_get_child(products[p], &child, k, &w->err), &w->err);
            const sy_id id = sy_tensor_get_id_at_location(child);
            sy_tensor_unref(child);
            sy_tensor *object = workers_object(w, s->serving[k], &id);
            assert_int_not_equal(syi_array_get_int(syi_node_array(object->node->child), 0), 0);
        }
    }
    assert_shared(s, products[0], 0, 0, 0);
    assert_shared(s, products[1], 0, 0, 7);
    assert_shared(s, products[2], 0, 6, 0);
}

static void powers(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = LONGS(w, 1, 2, -3, 0, 10);
    for (int64_t n = 0; n < 9; n++) {
        SAME(s, 1, "pow", TENSOR(x), INT(n));
    }
    SAME(s, 1, "__pow__", TENSOR(x), INT(62)); /* modulo 2^64 */
    assert_shared(s, OP(w, "pow", TENSOR(SHARED(s, 3)), FLOAT(2)), 9);
    sy_tensor *shared = SHARED(s, 2, 3);
    assert_fails(w, CALL(w, "pow", TENSOR(shared), INT(-1)), SY_ENOTSUP, "pow", "-1");
    assert_fails(w, CALL(w, "pow", TENSOR(shared), FLOAT(0.5)), SY_EDTYPE, "pow", "0.5");
    assert_fails(w, CALL(w, "pow", TENSOR(shared), TENSOR(shared)), SY_ENOTSUP, "pow", "public");
    assert_fails(w, CALL(w, "pow", TENSOR(LONGS(w, 2)), TENSOR(shared)), SY_ENOTSUP, "pow");
}

/* The quotient is off by less than 1, and exact where there is no rest. */
static void check_quotient(const sharing *s, const char *name, sy_tensor *x, int64_t divisor)
{
    workers *w = s->w;
    sy_tensor *q = sharing_value(s, OP(w, name, TENSOR(sharing_share(s, x)), INT(divisor)));
    const syi_array *from = syi_node_array(x->node), *to = syi_node_array(q->node);
    for (int64_t k = 0; k < syi_array_numel(from); k++) {
        const int64_t value = syi_array_get_int(from, k), quotient = syi_array_get_int(to, k);
        const int64_t whole = value / divisor, rest = value % divisor;
        const int64_t step = (rest < 0) == (divisor < 0) ? 1 : -1;
        if (quotient != whole && (rest == 0 || quotient != whole + step)) {
            print_error("%s: %" PRId64 " / %" PRId64 " gave %" PRId64 "\n", name, value, divisor,
                        quotient);
            fail();
        }
    }
}

static void quotients(const sharing *s)
{
    static const char *const names[] = {"div", "floor_divide", "div_trunc", "__truediv__"};
    static const int64_t divisors[] = {1, 2, 3, 7, 8, 10, 1000, 65536, 1000000, -1, -4, -5};
    const int64_t quarter = INT64_C(1) << 61; /* within the stated range for any divisor */
    workers *w = s->w;
    sy_tensor *x = LONGS(w, 0, 1, -1, 6, -6, 7, -7, 999, -1000, 123456789, -987654321,
                         INT64_C(1) << 40, quarter, -quarter, quarter - 1, 1 - quarter);
    for (size_t d = 0; d < sizeof divisors / sizeof divisors[0]; d++) {
        check_quotient(s, names[d % 4], x, divisors[d]);
    }
    assert_shared(s, OP(w, "div", TENSOR(SHARED(s, 6, -9)), TENSOR(LONGS(w, 3))), 2, -3);
    assert_shared(s, OP(w, "div", TENSOR(SHARED(s, 6, -9)), FLOAT(3)), 2, -3);
    sy_tensor *y = SHARED(s, 2, 4);
    (void)OP(w, "__itruediv__", TENSOR(y), INT(2)); /* the same value, in place (gotcha 27) */
    assert_fails(w, CALL(w, "div", TENSOR(y), INT(0)), SY_ERANGE, "div", "by 0");
    assert_fails(w, CALL(w, "div", TENSOR(y), FLOAT(0.5)), SY_EDTYPE, "div", "0.5");
    if (s->count == 2) { /* by a shared value; sharing_comparisons.c has more */
        assert_shared(s, OP(w, "div", TENSOR(LONGS(w, -7, 9)), TENSOR(y)), -7, 4);
    }
    assert_fails(w, CALL(w, "div", TENSOR(y), INT(INT64_MAX)), SY_ERANGE, "div", "quarter");
    assert_shared(s, y, 1, 2);
}

/* mean: exact where the sum is a multiple of the count (gotcha 34) */
static void means(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = sharing_share(s, LONG_MATRIX(w, 2, 3, 1, 2, 3, 4, -11, 13));
    assert_shared(s, OP(w, "mean", TENSOR(x)), 2);
    assert_shared(s, OP(w, "mean", TENSOR(x), LIST(INT(1))), 2, 2);
    sy_tensor *kept = OP(w, "torch.mean", TENSOR(x), LIST(INT(1)), sy_value_bool(true));
    assert_shared(s, kept, 2, 2);
    assert_near(s, OP(w, "mean", TENSOR(x), LIST(INT(0))), 0.99, 2.5, -4.5, 8);
    sy_tensor *none = OP(w, "narrow", TENSOR(x), INT(1), INT(0), INT(0));
    assert_fails(w, CALL(w, "mean", TENSOR(none)), SY_ERANGE, "mean", "no elements");
}

/* spdz_mul(cmd, x, y) by triples */
static void spdz_mul(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *a = OF(1, 2, 2), *b = OF(4, 2, 2), *product = NULL;
    sy_tensor *x = sharing_share(s, a), *y = sharing_share(s, b);
    assert_ok(sy_spdz_mul("mul", x, y, &product, &w->err), &w->err);
    sharing_assert_same(sharing_value(s, sy_scope_adopt(w->s, product)),
                        OP(w, "mul", TENSOR(a), TENSOR(b)), "mul", __FILE__, __LINE__);
    assert_ok(sy_spdz_mul("matmul", x, y, &product, &w->err), &w->err);
    sharing_assert_same(sharing_value(s, sy_scope_adopt(w->s, product)),
                        OP(w, "matmul", TENSOR(a), TENSOR(b)), "matmul", __FILE__, __LINE__);
    assert_ok(sy_spdz_mul("ij,kj->ik", x, y, &product, &w->err), &w->err);
    sharing_assert_same(sharing_value(s, sy_scope_adopt(w->s, product)),
                        OP(w, "matmul", TENSOR(a), TENSOR(OP(w, "t", TENSOR(b)))), "einsum",
                        __FILE__, __LINE__);
    product = a;
    assert_fails(w, sy_spdz_mul("mul", x, b, &product, &w->err), SY_EINVAL, "spdz_mul", "shared");
    assert_null(product);
    assert_fails(w, sy_spdz_mul("mul", NULL, y, &product, &w->err), SY_EINVAL, "spdz_mul");
    assert_fails(w, sy_spdz_mul("no such!", x, y, &product, &w->err), SY_EINVAL, "einsum");
    assert_null(product);
}

static void wrong_shapes(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = sharing_share(s, OF(1, 2, 3)), *y = sharing_share(s, OF(1, 2, 3));
    assert_fails(w, CALL(w, "matmul", TENSOR(x), TENSOR(y)), SY_ESHAPE, "matmul");
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(SHARED(s, 1, 2))), SY_ESHAPE, "mul");
    assert_fails(w, CALL(w, "outer", TENSOR(x), TENSOR(y)), SY_ESHAPE, "outer");
    sharing_assert_same(sharing_value(s, OP(w, "mul", TENSOR(x), TENSOR(y))),
                        OP(w, "square", TENSOR(OF(1, 2, 3))), "mul", __FILE__, __LINE__);
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(elementwise)
EACH(matrices)
EACH(einsums)
EACH(convolutions)
EACH(views)
EACH(zeros_are_refreshed)
EACH(powers)
EACH(quotients)
EACH(means)
EACH(spdz_mul)
EACH(wrong_shapes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_elementwise),  LIBRARY_WORKER_KINDS(test_matrices),
        LIBRARY_WORKER_KINDS(test_einsums),      LIBRARY_WORKER_KINDS(test_convolutions),
        LIBRARY_WORKER_KINDS(test_views),        LIBRARY_WORKER_KINDS(test_zeros_are_refreshed),
        LIBRARY_WORKER_KINDS(test_powers),       LIBRARY_WORKER_KINDS(test_quotients),
        LIBRARY_WORKER_KINDS(test_means),        LIBRARY_WORKER_KINDS(test_spdz_mul),
        LIBRARY_WORKER_KINDS(test_wrong_shapes),
    };
    return workers_run(tests);
}
