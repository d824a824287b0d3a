/*
 * 001_protocols.c - T16, reference 001 lines 9-55: protocols of three plans x -> x + 1 are deployed and run, sent, found,
 * fetched by somebody else, and run from where they are. alice, bob, charlie and james are processes of their own
 * (`csyft worker`). A worker that dies between two steps is the last of them.
 */
#include <time.h>

#include <csyft/csyft.h>

#include "support/program.h"

enum { ALICE, BOB, CHARLIE, JAMES, WORKERS };
static const char *const names[WORKERS] = {"alice", "bob", "charlie", "james"};
static program programs[WORKERS];

static void start(program *p, const char *id)
{
    const char *const argv[] = {"csyft", "worker", "--id", id, "--listen", "tcp://127.0.0.1:0",
                                NULL};
    program_start(p, argv, 1);
}

static int start_all(void **state)
{
    (void)state;
    for (int k = 0; k < WORKERS; k++) {
        start(&programs[k], names[k]);
    }
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    for (int k = 0; k < WORKERS && programs[k].pid > 0; k++) {
        program_stop(&programs[k]);
    }
    return 0;
}

/* A client of all of them. */
typedef struct client {
    sy_context *context;
    sy_hook *hook;
    sy_worker *workers[WORKERS];
    sy_plan *plans[3];
} client;

static sy_error err;

static sy_worker *connect_to(client *c, const program *p)
{
    sy_worker *worker = NULL;
    assert_ok(sy_worker_connect(c->hook, &worker, p->urls[0], NULL, &err), &err);
    return worker;
}

static sy_status plus_one(sy_plan_frame *f, sy_scope *s, void *user, sy_error *error)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_scalar(s, sy_plan_frame_argument(f, 0), 1), error);
}

static void client_open(client *c, const char *id)
{
    const sy_plan_shape shape = {SY_DTYPE_F32, 1, {1}};
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    hook_options.local_worker_id = id;
    hook_options.verbose = false;
    options.name = "inc";
    options.forward = plus_one;
    assert_ok(sy_context_new(&c->context, NULL, &err), &err);
    assert_ok(sy_hook_new(c->context, &c->hook, &hook_options, &err), &err);
    for (int k = 0; k < WORKERS; k++) {
        c->workers[k] = connect_to(c, &programs[k]);
    }
    for (int k = 0; k < 3; k++) {
        assert_ok(sy_plan_new(c->hook, &c->plans[k], &options, &err), &err);
        assert_ok(sy_plan_build_shapes(c->plans[k], &shape, 1, &err), &err);
    }
}

static void client_close(client *c)
{
    for (int k = 0; k < 3; k++) {
        sy_plan_unref(c->plans[k]);
    }
    sy_hook_free(c->hook);
    sy_context_free(c->context);
}

static sy_protocol *make(client *c, const char *first, const char *second, const char *third)
{
    sy_protocol *protocol = NULL;
    const sy_protocol_pair pairs[] = {{.name = first, .plan = c->plans[0]},
                                      {.name = second, .plan = c->plans[1]},
                                      {.name = third, .plan = c->plans[2]}};
    assert_ok(sy_protocol_new(c->hook, &protocol, pairs, 3, NULL, &err), &err);
    return protocol;
}

static sy_tensor *one(client *c)
{
    sy_tensor *x = NULL;
    assert_ok(sy_tensor_from_floats(c->hook, &x, (const float[]){1}, 1, &err), &err);
    return x;
}

/* What a pointer points to, which it takes. */
static sy_tensor *get(sy_tensor *pointer)
{
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_get(pointer, &got, &err), &err);
    sy_tensor_unref(pointer);
    return got;
}

static void assert_four(sy_tensor *tensor)
{
    double value = 0;
    assert_false(sy_tensor_is_pointer(tensor));
    assert_ok(sy_tensor_item(tensor, &value, &err), &err);
    assert_true(value == 4);
    sy_tensor_unref(tensor);
}

