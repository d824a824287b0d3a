/* directory_test.c - the workers that a hook knows, and what introductions may change. */
#include "support/bare_worker.h"

static sy_id text_id(const char *text)
{
    sy_id id = SY_ID_INIT;
    assert_int_equal(sy_id_from_text(&id, text, NULL), SY_OK);
    return id;
}

static void test_find(void **state)
{
    bare_worker *b = *state;
    const sy_id bob = text_id("bob");
    const sy_id me = text_id("me");
    const sy_id nobody = text_id("nobody");
    const sy_id number = sy_id_from_int(7);
    sy_worker *seven = NULL;
    assert_ptr_equal(syi_directory_find(b->hook, &bob), b->bob);
    assert_ptr_equal(syi_directory_find(b->hook, &me), b->me); /* it knows itself */
    assert_null(syi_directory_find(b->hook, &nobody));
    assert_null(syi_directory_find(b->hook, &number));
    assert_ok(sy_virtual_worker_new(b->hook, &seven, "7", &b->err), &b->err);
    assert_ptr_equal(syi_directory_find(b->hook, &number), seven);
}

static void test_add_twice(void **state)
{
    bare_worker *b = *state;
    sy_worker *other = NULL;
    const sy_id bob = text_id("bob");
    assert_bare_fails(b, syi_directory_add(b->hook, b->bob, &b->err), SY_EEXIST, "bob");
    assert_ok(syi_worker_new(b->hook, &other, &bob, SY_WORKER_VIRTUAL, &b->err), &b->err);
    assert_bare_fails(b, syi_directory_add(b->hook, other, &b->err), SY_EEXIST, "bob");
    assert_ptr_equal(syi_directory_find(b->hook, &bob), b->bob);
    syi_worker_free(other);
}

/* Known by URL only; the kind is that of the scheme. Nobody is connected to. */
static void test_introduce(void **state)
{
    bare_worker *b = *state;
    const sy_id carol = text_id("carol");
    const sy_id dave = text_id("dave");
    assert_ok(syi_directory_introduce(b->hook, &carol, "tcp://127.0.0.1:1", &b->err), &b->err);
    assert_ok(syi_directory_introduce(b->hook, &dave, "ws://127.0.0.1:1/x", &b->err), &b->err);
    sy_worker *worker = syi_directory_find(b->hook, &carol);
    assert_int_equal(sy_worker_get_kind(worker), SY_WORKER_SOCKET);
    assert_string_equal(worker->url, "tcp://127.0.0.1:1");
    assert_false(syi_worker_is_here(worker));
    assert_int_equal(sy_worker_get_kind(syi_directory_find(b->hook, &dave)), SY_WORKER_WEBSOCKET);
    /* the same again is fine, another place is not */
    assert_ok(syi_directory_introduce(b->hook, &carol, "tcp://127.0.0.1:1", &b->err), &b->err);
    assert_ptr_equal(syi_directory_find(b->hook, &carol), worker);
    assert_bare_fails(b, syi_directory_introduce(b->hook, &carol, "tcp://127.0.0.1:2", &b->err),
                      SY_EEXIST, "carol");
    assert_non_null(strstr(b->err.message, "tcp://127.0.0.1:1"));
    assert_string_equal(worker->url, "tcp://127.0.0.1:1");
}

/* Nobody is told that a worker of this process is somewhere else. */
static void test_introduce_what_is_here(void **state)
{
    bare_worker *b = *state;
    const sy_id bob = text_id("bob");
    assert_ok(syi_directory_introduce(b->hook, &bob, "tcp://127.0.0.1:1", &b->err), &b->err);
    assert_ptr_equal(syi_directory_find(b->hook, &bob), b->bob);
    assert_string_equal(b->bob->url, "");
    assert_int_equal(sy_worker_get_kind(b->bob), SY_WORKER_VIRTUAL);
}

static void test_introduce_to_nowhere(void **state)
{
    bare_worker *b = *state;
    const sy_id carol = text_id("carol");
    static const char *const urls[] = {"",        "carol",           "http://127.0.0.1:1",
                                       "tcp://",  "tcp://127.0.0.1", "tcp://127.0.0.1:99999",
                                       "ws://:1", "tcp://host:1 2"};
    for (size_t k = 0; k < sizeof urls / sizeof urls[0]; k++) {
        assert_bare_fails(b, syi_directory_introduce(b->hook, &carol, urls[k], &b->err), SY_EINVAL,
                          urls[k]);
        assert_null(syi_directory_find(b->hook, &carol));
    }
}

static void test_out_of_memory(void **state)
{
    bare_worker *b = *state;
    const sy_id carol = text_id("carol");
    for (size_t nth = 1;; nth++) {
        b->memory.refused = 0;
        const size_t live = b->memory.live;
        b->memory.fail_at = b->memory.calls + nth;
        const sy_status status =
            syi_directory_introduce(b->hook, &carol, "tcp://127.0.0.1:1", &b->err);
        b->memory.fail_at = 0;
        if (b->memory.refused == 0) {
            assert_ok(status, &b->err);
            assert_true(nth > 2);
            return;
        }
        assert_status(status, SY_ENOMEM, &b->err);
        assert_int_equal(b->memory.live, live);
        assert_null(syi_directory_find(b->hook, &carol));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_find),
        bare_worker_test(test_add_twice),
        bare_worker_test(test_introduce),
        bare_worker_test(test_introduce_what_is_here),
        bare_worker_test(test_introduce_to_nowhere),
        bare_worker_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
