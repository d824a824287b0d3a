/* objects_test.c - objects of workers through the public calls: here directly, and asked for as any worker. */
#include <csyft/worker.h>

#include "support/bare_worker.h"

static sy_worker *remote(bare_worker *b)
{
    sy_id id = SY_ID_INIT;
    assert_ok(sy_id_from_text(&id, "far", &b->err), &b->err);
    assert_ok(syi_directory_introduce(b->hook, &id, "tcp://127.0.0.1:1", &b->err), &b->err);
    return syi_directory_find(b->hook, &id);
}

static void test_register_and_get(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(5);
    sy_tensor *tensor = bare_number(b, 1);
    sy_tensor *got = NULL;
    assert_ok(sy_worker_register_object(b->bob, tensor, &id, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
    const sy_id own = sy_tensor_get_id(tensor);
    assert_true(sy_id_equal(&own, &id)); /* as in the reference: the object takes the id */
    assert_ptr_equal(sy_tensor_get_owner(tensor), b->bob);
    assert_ok(sy_worker_get_object(b->bob, &got, &id, &b->err), &b->err);
    assert_ptr_equal(got, tensor);
    sy_tensor_unref(got);
    /* again: overwritten silently */
    sy_tensor *second = bare_number(b, 2);
    assert_ok(sy_worker_register_object(b->bob, second, &id, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
    assert_int_equal(tensor->refs, 1);
    sy_tensor_unref(second);
    sy_tensor_unref(tensor);
    assert_ok(sy_worker_get_object(b->bob, &got, &id, &b->err), &b->err);
    assert_true(bare_value(got) == 2);
    sy_tensor_unref(got);
}

static void test_registered_under_its_own_id(void **state)
{
    bare_worker *b = *state;
    sy_tensor *tensor = bare_number(b, 1);
    sy_tensor *got = NULL;
    assert_ok(sy_worker_register_object(b->bob, tensor, NULL, &b->err), &b->err);
    const sy_id id = sy_tensor_get_id(tensor);
    assert_ok(sy_worker_get_object(b->bob, &got, &id, &b->err), &b->err);
    assert_ptr_equal(got, tensor);
    sy_tensor_unref(got);
    sy_tensor_unref(tensor);
}

/* "Client worker: no effect at all (id not changed either)." */
static void test_clients_register_nothing(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(5);
    sy_tensor *tensor = bare_number(b, 1);
    const sy_id before = sy_tensor_get_id(tensor);
    assert_true(b->me->is_client);
    assert_ok(sy_worker_register_object(b->me, tensor, &id, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->me), 0);
    const sy_id after = sy_tensor_get_id(tensor);
    assert_true(sy_id_equal(&before, &after));
    sy_tensor_unref(tensor);
}

static void test_missing(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(5);
    sy_tensor *got = (void *)b;
    assert_bare_fails(b, sy_worker_get_object(b->bob, &got, &id, &b->err), SY_ENOTFOUND,
                      "If you think this tensor does exist");
    assert_null(got);
}

static void test_removing(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(5);
    const sy_id other = sy_id_from_int(6);
    sy_tensor *tensor = bare_number(b, 1);
    sy_tensor *plain = bare_number(b, 2);
    assert_ok(sy_worker_register_object(b->bob, tensor, &id, &b->err), &b->err);
    sy_worker_remove_object(b->bob, &other); /* absent: nothing */
    assert_ok(sy_worker_deregister_object(b->bob, plain, &b->err),
              &b->err); /* has no id: nothing */
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
    sy_worker_remove_object(b->bob, &id);
    assert_int_equal(sy_worker_get_object_count(b->bob), 0);
    assert_ok(sy_worker_register_object(b->bob, tensor, &id, &b->err), &b->err);
    assert_ok(sy_worker_deregister_object(b->bob, tensor, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->bob), 0);
    sy_tensor_unref(plain);
    sy_tensor_unref(tensor);
}

static void test_load_and_clear(void **state)
{
    bare_worker *b = *state;
    enum { COUNT = 1000 };
    sy_tensor *tensors[COUNT];
    for (int k = 0; k < COUNT; k++) {
        tensors[k] = bare_number(b, (float)k);
    }
    assert_ok(sy_worker_load_data(b->bob, tensors, 0, &b->err), &b->err);
    assert_ok(sy_worker_load_data(b->bob, tensors, COUNT, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->bob), COUNT);
    assert_ok(sy_worker_load_data(b->me, tensors, 1, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->me), 0);
    assert_ptr_equal(sy_tensor_get_owner(tensors[0]),
                     b->me); /* only the owner changes at a client */
    assert_ptr_equal(sy_tensor_get_owner(tensors[1]), b->bob);
    sy_worker_clear_objects(b->bob);
    assert_int_equal(sy_worker_get_object_count(b->bob), 0);
    for (int k = 0; k < COUNT; k++) {
        assert_int_equal(tensors[k]->refs, 1);
        sy_tensor_unref(tensors[k]);
    }
}

static void test_publishing(void **state)
{
    bare_worker *b = *state;
    sy_tensor *open = bare_number(b, 1);
    sy_tensor *closed = bare_tensor(b, 3, (const float[]){1, 2, 3});
    sy_tensor *view = NULL;
    assert_ok(syi_tensor_alias(closed, &view, &b->err), &b->err); /* made before */
    assert_ok(sy_tensor_tag(closed, "#ages", &b->err), &b->err);
    assert_ok(sy_worker_publish(b->bob, open, false, &b->err), &b->err);
    assert_ok(sy_worker_publish(b->bob, closed, true, &b->err), &b->err);
    assert_false(syi_tensor_is_private(open));
    assert_true(syi_tensor_is_private(closed));
    assert_true(syi_tensor_is_private(view));
    const syi_policy policy = syi_tensor_policy(closed);
    assert_string_equal(policy.origin, "#ages");
    assert_int_equal(policy.spread, SYI_SPREAD_DATA);
    assert_int_equal(policy.rows, 3);
    assert_int_equal(syi_tensor_policy(view).spread, SYI_SPREAD_MIXED);
    sy_object_info *infos = NULL;
    size_t count = 0;
    assert_ok(sy_worker_find(b->bob, &infos, &count, NULL, 0, &b->err), &b->err);
    assert_int_equal(count, 2);
    assert_false(infos[0].private_);
    assert_true(infos[1].private_);
    assert_string_equal(infos[1].tags, "#ages");
    assert_string_equal(infos[0].tags, "");
    sy_object_infos_free(b->hook, infos, count);
    sy_tensor_unref(view);
    sy_tensor_unref(open);
    sy_tensor_unref(closed);
}

/* A scalar, and one without a tag: its id stands for it. */
static void test_publishing_without_a_tag(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(77);
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(b->hook, &tensor, SY_DTYPE_F32, 0, NULL, &(float){1}, &b->err),
              &b->err);
    assert_ok(sy_tensor_set_id(tensor, &id, &b->err), &b->err);
    assert_ok(sy_worker_publish(b->bob, tensor, true, &b->err), &b->err);
    const syi_policy policy = syi_tensor_policy(tensor);
    assert_string_equal(policy.origin, "77");
    assert_int_equal(policy.spread, SYI_SPREAD_MIXED); /* no rows to speak of */
    sy_tensor_unref(tensor);
}

static void test_find_and_delete(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(5);
    sy_id text = SY_ID_INIT;
    sy_tensor *tensor = bare_tensor(b, 2, (const float[]){1, 2});
    sy_object_info *infos = (void *)b;
    size_t count = 9;
    const char *const term = "#x";
    assert_ok(sy_worker_find(b->bob, &infos, &count, NULL, 0, &b->err), &b->err);
    assert_null(infos);
    assert_int_equal(count, 0);
    assert_ok(sy_tensor_tag(tensor, "#x", &b->err), &b->err);
    assert_ok(sy_tensor_describe(tensor, "first\nsecond", &b->err), &b->err);
    assert_ok(sy_worker_register_object(b->bob, tensor, &id, &b->err), &b->err);
    assert_ok(sy_worker_find(b->bob, &infos, &count, &term, 1, &b->err), &b->err);
    assert_int_equal(count, 1);
    assert_true(sy_id_equal(&infos[0].id, &id));
    assert_int_equal(infos[0].ndim, 1);
    assert_int_equal(infos[0].shape[0], 2);
    assert_string_equal(infos[0].description, "first...");
    sy_object_infos_free(b->hook, infos, count);
    assert_ok(sy_worker_delete(b->bob, &id, &b->err), &b->err);
    assert_int_equal(sy_worker_get_object_count(b->bob), 0);
    assert_bare_fails(b, sy_worker_delete(b->bob, &id, &b->err), SY_ENOTFOUND, "\"5\"");
    assert_ok(sy_id_from_text(&text, "named", &b->err), &b->err);
    assert_ok(sy_worker_register_object(b->bob, tensor, &text, &b->err), &b->err);
    assert_ok(sy_worker_delete(b->bob, &text, &b->err), &b->err);
    sy_tensor_unref(tensor);
}

static void test_objects_of_others_are_not_here(void **state)
{
    bare_worker *b = *state;
    sy_worker *far = remote(b);
    const sy_id id = sy_id_from_int(5);
    sy_tensor *tensor = bare_number(b, 1);
    sy_tensor *got = NULL;
    assert_bare_fails(b, sy_worker_register_object(far, tensor, NULL, &b->err), SY_EINVAL, "far");
    assert_bare_fails(b, sy_worker_get_object(far, &got, &id, &b->err), SY_EINVAL, "far");
    assert_bare_fails(b, sy_worker_deregister_object(far, tensor, &b->err), SY_EINVAL, "far");
    assert_bare_fails(b, sy_worker_publish(far, tensor, true, &b->err), SY_EINVAL, "far");
    assert_false(syi_tensor_is_private(tensor));
    assert_int_equal(sy_worker_get_object_count(far), 0);
    sy_worker_remove_object(far, &id);
    assert_bare_fails(b, sy_worker_delete(far, &id, &b->err), SY_ECLOSED, "127.0.0.1:1");
    sy_tensor_unref(tensor);
}

/* Memory runs out at each step of asking: a status, the list empty, nothing left. */
static void test_find_out_of_memory(void **state)
{
    bare_worker *b = *state;
    sy_object_info *infos = NULL;
    size_t count = 0;
    for (int k = 0; k < 3; k++) {
        sy_tensor *tensor = bare_number(b, (float)k);
        assert_ok(sy_tensor_tag(tensor, "#x", &b->err), &b->err);
        assert_ok(sy_worker_register_object(b->bob, tensor, NULL, &b->err), &b->err);
        sy_tensor_unref(tensor);
    }
    for (size_t nth = 1; nth < 100; nth++) {
        b->memory.refused = 0;
        b->memory.fail_at = b->memory.calls + nth;
        const sy_status status = sy_worker_find(b->bob, &infos, &count, NULL, 0, &b->err);
        b->memory.fail_at = 0;
        if (status == SY_OK) {
            assert_int_equal(count, 3);
            sy_object_infos_free(b->hook, infos, count);
            if (b->memory.refused == 0) {
                break;
            }
        } else {
            assert_null(infos);
            assert_int_equal(count, 0);
        }
        assert_in_range(nth, 1, 98);
    }
    assert_ok(sy_worker_find(b->bob, &infos, &count, NULL, 0, &b->err), &b->err);
    sy_object_infos_free(b->hook, infos, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_register_and_get),
        bare_worker_test(test_registered_under_its_own_id),
        bare_worker_test(test_clients_register_nothing),
        bare_worker_test(test_missing),
        bare_worker_test(test_removing),
        bare_worker_test(test_load_and_clear),
        bare_worker_test(test_publishing),
        bare_worker_test(test_publishing_without_a_tag),
        bare_worker_test(test_find_and_delete),
        bare_worker_test(test_objects_of_others_are_not_here),
        bare_worker_test(test_find_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