/* Runs it on [1.], which is at `at`, or here. */
static sy_tensor *run(client *c, sy_protocol *protocol, sy_worker *at)
{
    sy_tensor *x = one(c), *y = NULL;
    size_t count = 0;
    if (at != NULL) {
        assert_ok(sy_tensor_send_(x, at, &err), &err);
    }
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_protocol_run(protocol, &arg, 1, NULL, 0, &y, 1, &count, &err), &err);
    assert_int_equal(count, 1);
    sy_tensor_unref(x);
    return y;
}

static void assert_count(sy_worker *worker, uint64_t expected)
{
    uint64_t count = 0;
    for (int k = 0; k < 400; k++) {
        assert_ok(sy_worker_count_objects(worker, &count, &err), &err);
        if (count == expected) {
            return;
        }
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    assert_int_equal(count, expected);
}

static void deploy(client *c, sy_protocol *protocol)
{
    assert_ok(sy_protocol_deploy(protocol, c->workers, 3, &err), &err);
}

/* 1. deploy to three workers, run with a local tensor: a pointer at charlie. */
static void test_deploy_and_run(void **state)
{
    (void)state;
    client c;
    client_open(&c, "me");
    sy_protocol *protocol = make(&c, "w1", "w2", "w3");
    deploy(&c, protocol);
    sy_tensor *y = run(&c, protocol, NULL);
    assert_true(sy_tensor_is_pointer(y));
    assert_ptr_equal(sy_tensor_get_location(y), c.workers[CHARLIE]);
    assert_four(get(y));
    sy_protocol_unref(protocol);
    client_close(&c);
}

/* 2. one name twice is one worker; three names are not two workers. */
static void test_fictive_names(void **state)
{
    (void)state;
    client c;
    client_open(&c, "me");
    sy_protocol *protocol = make(&c, "w1", "w2", "w1");
    assert_ok(sy_protocol_deploy(protocol, c.workers, 2, &err), &err);
    assert_ptr_equal(sy_protocol_get_worker(protocol, 0), c.workers[ALICE]);
    assert_ptr_equal(sy_protocol_get_worker(protocol, 2), c.workers[ALICE]);
    assert_count(c.workers[ALICE], 2);
    assert_count(c.workers[BOB], 1);
    sy_tensor *y = run(&c, protocol, NULL);
    assert_ptr_equal(sy_tensor_get_location(y), c.workers[ALICE]);
    assert_four(get(y));
    assert_status(sy_protocol_deploy(protocol, c.workers, 2, &err), SY_EINVAL, &err);
    assert_string_equal(err.message, "This protocol is already deployed to alice, bob, alice.");
    sy_protocol_unref(protocol);
    protocol = make(&c, "w1", "w2", "w3");
    assert_status(sy_protocol_deploy(protocol, c.workers, 2, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "designed for 3 workers, but 2 were provided"));
    sy_protocol_unref(protocol);
    client_close(&c);
}

/* 3. deployed, then sent to james: run by him, on what is his. */
static void test_send_after_deploy(void **state)
{
    (void)state;
    client c;
    client_open(&c, "me");
    sy_protocol *protocol = make(&c, "w1", "w2", "w3");
    sy_worker *james = c.workers[JAMES];
    deploy(&c, protocol);
    assert_ok(sy_protocol_send(protocol, james, &err), &err);
    sy_tensor *y = run(&c, protocol, james);
    assert_ptr_equal(sy_tensor_get_location(y), james);
    sy_tensor *at_charlie = get(y);
    assert_true(sy_tensor_is_pointer(at_charlie));
    assert_ptr_equal(sy_tensor_get_location(at_charlie), c.workers[CHARLIE]);
    assert_four(get(at_charlie));
    sy_tensor *x = one(&c), *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_status(sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &err),
                  SY_ECOLLOCATION, &err);
    assert_string_equal(err.message, "This protocol has been sent to james, but you provided local "
                                     "arguments or pointers to me.");
    sy_tensor_unref(x);
    const sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_worker_delete(james, &id, &err), &err);
    sy_protocol_unref(protocol);
    client_close(&c);
}

/* 4. sent as it is, with its names; somebody else finds it by id and by tag, fetches it, deploys it to workers of theirs,
 * and runs it. The one who designed it need not be there any more. */
