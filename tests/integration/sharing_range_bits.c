/*
 * sharing_range_bits.c - how many bits of shared numbers are compared, seen in the size of keys: after which operations, that writes make them
 * forget what is not so any more, what a client may say of its numbers, quotients that wait in plans, and material made ahead. That results are right:
 * sharing_ranges.c.
 */
#include <string.h>

#include <csyft/plan.h>

#include "support/shared_values.h"

static uint64_t dealt_by(const sharing *s)
{
    uint64_t sum = 0;
    for (size_t h = 0; h < s->count; h++) {
        sy_sharing_cost cost;
        assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, h, &cost, &s->w->err),
                  &s->w->err);
        sum += cost.bytes_dealt;
    }
    return sum;
}

/* Keys for t - 1 bits, both holders', are 16 bytes for each beyond 7 and 16 more; then come words of the outcome. Below 9 it is 8. */
static unsigned bits_of_sign(const sharing *s, sy_tensor *x, int64_t count)
{
    const uint64_t before = dealt_by(s);
    (void)OP(s->w, "relu", TENSOR(x));
    const uint64_t keys = (dealt_by(s) - before) / (uint64_t)count - 16;
    assert_int_equal(keys % 32, 0);
    return (unsigned)(keys / 32 + 7);
}
#define assert_bits(s, x, bits) assert_int_equal(bits_of_sign((s), (x), 4), (bits))

static sharing by_keys(const sharing *s)
{
    sharing of = *s;
    of.options.protocol = "fss";
    return of;
}

static void propagation(const sharing *s)
{
    workers *w = s->w;
    if (s->count != 2) {
        return;
    }
    const sharing of = by_keys(s);
    sy_tensor *longs = LONGS(w, 1, -2, 3, 0);
    sy_tensor *x = sharing_share_as(&of, longs, SY_DTYPE_I16),
              *y = sharing_share_as(&of, longs, SY_DTYPE_I8), *any = sharing_share(&of, longs),
              *u = sharing_share_as(&of, OP(w, "abs", TENSOR(longs)), SY_DTYPE_U8);
    sy_tensor *bit = OP(w, "ge", TENSOR(x), TENSOR(y));
    assert_bits(&of, any, 64);
    assert_bits(&of, x, 16);
    assert_bits(&of, y, 8);
    assert_bits(&of, u, 9);
    assert_bits(&of, bit, 8);
    assert_bits(&of, OP(w, "mul", TENSOR(bit), TENSOR(x)), 16);
    assert_bits(&of, OP(w, "neg", TENSOR(x)), 17);
    assert_bits(&of, OP(w, "add", TENSOR(x), TENSOR(x)), 17);
    assert_bits(&of, OP(w, "sub", TENSOR(x), TENSOR(y)), 17);
    assert_bits(&of, OP(w, "sub", TENSOR(x), TENSOR(any)), 64);
    assert_bits(&of, OP(w, "add", TENSOR(x), TENSOR(sharing_as(w, longs, SY_DTYPE_I16))), 17);
    assert_bits(&of, OP(w, "add", TENSOR(x), INT(3)), 64); /* a number that nobody learns */
    assert_bits(&of, OP(w, "mul", TENSOR(x), INT(1000)), 26);
    assert_bits(&of, OP(w, "mul", TENSOR(x), TENSOR(LONGS(w, 0, 1, -2, 3))), 18);
    assert_bits(&of, OP(w, "mul", TENSOR(x), TENSOR(y)), 24);
    assert_bits(&of, OP(w, "square", TENSOR(y)), 16);
    assert_bits(&of, OP(w, "pow", TENSOR(y), INT(3)), 23);
    assert_bits(&of, OP(w, "div", TENSOR(x), INT(64)), 11);
    assert_bits(&of, OP(w, "relu", TENSOR(x)), 16);
    assert_bits(&of, OP(w, "abs", TENSOR(x)), 17);
    assert_bits(&of, OP(w, "sign", TENSOR(any)), 8);
    assert_bits(&of, OP(w, "maximum", TENSOR(x), TENSOR(y)), 16);
    assert_bits(&of, OP(w, "maximum", TENSOR(x), TENSOR(any)), 64);
    assert_bits(&of, OP(w, "clamp", TENSOR(x), INT(-1000), INT(300)), 11);
    assert_bits(&of, OP(w, "remainder", TENSOR(any), INT(1000)), 11);
    assert_bits(&of, OP(w, "floor_divide", TENSOR(x), INT(16)), 13);
    assert_bits(&of, OP(w, "cumsum", TENSOR(x), INT(0)), 18);
    sy_tensor *pair[] = {x, y};
    sy_tensor *both = OP(w, "cat", LIST(TENSOR(pair[0]), TENSOR(pair[1])));
    assert_bits(&of, OP(w, "narrow", TENSOR(both), INT(0), INT(4), INT(4)), 16);
    assert_bits(&of, OP(w, "flip", TENSOR(y), LIST(INT(0))), 8);
    assert_bits(&of, OP(w, "where", TENSOR(bit), TENSOR(y), TENSOR(u)), 9);
    assert_bits(&of, OP(w, "where", TENSOR(y), TENSOR(y), TENSOR(u)), 64); /* by no bit */
    assert_bits(&of, OP(w, "zeros_like", TENSOR(any)), 8);
    assert_bits(
        &of, OP(w, "masked_fill", TENSOR(y), TENSOR(OP(w, "gt", TENSOR(longs), INT(0))), INT(5000)),
        64); /* another one */
    sy_tensor *m = OP(w, "view", TENSOR(x), LIST(INT(2), INT(2))),
              *n = OP(w, "view", TENSOR(y), LIST(INT(2), INT(2)));
    assert_bits(&of, OP(w, "matmul", TENSOR(m), TENSOR(n)), 25);
    assert_bits(&of, OP(w, "matmul", TENSOR(m), TENSOR(LONG_MATRIX(w, 2, 2, 100, 1, 2, 3))), 24);
    sy_tensor *image = OP(w, "view", TENSOR(x), LIST(INT(1), INT(1), INT(2), INT(2))),
              *kernel = OP(w, "view", TENSOR(y), LIST(INT(1), INT(1), INT(2), INT(2)));
    assert_bits(&of,
                OP(w, "conv2d",
                   TENSOR(OP(w, "expand", TENSOR(image), LIST(INT(4), INT(1), INT(2), INT(2)))),
                   TENSOR(kernel)),
                26);
    (void)OP(w, "max", TENSOR(m), INT(1));
    assert_bits(&of, OP(w, "cat", LIST(TENSOR(w->results[0]), TENSOR(w->results[0]))), 16);
    (void)OP(w, "max", TENSOR(m), INT(1));
    assert_bits(&of, OP(w, "cat", LIST(TENSOR(w->results[1]), TENSOR(w->results[1]))), 8);
    sy_tensor *sums =
        OP(w, "sum", TENSOR(OP(w, "expand", TENSOR(x), LIST(INT(8), INT(4)))), LIST(INT(0)));
    assert_bits(&of, sums, 19);
    sums = OP(w, "mean", TENSOR(OP(w, "expand", TENSOR(x), LIST(INT(8), INT(4)))), LIST(INT(0)));
    assert_bits(&of, sums, 16);
    x = OP(w, "mul", TENSOR(x), TENSOR(x));
    assert_bits(&of, x, 32);
    x = OP(w, "mul", TENSOR(x), TENSOR(x)); /* 61 bits and the one that -2^15 needs */
    assert_bits(&of, x, 62);
    assert_bits(&of, OP(w, "mul", TENSOR(x), INT(8)), 64); /* which 62 and 3 are not */
}

