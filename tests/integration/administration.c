/*
 * administration.c - looking after a worker from afar: how many objects it has, clearing those that the caller may
 * delete, the workers it knows; and who may. Over every kind of worker.
 */
#include <string.h>

#include <csyft/caller.h>

#include "support/places.h"
#include "workers/commands.h"
#include "workers/link.h"

static sy_tensor *hold(workers *w, sy_worker *worker, float value)
{
    sy_tensor *p = workers_send(w, FLOATS(w, value), worker);
    return p;
}

static void test_count_and_clear(void **state)
{
    workers *w = *state;
    uint64_t count = 7;
    assert_ok(sy_worker_count_objects(w->alice, &count, &w->err), &w->err);
    assert_int_equal(count, 0);
    for (int k = 0; k < 150; k++) { /* more than one handful of the handler's */
        (void)hold(w, w->alice, (float)k);
    }
    (void)hold(w, w->bob, 1);
    sy_tensor *kept = hold(w, w->alice, 5);
    assert_ok(sy_tensor_keep(kept, &w->err), &w->err);
    (void)workers_publish(w, w->alice, w->alice_serving, "p", "#p", false, 0, NULL, SY_DTYPE_F32,
                          &(float){1});
    assert_ok(sy_worker_count_objects(w->alice, &count, &w->err), &w->err);
    assert_int_equal(count, sy_worker_get_object_count(w->alice_serving));
    assert_int_equal(count, 152);
    assert_ok(sy_worker_clear_remote(w->alice, &count, &w->err), &w->err);
    assert_int_equal(count, 152);
    assert_int_equal(sy_worker_get_object_count(w->alice_serving), 0);
    assert_int_equal(sy_worker_get_object_count(w->bob_serving), 1);
    assert_ok(sy_worker_clear_remote(w->alice, NULL, &w->err), &w->err); /* none is no error */
    assert_fails(w, sy_tensor_get_(kept, &w->err), SY_ENOTFOUND, "alice");
}

/* What others must not delete stays, and is not counted. */
static void test_clear_keeps_what_is_not_the_callers(void **state)
{
    workers *w = *state;
    uint64_t count = 0;
    sy_tensor *x = NULL;
    sy_hook *hook = sy_worker_get_hook(w->alice_serving);
    assert_ok(sy_tensor_from_floats(hook, &x, (float[]){1, 2}, 2, &w->err), &w->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_DELETE, NULL, 0, &w->err), &w->err);
    assert_ok(sy_worker_publish(w->alice_serving, x, false, &w->err), &w->err);
    const sy_id id = sy_tensor_get_id(x);
    sy_tensor_unref(x);
    (void)hold(w, w->alice, 1);
    assert_ok(sy_worker_clear_remote(w->alice, &count, &w->err), &w->err);
    assert_int_equal(count, 1);
    assert_int_equal(sy_worker_get_object_count(w->alice_serving), 1);
    assert_fails(w, sy_worker_delete(w->alice, &id, &w->err), SY_EPERM, "delete", "alice");
}

static const sy_worker_info *find_info(const sy_worker_info *infos, size_t count, const char *name)
{
    for (size_t k = 0; k < count; k++) {
        char text[72];
        if (strcmp(sy_id_format(&infos[k].id, text, sizeof text), name) == 0) {
            return &infos[k];
        }
    }
    return NULL;
}

static void test_peers(void **state)
{
    workers *w = *state;
    sy_worker_info *infos = NULL;
    size_t count = 0;
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        assert_fails(w, sy_worker_find_peers(w->alice, &infos, &count, &w->err), SY_EPERM, "peers",
                     "alice", "own machine");
        assert_null(infos);
        return;
    }
    assert_ok(sy_worker_find_peers(w->alice, &infos, &count, &w->err), &w->err);
    const sy_worker_info *alice = find_info(infos, count, "alice");
    const sy_worker_info *bob = find_info(infos, count, "bob");
    assert_non_null(alice);
    assert_non_null(bob);
    if (w->kind->url == NULL) {
        assert_int_equal(count, 3);
        assert_int_equal(bob->kind, SY_WORKER_VIRTUAL);
        assert_string_equal(bob->address, "");
        assert_non_null(find_info(infos, count, "me"));
    } else {
        assert_int_equal(count, 2);
        assert_int_equal(alice->kind, SY_WORKER_LOCAL);
        assert_string_equal(alice->address, "");
        assert_int_equal(bob->kind, SY_WORKER_REGISTERED); /* introduced, not spoken to */
        assert_string_equal(bob->address, w->bob->url);
    }
    sy_worker_infos_free(w->hook, infos, count);
    /* One's own local worker can be asked, too. */
    uint64_t objects = 7;
    assert_ok(sy_worker_find_peers(w->me, &infos, &count, &w->err), &w->err);
    assert_int_equal(count, 3);
    assert_int_equal(find_info(infos, count, "bob")->kind, w->kind->kind);
    sy_worker_infos_free(w->hook, infos, count);
    assert_ok(sy_worker_count_objects(w->me, &objects, &w->err), &w->err);
    assert_int_equal(objects, 0);
    /* Once alice has spoken to bob his kind is known. */
    sy_tensor *x = hold(w, w->alice, 1);
    assert_ok(sy_tensor_move_(x, w->bob, &w->err), &w->err);
    assert_ok(sy_worker_find_peers(w->alice, &infos, &count, &w->err), &w->err);
    bob = find_info(infos, count, "bob");
    assert_non_null(bob);
    assert_int_equal(bob->kind, w->kind->kind);
    sy_worker_infos_free(w->hook, infos, count);
}

