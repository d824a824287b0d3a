/* response_test.c - answers are registered where they were computed, and what is left of them has no tensors. */
#include <csyft/worker.h>

#include "support/bare_worker.h"

static bool holds(bare_worker *b, int64_t id, double value)
{
    const sy_id wanted = sy_id_from_int(id);
    sy_tensor *found = NULL;
    if (sy_worker_get_object(b->bob, &found, &wanted, &b->err) != SY_OK) {
        return false;
    }
    const bool same = bare_value(found) == value && sy_tensor_get_owner(found) == b->bob;
    sy_tensor_unref(found);
    return same;
}

/* The example of 003: 389-393, (1, tensor([1, 2])), with more of both. Ids are taken from the end. */
static void test_left_to_right(void **state)
{
    bare_worker *b = *state;
    sy_tensor *x = bare_number(b, 10);
    sy_tensor *y = bare_number(b, 20);
    const sy_id ids[] = {sy_id_from_int(7), sy_id_from_int(8), sy_id_from_int(9)};
    const sy_value inner[] = {sy_value_int(3), sy_value_tensor(y)};
    const sy_value response[] = {sy_value_int(1), sy_value_tensor(x), sy_value_list(inner, 2)};
    sy_value left;
    sy_value items[8];
    sy_id used[4];
    size_t used_count = 0;
    assert_ok(sy_worker_register_response(b->bob, &left, items, 8, used, 4, &used_count, response,
                                          3, ids, 3, &b->err),
              &b->err);
    assert_int_equal(used_count, 2);
    assert_true(holds(b, 9, 10));
    assert_true(holds(b, 8, 20));
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    assert_int_equal(left.as.list.count, 3);
    assert_int_equal(left.as.list.items[0].as.integer, 1);
    assert_int_equal(left.as.list.items[1].kind, SY_VALUE_NONE);
    const sy_value *nested = &left.as.list.items[2];
    assert_int_equal(nested->as.list.count, 2);
    assert_int_equal(nested->as.list.items[0].as.integer, 3);
    assert_int_equal(nested->as.list.items[1].kind, SY_VALUE_NONE);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

/* ResponseSignatureError: one id for a split in three. All are there, the ids say where. */
static void test_too_few_ids(void **state)
{
    bare_worker *b = *state;
    sy_tensor *parts[3];
    sy_value response[3];
    const sy_id one = sy_id_from_int(5);
    sy_value left;
    sy_value items[3];
    sy_id used[3];
    size_t used_count = 0;
    for (int k = 0; k < 3; k++) {
        parts[k] = bare_number(b, (float)k);
        response[k] = sy_value_tensor(parts[k]);
    }
    assert_bare_fails(b,
                      sy_worker_register_response(b->bob, &left, items, 3, used, 3, &used_count,
                                                  response, 3, &one, 1, &b->err),
                      SY_ESIGNATURE, "3 tensors came for 1 ids");
    assert_int_equal(used_count, 3);
    assert_int_equal(used[0].number, 5);
    assert_int_equal(sy_worker_get_object_count(b->bob), 3);
    for (int k = 0; k < 3; k++) {
        assert_true(holds(b, used[k].number, k));
        assert_int_equal(left.as.list.items[k].kind, SY_VALUE_NONE);
        sy_tensor_unref(parts[k]);
    }
}

/* No owner, no room: nothing is registered. */
static void test_failures(void **state)
{
    bare_worker *b = *state;
    sy_tensor *x = bare_number(b, 1);
    const sy_value response[] = {sy_value_tensor(x), sy_value_tensor(x)};
    sy_value left;
    sy_value items[2];
    sy_id used[2];
    size_t used_count = 9;
    assert_bare_fails(b,
                      sy_worker_register_response(NULL, &left, items, 2, used, 2, &used_count,
                                                  response, 1, NULL, 0, &b->err),
                      SY_EINVAL, "worker");
    assert_bare_fails(b,
                      sy_worker_register_response(b->bob, &left, items, 1, used, 2, &used_count,
                                                  response, 2, NULL, 0, &b->err),
                      SY_ELIMIT, "values");
    assert_bare_fails(b,
                      sy_worker_register_response(b->bob, &left, items, 2, used, 1, &used_count,
                                                  response, 2, NULL, 0, &b->err),
                      SY_ELIMIT, "room for 1 ids");
    assert_int_equal(used_count, 0);
    assert_int_equal(left.kind, SY_VALUE_NONE);
    assert_int_equal(sy_worker_get_object_count(b->bob), 0);
    sy_tensor_unref(x);
}

static void test_out_of_memory(void **state)
{
    bare_worker *b = *state;
    sy_tensor *x = bare_number(b, 1);
    sy_tensor *y = bare_number(b, 2);
    const sy_value response[] = {sy_value_tensor(x), sy_value_tensor(y)};
    const sy_id ids[] = {sy_id_from_int(1), sy_id_from_int(2)};
    for (size_t nth = 1;; nth++) {
        sy_value left;
        sy_value items[2];
        sy_id used[2];
        size_t used_count = 0;
        b->memory.refused = 0;
        b->memory.fail_at = b->memory.calls + nth;
        const sy_status status = sy_worker_register_response(
            b->bob, &left, items, 2, used, 2, &used_count, response, 2, ids, 2, &b->err);
        b->memory.fail_at = 0;
        const bool refused = b->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &b->err);
        assert_int_equal(sy_worker_get_object_count(b->bob), refused ? 0 : 2);
        if (!refused) {
            assert_true(nth > 2);
            break;
        }
    }
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_left_to_right),
        bare_worker_test(test_too_few_ids),
        bare_worker_test(test_failures),
        bare_worker_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