/* --- writes ------------------------------------------------------------------------------------ */

static void writes(const sharing *s)
{
    workers *w = s->w;
    if (s->count != 2) {
        return;
    }
    const sharing of = by_keys(s);
    sy_tensor *longs = LONGS(w, 1, -2, 3, 0);
    sy_tensor *x = sharing_share_as(&of, longs, SY_DTYPE_I8),
              *view = OP(w, "view", TENSOR(x), LIST(INT(2), INT(2)));
    assert_bits(&of, view, 8);
    (void)OP(w, "mul_", TENSOR(view),
             INT(100000)); /* known where it is written, forgotten where it is not */
    assert_bits(&of, view, 25);
    assert_bits(&of, x, 64);
    assert_shared(&of, OP(w, "relu", TENSOR(x)), 100000, 0, 300000, 0);
    x = sharing_share_as(&of, longs, SY_DTYPE_I8);
    sy_tensor *part = OP(w, "narrow", TENSOR(x), INT(0), INT(1), INT(2));
    (void)OP(w, "copy_", TENSOR(part), TENSOR(LONGS(w, -5000000, 7000000))); /* of any number */
    assert_bits(&of, x, 64);
    assert_shared(&of, OP(w, "ge", TENSOR(x), INT(1)), 1, 0, 1, 0);
    assert_int_equal(bits_of_sign(&of, part, 2), 64);
    x = sharing_share_as(&of, longs, SY_DTYPE_I8);
    (void)OP(w, "add_", TENSOR(x), TENSOR(sharing_as(w, longs, SY_DTYPE_I16)));
    assert_bits(&of, x, 17);
    (void)OP(w, "relu_", TENSOR(x));
    assert_bits(&of, x, 17);
    (void)OP(w, "clamp_", TENSOR(x), INT(-3), INT(500));
    assert_bits(&of, x, 10);
    (void)OP(w, "zero_", TENSOR(x));
    assert_bits(&of, x, 8);
    sy_tensor *mask = OP(w, "gt", TENSOR(longs), INT(0));
    (void)OP(w, "masked_fill_", TENSOR(x), TENSOR(mask), INT(-70000));
    assert_bits(&of, x, 64);
    assert_shared(&of, OP(w, "ge", TENSOR(x), INT(0)), 0, 1, 0, 1);
    (void)OP(w, "copy_", TENSOR(x), TENSOR(sharing_as(w, longs, SY_DTYPE_I8)));
    assert_bits(&of, x, 8);
    (void)OP(w, "add_", TENSOR(x), INT(1)); /* a number that nobody learns */
    assert_bits(&of, x, 64);
    /* a write that fails leaves the value, and nothing wrong is known of it */
    x = sharing_share_as(&of, longs, SY_DTYPE_I8);
    assert_fails(
        w, CALL(w, "add_", TENSOR(x), TENSOR(OP(w, "expand", TENSOR(longs), LIST(INT(3), INT(4))))),
        SY_ESHAPE, "");
    assert_shared(&of, OP(w, "relu", TENSOR(x)), 1, 0, 3, 0);
}

