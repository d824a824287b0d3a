/* commands_test.c - the registry of worker commands, asking for one, and the room's own. */
#include "workers/commands.h"

#include <stdio.h>

#include "support/bare_worker.h"
#include "support/raw_client.h"
#include "workers/link.h"
#include "workers/room.h"
#include "workers/session.h"

static sy_status echo(const sy_request *request, sy_error *err)
{
    const sy_value list = sy_value_list(request->args, request->arg_count);
    return syi_encode_value(request->reply, &list, err);
}

static sy_status complain(const sy_request *request, sy_error *err)
{
    (void)request;
    return syi_fail_object(err, SY_EBUSY, "kettle", "the kettle is on");
}

/* Makes a tensor and registers it under the id it is given, or under none. */
static sy_status make(const sy_request *request, sy_error *err)
{
    sy_tensor *tensor = NULL;
    sy_id id = SY_ID_INIT;
    SY_TRY(sy_tensor_from_floats(request->worker->hook, &tensor, (const float[]){7}, 1, err));
    if (request->arg_count > 0) {
        id = sy_id_from_int(request->args[0].as.integer);
    }
    const sy_status status = syi_request_register(request, tensor, &id, err);
    sy_tensor_unref(tensor);
    return status;
}

static const syi_worker_command extra[] = {
    {"echo", 0, 3, 0, echo},
    {"complain", 0, 0, 0, complain},
    {"make", 0, 1, 0, make},
};

static void test_registering(void **state)
{
    bare_worker *b = *state;
    static const char *const builtin[] = {"keep",       "delete", "requires_grad_", "set_grad",
                                          "add_worker", "whoami", "objects_count"};
    for (size_t k = 0; k < sizeof builtin / sizeof builtin[0]; k++) {
        assert_string_equal(syi_commands_find(b->hook, builtin[k])->name, builtin[k]);
    }
    assert_null(syi_commands_find(b->hook, "echo"));
    assert_null(syi_commands_find(b->hook, ""));
    assert_ok(syi_commands_register(b->hook, extra, 3, &b->err), &b->err);
    assert_ptr_equal(syi_commands_find(b->hook, "echo"), &extra[0]);
    assert_bare_fails(b, syi_commands_register(b->hook, &extra[1], 1, &b->err), SY_EEXIST,
                      "complain");
    static char names[SYI_COMMANDS_MAX][16];
    static syi_worker_command many[SYI_COMMANDS_MAX];
    for (int k = 0; k < SYI_COMMANDS_MAX; k++) {
        snprintf(names[k], sizeof names[k], "c%d", k);
        many[k] = (syi_worker_command){names[k], 0, 0, 0, echo};
    }
    assert_bare_fails(b, syi_commands_register(b->hook, many, SYI_COMMANDS_MAX, &b->err), SY_ELIMIT,
                      "more than");
}

/* Values of every kind, there and back. */
static void test_asking(void **state)
{
    bare_worker *b = *state;
    syi_exchange exchange;
    syi_decoder decoder;
    sy_value back;
    const sy_value args[] = {sy_value_int(-3), sy_value_string("kettle"), sy_value_none()};
    assert_ok(syi_commands_register(b->hook, extra, 3, &b->err), &b->err);
    for (size_t count = 0; count <= 3; count++) {
        assert_ok(syi_command_request(b->me, b->bob, "echo", args, count, &exchange, &b->err),
                  &b->err);
        syi_decoder_init(&decoder, b->hook, b->me, exchange.reply);
        assert_ok(syi_decode_value(&decoder, &back, &b->err), &b->err);
        assert_int_equal(back.kind, SY_VALUE_LIST);
        assert_int_equal(back.as.list.count, count);
        if (count > 1) {
            assert_int_equal(back.as.list.items[0].as.integer, -3);
            assert_string_equal(back.as.list.items[1].as.string, "kettle");
        }
        syi_decoder_fini(&decoder);
        syi_link_end(&exchange);
    }
    /* from one worker to another, too */
    sy_worker *alice = NULL;
    assert_ok(sy_virtual_worker_new(b->hook, &alice, "alice", &b->err), &b->err);
    assert_ok(syi_command_request(alice, b->bob, "echo", args, 3, &exchange, &b->err), &b->err);
    syi_link_end(&exchange);
}

static void test_failures_travel(void **state)
{
    bare_worker *b = *state;
    syi_exchange exchange;
    assert_ok(syi_commands_register(b->hook, extra, 3, &b->err), &b->err);
    assert_bare_fails(b,
                      syi_command_request(b->me, b->bob, "complain", NULL, 0, &exchange, &b->err),
                      SY_EBUSY, "the kettle is on");
    assert_string_equal(b->err.worker, "bob");
    assert_string_equal(b->err.object, "kettle");
    assert_bare_fails(b,
                      syi_command_request(b->me, b->bob, "frobnicate", NULL, 0, &exchange, &b->err),
                      SY_EFORBIDDEN, "frobnicate");
    const sy_value four[4] = {{0}};
    assert_bare_fails(b, syi_command_request(b->me, b->bob, "echo", four, 4, &exchange, &b->err),
                      SY_EINVAL, "echo takes 0 to 3");
}

