/* store_test.c - the objects of one worker: generations, leases, undoing, matching, memory that runs out. */
#include "support/bare_worker.h"
#include "workers/session.h"

/* Sessions are compared, and asked for their caller: nobody. */
static syi_session *session(int which)
{
    static syi_session sessions[4];
    return &sessions[which];
}

/* Strand held by nobody: these tests have one thread. */
static uint64_t put(bare_worker *b, int64_t number, float value, syi_session *lease)
{
    const sy_id id = sy_id_from_int(number);
    uint64_t generation = 0;
    syi_object *old = NULL;
    sy_tensor *tensor = bare_number(b, value);
    assert_ok(syi_store_put(b->bob, &id, tensor, lease, &generation, &old, &b->err), &b->err);
    assert_ptr_equal(tensor->owner, b->bob);
    assert_true(sy_id_equal(&tensor->id, &id));
    sy_tensor_unref(syi_store_forget(b->bob, old));
    sy_tensor_unref(tensor);
    return generation;
}

static double value_of(bare_worker *b, int64_t number)
{
    const sy_id id = sy_id_from_int(number);
    const syi_object *object = syi_store_get(b->bob, &id);
    assert_non_null(object);
    return bare_value(object->tensor);
}

static void test_put_get_take(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(1);
    const sy_id other = sy_id_from_int(2);
    assert_null(syi_store_get(b->bob, &id));
    const uint64_t generation = put(b, 1, 5, NULL);
    assert_int_not_equal(generation, 0); /* 0 means any */
    assert_true(value_of(b, 1) == 5);
    assert_null(syi_store_get(b->bob, &other));
    assert_null(syi_store_take(b->bob, &other, 0));
    assert_null(syi_store_take(b->bob, &id, generation + 1));
    sy_tensor *taken = syi_store_take(b->bob, &id, generation);
    assert_true(bare_value(taken) == 5);
    assert_null(syi_store_get(b->bob, &id));
    assert_null(syi_store_take(b->bob, &id, 0));
    sy_tensor_unref(taken);
}

static void test_generations_rise(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(1);
    const uint64_t first = put(b, 1, 1, NULL);
    const uint64_t other = put(b, 2, 2, NULL);
    const uint64_t second = put(b, 1, 3, NULL);
    assert_true(first < other && other < second);
    assert_true(value_of(b, 1) == 3);
    assert_null(syi_store_take(b->bob, &id, first)); /* an older pointer's deletion */
    sy_tensor_unref(syi_store_take(b->bob, &id, second));
    assert_true(put(b, 1, 4, NULL) > second); /* also after it was gone */
}

static void test_replacing_gives_the_old_one(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(1);
    uint64_t generation = 0;
    syi_object *old = NULL;
    put(b, 1, 1, session(0));
    sy_tensor *tensor = bare_number(b, 2);
    assert_ok(syi_store_put(b->bob, &id, tensor, session(0), &generation, &old, &b->err), &b->err);
    assert_non_null(old);
    assert_true(bare_value(old->tensor) == 1);
    assert_true(value_of(b, 1) == 2);
    syi_store_undo(b->bob, &id, old); /* as if nothing had been */
    assert_true(value_of(b, 1) == 1);
    assert_int_equal(tensor->refs, 1);
    assert_ok(syi_store_put(b->bob, &id, tensor, session(0), &generation, &old, &b->err), &b->err);
    sy_tensor *replaced = syi_store_forget(b->bob, old);
    assert_true(bare_value(replaced) == 1);
    sy_tensor_unref(replaced);
    sy_tensor_unref(tensor);
}

static void test_undoing_a_new_one(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(1);
    uint64_t generation = 0;
    syi_object *old = NULL;
    sy_tensor *tensor = bare_number(b, 2);
    assert_ok(syi_store_put(b->bob, &id, tensor, NULL, &generation, &old, &b->err), &b->err);
    assert_null(old);
    assert_null(syi_store_forget(b->bob, old)); /* nothing was replaced */
    syi_store_undo(b->bob, &id, old);
    assert_null(syi_store_get(b->bob, &id));
    assert_int_equal(tensor->refs, 1);
    sy_tensor_unref(tensor);
}