static void test_found_by_another(void **state)
{
    (void)state;
    client c, other;
    sy_tensor **found = NULL;
    size_t count = 0;
    char id_text[72];
    client_open(&c, "me");
    client_open(&other, "other");
    sy_protocol *protocol = make(&c, "w1", "w2", "w1"), *fetched = NULL;
    sy_pointer_protocol *pointer = NULL;
    const sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_protocol_tag(protocol, "#three", &err), &err);
    assert_ok(sy_protocol_send(protocol, c.workers[JAMES], &err), &err);
    assert_ok(sy_protocol_keep(protocol, &err), &err);
    sy_protocol_unref(protocol);
    client_close(&c);

    const char *const terms[] = {sy_id_format(&id, id_text, sizeof id_text), "#three"};
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_worker_search(other.workers[JAMES], &found, &count, &terms[k], 1, &err), &err);
        assert_int_equal(count, 1);
        sy_pointer_protocol_unref(pointer);
        assert_ok(sy_pointer_protocol_from(found[0], &pointer, &err), &err);
        sy_tensors_free(other.hook, found, count);
    }
    assert_ok(sy_pointer_protocol_get(pointer, &fetched, false, &err), &err);
    assert_false(sy_protocol_is_resolved(fetched));
    assert_string_equal(sy_protocol_get_name(fetched, 1), "w2");
    assert_ok(sy_protocol_deploy(fetched, &other.workers[BOB], 2, &err), &err);
    assert_ptr_equal(sy_protocol_get_worker(fetched, 0), other.workers[BOB]);
    assert_ptr_equal(sy_protocol_get_worker(fetched, 2), other.workers[BOB]);
    sy_tensor *y = run(&other, fetched, NULL);
    assert_ptr_equal(sy_tensor_get_location(y), other.workers[BOB]);
    assert_four(get(y));
    assert_ok(sy_worker_delete(other.workers[JAMES], &id, &err), &err);
    sy_pointer_protocol_unref(pointer);
    sy_protocol_unref(fetched);
    client_close(&other);
}

/* 5. james forgets all; sent again, the deployed protocol is found and run through the pointer. */
static void test_sent_again(void **state)
{
    (void)state;
    client c;
    sy_tensor **found = NULL;
    size_t count = 0;
    client_open(&c, "me");
    sy_protocol *protocol = make(&c, "w1", "w2", "w3");
    sy_pointer_protocol *pointer = NULL;
    sy_worker *james = c.workers[JAMES];
    deploy(&c, protocol);
    assert_ok(sy_protocol_tag(protocol, "#again", &err), &err);
    assert_ok(sy_protocol_send(protocol, james, &err), &err);
    assert_ok(sy_worker_clear_remote(james, NULL, &err), &err);
    assert_count(james, 0);
    assert_ok(sy_protocol_send(protocol, james, &err), &err);
    assert_ok(sy_worker_search(james, &found, &count, (const char *const[]){"#again"}, 1, &err),
              &err);
    assert_int_equal(count, 1);
    assert_ok(sy_pointer_protocol_from(found[0], &pointer, &err), &err);
    sy_tensors_free(c.hook, found, count);
    sy_tensor *x = one(&c), *y = NULL;
    assert_ok(sy_tensor_send_(x, james, &err), &err);
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_pointer_protocol_run(pointer, &arg, 1, NULL, 0, &y, 1, &count, &err), &err);
    assert_ptr_equal(sy_tensor_get_location(y), james);
    assert_four(get(get(y)));
    sy_tensor_unref(x);
    const sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_worker_delete(james, &id, &err), &err);
    sy_pointer_protocol_unref(pointer);
    sy_protocol_unref(protocol);
    assert_count(james, 0);
    client_close(&c);
}