/* --- what a client says ------------------------------------------------------------------------ */

static sy_status try_range(const sharing *s, sy_tensor *x, unsigned range)
{
    sy_tensor *shared = NULL;
    sharing of = *s;
    of.options.range = range;
    const sy_status status =
        sy_tensor_share_with(x, &shared, s->holders, s->count, &of.options, &s->w->err);
    assert_true((status == SY_OK) == (shared != NULL));
    sy_tensor_unref(shared);
    return status;
}

static void said(const sharing *s)
{
    workers *w = s->w;
    sharing of = *s, odd = *s;
    sy_tensor *x = LONGS(w, 1023, -1023, 0, 5);
    odd.options.dtype = SY_PRECISION_CUSTOM;
    odd.options.field = 1000003;
    assert_ok(try_range(s, x, 11), &w->err);
    assert_fails(w, try_range(s, x, 10), SY_ERANGE, "the range of 10 bits");
    assert_null(strstr(w->err.message, "1023"));
    assert_fails(w, try_range(s, LONGS(w, -1024), 11), SY_ERANGE, "below 2^10");
    assert_fails(w, try_range(s, x, 64), SY_ERANGE, "2 to 63");
    assert_fails(w, try_range(s, x, 1), SY_ERANGE, "2 to 63");
    assert_fails(w, try_range(&odd, x, 11), SY_ENOTSUP, "power of two");
    of.options.range = 11;
    assert_shared(s, OP(w, "ge", TENSOR(sharing_share(&of, x)), TENSOR(x)), 1, 1, 1, 1);
    assert_shared(s, OP(w, "relu", TENSOR(sharing_share(&of, x))), 1023, 0, 0, 5);
    /* what is elsewhere is looked at there */
    if (w->kind->url == NULL) {
        sy_tensor *pointer = workers_send(w, x, w->bob);
        assert_fails(w, try_range(s, pointer, 10), SY_ERANGE, "the range of 10 bits");
        assert_ok(try_range(s, pointer, 11), &w->err);
    }
    if (s->count != 2) {
        return;
    }
    of = by_keys(s);
    of.options.range = 20;
    assert_bits(&of, sharing_share(&of, x), 20);
    assert_bits(&of, sharing_share_as(&of, OP(w, "clamp", TENSOR(x), INT(-1), INT(1)), SY_DTYPE_I8),
                8);
    /* of fixed precision it is about the scaled integers: 2.5 is 2500 */
    of.options.range = 13;
    sy_tensor *fixed = sharing_fixed(&of, FLOATS(w, 1.5F, -2.5F, 0, 4.0F), 3);
    assert_bits(&of, fixed, 13);
    assert_bits(&of, OP(w, "mul", TENSOR(fixed), TENSOR(fixed)), 16); /* 4.095 squared */
    assert_near(&of, OP(w, "relu", TENSOR(fixed)), 1e-6, 1.5, 0, 0, 4);
    assert_fails(w, try_range(&of, sharing_fix(w, FLOATS(w, 4.25F), 3), 13), SY_ERANGE, "13 bits");
}

/* --- plans ------------------------------------------------------------------------------------- */

