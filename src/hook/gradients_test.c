/*
 * gradients_test.c - the table of gradients, and what torch refuses or converts. The gradients themselves are
 * compared with torch's in gradients_vectors_test.c.
 */
#include <string.h>

#include <csyft/operations.h>

#include "hook/tape.h"
#include "support/local_hook.h"

/* The table has a row for each operation. */
static void test_table_is_complete(void **state)
{
    (void)state;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const sy_value bound[SYI_ARGUMENT_MAX] = {{0}};
        const syi_gradient *gradient = syi_gradient_get(op, bound);
        if (!gradient->listed) {
            fail_msg("%s has no row in gradients.c", op->name);
        }
        assert_int_equal(gradient->kind == SYI_GRADIENT_ROW, gradient->function != NULL);
        if (gradient->kind == SYI_GRADIENT_INNER) {
            assert_true((op->flags & SYI_OP_COMPOSITE) != 0);
        }
    }
}

/* f32 leaves beside f64: each grad has its leaf's dtype. torch: x.grad float32, y.grad float64. */
static void test_dtype_of_the_leaf(void **state)
{
    local_hook *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t shape[] = {2, 2};
    sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, shape), *y = sy_full(s, SY_DTYPE_F64, 2, shape, 3);
    x->requires_grad = true;
    y->requires_grad = true;
    sy_tensor *z = sy_sum(s, sy_mul(s, x, y));
    assert_int_equal(syi_tape_backward(z, NULL, NULL), SY_OK);
    assert_int_equal(syi_node_array(x->grad->node)->dtype, SY_DTYPE_F32);
    assert_int_equal(syi_node_array(y->grad->node)->dtype, SY_DTYPE_F64);
    assert_true(syi_array_get_double(syi_node_array(x->grad->node), 3) == 3);
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
}

/* y.mul_(y) reads y twice; one reading is of what it has overwritten. torch refuses it, too. */
static void test_overwritten_argument_is_refused(void **state)
{
    local_hook *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t size = 3;
    sy_tensor *x = sy_ones(s, SY_DTYPE_F64, 1, &size);
    x->requires_grad = true;
    sy_tensor *y = sy_clone(s, x);
    sy_tensor *z = sy_sum(s, sy_mul_(s, y, y));
    sy_error err = SY_ERROR_INIT;
    assert_status(syi_tape_backward(z, NULL, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "modified by an in-place operation"));
    assert_non_null(strstr(err.message, "mul"));
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
}

/* Rows with a derivative that is not written are refused, not passed over. */
static void test_second_derivatives_are_refused(void **state)
{
    local_hook *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t size = 3;
    sy_tensor *x = sy_ones(s, SY_DTYPE_F64, 1, &size);
    x->requires_grad = true;
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(sy_ones_like(s, x))};
    assert_null(sy_scope_call(s, "sigmoid_backward", args, 2));
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_scope_end(s, &err), SY_ENOTSUP);
    assert_non_null(strstr(err.message, "sigmoid_backward"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test_setup_teardown(test_dtype_of_the_leaf, local_hook_setup,
                                        local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_overwritten_argument_is_refused, local_hook_setup,
                                        local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_second_derivatives_are_refused, local_hook_setup,
                                        local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
