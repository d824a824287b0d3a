/*
 * sharing_choice.c - protocol "auto": each comparison is made by what is in stock, else by what is the fastest for so many
 * numbers and the way between the holders; what was chosen can be seen. How far the holders are is set here, after the session
 * has measured it; over ways that are far: tests/cli/bench.py, Networks. The rule itself: crypto/comparison_test.c.
 */
#include "interpreters/sharing/group.h"
#include "support/shared_values.h"

enum { FAR_US = 40000, NEAR_US = 500, FEW = 10, MANY = 2000 };

static syi_sharing_group *group_at(const sharing *s, uint32_t round_trip_us)
{
    syi_sharing_group *group = NULL;
    sy_worker *provider = s->provider != NULL ? s->provider : s->w->me;
    assert_ok(syi_sharing_group_get(s->w->hook, &group, s->holders, s->count, provider,
                                    SYI_FAMILY_AUTO, &s->w->err),
              &s->w->err);
    assert_ok(syi_sharing_group_open(group, &s->w->err), &s->w->err);
    group->round_trip_us = round_trip_us;
    return group;
}

static sy_sharing_cost cost_of(const sharing *s, size_t holder)
{
    sy_sharing_cost cost;
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, holder, &cost, &s->w->err),
              &s->w->err);
    return cost;
}

/* Compares so many numbers, each of which is its place less half of them: rounds, and how many were compared by bits and by keys. */
static void check(const sharing *s, const char *op, int64_t count, uint64_t rounds, uint64_t bits,
                  uint64_t keys)
{
    workers *w = s->w;
    sy_tensor *x = OP(w, "sub", TENSOR(OP(w, "arange", INT(count))), INT(count / 2));
    sy_tensor *shared = sharing_share(s, x);
    const sy_value args[] = {TENSOR(shared), INT(0)}, plain[] = {TENSOR(x), INT(0)};
    const size_t arity = strcmp(op, "relu") == 0 ? 1 : 2;
    for (size_t h = 0; h < 2; h++) {
        const sy_sharing_cost before = cost_of(s, h);
        sy_tensor *y = workers_op(w, op, args, arity, __FILE__, __LINE__);
        const sy_sharing_cost after = cost_of(s, h);
        assert_int_equal(after.compared_bits - before.compared_bits, bits);
        assert_int_equal(after.compared_fss - before.compared_fss, keys);
        assert_int_equal(after.rounds - before.rounds, rounds);
        sharing_assert_same(sharing_value(s, y),
                            workers_op(w, op, plain, arity, __FILE__, __LINE__), op, __FILE__,
                            __LINE__);
        if (s->options.protocol == NULL && before.primitives_made > 0) {
            break; /* one instance */
        }
    }
}

static void test_by_size_and_way(void **state)
{
    sharing s = sharing_of(*state, 2, true);
    group_at(&s, FAR_US);
    check(&s, "gt", FEW, 2, 0, FEW);
    check(&s, "relu", FEW, 2, 0, FEW);
    check(&s, "eq", FEW, 2, 0, FEW);
    check(&s, "gt", MANY, 4, MANY, 0);
    group_at(&s, NEAR_US);
    check(&s, "gt", 1, 2, 0, 1);
    check(&s, "gt", FEW, 4, FEW, 0);
    group_at(&s, 0);
    check(&s, "gt", 1, 4, 1, 0);
    group_at(&s, UINT32_MAX);
    check(&s, "relu", MANY, 2, 0, MANY);
}

/* Keys are for two holders. */
static void test_of_three(void **state)
{
    const sharing s = sharing_of(*state, 3, true);
    assert_int_equal(group_at(&s, FAR_US)->holders, 3);
    check(&s, "gt", FEW, 4, FEW, 0);
}

static void provide(const sharing *s, const char *op, int64_t count)
{
    sy_primitive p = SY_PRIMITIVE_INIT;
    p.op = op;
    p.a_ndim = 1;
    p.a_shape = &count;
    assert_ok(sy_provide_primitives(&p, 1, s->holders, s->count, s->provider, &s->w->err),
              &s->w->err);
}

