/*
 * protocols.c - protocols over every kind of worker: deployed, run from here and from elsewhere, with many inputs, sent,
 * searched, fetched, kept; and what goes wrong on the way. Deploying here: src/execution/protocol_test.c. The scenarios of
 * the reference over processes: tests/reference/001_protocols.c.
 */
#include <string.h>
#include <time.h>

#include <csyft/caller.h>
#include <csyft/protocol.h>

#include "hook/hook.h"
#include "support/worker_kinds.h"
#include "workers/commands.h"
#include "workers/link.h"

static sy_status plus_one(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_scalar(s, sy_plan_frame_argument(f, 0), 1), err);
}

static sy_status doubled(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    return sy_plan_frame_return(f, sy_add(s, x, x), err);
}

static const sy_plan_shape vector = {SY_DTYPE_F32, 1, {-1}};

static sy_plan *make(workers *w, const char *name, sy_plan_fn forward, size_t arguments,
                     sy_tensor *state)
{
    sy_plan *plan = NULL;
    sy_plan_shape shapes[] = {vector, vector};
    shapes[0].shape[0] = state != NULL ? 1 : -1; /* as long as its state */
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = name;
    options.forward = forward;
    options.state = &state;
    options.state_count = state != NULL ? 1 : 0;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, shapes, arguments, &w->err), &w->err);
    return plan;
}

/* Of plans x -> x + 1, 2x, 2x, ...: the names in order. */
static sy_protocol *named(workers *w, const char *const *names, size_t count)
{
    sy_protocol *protocol = NULL;
    sy_protocol_pair pairs[8] = {{NULL, NULL, NULL, NULL}};
    for (size_t k = 0; k < count; k++) {
        pairs[k].name = names[k];
        pairs[k].plan =
            make(w, k == 0 ? "plus_one" : "doubled", k == 0 ? plus_one : doubled, 1, NULL);
    }
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, count, NULL, &w->err), &w->err);
    for (size_t k = 0; k < count; k++) {
        sy_plan_unref(pairs[k].plan);
    }
    return protocol;
}
#define NAMED(w, ...)                         \
    named((w), (const char *[]){__VA_ARGS__}, \
          sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))

static void deploy(workers *w, sy_protocol *protocol, sy_worker *first, sy_worker *second)
{
    sy_worker *const both[] = {first, second};
    assert_ok(sy_protocol_deploy(protocol, both, 2, &w->err), &w->err);
    assert_true(sy_protocol_is_resolved(protocol));
}

static sy_tensor *run(workers *w, sy_protocol *protocol, sy_tensor *x)
{
    const sy_value arg = sy_value_tensor(x);
    sy_tensor *result = NULL;
    size_t count = 0;
    assert_ok(sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, &count, &w->err), &w->err);
    assert_int_equal(count, 1);
    return sy_scope_adopt(w->s, result);
}

/* Names in the order of first appearance; the result is at the last worker, and nothing else is left. */
static void test_run(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "w1", "w2", "w1");
    deploy(w, protocol, w->alice, w->bob);
    assert_ptr_equal(sy_protocol_get_worker(protocol, 0), w->alice);
    assert_ptr_equal(sy_protocol_get_worker(protocol, 1), w->bob);
    assert_ptr_equal(sy_protocol_get_worker(protocol, 2), w->alice);
    assert_string_equal(sy_protocol_get_name(protocol, 2), "w1"); /* names stay */
    assert_count(w, w->alice_serving, 2);
    assert_count(w, w->bob_serving, 1);
    sy_tensor *x = FLOATS(w, 1, 2);
    workers_log_clear(w);
    sy_tensor *y = run(w, protocol, x);
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "execution", "send alice"), 1);
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "execution", "move alice  -> bob"), 1);
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "execution", "move bob  -> alice"), 1);
    assert_ptr_equal(sy_tensor_get_location(y), w->alice);
    assert_count(w, w->alice_serving, 3);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, y), 8, 12);
    assert_floats(w, x, 1, 2);
    assert_count(w, w->alice_serving, 2);
    sy_protocol_unref(protocol);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 0);
}

/* Some of the workers have ids that are names, and some have not: perhaps a slip. */
static void test_warning(void **state)
{
    workers *w = *state;
    static const char warning[] = "only a subpart have ids that match an id chosen";
    sy_protocol *protocol = NAMED(w, "bob", "x");
    workers_log_clear(w);
    deploy(w, protocol, w->alice, w->bob);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "execution", warning), 1);
    assert_ptr_equal(sy_protocol_get_worker(protocol, 0), w->alice); /* by position */
    sy_protocol_unref(protocol);
    workers_log_clear(w);
    protocol = NAMED(w, "bob", "alice");
    deploy(w, protocol, w->alice, w->bob);
    sy_protocol_unref(protocol);
    protocol = NAMED(w, "x", "y");
    deploy(w, protocol, w->alice, w->bob);
    sy_protocol_unref(protocol);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "execution", warning), 0);
}