/* Who may overwrite: a client its own, the worker itself anything. */
static void test_leases(void **state)
{
    bare_worker *b = *state;
    static const struct {
        int before, after; /* session, -1: kept */
        bool allowed;
    } cases[] = {{0, 0, true}, {0, 1, false}, {-1, 0, false}, {0, -1, true}, {-1, -1, true}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const sy_id id = sy_id_from_int(100 + (int64_t)k);
        syi_session *after = cases[k].after < 0 ? NULL : session(cases[k].after);
        put(b, id.number, 1, cases[k].before < 0 ? NULL : session(cases[k].before));
        if (cases[k].allowed) {
            put(b, id.number, 2, after);
            assert_true(value_of(b, id.number) == 2);
            continue;
        }
        uint64_t generation = 0;
        syi_object *old = NULL;
        sy_tensor *tensor = bare_number(b, 2);
        assert_bare_fails(b, syi_store_put(b->bob, &id, tensor, after, &generation, &old, &b->err),
                          SY_EEXIST, "belongs to another client");
        assert_non_null(strstr(b->err.message, "bob"));
        assert_null(old);
        assert_int_equal(tensor->refs, 1);
        assert_true(sy_id_is_none(&tensor->id)); /* untouched */
        assert_true(value_of(b, id.number) == 1);
        sy_tensor_unref(tensor);
    }
}

static void test_missing(void **state)
{
    bare_worker *b = *state;
    sy_id id = SY_ID_INIT;
    assert_ok(sy_id_from_text(&id, "rows", &b->err), &b->err);
    assert_bare_fails(
        b, syi_object_missing(b->bob, &id, &b->err), SY_ENOTFOUND,
        "If you think this tensor does exist"); /* the reference's test looks for these words */
    assert_non_null(strstr(b->err.message, "\"rows\""));
    assert_non_null(strstr(b->err.message, "bob"));
    assert_string_equal(b->err.object, "rows");
}

static void test_matches(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(123);
    put(b, 123, 1, NULL);
    const syi_object *object = syi_store_get(b->bob, &id);
    assert_ok(sy_tensor_tag(object->tensor, "#fun", &b->err), &b->err);
    assert_ok(sy_tensor_tag(object->tensor, "#mnist", &b->err), &b->err);
    assert_ok(sy_tensor_describe(object->tensor, "images of digits", &b->err), &b->err);
    static const struct {
        const char *terms[3];
        size_t count;
        bool matches;
    } cases[] = {{{NULL}, 0, true},
                 {{"123"}, 1, true},
                 {{"12"}, 1, false},
                 {{"#fun"}, 1, true},
                 {{"#fu"}, 1, false},
                 {{"#funny"}, 1, false},
                 {{"digits"}, 1, true},
                 {{"of dig"}, 1, true},
                 {{"Digits"}, 1, false},
                 {{""}, 1, true}, /* part of every description */
                 {{"#fun", "123", "images"}, 3, true},
                 {{"#fun", "123", "letters"}, 3, false}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        assert_int_equal(syi_store_matches(object, &id, cases[k].terms, cases[k].count),
                         cases[k].matches);
    }
    put(b, 124, 1, NULL); /* without labels */
    const sy_id plain = sy_id_from_int(124);
    const char *const fun = "#fun";
    const char *const number = "124";
    assert_false(syi_store_matches(syi_store_get(b->bob, &plain), &plain, &fun, 1));
    assert_true(syi_store_matches(syi_store_get(b->bob, &plain), &plain, &number, 1));
}

/* Each allocation of a put refused in turn: the store is as it was. */
static void test_out_of_memory(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(1);
    sy_tensor *tensor = bare_number(b, 2);
    put(b, 1, 1, NULL);
    size_t refusals = 0;
    for (int64_t number = 1; number < 200; number++) { /* some of them grow the table */
        const sy_id at = sy_id_from_int(number);
        for (size_t nth = 1;; nth++) {
            uint64_t generation = 0;
            syi_object *old = NULL;
            const size_t count = sy_worker_get_object_count(b->bob);
            b->memory.refused = 0;
            b->memory.fail_at = b->memory.calls + nth;
            const sy_status status =
                syi_store_put(b->bob, &at, tensor, NULL, &generation, &old, &b->err);
            b->memory.fail_at = 0;
            if (b->memory.refused == 0) {
                assert_int_equal(status, SY_OK);
                sy_tensor_unref(syi_store_forget(b->bob, old));
                break;
            }
            refusals++;
            assert_status(status, SY_ENOMEM, &b->err);
            assert_null(old);
            assert_int_equal(sy_worker_get_object_count(b->bob), count);
        }
    }
    assert_true(refusals > 199);
    assert_true(value_of(b, id.number) == 2);
    sy_tensor_unref(tensor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_put_get_take),
        bare_worker_test(test_generations_rise),
        bare_worker_test(test_replacing_gives_the_old_one),
        bare_worker_test(test_undoing_a_new_one),
        bare_worker_test(test_leases),
        bare_worker_test(test_missing),
        bare_worker_test(test_matches),
        bare_worker_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
