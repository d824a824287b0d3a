/* search_test.c - pointers to what is found: labels, order, memory that runs out. What matches: store_test.c;
 * from a user's side: tests/integration/pointers.c. */
#include <csyft/pointer.h>

#include "interpreters/pointer.h"
#include "support/bare_worker.h"

static int setup(void **state)
{
    if (bare_worker_setup(state) != 0) {
        return -1;
    }
    bare_worker *b = *state;
    return syi_pointer_register(b->hook, &b->err) == SY_OK ? 0 : -1;
}

#define search_test(test) cmocka_unit_test_setup_teardown(test, setup, bare_worker_teardown)

static void put(bare_worker *b, int64_t number, const char *tag)
{
    const sy_id id = sy_id_from_int(number);
    sy_tensor *tensor = bare_number(b, (float)number);
    assert_ok(sy_tensor_tag(tensor, tag, &b->err), &b->err);
    assert_ok(sy_tensor_tag(tensor, "#all", &b->err), &b->err);
    assert_ok(sy_tensor_describe(tensor, "a number", &b->err), &b->err);
    assert_ok(sy_worker_register_object(b->bob, tensor, &id, &b->err), &b->err);
    sy_tensor_unref(tensor);
}

static void test_nothing_found(void **state)
{
    bare_worker *b = *state;
    sy_tensor **found = (void *)b;
    size_t count = 9;
    assert_ok(sy_worker_search(b->bob, &found, &count, NULL, 0, &b->err), &b->err);
    assert_null(found);
    assert_int_equal(count, 0);
    sy_tensors_free(b->hook, found, count); /* nothing */
}

static void test_found(void **state)
{
    bare_worker *b = *state;
    sy_tensor **found = NULL;
    size_t count = 0;
    const char *const all = "#all";
    for (int k = 3; k > 0; k--) {
        put(b, k, k % 2 == 0 ? "#even" : "#odd");
    }
    assert_ok(sy_worker_search(b->bob, &found, &count, &all, 1, &b->err), &b->err);
    assert_int_equal(count, 3);
    for (int k = 0; k < 3; k++) {
        const syi_pointer *pointer = syi_pointer_of(found[k]);
        assert_int_equal(pointer->id_at_location.number, 3 - k); /* in the order of registration */
        assert_ptr_equal(pointer->location, b->bob);
        assert_ptr_equal(pointer->owner, b->me);
        assert_int_not_equal(pointer->generation, 0);
        assert_int_equal(pointer->ndim, 1); /* told with the answer */
        assert_int_equal(pointer->shape[0], 1);
        assert_false(sy_tensor_get_garbage_collect(found[k]));
        assert_int_equal(sy_tensor_get_tag_count(found[k]), 2);
        assert_string_equal(sy_tensor_get_tag(found[k], 0), k == 1 ? "#even" : "#odd");
        assert_string_equal(sy_tensor_get_description(found[k]), "a number");
    }
    sy_tensors_free(b->hook, found, count);
    assert_int_equal(sy_worker_get_object_count(b->bob), 3);
}

static void test_missing_worker(void **state)
{
    bare_worker *b = *state;
    sy_id id = SY_ID_INIT;
    sy_tensor **found = (void *)b;
    size_t count = 9;
    assert_ok(sy_id_from_text(&id, "far", &b->err), &b->err);
    assert_ok(syi_directory_introduce(b->hook, &id, "tcp://127.0.0.1:1", &b->err), &b->err);
    assert_bare_fails(
        b, sy_worker_search(syi_directory_find(b->hook, &id), &found, &count, NULL, 0, &b->err),
        SY_ECLOSED, "127.0.0.1:1");
    assert_null(found);
    assert_int_equal(count, 0);
}

static void test_out_of_memory(void **state)
{
    bare_worker *b = *state;
    sy_tensor **found = NULL;
    size_t count = 0;
    for (int k = 0; k < 4; k++) {
        put(b, k, "#some");
    }
    assert_ok(sy_worker_search(b->bob, &found, &count, NULL, 0, &b->err), &b->err);
    sy_tensors_free(b->hook, found, count);
    size_t refusals = 0;
    for (size_t nth = 1; nth < 200; nth++) {
        b->memory.refused = 0;
        b->memory.fail_at = b->memory.calls + nth;
        const sy_status status = sy_worker_search(b->bob, &found, &count, NULL, 0, &b->err);
        b->memory.fail_at = 0;
        if (status == SY_OK) {
            assert_int_equal(count, 4);
            sy_tensors_free(b->hook, found, count);
        } else {
            assert_status(status, SY_ENOMEM, &b->err);
            assert_null(found);
            assert_int_equal(count, 0);
        }
        if (b->memory.refused == 0) {
            assert_int_equal(status, SY_OK);
            break;
        }
        refusals++;
    }
    assert_in_range(refusals, 10, 198); /* each of the four pointers has labels */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        search_test(test_nothing_found),
        search_test(test_found),
        search_test(test_missing_worker),
        search_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