/* Data that is at workers already: taken where it is, or copied to the first worker; it stays the caller's. */
static void test_arguments_at_workers(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "a", "b");
    deploy(w, protocol, w->alice, w->bob);
    sy_tensor *at_alice = workers_send(w, FLOATS(w, 1), w->alice);
    sy_tensor *at_bob = workers_send(w, FLOATS(w, 5), w->bob);
    assert_floats(w, workers_get(w, run(w, protocol, at_alice)), 4);
    assert_floats(w, workers_get(w, run(w, protocol, at_bob)), 12);
    assert_count(w, w->alice_serving, 2);
    assert_count(w, w->bob_serving, 2);
    assert_floats(w, workers_get(w, at_alice), 1);
    assert_floats(w, workers_get(w, at_bob), 5);
    /* The same tensor, sent there by the caller, too: both are there. */
    sy_tensor *x = FLOATS(w, 3), *sent = workers_send(w, x, w->alice);
    assert_floats(w, workers_get(w, run(w, protocol, x)), 8);
    assert_floats(w, workers_get(w, sent), 3);
    sy_protocol_unref(protocol);
}

static sy_status minus(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *a = sy_plan_frame_argument(f, 0), *b = sy_plan_frame_argument(f, 1);
    const sy_value both[] = {sy_value_tensor(sy_sub(s, a, b)), sy_value_tensor(b)};
    return sy_plan_frame_return_values(f, both, 2, err);
}

/* Two arguments, by name, too; two results are the next plan's arguments. */
static void test_named_arguments(void **state)
{
    workers *w = *state;
    sy_plan *plan = make(w, "minus", minus, 2, NULL);
    const sy_protocol_pair pairs[] = {{.worker = w->alice, .plan = plan},
                                      {.worker = w->bob, .plan = plan}};
    sy_protocol *protocol = NULL;
    sy_tensor *results[3] = {NULL};
    size_t count = 0;
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, 2, NULL, &w->err), &w->err);
    assert_true(sy_protocol_is_resolved(protocol)); /* real workers */
    sy_tensor *a = FLOATS(w, 10, 20), *b = FLOATS(w, 1, 2);
    const sy_value first = sy_value_tensor(a);
    sy_named_value second = {"arg_2", sy_value_tensor(b)};
    assert_ok(sy_protocol_run(protocol, &first, 1, &second, 1, results, 3, &count, &w->err),
              &w->err);
    assert_int_equal(count, 2);
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, results[0])), 8, 16);
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, results[1])), 1, 2);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    second.name = "b";
    assert_fails(w, sy_protocol_run(protocol, &first, 1, &second, 1, results, 3, &count, &w->err),
                 SY_ESIGNATURE, "plan 1", "alice", "no argument b");
    assert_fails(w, sy_protocol_run(protocol, &first, 1, NULL, 0, results, 3, &count, &w->err),
                 SY_ESIGNATURE, "plan 1", "missing");
    second.name = "arg_2";
    assert_fails(w, sy_protocol_run(protocol, &first, 1, &second, 1, results, 1, &count, &w->err),
                 SY_ESIGNATURE, "2 results", "room for 1");
    assert_int_equal(count, 0);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    sy_protocol_unref(protocol);
    assert_count(w, w->bob_serving, 1); /* the plan knows where it is */
    sy_plan_unref(plan);
    assert_count(w, w->bob_serving, 0);
}

/* A running sum: what it gives depends on the order of its inputs. */
static sy_status summed(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *sum = sy_plan_frame_state(f, 0);
    sy_add_(s, sum, x);
    return sy_plan_frame_return(f, sy_add_scalar(s, sum, 0), err);
}

enum { MANY = 20 };

static void many(workers *w, sy_protocol_input *inputs, sy_value *values, sy_tensor **results)
{
    for (size_t k = 0; k < MANY; k++) {
        values[k] = sy_value_tensor(FLOATS(w, (float)k));
        inputs[k] = (sy_protocol_input){&values[k], 1, NULL, 0, &results[k], 1, 0};
    }
}