/* With names only those, from wherever they come; tokens say who they are. */
static void test_who_may(void **state)
{
    const worker_kind *kind = *state;
    static const char alice_token[] = "alice-alice-alice";
    static const char carol_token[] = "carol-carol-carol";
    const char *const names[] = {"alice"};
    const char *const bad[] = {"", "x"};
    test_place bob, alice, carol;
    sy_error err = SY_ERROR_INIT;
    sy_worker_info *infos = NULL;
    size_t count = 0;
    uint64_t objects = 0;
    place_open(&bob, "bob", false, 1);
    place_open(&alice, "a", true, 1);
    place_open(&carol, "c", true, 1);
    assert_ok(sy_worker_add_token(bob.worker, "alice", alice_token, 0, &err), &err);
    assert_ok(sy_worker_add_token(bob.worker, "carol", carol_token, 0, &err), &err);
    assert_status(sy_worker_permit_administration(bob.worker, bad, 2, &err), SY_EINVAL, &err);
    const char *url = place_listen(&bob, kind->url, NULL);
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    sy_worker *for_alice = NULL;
    sy_worker *for_carol = NULL;
    options.token = alice_token;
    assert_ok(sy_worker_connect(alice.hook, &for_alice, url, &options, &err), &err);
    options.token = carol_token;
    assert_ok(sy_worker_connect(carol.hook, &for_carol, url, &options, &err), &err);
    /* At first: who is on the machine, as both are. */
    assert_ok(sy_worker_find_peers(for_carol, &infos, &count, &err), &err);
    assert_int_equal(count, 1);
    sy_worker_infos_free(carol.hook, infos, count);
    assert_ok(sy_worker_permit_administration(bob.worker, names, 1, &err), &err);
    assert_ok(sy_worker_find_peers(for_alice, &infos, &count, &err), &err);
    sy_worker_infos_free(alice.hook, infos, count);
    assert_status(sy_worker_find_peers(for_carol, &infos, &count, &err), SY_EPERM, &err);
    assert_non_null(strstr(err.message, "lets others administer"));
    assert_ok(sy_worker_count_objects(for_carol, &objects, &err), &err); /* counts are no secret */
    assert_ok(sy_worker_permit_administration(bob.worker, NULL, 0, &err), &err);
    assert_status(sy_worker_find_peers(for_alice, &infos, &count, &err), SY_EPERM, &err);
    place_close(&alice);
    place_close(&carol);
    place_close(&bob);
}

/* What a peer may send as arguments: refused by status, and the worker goes on. */
static void test_bad_arguments(void **state)
{
    workers *w = *state;
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        return; /* a stranger is refused before that */
    }
    const sy_value text = sy_value_string("x");
    const sy_value list = sy_value_list(&text, 1);
    const sy_value no = sy_value_bool(false);
    const struct {
        const char *name;
        sy_value args[3];
        size_t count;
        sy_status status;
    } cases[] = {
        {"log_messages", {sy_value_int(0), sy_value_int(1000), no}, 3, SY_EINVAL},
        {"log_messages", {sy_value_int(-1), sy_value_int(1000), no}, 3, SY_EINVAL},
        {"log_messages", {sy_value_int(10), sy_value_int(INT64_MIN), no}, 3, SY_EINVAL},
        {"log_messages", {sy_value_int(10), sy_value_int(1), no}, 3, SY_EINVAL},
        {"log_messages", {sy_value_int(INT64_MAX), sy_value_int(INT64_MAX), no}, 3, SY_ELIMIT},
        {"log_messages", {text, list, sy_value_none()}, 3, SY_EINVAL},
        {"log_messages", {sy_value_int(10), sy_value_int(10000), sy_value_int(1)}, 3, SY_EINVAL},
        {"log_messages", {sy_value_int(10)}, 1, SY_EINVAL},
        {"get_log", {sy_value_int(-1)}, 1, SY_EINVAL},
        {"get_log", {text}, 1, SY_EINVAL},
        {"get_message", {sy_value_float(0.5)}, 1, SY_EINVAL},
        {"get_message", {sy_value_int(INT64_MIN)}, 1, SY_ENOTFOUND},
        {"get_message", {sy_value_int(INT64_MAX)}, 1, SY_ENOTFOUND},
        {"_get_msg", {list}, 1, SY_EINVAL},
        {"count_messages", {text}, 1, SY_EINVAL},
        {"peers", {text}, 1, SY_EINVAL},
        {"clear", {text}, 1, SY_EINVAL},
        {"stop_logging", {text}, 1, SY_EINVAL},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_exchange exchange;
        const sy_status status = syi_command_request(w->me, w->alice, cases[k].name, cases[k].args,
                                                     cases[k].count, &exchange, &w->err);
        if (status == SY_OK) {
            syi_link_end(&exchange);
        }
        if (status != cases[k].status) {
            fail_msg("%s, case %zu: %s (%s)", cases[k].name, k, sy_status_name(status),
                     w->err.message);
        }
    }
    uint64_t count = 0;
    assert_ok(sy_worker_count_objects(w->alice, &count, &w->err), &w->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_count_and_clear), WORKER_KINDS(test_clear_keeps_what_is_not_the_callers),
        WORKER_KINDS(test_peers),           REMOTE_KINDS(test_who_may),
        WORKER_KINDS(test_bad_arguments),
    };
    return workers_run(tests);
}
