/*
 * sharing_fixed.c - fixed precision over shared values: the reference's vectors, every row that needs no comparison, and
 * operands of every kind beside shared ones; results within one unit of the last place per truncation. For 2, 3 and
 * (virtual) 5 holders, by the client and by another worker as provider, over every kind of worker.
 */
#include <string.h>

#include "support/shared_values.h"

#define UNIT 0.001

static sy_tensor *fixed_matrix(const sharing *s, int64_t rows, int64_t columns, const float *data,
                               bool shared)
{
    const int64_t shape[] = {rows, columns};
    sy_tensor *floats = workers_tensor(s->w, 2, shape, data);
    return shared ? sharing_fixed(s, floats, 3) : sharing_fix(s->w, floats, 3);
}
#define FIXED_MATRIX(s, shared, rows, columns, ...) \
    fixed_matrix((s), (rows), (columns), (const float[]){__VA_ARGS__}, (shared))

static void vectors(const sharing *s)
{
    workers *w = s->w;
    for (int precision = 2; precision <= 3; precision++) {
        sy_tensor *x = SHARED_FIXED(s, precision, 1, 2, 3, 4);
        assert_shared(s, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9, 16);
        sy_tensor *m = OP(w, "view", TENSOR(x), LIST(INT(2), INT(2)));
        assert_shared(s, OP(w, "matmul", TENSOR(m), TENSOR(m)), 7, 10, 15, 22);
        assert_shared(s, OP(w, "__matmul__", TENSOR(m), TENSOR(m)), 7, 10, 15, 22);
    }
    sy_tensor *y = SHARED_FIXED(s, 3, 1.3f, 2);
    assert_near(s, OP(w, "torch.stack", LIST(TENSOR(y), TENSOR(y))), 0, 1.3, 2, 1.3, 2);
    /* Linear(W = [[-1, 2]], b = [[-1]]) on [[1, 2]] */
    sy_tensor *weight = FIXED_MATRIX(s, true, 1, 2, -1, 2);
    sy_tensor *bias = FIXED_MATRIX(s, true, 1, 1, -1), *in = FIXED_MATRIX(s, true, 1, 2, 1, 2);
    assert_shared(s, OP(w, "linear", TENSOR(in), TENSOR(weight), TENSOR(bias)), 2);
}

/* FixedPrecision > shared beside the same, beside FixedPrecision > native, beside numbers and plain tensors */
static void sums(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED_FIXED(s, 3, 1.5f, -2.25f), *y = SHARED_FIXED(s, 3, 0.125f, 4);
    sy_tensor *here = sharing_fix(w, FLOATS(w, 10, 20), 3), *plain = FLOATS(w, 0.5f, 0.25f);
    assert_near(s, OP(w, "add", TENSOR(x), TENSOR(y)), 0, 1.625, 1.75);
    assert_near(s, OP(w, "sub", TENSOR(x), TENSOR(y)), 0, 1.375, -6.25);
    assert_near(s, OP(w, "rsub", TENSOR(x), TENSOR(y)), 0, -1.375, 6.25);
    assert_near(s, OP(w, "add", TENSOR(x), TENSOR(here)), 0, 11.5, 17.75);
    assert_near(s, OP(w, "add", TENSOR(here), TENSOR(x)), 0, 11.5, 17.75);
    assert_near(s, OP(w, "sub", TENSOR(here), TENSOR(x)), 0, 8.5, 22.25);
    assert_near(s, OP(w, "sub", TENSOR(x), TENSOR(plain)), 0, 1, -2.5);
    assert_near(s, OP(w, "add", TENSOR(plain), TENSOR(x)), 0, 2, -2);
    assert_near(s, OP(w, "add", TENSOR(x), FLOAT(0.5)), 0, 2, -1.75);
    assert_near(s, OP(w, "sub", TENSOR(x), INT(1)), 0, 0.5, -3.25);
    assert_near(s, OP(w, "rsub", TENSOR(x), INT(1)), 0, -0.5, 3.25);
    assert_near(s, OP(w, "add", TENSOR(x), TENSOR(y), INT(2)), 0, 1.75, 5.75);
    assert_near(s, OP(w, "add", TENSOR(x), TENSOR(y), FLOAT(-0.5)), UNIT, 1.4375, -4.25);
    assert_near(s, OP(w, "neg", TENSOR(x)), 0, -1.5, 2.25);
    (void)OP(w, "add_", TENSOR(x), TENSOR(y));
    (void)OP(w, "sub_", TENSOR(x), TENSOR(here));
    assert_near(s, x, 0, -8.375, -18.25);
}