/* Many inputs overlap, and each plan has them in their order. */
static void test_run_many(void **state)
{
    workers *w = *state;
    sy_plan *one = make(w, "plus_one", plus_one, 1, NULL);
    sy_plan *sum = make(w, "summed", summed, 1, FLOATS(w, 0));
    sy_plan *two = make(w, "doubled", doubled, 1, NULL);
    sy_worker *carol = workers_add(w, "carol", NULL);
    const sy_protocol_pair pairs[] = {
        {.name = "a", .plan = one}, {.name = "b", .plan = sum}, {.name = "c", .plan = two}};
    sy_worker *const order[] = {w->alice, w->bob, carol};
    sy_protocol *protocol = NULL;
    sy_protocol_input inputs[MANY];
    sy_value values[MANY];
    sy_tensor *results[MANY] = {NULL};
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, 3, NULL, &w->err), &w->err);
    assert_ok(sy_protocol_deploy(protocol, order, 3, &w->err), &w->err);
    many(w, inputs, values, results);
    assert_ok(sy_protocol_run_many(protocol, inputs, MANY, &w->err), &w->err);
    for (size_t k = 0; k < MANY; k++) {
        assert_int_equal(inputs[k].result_count, 1);
        assert_ptr_equal(sy_tensor_get_location(results[k]), carol);
        const float expected = (float)((k + 1) * (k + 2)); /* 2 * (1 + 2 + ... + k + 1) */
        assert_floats(w, workers_get(w, sy_scope_adopt(w->s, results[k])), expected);
    }
    sy_scope_clear(w->s);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    assert_ok(sy_protocol_run_many(protocol, NULL, 0, &w->err), &w->err);
    /* One that fails: no results at all, and nothing is left. */
    many(w, inputs, values, results);
    inputs[MANY / 2].count = 0;
    assert_fails(w, sy_protocol_run_many(protocol, inputs, MANY, &w->err), SY_ESIGNATURE, "plan 1",
                 "alice", "missing");
    for (size_t k = 0; k < MANY; k++) {
        assert_int_equal(inputs[k].result_count, 0);
    }
    sy_scope_clear(w->s);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    sy_protocol_unref(protocol);
    sy_plan_unref(one);
    sy_plan_unref(sum);
    sy_plan_unref(two);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Where answers take their time, several inputs take less than one after the other. */
static void test_overlap(void **state)
{
    workers *w = *state;
    enum { COUNT = 5 };
    sy_protocol *protocol = NAMED(w, "a", "b");
    sy_protocol_input inputs[MANY];
    sy_value values[MANY];
    sy_tensor *results[MANY] = {NULL};
    deploy(w, protocol, w->alice, w->bob);
    many(w, inputs, values, results);
    assert_ok(sy_worker_set_message_pending_time(w->alice, 0.01, &w->err), &w->err);
    assert_ok(sy_worker_set_message_pending_time(w->bob, 0.01, &w->err), &w->err);
    double best = 1;
    for (int turn = 0; turn < 3 && best > 0.8; turn++) { /* others may be at work here, too */
        const double begun = seconds();
        for (size_t k = 0; k < COUNT; k++) {
            assert_ok(sy_protocol_run_many(protocol, &inputs[k], 1, &w->err), &w->err);
            (void)sy_scope_adopt(w->s, results[k]);
        }
        const double one_by_one = seconds() - begun;
        assert_ok(sy_protocol_run_many(protocol, inputs, COUNT, &w->err), &w->err);
        const double together = seconds() - begun - one_by_one;
        for (size_t k = 0; k < COUNT; k++) {
            (void)sy_scope_adopt(w->s, results[k]);
        }
        print_message("%d inputs: %.0f ms one by one, %.0f ms together\n", COUNT, one_by_one * 1e3,
                      together * 1e3);
        best = together / one_by_one < best ? together / one_by_one : best;
    }
    assert_true(best < 0.9);
    sy_protocol_unref(protocol);
}