static void test_registering_a_result(void **state)
{
    bare_worker *b = *state;
    syi_exchange exchange;
    const sy_value id = sy_value_int(70);
    const sy_id at = sy_id_from_int(70);
    assert_ok(syi_commands_register(b->hook, extra, 3, &b->err), &b->err);
    assert_ok(syi_command_request(b->me, b->bob, "make", &id, 1, &exchange, &b->err), &b->err);
    syi_link_end(&exchange);
    const syi_object *object = syi_store_get(b->bob, &at);
    assert_non_null(object);
    assert_non_null(object->lease); /* the caller's */
    assert_true(bare_value(object->tensor) == 7);
    assert_ok(syi_command_request(b->me, b->bob, "make", NULL, 0, &exchange, &b->err), &b->err);
    syi_link_end(&exchange);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    /* an id that is somebody else's */
    sy_tensor *tensor = bare_number(b, 1);
    const sy_id taken = sy_id_from_int(71);
    const sy_value other = sy_value_int(71);
    assert_ok(sy_worker_register_object(b->bob, tensor, &taken, &b->err), &b->err);
    sy_tensor_unref(tensor);
    assert_bare_fails(b, syi_command_request(b->me, b->bob, "make", &other, 1, &exchange, &b->err),
                      SY_EEXIST, "71");
    assert_int_equal(sy_worker_get_object_count(b->bob), 3);
}

static sy_status introduce(raw_client *c, const char *url)
{
    raw_put_worker_command(c, "add_worker", 2);
    syi_encode_text(&c->body, "carol");
    syi_encode_text(&c->body, url);
    return raw_request(c, SYI_KIND_WORKER_COMMAND);
}

/* From the own machine by default, from anywhere when allowed, from nobody when forbidden. */
static void test_introductions(void **state)
{
    bare_worker *b = *state;
    raw_client c;
    sy_id carol = SY_ID_INIT;
    assert_ok(sy_id_from_text(&carol, "carol", &b->err), &b->err);
    raw_open(&c, b->context, b->bob, NULL);
    assert_ok(raw_greet(&c, "client", NULL), &c.said);
    b->bob->allow_introductions = false;
    b->bob->sessions->trusted = false; /* as if it came from another machine */
    assert_int_equal(introduce(&c, "tcp://127.0.0.1:1"), SY_EFORBIDDEN);
    assert_string_equal(c.said.worker, "bob");
    assert_null(syi_directory_find(b->hook, &carol));
    b->bob->sessions->trusted = true;
    b->bob->forbid_introductions = true;
    assert_int_equal(introduce(&c, "tcp://127.0.0.1:1"), SY_EFORBIDDEN);
    assert_null(syi_directory_find(b->hook, &carol));
    b->bob->forbid_introductions = false;
    assert_int_equal(introduce(&c, "nonsense"), SY_EINVAL);
    assert_ok(introduce(&c, "tcp://127.0.0.1:1"), &c.said);
    assert_non_null(syi_directory_find(b->hook, &carol));
    b->bob->sessions->trusted = false;
    b->bob->allow_introductions = true;
    assert_ok(introduce(&c, "tcp://127.0.0.1:1"), &c.said); /* again, the same place */
    assert_int_equal(introduce(&c, "tcp://127.0.0.1:2"), SY_EEXIST);
    raw_close(&c);
}

static void test_whoami_and_count(void **state)
{
    bare_worker *b = *state;
    raw_client c;
    syi_decoder decoder;
    const char *text = NULL;
    sy_tensor *tensor = bare_number(b, 1);
    assert_ok(sy_tensor_tag(tensor, "#secret", &b->err), &b->err);
    assert_ok(sy_worker_register_object(b->bob, tensor, NULL, &b->err), &b->err);
    sy_tensor_unref(tensor);
    raw_open(&c, b->context, b->bob, NULL);
    assert_ok(raw_greet(&c, "client", NULL), &c.said);
    raw_put_worker_command(&c, "whoami", 0);
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    syi_decoder_init(&decoder, b->hook, b->me, &c.reply);
    assert_ok(syi_decode_text(&decoder, &text, &b->err), &b->err);
    assert_memory_equal(text, "id: bob, type: VirtualWorker, version: ", 39);
    assert_null(strstr(text, "secret")); /* never object names */
    syi_decoder_fini(&decoder);
    raw_put_worker_command(&c, "objects_count", 0);
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    assert_int_equal(c.reply.body.length, 1);
    assert_int_equal(c.reply.body.data[0], 1);
    raw_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_registering),     bare_worker_test(test_asking),
        bare_worker_test(test_failures_travel), bare_worker_test(test_registering_a_result),
        bare_worker_test(test_introductions),   bare_worker_test(test_whoami_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
