/*
 * 000_plan.c - T18, reference 000 lines 583-637: plans of the older kind. absolute([-1, 7, 3]) = [1, 7, 3] wherever it runs,
 * and what that takes in messages: send none, the first call the plan and a run, later calls a run, get none.
 */
#include <stdio.h>
#include <string.h>

#include <csyft/message_log.h>
#include <csyft/old_plan.h>

#include "support/plan_functions.h"
#include "support/worker_kinds.h"

static sy_old_plan *make(workers *w, const char *name, sy_plan_fn blueprint, void *self)
{
    sy_old_plan *plan = NULL;
    assert_ok(sy_old_plan_new(w->hook, &plan, name, blueprint, self, &w->err), &w->err);
    assert_false(sy_old_plan_is_built(plan));
    return plan;
}

static sy_tensor *call(workers *w, sy_old_plan *plan, sy_tensor *x)
{
    sy_tensor *y = NULL;
    size_t count = 0;
    assert_ok(sy_old_plan_call(plan, &x, 1, &y, 1, &count, &w->err), &w->err);
    assert_int_equal(count, 1);
    return sy_scope_adopt(w->s, y);
}

/* What this client has asked for since the last time, deletions aside, in words: "object run ". */
static void assert_sent(workers *w, const char *expected)
{
    char asked[512] = "";
    sy_logged_message *log = NULL;
    size_t count = 0;
    assert_ok(sy_worker_get_log(w->me, &log, &count, 0, &w->err), &w->err);
    for (size_t k = 0; k < count; k++) {
        if (!log[k].received && strcmp(log[k].kind, "delete") != 0) {
            const size_t length = strlen(asked);
            snprintf(asked + length, sizeof asked - length, "%s ",
                     log[k].subject[0] != '\0' ? log[k].subject : log[k].kind);
        }
    }
    sy_logged_messages_free(w->hook, log, count);
    assert_ok(sy_worker_log_messages(w->me, NULL, &w->err), &w->err); /* from the beginning */
    assert_string_equal(asked, expected);
}