/* What a peer may ask is not what this library asks. */
static void test_bad_requests(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "a", "b"), *unresolved = NAMED(w, "a");
    deploy(w, protocol, w->alice, w->bob);
    assert_ok(sy_protocol_send(protocol, w->bob, &w->err), &w->err);
    assert_ok(sy_protocol_send(unresolved, w->bob, &w->err), &w->err);
    sy_tensor *there = NULL, *raw = NULL, *x = workers_send(w, FLOATS(w, 1), w->bob);
    sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_tensor_point_to(w->hook, &there, w->bob, &id, &w->err), &w->err);
    id = sy_protocol_get_id(unresolved);
    assert_ok(sy_tensor_point_to(w->hook, &raw, w->bob, &id, &w->err), &w->err);
    const sy_value input = LIST(sy_value_tensor(x)), none = sy_value_list(NULL, 0);
    const sy_value inputs = sy_value_list(&input, 1), number = sy_value_int(3);
    const struct {
        sy_value args[3];
        sy_status status;
        const char *words;
    } cases[] = {
        {{sy_value_tensor(x), inputs, none}, SY_EINVAL, "no protocol"},
        {{number, inputs, none}, SY_EINVAL, "no protocol"},
        {{sy_value_tensor(raw), inputs, none}, SY_EINVAL, "not been allocated"},
        {{sy_value_tensor(there), number, none}, SY_EINVAL, "lists"},
        {{sy_value_tensor(there), inputs, number}, SY_EINVAL, "lists"},
        {{sy_value_tensor(there), LIST(number), none}, SY_EINVAL, "input 1"},
        {{sy_value_tensor(there), inputs, LIST(number)}, SY_EINVAL, "no text"},
        {{sy_value_tensor(there), inputs, LIST(number, number)}, SY_EINVAL, "at least 2"},
        {{sy_value_tensor(there), LIST(none), none}, SY_ESIGNATURE, "plan 1"},
        {{sy_value_tensor(there), LIST(LIST(number)), none}, SY_ESIGNATURE, "no tensor"},
        {{sy_value_tensor(there), LIST(LIST(sy_value_tensor(there))), none}, SY_ENOTSUP, ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        syi_exchange exchange;
        sy_error *err = &w->err;
        *err = (sy_error)SY_ERROR_INIT;
        const sy_status status =
            syi_command_request(w->me, w->bob, "run_protocol", cases[k].args, 3, &exchange, err);
        assert_int_not_equal(status, SY_OK);
        if (cases[k].words[0] != '\0') { /* the last one: any refusal */
            assert_status(status, cases[k].status, err);
            assert_non_null(strstr(err->message, cases[k].words));
        }
    }
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 4); /* a plan, two protocols, x */
    sy_tensor_unref(there);
    sy_tensor_unref(raw);
    sy_protocol_unref(protocol);
    sy_protocol_unref(unresolved);
}

/* Sent to james once it is deployed, it runs from there: arguments and results are his. */
static void test_run_elsewhere(void **state)
{
    workers *w = *state;
    sy_worker *serving = NULL, *james = workers_add(w, "james", &serving);
    sy_protocol *protocol = NAMED(w, "a", "b");
    sy_tensor *result = NULL;
    deploy(w, protocol, w->alice, w->bob);
    assert_null(sy_protocol_get_location(protocol));
    assert_ok(sy_protocol_send(protocol, james, &w->err), &w->err);
    assert_ptr_equal(sy_protocol_get_location(protocol), james);
    assert_count(w, serving, 1);
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_value arg = sy_value_tensor(x);
    assert_fails(w, sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &w->err),
                 SY_ECOLLOCATION, "This protocol has been sent to james",
                 "local arguments or pointers to me");
    arg = sy_value_tensor(workers_send(w, x, w->alice));
    assert_fails(w, sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &w->err),
                 SY_ECOLLOCATION, "james", "pointers to alice");
    workers_log_clear(w);
    sy_tensor *at_james = workers_send(w, x, james);
    sy_tensor *y = run(w, protocol, at_james);
    assert_int_equal(
        workers_log_count(w, SY_LOG_INFO, "execution", "send remote run request to james"), 1);
    assert_ptr_equal(sy_tensor_get_location(y), james);
    sy_tensor *at_bob = workers_get(w, y);
    assert_true(sy_tensor_is_pointer(at_bob));
    assert_ptr_equal(sy_tensor_get_location(at_bob), w->bob);
    assert_floats(w, workers_get(w, at_bob), 4, 6);
    assert_floats(w, workers_get(w, at_james), 1, 2);
    sy_scope_clear(w->s);
    assert_count(w, serving, 1);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    const sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_worker_delete(james, &id, &w->err), &w->err); /* the plans stay */
    assert_count(w, w->alice_serving, 1);
    sy_protocol_unref(protocol);
    assert_count(w, w->alice_serving, 0);
}