static void products(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED_FIXED(s, 3, 1.5f, -2.25f), *y = SHARED_FIXED(s, 3, 0.125f, 4);
    sy_tensor *here = sharing_fix(w, FLOATS(w, 10, -0.5f), 3), *plain = FLOATS(w, 0.5f, 0.25f);
    assert_near(s, OP(w, "mul", TENSOR(x), TENSOR(y)), UNIT, 0.1875, -9);
    assert_near(s, OP(w, "mul", TENSOR(x), TENSOR(here)), UNIT, 15, 1.125);
    assert_near(s, OP(w, "mul", TENSOR(here), TENSOR(x)), UNIT, 15, 1.125);
    assert_near(s, OP(w, "mul", TENSOR(x), TENSOR(plain)), UNIT, 0.75, -0.5625);
    assert_near(s, OP(w, "mul", TENSOR(plain), TENSOR(x)), UNIT, 0.75, -0.5625);
    assert_near(s, OP(w, "mul", TENSOR(x), INT(-3)), 0, -4.5, 6.75);
    assert_near(s, OP(w, "mul", TENSOR(x), FLOAT(0.1)), UNIT, 0.15, -0.225);
    assert_near(s, OP(w, "mul", TENSOR(x), INT(0)), 0, 0, 0);
    assert_near(s, OP(w, "mul", TENSOR(x), TENSOR(LONGS(w, 2, 3))), 0, 3, -6.75);
    assert_near(s, OP(w, "square", TENSOR(x)), UNIT, 2.25, 5.0625);
    assert_near(s, OP(w, "dot", TENSOR(x), TENSOR(y)), UNIT, -8.8125);
    assert_near(s, OP(w, "pow", TENSOR(x), INT(0)), 0, 1, 1);
    assert_near(s, OP(w, "pow", TENSOR(x), INT(1)), 0, 1.5, -2.25);
    assert_near(s, OP(w, "pow", TENSOR(x), INT(3)), 5 * UNIT, 3.375, -11.390625);
    (void)OP(w, "mul_", TENSOR(x), TENSOR(y));
    assert_near(s, x, UNIT, 0.1875, -9);
}

static void quotients(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED_FIXED(s, 3, 1.5f, -2.25f);
    assert_near(s, OP(w, "div", TENSOR(x), INT(3)), UNIT, 0.5, -0.75);
    assert_near(s, OP(w, "div", TENSOR(x), FLOAT(0.5)), UNIT, 3, -4.5);
    assert_near(s, OP(w, "div", TENSOR(x), FLOAT(-0.125)), UNIT, -12, 18);
    assert_near(s, OP(w, "truncate", TENSOR(x), INT(1)), UNIT, 0.15, -0.225);
    if (s->count == 2) {
        sy_tensor *y = SHARED_FIXED(s, 3, 0.5f, -0.03f);
        assert_near(s, OP(w, "div", TENSOR(x), TENSOR(y)), UNIT, 3, 75);
    }
    assert_fails(w, CALL(w, "div", TENSOR(x), INT(0)), SY_ERANGE, "div");
}

static void matrices(const sharing *s)
{
    workers *w = s->w;
    for (int left = 0; left < 2; left++) {
        for (int right = !left; right < 2; right++) { /* public on either side: gotcha 39 */
            sy_tensor *a = FIXED_MATRIX(s, left, 2, 3, 1, -2.5f, 0.5f, 4, 5, 6);
            sy_tensor *b = FIXED_MATRIX(s, right, 3, 2, 0.5f, 1, -1, 2, 3, 0.25f);
            sy_tensor *v = sharing_fix(w, FLOATS(w, 1, 2), 3);
            assert_near(s, OP(w, "matmul", TENSOR(a), TENSOR(b)), UNIT, 4.5, -3.875, 15, 15.5);
            assert_near(s, OP(w, "mm", TENSOR(a), TENSOR(b)), UNIT, 4.5, -3.875, 15, 15.5);
            assert_near(s, OP(w, "mv", TENSOR(b), TENSOR(sharing_share(s, v))), UNIT, 2.5, 3, 3.5);
            assert_near(s, OP(w, "addmm", TENSOR(v), TENSOR(a), TENSOR(b)), UNIT, 5.5, -1.875, 16,
                        17.5);
            sy_tensor *t = OP(w, "t", TENSOR(b));
            assert_near(s, OP(w, "linear", TENSOR(a), TENSOR(t), TENSOR(v)), UNIT, 5.5, -1.875, 16,
                        17.5);
            sy_tensor *batch = OP(w, "unsqueeze", TENSOR(a), INT(0));
            sy_tensor *other = OP(w, "unsqueeze", TENSOR(b), INT(0));
            assert_near(s, OP(w, "bmm", TENSOR(batch), TENSOR(other)), UNIT, 4.5, -3.875, 15, 15.5);
        }
    }
}