static void test_messages(void **state)
{
    workers *w = *state;
    sy_old_plan *plan = make(w, "absolute", plan_absolute, NULL);
    sy_tensor *at_bob = workers_send(w, FLOATS(w, -1, 7, 3), w->bob);
    sy_tensor *at_alice = workers_send(w, FLOATS(w, -1, 7, 3), w->alice);
    assert_ok(sy_worker_log_messages(w->me, NULL, &w->err), &w->err);
    assert_ok(sy_old_plan_send(plan, w->bob, &w->err), &w->err);
    assert_ptr_equal(sy_old_plan_get_location(plan), w->bob);
    assert_false(sy_old_plan_is_built(plan));
    assert_sent(w, "");
    assert_fails(w, sy_old_plan_send(plan, w->alice, &w->err), SY_ENOTSUP, "absolute", "bob",
                 "get() first");
    sy_tensor *y = call(w, plan, at_bob);
    assert_sent(w, "object run ");
    assert_true(sy_tensor_is_pointer(y));
    assert_ptr_equal(sy_tensor_get_location(y), w->bob);
    sy_tensor *z = call(w, plan, at_bob);
    assert_sent(w, "run ");
    sy_old_plan_get(plan);
    assert_null(sy_old_plan_get_location(plan));
    assert_sent(w, "");
    assert_floats(w, workers_get(w, y), 1, 7, 3);
    assert_floats(w, workers_get(w, z), 1, 7, 3);
    assert_ok(sy_worker_log_messages(w->me, NULL, &w->err), &w->err);
    assert_ok(sy_old_plan_send(plan, w->alice, &w->err), &w->err);
    assert_sent(w, "");
    y = call(w, plan, at_alice);
    assert_sent(w, "object run ");
    assert_floats(w, workers_get(w, y), 1, 7, 3);
    sy_old_plan_get(plan);
    y = call(w, plan, FLOATS(w, -1, 7, 3)); /* here */
    assert_false(sy_tensor_is_pointer(y));
    assert_floats(w, y, 1, 7, 3);
    sy_old_plan_unref(plan);
    sy_scope_clear(w->s);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* (2x - 2) * 10 + 2x */
static sy_status my_plan(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *x2 = sy_add(s, x, x);
    sy_tensor *y = sy_mul_scalar(s, sy_sub_scalar(s, x2, 2), 10);
    return sy_plan_frame_return(f, sy_add(s, x2, y), err);
}

/* execute_plan, request_execute_plan, and their ids. */
static void test_execute(void **state)
{
    workers *w = *state;
    sy_old_plan *plan = make(w, "my_plan", my_plan, NULL);
    sy_tensor *x = FLOATS(w, -1, 2, 3), *result = NULL;
    const sy_id ids[] = {sy_id_from_int(1001)}, other = sy_id_from_int(1002);
    sy_value args[] = {sy_value_tensor(x), sy_value_int(4)};
    size_t count = 0;
    assert_ok(sy_old_plan_execute(plan, args, 1, ids, 1, &result, 1, &count, &w->err), &w->err);
    const sy_id own = sy_tensor_get_id(result);
    assert_true(sy_id_equal(&own, &ids[0]));
    assert_floats(w, sy_scope_adopt(w->s, result), -42, 24, 46);
    assert_fails(w, sy_old_plan_build(plan, args, 1, &w->err), SY_EINVAL, "built already");
    assert_fails(w, sy_old_plan_request_execute(plan, ids, 1, args, 1, &result, 1, &count, &w->err),
                 SY_EINVAL, "my_plan", "no location");
    assert_ok(sy_old_plan_send(plan, w->bob, &w->err), &w->err);
    assert_fails(w, sy_old_plan_execute(plan, args, 1, ids, 1, &result, 1, &count, &w->err),
                 SY_ECOLLOCATION, "argument 1", "send it there");
    assert_fails(w, sy_old_plan_execute(plan, args, 1, ids, 0, &result, 1, &count, &w->err),
                 SY_ESIGNATURE, "1 results", "0 ids");
    args[0] = sy_value_tensor(workers_send(w, x, w->bob));
    /* Only the tensors among the arguments go. */
    assert_ok(sy_old_plan_request_execute(plan, ids, 1, args, 2, &result, 1, &count, &w->err),
              &w->err);
    (void)sy_scope_adopt(w->s, result);
    const sy_id there = sy_tensor_get_id_at_location(result);
    assert_true(sy_id_equal(&there, &ids[0]));
    (void)workers_object(w, w->bob_serving, &ids[0]);
    assert_floats(w, workers_get(w, result), -42, 24, 46);
    const sy_id *noted = sy_old_plan_get_result_ids(plan, &count);
    assert_int_equal(count, 1);
    assert_true(sy_id_equal(&noted[0], &ids[0]));
    assert_ok(sy_old_plan_replace_ids(plan, ids, &other, 1, &w->err), &w->err);
    noted = sy_old_plan_get_result_ids(plan, &count);
    assert_true(sy_id_equal(&noted[0], &other));
    const sy_id x_id = sy_tensor_get_id(x);
    noted = sy_old_plan_get_argument_ids(plan, &count);
    assert_int_equal(count, 1);
    assert_true(sy_id_equal(&noted[0], &x_id));
    sy_old_plan_unref(plan);
}

/* method2plan: a plan per instance, whose tensors are its state. */
typedef struct model {
    sy_tensor *weight;
} model;

static sy_status forward(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const model *self = user;
    return sy_plan_frame_return(f, sy_mul(s, sy_plan_frame_argument(f, 0), self->weight), err);
}

static void test_methods(void **state)
{
    workers *w = *state;
    model two = {FLOATS(w, 2)}, three = {FLOATS(w, 3)};
    sy_old_plan *by_two = make(w, "forward", forward, &two);
    sy_old_plan *by_three = make(w, "forward", forward, &three), *copy = NULL;
    sy_tensor *at_bob = workers_send(w, FLOATS(w, 1, 10), w->bob);
    assert_ok(sy_old_plan_send(by_two, w->bob, &w->err), &w->err);
    assert_ok(sy_old_plan_send(by_three, w->bob, &w->err), &w->err);
    assert_floats(w, workers_get(w, call(w, by_two, at_bob)), 2, 20);
    assert_floats(w, workers_get(w, call(w, by_three, at_bob)), 3, 30);
    assert_floats(w, workers_get(w, call(w, by_two, at_bob)), 2, 20);
    /* An id of the state is replaced, there, too. */
    const sy_id old = sy_tensor_get_id(two.weight), fresh = sy_id_from_int(77);
    assert_ok(sy_old_plan_replace_ids(by_two, &old, &fresh, 1, &w->err), &w->err);
    const sy_id now = sy_tensor_get_id(two.weight);
    assert_true(sy_id_equal(&now, &fresh));
    assert_floats(w, workers_get(w, call(w, by_two, at_bob)), 2, 20);
    const sy_id none = SY_ID_INIT;
    assert_fails(w, sy_old_plan_replace_ids(by_two, &fresh, &none, 1, &w->err), SY_EINVAL, "pair 1",
                 "none");
    assert_ok(sy_old_plan_copy(by_two, &copy, &w->err), &w->err);
    assert_false(sy_old_plan_is_built(copy));
    assert_null(sy_old_plan_get_location(copy));
    assert_floats(w, call(w, copy, FLOATS(w, 4)), 8);
    sy_old_plan_unref(copy);
    sy_old_plan_unref(by_two);
    sy_old_plan_unref(by_three);
}

/* The state is at alice; the same ids at bob, by his id as text and as bytes. */
static void test_worker_ids(void **state)
{
    workers *w = *state;
    const sy_id id = sy_id_from_int(5000);
    sy_tensor *at_alice = NULL, *at_bob = NULL;
    assert_ok(sy_worker_send(w->me, &at_alice, FLOATS(w, 2), w->alice, &id, &w->err), &w->err);
    assert_ok(sy_worker_send(w->me, &at_bob, FLOATS(w, 5), w->bob, &id, &w->err), &w->err);
    model self = {NULL};
    assert_ok(sy_tensor_point_to(w->hook, &self.weight, w->alice, &id, &w->err), &w->err);
    sy_old_plan *plan = make(w, "forward", forward, &self);
    sy_tensor *x = workers_send(w, FLOATS(w, 10), w->alice);
    sy_tensor *y = workers_send(w, FLOATS(w, 10), w->bob);
    const sy_value arg = sy_value_tensor(x);
    const char bytes[] = {'b', 'o', 'b'};
    assert_ok(sy_old_plan_build(plan, &arg, 1, &w->err), &w->err);
    assert_floats(w, workers_get(w, call(w, plan, x)), 20);
    assert_ok(sy_old_plan_replace_worker_ids(plan, "alice", 5, bytes, 3, &w->err), &w->err);
    assert_ptr_equal(sy_tensor_get_location(self.weight), w->bob);
    assert_floats(w, workers_get(w, call(w, plan, y)), 50);
    assert_ok(sy_old_plan_replace_worker_ids(plan, bytes, 3, "alice", 5, &w->err), &w->err);
    assert_ok(sy_old_plan_replace_worker_ids(plan, bytes, 3, "alice", 5, &w->err), &w->err);
    assert_floats(w, workers_get(w, call(w, plan, x)), 20);
    assert_fails(w, sy_old_plan_replace_worker_ids(plan, "alice", 5, "nobody", 6, &w->err),
                 SY_ENOTFOUND, "nobody", "not known");
    assert_fails(w, sy_old_plan_replace_worker_ids(plan, "", 0, bytes, 3, &w->err), SY_EINVAL,
                 "1 to 53 bytes");
    sy_old_plan_unref(plan);
    sy_tensor_unref(self.weight);
    sy_tensor_unref(at_alice);
    sy_tensor_unref(at_bob);
}

static void test_text(void **state)
{
    workers *w = *state;
    sy_old_plan *plan = make(w, "absolute", plan_absolute, NULL);
    const char *const tags[] = {"#a", "#b"};
    char *text = NULL;
    sy_tensor *x = FLOATS(w, -1);
    assert_ok(sy_old_plan_tag(plan, tags, 2, &w->err), &w->err);
    assert_ok(sy_old_plan_describe(plan, "no signs", &w->err), &w->err);
    assert_string_equal(sy_plan_get_description(sy_old_plan_get_plan(plan)), "no signs");
    assert_ok(sy_old_plan_to_text(plan, &text, &w->err), &w->err);
    assert_non_null(strstr(text, " owner:me Tags: #a #b>"));
    sy_string_free(w->hook, text);
    assert_floats(w, call(w, plan, x), 1);
    assert_ok(sy_old_plan_send(plan, w->bob, &w->err), &w->err);
    assert_ok(sy_old_plan_to_text(plan, &text, &w->err), &w->err);
    assert_memory_equal(text, "<Plan absolute id:", 18);
    assert_non_null(strstr(text, " owner:me location:bob Tags: #a #b built>"));
    sy_string_free(w->hook, text);
    sy_old_plan_unref(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_messages),   WORKER_KINDS(test_execute), WORKER_KINDS(test_methods),
        WORKER_KINDS(test_worker_ids), WORKER_KINDS(test_text),
    };
    return workers_run(tests);
}