/* More inputs than one message takes; named arguments; too little room. */
static void test_run_many_elsewhere(void **state)
{
    workers *w = *state;
    enum { COUNT = 70 };
    sy_worker *serving = NULL, *james = workers_add(w, "james", &serving);
    sy_protocol *protocol = NAMED(w, "a", "b");
    sy_protocol_input inputs[COUNT];
    sy_named_value values[COUNT];
    sy_tensor *results[COUNT] = {NULL};
    deploy(w, protocol, w->alice, w->bob);
    assert_ok(sy_protocol_send(protocol, james, &w->err), &w->err);
    for (size_t k = 0; k < COUNT; k++) {
        values[k] =
            (sy_named_value){"arg_1", sy_value_tensor(workers_send(w, FLOATS(w, (float)k), james))};
        inputs[k] = (sy_protocol_input){NULL, 0, &values[k], 1, &results[k], 1, 0};
    }
    assert_ok(sy_protocol_run_many(protocol, inputs, COUNT, &w->err), &w->err);
    for (size_t k = 0; k < COUNT; k++) {
        sy_tensor *at_bob = workers_get(w, sy_scope_adopt(w->s, results[k]));
        assert_floats(w, workers_get(w, at_bob), (float)(2 * (k + 1)));
    }
    inputs[COUNT - 1].capacity = 0;
    assert_fails(w, sy_protocol_run_many(protocol, inputs, COUNT, &w->err), SY_ESIGNATURE,
                 "1 results", "room for 0");
    values[1].name = "x";
    assert_fails(w, sy_protocol_run_many(protocol, inputs, 2, &w->err), SY_ESIGNATURE, "plan 1",
                 "alice", "no argument x");
    sy_scope_clear(w->s);
    assert_count(w, serving, 1);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    sy_protocol_unref(protocol);
}

/* Private data does not leave its worker by way of a protocol. */
static void test_private(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "a", "b");
    sy_tensor *result = NULL;
    const float data[] = {1, 2, 3};
    deploy(w, protocol, w->alice, w->bob);
    sy_tensor *secret = workers_publish(w, w->alice, w->alice_serving, "secret", "#s", true, 1,
                                        (const int64_t[]){3}, SY_DTYPE_F32, data);
    const sy_value arg = sy_value_tensor(secret);
    /* The first plan may compute there; its result is private, and stays. */
    assert_fails(w, sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &w->err),
                 SY_EPERM, "plan 2", "bob", "private");
    assert_count(w, w->alice_serving, 2);
    assert_ok(sy_protocol_send(protocol, w->alice, &w->err), &w->err);
    assert_fails(w, sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &w->err),
                 SY_EPERM, "run_protocol", "#s", "private");
    sy_protocol_unref(protocol);
}

/* Several clients run one protocol where it is, at once. */
typedef struct runner {
    pthread_t thread;
    sy_worker *bob; /* as this client reaches him */
    sy_id id;
    float first;
    int good;
} runner;

enum { RUNNERS = 3, TURNS = 10 };

static bool run_once(const runner *r, sy_pointer_protocol *pointer, float number)
{
    sy_hook *hook = sy_worker_get_hook(r->bob);
    sy_tensor *x = NULL, *y = NULL, *got = NULL;
    double value = 0;
    bool good = sy_tensor_from_floats(hook, &x, &number, 1, NULL) == SY_OK &&
                sy_tensor_send_(x, r->bob, NULL) == SY_OK;
    if (good) {
        const sy_value arg = sy_value_tensor(x);
        good = sy_pointer_protocol_run(pointer, &arg, 1, NULL, 0, &y, 1, NULL, NULL) == SY_OK &&
               sy_tensor_get(y, &got, NULL) == SY_OK &&
               sy_tensor_item(got, &value, NULL) == SY_OK && value == 2 * (double)(number + 1);
    }
    sy_tensor_unref(got);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    return good;
}

static void *run_often(void *argument)
{
    runner *r = argument;
    sy_pointer_protocol *pointer = NULL;
    sy_hook *hook = sy_worker_get_hook(r->bob);
    if (sy_protocol_create_pointer(hook, &pointer, r->bob, &r->id, false, NULL) == SY_OK) {
        for (int k = 0; k < TURNS; k++) {
            r->good += run_once(r, pointer, r->first + (float)k) ? 1 : 0;
        }
    }
    sy_pointer_protocol_unref(pointer);
    return NULL;
}

static void test_several_clients(void **state)
{
    workers *w = *state;
    static const char *const clients[RUNNERS] = {"one", "two", "three"};
    sy_protocol *protocol = NAMED(w, "a", "b");
    runner runners[RUNNERS];
    deploy(w, protocol, w->alice, w->bob);
    assert_ok(sy_protocol_send(protocol, w->bob, &w->err), &w->err);
    for (int k = 0; k < RUNNERS; k++) {
        runners[k] = (runner){.id = sy_protocol_get_id(protocol), .first = (float)(100 * k)};
        (void)workers_add_client(w, clients[k], &runners[k].bob);
    }
    for (int k = 0; k < RUNNERS; k++) {
        assert_int_equal(pthread_create(&runners[k].thread, NULL, run_often, &runners[k]), 0);
    }
    for (int k = 0; k < RUNNERS; k++) {
        pthread_join(runners[k].thread, NULL);
        assert_int_equal(runners[k].good, TURNS);
    }
    sy_protocol_unref(protocol);
}