static void convolutions(const sharing *s)
{
    workers *w = s->w;
    static const int64_t image[] = {1, 1, 3, 3}, kernel[] = {1, 1, 2, 2};
    static const float pixels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9.5f}, taps[] = {0.5f, -1, 0.25f, 2};
    for (int left = 0; left < 2; left++) {
        for (int right = !left; right < 2; right++) {
            sy_tensor *in = sharing_fix(w, workers_tensor(w, 4, image, pixels), 3);
            sy_tensor *taken = sharing_fix(w, workers_tensor(w, 4, kernel, taps), 3);
            sy_tensor *bias = sharing_fix(w, FLOATS(w, 0.5f), 3);
            in = left ? sharing_share(s, in) : in;
            taken = right ? sharing_share(s, taken) : taken;
            for (int shared = 0; shared < 2; shared++) {
                sy_tensor *b = shared ? sharing_share(s, bias) : bias;
                assert_near(s, OP(w, "conv2d", TENSOR(in), TENSOR(taken), TENSOR(b)), UNIT, 10,
                            11.75, 15.25, 18);
            }
            assert_near(s,
                        OP(w, "conv2d", TENSOR(in), TENSOR(taken), sy_value_none(), LIST(INT(2)),
                           LIST(INT(1))),
                        UNIT, 2, 6.5, 10, 17.5);
        }
    }
}

static void reductions(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = FIXED_MATRIX(s, true, 2, 3, 1, -2.5f, 0.5f, 4, 5, 6);
    assert_near(s, OP(w, "sum", TENSOR(m)), 0, 14);
    assert_near(s, OP(w, "sum", TENSOR(m), LIST(INT(0))), 0, 5, 2.5, 6.5);
    assert_near(s, OP(w, "sum", TENSOR(m), LIST(INT(1)), sy_value_bool(true)), 0, -1, 15);
    assert_near(s, OP(w, "mean", TENSOR(m)), UNIT, 14.0 / 6);
    assert_near(s, OP(w, "mean", TENSOR(m), LIST(INT(1))), UNIT, -1.0 / 3, 5);
    assert_near(s, OP(w, "cumsum", TENSOR(m), INT(1)), 0, 1, -1.5, -1, 4, 9, 15);
    assert_near(s, OP(w, "sum_to_size", TENSOR(m), LIST(INT(1), INT(3))), 0, 5, 2.5, 6.5);
    sy_tensor *n = FIXED_MATRIX(s, true, 2, 3, 0, -2.5f, 0.5f, 3, 5, 6);
    assert_near(s, OP(w, "mse_loss", TENSOR(m), TENSOR(n)), 3 * UNIT, 2.0 / 6);
    assert_near(s, OP(w, "mse_loss", TENSOR(m), TENSOR(n), sy_value_string("sum")), 6 * UNIT, 2);
}

