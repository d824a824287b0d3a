/*
 * pipelined.c - operations that do not wait for their replies: results are those of waiting ones, failures
 * are learned at the latest when the scope ends, and nothing is left behind.
 */
#include <string.h>

#include "support/worker_kinds.h"

static void test_results_are_the_same(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2, 3), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    assert_false(sy_scope_set_pipelined(s, true));
    sy_tensor *sum = p;
    for (int k = 0; k < 200; k++) {
        sum = sy_add(s, sum, p);
    }
    sy_tensor *kept = sy_scope_keep(s, sum);
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    sy_scope_adopt(w->s, kept);
    assert_count(w, w->bob_serving, 2);
    assert_floats(w, workers_get(w, kept), 201, 402, 603);
}

static void test_shapes_are_known_without_asking(void **state)
{
    workers *w = *state;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_dtype dtype = SY_DTYPE_F32;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_pipelined(s, true);
    sy_tensor *t = sy_t(s, p);
    sy_traffic before = sy_worker_get_traffic(w->bob);
    assert_ok(sy_tensor_get_shape(t, &ndim, shape, &w->err), &w->err);
    assert_ok(sy_tensor_get_dtype(sy_argmax_dim(s, p, 1, false), &dtype, &w->err), &w->err);
    sy_traffic after = sy_worker_get_traffic(w->bob);
    assert_int_equal(ndim, 2);
    assert_int_equal(shape[0], 3);
    assert_int_equal(shape[1], 2);
    assert_int_equal(dtype, SY_DTYPE_I64);
    assert_int_equal(after.messages_received, before.messages_received);
    assert_ok(sy_scope_end(s, &w->err), &w->err);
}

static void test_failure_comes_at_the_end(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 1, 2, 3), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_pipelined(s, true);
    sy_tensor *bad = sy_add(s, p, q);
    sy_tensor *later = sy_mul(s, p, p); /* was on its way already */
    assert_non_null(bad);
    assert_non_null(later);
    sy_error err = SY_ERROR_INIT;
    assert_status(sy_scope_end(s, &err), SY_ESHAPE, &err);
    assert_non_null(strstr(err.message, "add"));
    assert_string_equal(err.worker, "bob");
    assert_count(w, w->bob_serving, 2);
    /* the failure was told once; the worker goes on */
    assert_ok(sy_hook_synchronize(w->hook, &w->err), &w->err);
    assert_floats(w, workers_get(w, OP(w, "add", TENSOR(p), TENSOR(p))), 2, 4);
}

static void test_many_dropped_results_leave_nothing(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_pipelined(s, true);
    for (int k = 0; k < 5000; k++) {
        assert_non_null(sy_add(s, p, p));
        sy_scope_clear(s);
    }
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    assert_count(w, w->bob_serving, 1);
}

static void test_in_place_keeps_its_order(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_pipelined(s, true);
    for (int k = 0; k < 100; k++) {
        assert_ptr_equal(sy_add_int_(s, p, 1), p);
        (void)sy_mul_int_(s, p, k == 50 ? 2 : 1);
    }
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    assert_floats(w, workers_get(w, p), (1 + 51) * 2 + 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_results_are_the_same),
        WORKER_KINDS(test_shapes_are_known_without_asking),
        WORKER_KINDS(test_failure_comes_at_the_end),
        WORKER_KINDS(test_many_dropped_results_leave_nothing),
        WORKER_KINDS(test_in_place_keeps_its_order),
    };
    return workers_run(tests);
}