/* Lists of permissions are on protocols as on every object: found, run and fetched by who may. */
static void test_permissions(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "a", "b"), *fetched = NULL;
    sy_tensor *stored = NULL, **found = NULL, *result = NULL;
    size_t count = 0;
    const sy_id id = sy_protocol_get_id(protocol);
    deploy(w, protocol, w->alice, w->bob);
    assert_ok(sy_protocol_tag(protocol, "#p", &w->err), &w->err);
    assert_ok(sy_protocol_send(protocol, w->bob, &w->err), &w->err);
    assert_ok(sy_worker_get_object(w->bob_serving, &stored, &id, &w->err), &w->err);
    const unsigned rights = SY_PERMISSION_USE | SY_PERMISSION_SEARCH;
    assert_ok(sy_tensor_permit(stored, rights, (const char *[]){"somebody"}, 1, &w->err), &w->err);
    const sy_value arg = sy_value_tensor(workers_send(w, FLOATS(w, 1), w->bob));
    assert_fails(w, sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &w->err),
                 SY_EPERM, "bob");
    assert_fails(w, sy_worker_fetch_protocol(w->bob, &fetched, &id, false, &w->err), SY_EPERM,
                 "bob");
    assert_ok(sy_worker_search(w->bob, &found, &count, (const char *const[]){"#p"}, 1, &w->err),
              &w->err);
    assert_int_equal(count, 0);
    sy_tensors_free(w->hook, found, count);
    sy_tensor_unref(stored);
    sy_protocol_unref(protocol);
}

/* A plan at the very worker that runs the protocol, first, in between and last; with state it is refused there. */
static void test_plan_where_it_runs(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "a", "b", "a");
    deploy(w, protocol, w->alice, w->bob);
    assert_ok(sy_protocol_send(protocol, w->alice, &w->err), &w->err);
    sy_tensor *x = workers_send(w, FLOATS(w, 1), w->alice);
    assert_floats(w, workers_get(w, run(w, protocol, x)), 8);
    sy_protocol_unref(protocol);
    sy_plan *sum = make(w, "summed", summed, 1, FLOATS(w, 0));
    const sy_protocol_pair pairs[] = {{.worker = w->alice, .plan = sum}};
    sy_tensor *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, 1, NULL, &w->err), &w->err);
    assert_ok(sy_protocol_send(protocol, w->alice, &w->err), &w->err);
    assert_fails(w, sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &w->err),
                 SY_ENOTSUP, "plan 1", "summed has state");
    sy_protocol_unref(protocol);
    sy_plan_unref(sum);
}

/* What a plan writes to, where a protocol is run for somebody else, is not that worker's object. */
static sy_status plus_one_in_place(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_int_(s, sy_plan_frame_argument(f, 0), 1), err);
}

static void test_writing_where_it_runs(void **state)
{
    workers *w = *state;
    sy_plan *plan = make(w, "in_place", plus_one_in_place, 1, NULL);
    const sy_protocol_pair pairs[] = {{.worker = w->alice, .plan = plan}};
    sy_protocol *protocol = NULL;
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, 1, NULL, &w->err), &w->err);
    assert_ok(sy_protocol_send(protocol, w->alice, &w->err), &w->err);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->alice);
    assert_floats(w, workers_get(w, run(w, protocol, x)), 2, 3);
    sy_named_value named_ = {"arg_1", sy_value_tensor(x)};
    sy_tensor *y = NULL;
    assert_ok(sy_protocol_run(protocol, NULL, 0, &named_, 1, &y, 1, NULL, &w->err), &w->err);
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, y)), 2, 3);
    assert_floats(w, workers_get(w, x), 1, 2);
    sy_protocol_unref(protocol);
    sy_plan_unref(plan);
}

/* A plan that counts its runs in its state, twice in a protocol here: none is lost when inputs overlap. */
static sy_status counting(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_add_int_(s, sy_plan_frame_state(f, 0), 1);
    return sy_plan_frame_return(f, sy_add_int(s, sy_plan_frame_argument(f, 0), 1), err);
}