static void places(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *m = FIXED_MATRIX(s, true, 2, 2, 1.5f, -2.5f, 0.5f, 4);
    sy_tensor *here = FIXED_MATRIX(s, false, 2, 2, 9, 8, 7, 6);
    const sy_value all = sy_value_slice(SY_SLICE_OPEN, SY_SLICE_OPEN, 1);
    assert_near(s, OP(w, "t", TENSOR(m)), 0, 1.5, 0.5, -2.5, 4);
    assert_near(s, OP(w, "__getitem__", TENSOR(m), LIST(all, INT(1))), 0, -2.5, 4);
    assert_near(s, OP(w, "__getitem__", TENSOR(m), TENSOR(LONGS(w, 1, 1))), 0, 0.5, 4, 0.5, 4);
    assert_near(s, OP(w, "cat", LIST(TENSOR(m), TENSOR(here))), 0, 1.5, -2.5, 0.5, 4, 9, 8, 7, 6);
    assert_near(s, OP(w, "stack", LIST(TENSOR(here), TENSOR(m)), INT(1)), 0, 9, 8, 1.5, -2.5, 7, 6,
                0.5, 4);
    assert_near(s, OP(w, "roll", TENSOR(m), LIST(INT(1))), 0, 4, 1.5, -2.5, 0.5);
    assert_near(
        s, OP(w, "pad", TENSOR(m), LIST(INT(0), INT(1)), sy_value_string("constant"), FLOAT(0.5)),
        0, 1.5, -2.5, 0.5, 0.5, 4, 0.5);
    (void)OP(w, "unbind", TENSOR(m));
    assert_int_equal(w->result_count, 2);
    assert_near(s, w->results[1], 0, 0.5, 4);
    assert_near(s, OP(w, "zeros_like", TENSOR(m)), 0, 0, 0, 0, 0);
    assert_near(s, OP(w, "ones_like", TENSOR(m)), 0, 1, 1, 1, 1);
    sy_tensor *mask = OP(w, "gt", TENSOR(LONGS(w, 0, 5)), INT(1));
    assert_near(s, OP(w, "where", TENSOR(mask), TENSOR(m), TENSOR(here)), 0, 9, -2.5, 7, 4);
    assert_near(s, OP(w, "masked_fill", TENSOR(m), TENSOR(mask), FLOAT(0.25)), 0, 1.5, 0.25, 0.5,
                0.25);
    assert_near(s, OP(w, "to", TENSOR(m), sy_value_dtype(SY_DTYPE_F32)), 0, 1.5, -2.5, 0.5, 4);
    sy_tensor *copy = OP(w, "clone", TENSOR(m));
    (void)OP(w, "fill_", TENSOR(copy), FLOAT(0.5));
    (void)OP(w, "copy_", TENSOR(m), TENSOR(here));
    assert_near(s, copy, 0, 0.5, 0.5, 0.5, 0.5);
    assert_near(s, m, 0, 9, 8, 7, 6);
}

static void steps(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *weight = SHARED_FIXED(s, 3, 1.5f, -2), *grad = SHARED_FIXED(s, 3, 10, -4);
    (void)OP(w, "sgd_", TENSOR(weight), TENSOR(grad), FLOAT(0.1));
    assert_near(s, weight, UNIT, 0.5, -1.6);
}

/* Integers below fixed precision. */
static const syi_array *raw_of(sy_tensor *fixed)
{
    assert_true(sy_tensor_is_fixed_precision(fixed));
    return syi_node_array(fixed->node->child);
}

/* Random elements in every precision that fits: by at most 1 in the last place other than the product of what is here. */
static void errors_are_small(const sharing *s)
{
    workers *w = s->w;
    uint64_t seed = 99;
    for (int precision = 0; precision <= 6; precision++) {
        float a[64], b[64];
        for (int k = 0; k < 64; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            a[k] = (float)((double)(int32_t)(seed >> 32) * pow(2, -18 - (int)(seed >> 8 & 7)));
            b[k] = (float)((double)(int32_t)(seed >> 20) * 0x1p-27);
        }
        sy_tensor *x = sharing_fix(w, workers_tensor(w, 1, (const int64_t[]){64}, a), precision);
        sy_tensor *y = sharing_fix(w, workers_tensor(w, 1, (const int64_t[]){64}, b), precision);
        const syi_array *plain = raw_of(OP(w, "mul", TENSOR(x), TENSOR(y)));
        sy_tensor *product = OP(w, "mul", TENSOR(sharing_share(s, x)), TENSOR(sharing_share(s, y)));
        const syi_array *shared = raw_of(workers_get(w, product));
        for (int64_t k = 0; k < 64; k++) {
            const int64_t error = syi_array_get_int(shared, k) - syi_array_get_int(plain, k);
            assert_in_range(error + 1, 0, 2);
        }
    }
}