/* What waits for its division is compared by what is known of it before, here 24 x; afterwards the quotient is known. */
static sy_status quotients(sy_plan_frame *frame, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    sy_tensor *y = sy_relu(s, sy_div_int(s, sy_mul_int(s, x, 24), 8));
    (void)user;
    return sy_plan_frame_return(frame, sy_relu(s, sy_div_int(s, sy_mul_int(s, y, 100), 30)), err);
}

static void plans(const sharing *s)
{
    workers *w = s->w;
    if (s->count != 2) {
        return;
    }
    const sharing of = by_keys(s);
    const sy_plan_shape shape = {SY_DTYPE_I64, 1, {4}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    sy_plan *plan = NULL;
    sy_pointer_plan *sent = NULL;
    sy_tensor *result = NULL;
    options.name = "quotients";
    options.forward = quotients;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, &shape, 1, &w->err), &w->err);
    assert_ok(sy_plan_send(plan, &sent, of.holders, of.count, false, &w->err), &w->err);
    const sy_value argument =
        TENSOR(sharing_share_as(&of, LONGS(w, 20, -128, 0, 120), SY_DTYPE_I8));
    const uint64_t before = dealt_by(&of);
    assert_ok(sy_pointer_plan_run(sent, &argument, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    /* -3072 to 3048 has 13 bits, 0 to 38100 has 17; rho, u, v and their products are 26 and 40 bytes */
    assert_int_equal(dealt_by(&of) - before, 4 * (2 * 16 * (13 - 7) + 26 + 2 * 16 * (17 - 7) + 40));
    assert_shared(&of, sy_scope_adopt(w->s, result), 200, 0, 0, 1200);
    sy_pointer_plan_unref(sent);
    sy_plan_unref(plan);
}

/* --- made ahead -------------------------------------------------------------------------------- */

static void provide(const sharing *s, const char *op, unsigned range, size_t count)
{
    static const int64_t shape[] = {4};
    sy_primitive p = SY_PRIMITIVE_INIT;
    p.op = op;
    p.a_ndim = 1;
    p.a_shape = shape;
    p.protocol = s->options.protocol;
    p.range = range;
    assert_ok(sy_provide_primitives(&p, count, s->holders, s->count, s->provider, &s->w->err),
              &s->w->err);
}

/* One of the same range, then one for any numbers, then none. */
static void made_ahead(const sharing *s)
{
    static const char *const names[] = {"bits", "carry", "fss"};
    workers *w = s->w;
    for (size_t k = 0; k < (s->count > 2 ? 2 : 3); k++) {
        sharing of = *s;
        of.options.protocol = names[k];
        sy_tensor *x = sharing_share_as(&of, LONGS(w, 127, -128, 0, -1), SY_DTYPE_I8);
        provide(&of, "relu", 0, 1);
        provide(&of, "relu", 8, 1);
        provide(&of, "relu", 9, 1);
        provide(&of, "equality", 9, 1);
        assert_ok(sy_force_preprocessing(true, s->holders, s->count, s->provider, &w->err),
                  &w->err);
        const uint64_t before = dealt_by(s);
        assert_shared(s, OP(w, "relu", TENSOR(x)), 127, 0, 0, 0);
        const uint64_t narrow = dealt_by(s) - before;
        assert_shared(s, OP(w, "relu", TENSOR(x)), 127, 0, 0, 0);
        assert_true(dealt_by(s) - before > 2 * narrow);
        assert_shared(s, OP(w, "eq", TENSOR(x), INT(-1)), 0, 0, 0, 1);
        assert_fails(w, CALL(w, "relu", TENSOR(x)), SY_EEMPTY, "relu of 4 elements of 8 bits");
        assert_fails(w, CALL(w, "eq", TENSOR(x), INT(-1)), SY_EEMPTY,
                     "equality of 4 elements of 9 bits");
        assert_ok(sy_force_preprocessing(false, s->holders, s->count, s->provider, &w->err),
                  &w->err);
        assert_shared(s, OP(w, "relu", TENSOR(x)), 127, 0, 0, 0);
    }
    sy_primitive p = SY_PRIMITIVE_INIT;
    p.op = "relu";
    p.range = 64;
    assert_fails(w, sy_provide_primitives(&p, 1, s->holders, s->count, s->provider, &w->err),
                 SY_ERANGE, "2 to 63");
}

#define EACH(name)                        \
    static void test_##name(void **state) \
    {                                     \
        sharing_each(*state, name);       \
    }
EACH(propagation)
EACH(writes)
EACH(said)
EACH(plans)
EACH(made_ahead)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_propagation), LIBRARY_WORKER_KINDS(test_writes),
        LIBRARY_WORKER_KINDS(test_said),        LIBRARY_WORKER_KINDS(test_plans),
        LIBRARY_WORKER_KINDS(test_made_ahead),
    };
    return workers_run(tests);
}
