/*
 * worker_defects.c - what the originals got wrong about lifetime and messages, and csyft does not: one test per row of
 * docs/reference/gotchas.md that no other test shows. The number in a test's name is the row's.
 */
#include <csyft/operations.h>

#include "support/scene.h"
#include "support/worker_kinds.h"

/* --- memory and lifetime ------------------------------------------------------------------------- */

/* Epochs of training leave nothing: not at the worker, not here, and the last takes no longer than the first. */
static void test_12_epochs_leave_nothing(void **state)
{
    enum { EPOCHS = 30, BATCHES = 4 };
    workers *w = *state;
    sy_tensor *x = workers_send(w, MATRIX(w, 4, 2, 1, 2, 3, 4, 5, 6, 7, 8), w->bob);
    sy_tensor *weight = MATRIX(w, 2, 1, 0.5f, 0.25f);
    assert_ok(sy_tensor_set_requires_grad(weight, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, weight, w->bob);
    size_t objects = 0;
    size_t bytes = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        for (int batch = 0; batch < BATCHES; batch++) {
            sy_tensor *grad = NULL;
            sy_scope *s = sy_scope_begin(w->hook);
            sy_tensor *out = sy_matmul(s, x, p);
            sy_tensor *loss = sy_sum(s, sy_mul(s, out, out));
            assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
            assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
            sy_sgd_(s, p, grad, 1e-6);
            sy_tensor_unref(grad);
            assert_ok(sy_tensor_set_grad(p, NULL, &w->err), &w->err);
            assert_ok(sy_scope_end(s, &w->err), &w->err);
        }
        const size_t now = workers_count(w, w->bob_serving);
        const size_t held = w->places[0].memory.live_bytes;
        assert_true(epoch < 2 || now == objects);
        /* Buffers of connections may still grow to their size in the first epochs. */
        assert_true(epoch < EPOCHS / 2 || held <= bytes);
        objects = now;
        bytes = epoch < EPOCHS / 2 && held > bytes ? held : bytes;
    }
    assert_int_equal(objects, 2);
}

/* Dropping pointers, and ending the hook, waits for nobody: the worker does not read, and its answers do not come. */
static void test_14_dropping_does_not_block(void **state)
{
    enum { COUNT = 500 };
    scene c;
    sy_tensor *pointers[COUNT];
    scene_open(&c, *state, true, 20000, 60000);
    for (int k = 0; k < COUNT; k++) {
        pointers[k] = send_ones(&c, 3);
    }
    proxy_hold(c.proxy, 0, true);
    proxy_hold(c.proxy, 1, true);
    const uint64_t start = test_now_ms();
    for (int k = 0; k < COUNT; k++) {
        sy_tensor_unref(pointers[k]);
    }
    assert_in_range(test_now_ms() - start, 0, 1000);
    place_close(&c.home);
    assert_in_range(test_now_ms() - start, 0, 4000);
    proxy_hold(c.proxy, 0, false);
    proxy_hold(c.proxy, 1, false);
    place_open(&c.home, "home", true, 2);
    scene_close(&c);
}

/* remote_get, and what came is moved on and fetched: in one go, in both directions. */
static void test_16_remote_get_and_move(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, workers_send(w, FLOATS(w, 3, 4), w->alice), w->bob);
    assert_ok(sy_tensor_remote_get_(p, &w->err), &w->err);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 1);
    assert_ok(sy_tensor_move_(p, w->alice, &w->err), &w->err);
    assert_ok(sy_tensor_move_(p, w->bob, &w->err), &w->err);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, p), 3, 4);
    assert_count(w, w->bob_serving, 0);
}

/* --- messages ------------------------------------------------------------------------------------ */

/* A list of two numbers is no [type code, body], whatever the first of them is the code of. */
static void test_50_lists_of_two(void **state)
{
    static const int64_t codes[] = {0, 1, 5, 6, 14, 25};
    workers *w = *state;
    for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
        const int64_t shape[] = {2 * codes[k]};
        int ndim = 0;
        int64_t found[SY_DIM_MAX];
        sy_tensor *p = workers_send(w, workers_tensor(w, 1, shape, NULL), w->bob);
        sy_tensor *q = OP(w, "reshape", TENSOR(p), LIST(INT(codes[k]), INT(2)));
        assert_ok(sy_tensor_get_shape(q, &ndim, found, &w->err), &w->err);
        assert_int_equal(ndim, 2);
        assert_int_equal(found[0], codes[k]);
        assert_int_equal(found[1], 2);
        workers_drop(w, q);
        workers_drop(w, p);
    }
}

/* What lies in a store is found, with and without tags. */
static void test_54_what_is_there_is_found(void **state)
{
    workers *w = *state;
    sy_tensor *kept = NULL;
    sy_id id = SY_ID_INIT;
    sy_object_info *infos = NULL;
    size_t count = 0;
    assert_ok(sy_id_parse(&id, "plain", &w->err), &w->err);
    const int64_t two = 2;
    assert_ok(sy_tensor_new(sy_worker_get_hook(w->bob_serving), &kept, SY_DTYPE_F32, 1, &two, NULL,
                            &w->err),
              &w->err);
    assert_ok(sy_worker_register_object(w->bob_serving, kept, &id, &w->err), &w->err);
    assert_ok(sy_worker_find(w->bob, &infos, &count, NULL, 0, &w->err), &w->err);
    assert_int_equal(count, 1);
    assert_true(sy_id_equal(&infos[0].id, &id));
    sy_object_infos_free(w->hook, infos, count);
    const char *by_id = "plain";
    assert_ok(sy_worker_find(w->bob, &infos, &count, &by_id, 1, &w->err), &w->err);
    assert_int_equal(count, 1);
    sy_object_infos_free(w->hook, infos, count);
    sy_tensor_unref(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_12_epochs_leave_nothing),
        {"test_14_dropping_does_not_block [socket]", test_14_dropping_does_not_block, NULL, NULL,
         (void *)&worker_kinds[1]},
        {"test_14_dropping_does_not_block [websocket]", test_14_dropping_does_not_block, NULL, NULL,
         (void *)&worker_kinds[2]},
        WORKER_KINDS(test_16_remote_get_and_move),
        WORKER_KINDS(test_50_lists_of_two),
        WORKER_KINDS(test_54_what_is_there_is_found),
    };
    return workers_run(tests);
}