static void fields(const sharing *s)
{
    workers *w = s->w;
    static const struct {
        sy_precision_dtype dtype;
        uint64_t field;
    } kinds[] = {{SY_PRECISION_INT, 0},
                 {SY_PRECISION_CUSTOM, UINT64_C(1) << 62},
                 {SY_PRECISION_CUSTOM, (UINT64_C(1) << 61) - 1}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
        sy_tensor *fixed = NULL;
        options.dtype = kinds[k].dtype;
        options.field = kinds[k].field;
        options.precision_fractional = 2;
        assert_ok(sy_tensor_fix_precision(FLOATS(w, 1.5f, -2.25f), &fixed, &options, &w->err),
                  &w->err);
        fixed = sy_scope_adopt(w->s, fixed);
        sy_tensor *x = sharing_share(s, fixed), *shared = NULL;
        sy_share_options said = SY_SHARE_OPTIONS_INIT, other = s->options;
        assert_ok(sy_shared_get_attributes(x, &said, NULL, &w->err), &w->err);
        assert_int_equal(said.dtype, kinds[k].dtype); /* its own field counts */
        assert_int_equal(said.field, kinds[k].field);
        assert_near(s, OP(w, "mul", TENSOR(x), TENSOR(x)), 0.01, 2.25, 5.0625);
        assert_near(s, OP(w, "add", TENSOR(x), FLOAT(0.5)), 0, 2, -1.75);
        assert_near(s, OP(w, "sum", TENSOR(x)), 0, -0.75);
        assert_near(s, OP(w, "mean", TENSOR(x)), 0.01, -0.375);
        other.dtype = SY_PRECISION_CUSTOM;
        other.field = 1000003;
        assert_fails(w, sy_tensor_share_with(fixed, &shared, s->holders, s->count, &other, &w->err),
                     SY_EINVAL, "share", "field");
        assert_null(shared);
    }
}

static void refusals(const sharing *s)
{
    workers *w = s->w;
    sy_tensor *x = SHARED_FIXED(s, 3, 1, 2), *y = SHARED_FIXED(s, 2, 1, 2);
    sy_tensor *shared = SHARED(s, 1, 2), *multi = NULL;
    assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(y)), SY_EINVAL, "add", "do not mix");
    assert_fails(w, CALL(w, "add", TENSOR(x), TENSOR(shared)), SY_ECOLLOCATION, "add");
    assert_fails(w, CALL(w, "mul", TENSOR(shared), TENSOR(x)), SY_ECOLLOCATION, "mul");
    assert_fails(w, CALL(w, "float_precision", TENSOR(x)), SY_EDTYPE, "get the value first");
    assert_fails(w, CALL(w, "to", TENSOR(x), sy_value_dtype(SY_DTYPE_F64)), SY_EDTYPE, "to");
    assert_fails(w, CALL(w, "item", TENSOR(x)), SY_EPERM, "item", "get it first");
    assert_fails(w, CALL(w, "equal", TENSOR(x), TENSOR(x)), SY_ENOTSUP, "equal");
    assert_fails(w, CALL(w, "sin", TENSOR(x)), SY_ENOTSUP, "sin");
    assert_fails(w, CALL(w, "median", TENSOR(x)), SY_ENOTSUP, "median");
    assert_fails(w, CALL(w, "pow", TENSOR(x), FLOAT(0.5)), SY_ENOTSUP, "pow");
    assert_ok(sy_tensor_send_to_many(LONGS(w, 1, 2), &multi, s->holders, s->count, &w->err),
              &w->err);
    multi = sy_scope_adopt(w->s, multi);
    (void)multi;
    assert_fails(w, CALL(w, "add", TENSOR(x), FLOAT(1e18)), SY_ERANGE, "add", "field");
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(vectors)
EACH(sums)
EACH(products)
EACH(quotients)
EACH(matrices)
EACH(convolutions)
EACH(reductions)
EACH(places)
EACH(steps)
EACH(errors_are_small)
EACH(fields)
EACH(refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_vectors),    LIBRARY_WORKER_KINDS(test_sums),
        LIBRARY_WORKER_KINDS(test_products),   LIBRARY_WORKER_KINDS(test_quotients),
        LIBRARY_WORKER_KINDS(test_matrices),   LIBRARY_WORKER_KINDS(test_convolutions),
        LIBRARY_WORKER_KINDS(test_reductions), LIBRARY_WORKER_KINDS(test_places),
        LIBRARY_WORKER_KINDS(test_steps),      LIBRARY_WORKER_KINDS(test_errors_are_small),
        LIBRARY_WORKER_KINDS(test_fields),     LIBRARY_WORKER_KINDS(test_refusals),
    };
    return workers_run(tests);
}