static void test_state_here(void **state)
{
    workers *w = *state;
    enum { COUNT = 40 };
    sy_tensor *count = FLOATS(w, 0), *results[COUNT] = {NULL};
    sy_plan *plan = make(w, "counting", counting, 1, count);
    const sy_protocol_pair pairs[] = {{.worker = w->me, .plan = plan},
                                      {.worker = w->me, .plan = plan}};
    sy_protocol *protocol = NULL;
    sy_protocol_input inputs[COUNT];
    sy_value arguments[COUNT];
    for (size_t k = 0; k < COUNT; k++) {
        arguments[k] = sy_value_tensor(FLOATS(w, (float)k));
        inputs[k] = (sy_protocol_input){&arguments[k], 1, NULL, 0, &results[k], 1, 0};
    }
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, 2, NULL, &w->err), &w->err);
    assert_ok(sy_protocol_run_many(protocol, inputs, COUNT, &w->err), &w->err);
    for (size_t k = 0; k < COUNT; k++) {
        assert_floats(w, sy_scope_adopt(w->s, results[k]), (double)k + 2);
    }
    assert_floats(w, count, 2 * COUNT);
    sy_protocol_unref(protocol);
    sy_plan_unref(plan);
}

/* At the client's own worker a plan runs here; a protocol whose location is here, too. */
static void test_local_worker(void **state)
{
    workers *w = *state;
    sy_plan *one = make(w, "plus_one", plus_one, 1, NULL);
    sy_plan *two = make(w, "doubled", doubled, 1, NULL);
    const sy_protocol_pair pairs[] = {{.worker = w->alice, .plan = one},
                                      {.worker = w->me, .plan = two},
                                      {.worker = w->bob, .plan = one},
                                      {.worker = w->me, .plan = one}};
    sy_protocol *protocol = NULL;
    assert_ok(sy_protocol_new(w->hook, &protocol, pairs, 4, NULL, &w->err), &w->err);
    assert_ok(sy_protocol_send(protocol, w->me, &w->err), &w->err);
    assert_ptr_equal(sy_protocol_get_location(protocol), w->me);
    sy_tensor *y = run(w, protocol, FLOATS(w, 1));
    assert_false(sy_tensor_is_pointer(y));
    assert_floats(w, y, 6);
    assert_fails(w, sy_protocol_send(protocol, w->bob, &w->err), SY_EINVAL, "plan 2", "worker me",
                 "bob");
    const sy_id id = sy_protocol_get_id(protocol);
    sy_worker_remove_object(w->me, &id);
    sy_protocol_unref(protocol);
    sy_plan_unref(one);
    sy_plan_unref(two);
}

/* Sent before it is deployed, found by tag and by id, fetched with names, deployed from here. */
static void test_search_and_fetch(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "w1", "w2", "w1"), *fetched = NULL, *copy = NULL;
    sy_pointer_protocol *pointer = NULL;
    sy_tensor **found = NULL, *result = NULL;
    size_t count = 0;
    char *text = NULL;
    const sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_protocol_tag(protocol, "#steps", &w->err), &w->err);
    assert_ok(sy_protocol_describe(protocol, "three steps", &w->err), &w->err);
    assert_ok(sy_protocol_send(protocol, w->bob, &w->err), &w->err);
    assert_count(w, w->bob_serving, 1);
    assert_ok(sy_worker_search(w->bob, &found, &count, (const char *const[]){"#steps"}, 1, &w->err),
              &w->err);
    assert_int_equal(count, 1);
    assert_ok(sy_pointer_protocol_from(found[0], &pointer, &w->err), &w->err);
    sy_tensors_free(w->hook, found, count);
    assert_ptr_equal(sy_pointer_protocol_get_location(pointer), w->bob);
    const sy_id there = sy_pointer_protocol_get_id_at_location(pointer);
    assert_true(sy_id_equal(&there, &id));
    assert_ok(sy_pointer_protocol_to_text(pointer, &text, &w->err), &w->err);
    assert_non_null(strstr(text, "[PointerProtocol | me:"));
    assert_non_null(strstr(text, " -> bob:"));
    sy_string_free(w->hook, text);
    const sy_value arg = sy_value_tensor(workers_send(w, FLOATS(w, 1), w->bob));
    assert_fails(
        w, sy_pointer_protocol_run(pointer, &arg, 1, NULL, 0, &result, 1, NULL, &w->err), SY_EINVAL,
        "Plans have not been allocated to existing workers. Call deploy(*workers) to do so.");
    assert_ok(sy_worker_fetch_protocol(w->bob, &copy, &id, true, &w->err), &w->err);
    assert_ok(sy_pointer_protocol_get(pointer, &fetched, true, &w->err), &w->err);
    const sy_id same = sy_protocol_get_id(fetched), other = sy_protocol_get_id(copy);
    assert_true(sy_id_equal(&same, &id));
    assert_false(sy_id_equal(&other, &id));
    assert_string_equal(sy_protocol_get_tag(fetched, 0), "#steps");
    assert_string_equal(sy_protocol_get_description(fetched), "three steps");
    assert_int_equal(sy_protocol_get_plan_count(fetched), 3);
    assert_string_equal(sy_protocol_get_name(fetched, 0), "w1");
    assert_string_equal(sy_protocol_get_name(fetched, 1), "w2");
    assert_string_equal(sy_plan_get_name(sy_protocol_get_plan(fetched, 1)), "doubled");
    assert_null(sy_protocol_get_worker(fetched, 0));
    assert_null(sy_protocol_get_location(fetched));
    deploy(w, fetched, w->alice, w->bob);
    deploy(w, copy, w->bob, w->alice); /* beside each other */
    assert_floats(w, workers_get(w, run(w, fetched, FLOATS(w, 1))), 8);
    assert_floats(w, workers_get(w, run(w, copy, FLOATS(w, 2))), 12);
    sy_protocol_unref(fetched);
    assert_fails(w, sy_pointer_protocol_get(pointer, &fetched, true, &w->err), SY_ENOTFOUND, "bob");
    sy_pointer_protocol_unref(pointer);
    sy_protocol_unref(protocol);
    sy_protocol_unref(copy);
    sy_scope_clear(w->s);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* Fetched once it is deployed: pointers to the same plans. */
