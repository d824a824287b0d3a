/* 003_response.c - T7, reference 003 lines 357-361: what comes back from an operation is (Wrapper)>Pointer. */
#include <csyft/interpreter.h>

#include "support/worker_kinds.h"

static const char *const at_bob = "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]";

static void test_response_is_wrapped(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *y = OP(w, "add", TENSOR(p), TENSOR(p));
    assert_text(w, y, at_bob);
    assert_true(sy_tensor_is_wrapper(y));
    assert_true(sy_tensor_is_pointer(y));
    assert_ptr_equal(sy_tensor_get_location(y), w->bob);
    assert_ptr_equal(sy_tensor_get_owner(y), w->me);
    assert_true(sy_tensor_get_garbage_collect(y));
    assert_floats(w, workers_get(w, y), 2, 4);
}

/* Every tensor of a response with several gets its own wrapper. */
static void test_every_tensor_is_wrapped(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2, 3, 4), w->bob);
    assert_ok(CALL(w, "split", TENSOR(p), INT(2)), &w->err);
    assert_int_equal(w->result_count, 2);
    sy_tensor *first = w->results[0];
    sy_tensor *second = w->results[1];
    assert_text(w, first, at_bob);
    assert_text(w, second, at_bob);
    const sy_id a = sy_tensor_get_id_at_location(first);
    const sy_id b = sy_tensor_get_id_at_location(second);
    assert_false(sy_id_equal(&a, &b));
    assert_floats(w, workers_get(w, first), 1, 2);
    assert_floats(w, workers_get(w, second), 3, 4);
}

/* "do nothing for other types": a plain answer stays one. */
static void test_plain_answers_stay_plain(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2, 3, 4), w->bob);
    assert_ok(CALL(w, "numel", TENSOR(p)), &w->err);
    assert_int_equal(w->result_count, 0);
    assert_int_equal(w->value.kind, SY_VALUE_INT);
    assert_int_equal(w->value.as.integer, 4);
    assert_count(w, w->bob_serving, 1);
}

/* The chain is rebuilt in reverse order: pointer below, logging above it, wrapper on top. */
static void test_chain_is_rebuilt(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(p, &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    sy_tensor *y = OP(w, "mul", TENSOR(logged), INT(3));
    assert_text(w, y, "(Wrapper)>LoggingTensor>\\[PointerTensor | me:* -> bob:*\\]");
    sy_tensor *inner = NULL;
    assert_ok(sy_tensor_get_child(y, &inner, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, inner);
    assert_text(w, inner, at_bob);
    assert_floats(w, workers_copy_get(w, inner), 3, 6);
    sy_tensor *got = workers_get(w, y); /* what was under it comes back under it */
    assert_text(w, got, "(Wrapper)>LoggingTensor>tensor(\\[3, 6\\])*");
}

/* In place, self is what comes back, whatever its chain is; the worker registers nothing. */
static void test_in_place_gives_self(void **state)
{
    workers *w = *state;
    static const char *const names[] = {"add_", "__iadd__", "sub_", "__imul__"};
    sy_tensor *native = FLOATS(w, 1, 2), *logged = NULL;
    assert_ok(sy_tensor_log(FLOATS(w, 1, 2), &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *q = workers_send(w, workers_send(w, FLOATS(w, 1, 2), w->bob), w->alice);
    sy_tensor *const chains[] = {native, logged, p, q};
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            assert_ptr_equal(OP(w, names[k], TENSOR(chains[i]), INT(2)), chains[i]);
            assert_int_equal(w->result_count, 1);
        }
    }
    assert_count(w, w->bob_serving, 2);
    assert_count(w, w->alice_serving, 1);
    assert_floats(w, native, 6, 8); /* (x + 2 + 2 - 2) 2 */
    assert_floats(w, workers_get(w, p), 6, 8);
    assert_floats(w, workers_get(w, workers_get(w, q)), 6, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_response_is_wrapped),      WORKER_KINDS(test_every_tensor_is_wrapped),
        WORKER_KINDS(test_plain_answers_stay_plain), WORKER_KINDS(test_chain_is_rebuilt),
        WORKER_KINDS(test_in_place_gives_self),
    };
    return workers_run(tests);
}