/* More numbers are worth keys when these are there; what is there is used, whatever would be faster now. */
static void test_made_ahead(void **state)
{
    const sharing s = sharing_of(*state, 2, true);
    group_at(&s, FAR_US);
    provide(&s, "comparison", MANY);
    check(&s, "ge", MANY, 2, 0, MANY);
    provide(&s, "relu", MANY);
    group_at(&s, 0);
    check(&s, "relu", MANY, 2, 0, MANY);
    group_at(&s, NEAR_US);
    provide(&s, "equality", MANY);
    group_at(&s, UINT32_MAX);
    check(&s, "eq", MANY, 4, MANY, 0);
    const sy_sharing_cost cost = cost_of(&s, 0);
    assert_int_equal(cost.primitives_made, 3);
    assert_int_equal(cost.primitives_taken, 3);
    check(&s, "eq", MANY, 2, 0, MANY); /* none is left */
}

/* Every protocol is counted as itself, and the way is measured where it has to be known. */
static void test_what_is_said(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, true);
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    static const char *const names[] = {"bits", "fss", "snn", "carry"};
    for (size_t k = 0; k < 4; k++) {
        s.options.protocol = names[k];
        const sy_sharing_cost before = cost_of(&s, 1);
        (void)OP(w, "gt", TENSOR(SHARED(&s, 1, 2, 3)), INT(2));
        const sy_sharing_cost after = cost_of(&s, 1);
        const uint64_t compared[] = {
            after.compared_bits - before.compared_bits, after.compared_fss - before.compared_fss,
            after.compared_snn - before.compared_snn, after.compared_carry - before.compared_carry};
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(compared[i], i == k ? 3 : 0);
        }
        assert_int_equal(after.round_trip_us, 0);
    }
    s.options.protocol = "auto";
    sy_tensor *x = SHARED(&s, 1, 2, 3), *mixed;
    assert_ok(sy_shared_get_attributes(x, &options, NULL, &w->err), &w->err);
    assert_string_equal(options.protocol, "auto");
    s.options.protocol = NULL;
    mixed = OP(w, "add", TENSOR(x), TENSOR(SHARED(&s, 1, 2, 3))); /* the same thing */
    s.options.protocol = "bits";
    assert_fails(w, CALL(w, "add", TENSOR(mixed), TENSOR(SHARED(&s, 1, 2, 3))), SY_ECOLLOCATION,
                 "auto", "bits");
    (void)OP(w, "gt", TENSOR(mixed), INT(2));
    if (w->kind->url != NULL) { /* within one process it takes no time */
        const uint64_t us = cost_of(&s, 0).round_trip_us;
        assert_true(us > 0 && us < 2000000);
    }
}

/* A session that begins anew measures anew; nobody but its parties may ask. */
static void test_measured(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    syi_sharing_group *group = group_at(&s, 123456789);
    const sy_value name = sy_value_string("00000000000000000000000000000000");
    syi_exchange exchange;
    sy_error why = SY_ERROR_INIT;
    why.status = SY_ETIMEDOUT;
    syi_joint joint;
    assert_ok(syi_sharing_group_begin(group, &joint, &w->err), &w->err);
    assert_int_equal(joint.round_trip_us, 123456789);
    syi_sharing_group_end(group, &joint, SY_ETIMEDOUT, &why);
    assert_ok(syi_sharing_group_open(group, &w->err), &w->err);
    assert_true(group->round_trip_us < 2000000);
    assert_fails(
        w, syi_command_request(w->me, w->bob, "sharing_round_trip", &name, 1, &exchange, &w->err),
        SY_ENOTFOUND, "bob");
    const sy_value number = sy_value_int(1);
    assert_fails(
        w, syi_command_request(w->me, w->bob, "sharing_round_trip", &number, 1, &exchange, &w->err),
        SY_EFORMAT, "session");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_by_size_and_way), LIBRARY_WORKER_KINDS(test_of_three),
        LIBRARY_WORKER_KINDS(test_made_ahead),      LIBRARY_WORKER_KINDS(test_what_is_said),
        LIBRARY_WORKER_KINDS(test_measured),
    };
    return workers_run(tests);
}