static void test_fetch_deployed(void **state)
{
    workers *w = *state;
    sy_protocol *protocol = NAMED(w, "w1", "w2"), *fetched = NULL;
    sy_pointer_protocol *pointer = NULL;
    const sy_id id = sy_protocol_get_id(protocol);
    char *text = NULL;
    deploy(w, protocol, w->alice, w->bob);
    assert_ok(sy_protocol_send(protocol, w->bob, &w->err), &w->err);
    assert_ok(sy_protocol_create_pointer(w->hook, &pointer, w->bob, &id, true, &w->err), &w->err);
    assert_ok(sy_pointer_protocol_get(pointer, &fetched, false, &w->err), &w->err);
    assert_true(sy_protocol_is_resolved(fetched));
    assert_string_equal(sy_protocol_get_name(fetched, 0), "w1");
    assert_ptr_equal(sy_protocol_get_worker(fetched, 1), w->bob);
    assert_null(sy_protocol_get_plan(fetched, 0));
    assert_ok(sy_protocol_to_text(fetched, &text, &w->err), &w->err);
    assert_non_null(strstr(text, " owner:me resolved>\n - alice: [PointerPlan | me:"));
    assert_non_null(strstr(text, "\n - bob: [PointerPlan | me:"));
    sy_string_free(w->hook, text);
    assert_fails(w, sy_protocol_deploy(fetched, (sy_worker *[]){w->bob, w->alice}, 2, &w->err),
                 SY_EINVAL, "This protocol is already deployed to alice, bob.");
    assert_floats(w, workers_get(w, run(w, fetched, FLOATS(w, 1))), 4);
    sy_protocol_unref(fetched); /* owns nothing there */
    assert_count(w, w->alice_serving, 1);
    sy_tensor *back = workers_get(w, run(w, protocol, workers_send(w, FLOATS(w, 2), w->bob)));
    assert_floats(w, back, 6);          /* run by bob, who has the result itself */
    sy_pointer_protocol_unref(pointer); /* this one deletes */
    sy_protocol_unref(protocol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_run),
        WORKER_KINDS(test_warning),
        WORKER_KINDS(test_arguments_at_workers),
        WORKER_KINDS(test_named_arguments),
        LIBRARY_WORKER_KINDS(test_run_many),
        LIBRARY_WORKER_KINDS(test_overlap),
        WORKER_KINDS(test_bad_requests),
        LIBRARY_WORKER_KINDS(test_run_elsewhere),
        LIBRARY_WORKER_KINDS(test_run_many_elsewhere),
        WORKER_KINDS(test_private),
        WORKER_KINDS(test_permissions),
        REMOTE_WORKER_KINDS(test_several_clients),
        LIBRARY_WORKER_KINDS(test_plan_where_it_runs),
        WORKER_KINDS(test_writing_where_it_runs),
        WORKER_KINDS(test_state_here),
        WORKER_KINDS(test_local_worker),
        WORKER_KINDS(test_search_and_fetch),
        WORKER_KINDS(test_fetch_deployed),
    };
    return workers_run(tests);
}
