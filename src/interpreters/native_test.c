/*
 * native_test.c - copies, data, attributes and pointers when memory runs out: all or nothing. What they do:
 * tests/reference/003_native.c.
 */
#include <csyft/multi_pointer.h>

#include "hook/tensor.h"
#include "support/local_hook.h"

typedef struct world {
    local_hook *local;
    sy_worker *bob;
} world;

/* Copies and clones a tensor, a pointer and a multi-pointer; everything made is dropped again. */
static sy_status run(world *w, sy_tensor *x, sy_tensor *p)
{
    sy_error *err = &w->local->err;
    sy_tensor *made[8] = {NULL};
    sy_pointer_options options = SY_POINTER_OPTIONS_INIT;
    options.location = w->bob;
    options.garbage_collect_data = false;
    sy_status status = sy_tensor_copy(x, &made[0], err);
    status = status == SY_OK ? sy_tensor_clone(x, &made[1], err) : status;
    status = status == SY_OK ? sy_combine_pointers(&made[2], &p, 1, err) : status;
    status = status == SY_OK ? sy_tensor_clone(p, &made[3], err) : status;
    status = status == SY_OK ? sy_tensor_clone(made[2], &made[4], err) : status;
    status = status == SY_OK ? sy_tensor_attr(x, &made[5], "data", err) : status;
    status = status == SY_OK ? sy_tensor_attr(p, &made[6], "data.grad", err) : status;
    status = status == SY_OK ? sy_tensor_create_pointer(x, &made[7], &options, err) : status;
    status = status == SY_OK ? sy_tensor_set_data(made[1], made[0], err) : status;
    for (size_t k = 0; k < sizeof made / sizeof made[0]; k++) {
        sy_tensor_unref(made[k]);
    }
    return status;
}

static void test_out_of_memory(void **state)
{
    world w = {.local = *state};
    local_hook *local = w.local;
    const float values[] = {1, 2};
    sy_tensor *x = local_hook_floats(local, 2, values), *p = NULL;
    assert_ok(sy_tensor_tag(x, "#x", &local->err), &local->err);
    assert_ok(sy_tensor_describe(x, "two", &local->err), &local->err);
    assert_ok(sy_virtual_worker_new(local->hook, &w.bob, "bob", &local->err), &local->err);
    assert_ok(sy_tensor_send(x, &p, w.bob, &local->err), &local->err);
    assert_ok(run(&w, x, p), &local->err);
    for (size_t nth = 1;; nth++) {
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status = run(&w, x, p);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        if (!refused) {
            assert_in_range(nth, 15, 200);
            break;
        }
    }
    assert_floats(x, values, 2);
    assert_int_equal(sy_worker_get_object_count(w.bob), 1);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_out_of_memory, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