/* Kept, it runs for others when the one who deployed it is gone; what it is made of is there until it is deleted. */
static void test_kept(void **state)
{
    (void)state;
    client c, other;
    sy_pointer_protocol *pointer = NULL;
    sy_protocol *fetched = NULL;
    client_open(&c, "me");
    client_open(&other, "other");
    sy_protocol *protocol = make(&c, "w1", "w2", "w3");
    const sy_id id = sy_protocol_get_id(protocol);
    deploy(&c, protocol);
    assert_ok(sy_protocol_send(protocol, c.workers[JAMES], &err), &err);
    assert_ok(sy_protocol_keep(protocol, &err), &err);
    sy_protocol_unref(protocol);
    client_close(&c);
    sy_worker *james = other.workers[JAMES];
    sy_tensor *x = one(&other), *y = NULL;
    assert_ok(sy_tensor_send_(x, james, &err), &err);
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_protocol_create_pointer(other.hook, &pointer, james, &id, false, &err), &err);
    assert_ok(sy_pointer_protocol_run(pointer, &arg, 1, NULL, 0, &y, 1, NULL, &err), &err);
    assert_four(get(get(y)));
    assert_ok(sy_worker_fetch_protocol(james, &fetched, &id, false, &err), &err);
    assert_four(get(run(&other, fetched, NULL)));
    sy_tensor_unref(x);
    sy_pointer_protocol_unref(pointer);
    sy_protocol_unref(fetched);
    for (int k = 0; k < WORKERS; k++) {
        assert_ok(sy_worker_clear_remote(other.workers[k], NULL, &err), &err);
    }
    client_close(&other);
}

/* A worker dies between two steps: the caller learns which plan, which worker and why, and the others keep nothing. From
 * where the protocol is run by somebody else, too. (Had it been run before, alice would try for some seconds to take up
 * her session with dave: integration/reconnect.) */
static void test_a_worker_dies(void **state)
{
    (void)state;
    client c;
    program dave;
    sy_tensor *result = NULL;
    start(&dave, "dave");
    client_open(&c, "me");
    sy_protocol *protocol = make(&c, "w1", "w2", "w3");
    sy_worker *james = c.workers[JAMES];
    sy_worker *const order[] = {c.workers[ALICE], connect_to(&c, &dave), c.workers[BOB]};
    assert_ok(sy_protocol_deploy(protocol, order, 3, &err), &err);
    assert_ok(sy_protocol_send(protocol, james, &err), &err);
    assert_int_equal(kill(dave.pid, SIGKILL), 0);
    assert_int_equal(waitpid(dave.pid, NULL, 0), dave.pid);
    sy_tensor *x = one(&c);
    assert_ok(sy_tensor_send_(x, james, &err), &err);
    const sy_value arg = sy_value_tensor(x);
    const sy_status status = sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &err);
    assert_int_not_equal(status, SY_OK);
    assert_non_null(strstr(err.message, "plan 2 at worker dave"));
    assert_null(result);
    sy_tensor_unref(x);
    assert_count(james, 1); /* the protocol */
    assert_count(c.workers[ALICE], 1);
    assert_count(c.workers[BOB], 1);
    const sy_id id = sy_protocol_get_id(protocol);
    assert_ok(sy_worker_delete(james, &id, &err), &err);
    sy_protocol_unref(protocol);
    client_close(&c);
}

/* The same without james in between. */
static void test_a_worker_dies_here(void **state)
{
    (void)state;
    client c;
    program dave;
    sy_tensor *result = NULL;
    start(&dave, "dave");
    client_open(&c, "me");
    sy_protocol *protocol = make(&c, "w1", "w2", "w3");
    sy_worker *const order[] = {c.workers[ALICE], connect_to(&c, &dave), c.workers[BOB]};
    assert_ok(sy_protocol_deploy(protocol, order, 3, &err), &err);
    assert_int_equal(kill(dave.pid, SIGKILL), 0);
    assert_int_equal(waitpid(dave.pid, NULL, 0), dave.pid);
    sy_tensor *x = one(&c);
    const sy_value arg = sy_value_tensor(x);
    assert_int_not_equal(sy_protocol_run(protocol, &arg, 1, NULL, 0, &result, 1, NULL, &err),
                         SY_OK);
    assert_non_null(strstr(err.message, "plan 2 at worker dave"));
    sy_tensor_unref(x);
    assert_count(c.workers[ALICE], 1);
    assert_count(c.workers[BOB], 1);
    sy_protocol_unref(protocol);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deploy_and_run),     cmocka_unit_test(test_fictive_names),
        cmocka_unit_test(test_send_after_deploy),  cmocka_unit_test(test_found_by_another),
        cmocka_unit_test(test_sent_again),         cmocka_unit_test(test_a_worker_dies),
        cmocka_unit_test(test_a_worker_dies_here), cmocka_unit_test(test_kept),
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
