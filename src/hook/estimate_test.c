/* estimate_test.c - which calls are short: by elements, by results, by what is not known. */
#include "hook/estimate.h"

#include <csyft/operations.h>

#include "support/local_hook.h"

enum { SHORT_NS = 50000 }; /* as workers/jobs.c draws the line */

static sy_tensor *filled(local_hook *local, int64_t rows, int64_t columns)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(local->hook, &tensor, SY_DTYPE_F32, 2, (int64_t[]){rows, columns}, NULL,
                            &local->err),
              &local->err);
    return tensor;
}

static uint64_t cost(local_hook *local, syi_op_id id, const sy_value *args, size_t count,
                     bool arrays)
{
    sy_value bound[SYI_ARGUMENT_MAX];
    const syi_op *op = syi_op_get(id);
    int parameters = 0;
    assert_ok(syi_ops_bind(local->hook->ops, op, args, count, NULL, 0, bound, &local->err),
              &local->err);
    (void)syi_ops_get_parameters(local->hook->ops, id, &parameters);
    for (int k = 0; k < parameters && arrays; k++) {
        if (bound[k].kind == SY_VALUE_TENSOR) {
            bound[k].as.internal = syi_node_array(bound[k].as.tensor->node);
            bound[k].kind = (sy_value_kind)SYI_VALUE_ARRAY;
        }
    }
    return syi_call_cost(op, bound, parameters);
}

static void test_short_and_long(void **state)
{
    local_hook *local = *state;
    sy_tensor *small = filled(local, 10, 10), *large = filled(local, 1000, 100);
    sy_tensor *vector = NULL, *index_ = NULL;
    assert_ok(
        sy_tensor_new(local->hook, &vector, SY_DTYPE_F32, 1, (int64_t[]){1000}, NULL, &local->err),
        &local->err);
    assert_ok(
        sy_tensor_new(local->hook, &index_, SY_DTYPE_I64, 1, (int64_t[]){10}, NULL, &local->err),
        &local->err);
    const sy_value v = sy_value_tensor(vector), i = sy_value_tensor(index_);
    const sy_value s = sy_value_tensor(small), l = sy_value_tensor(large);
    const sy_value add_small[] = {s, s}, add_large[] = {l, l};
    const sy_value size[] = {sy_value_int(1000), sy_value_int(1000)};
    const sy_value create = sy_value_list(size, 2);
    const sy_value in_list[] = {l, l};
    const sy_value cat = sy_value_list(in_list, 2);
    const sy_value where = sy_value_int(3);
    const sy_value index[] = {l, where};
    for (int arrays = 0; arrays < 2; arrays++) {
        assert_true(cost(local, SYI_OP_add, add_small, 2, arrays) < SHORT_NS);
        assert_true(cost(local, SYI_OP_add, add_large, 2, arrays) > SHORT_NS);
        assert_true(cost(local, SYI_OP_exp, &s, 1, arrays) < SHORT_NS);
        assert_true(cost(local, SYI_OP_exp, &l, 1, arrays) > SHORT_NS);
        assert_true(cost(local, SYI_OP_t, &l, 1, arrays) < SHORT_NS); /* a view */
        assert_true(cost(local, SYI_OP_zeros, &create, 1, arrays) >
                    SHORT_NS); /* little makes much */
        assert_true(cost(local, SYI_OP_cat, &cat, 1, arrays) > SHORT_NS);
        assert_true(cost(local, SYI_OP_index, index, 2, arrays) > SHORT_NS);
        /* a little that makes much */
        const sy_value outer[] = {v, v}, hot[] = {i, sy_value_int(1000000)};
        const sy_value times[] = {sy_value_int(1000), sy_value_int(1000)};
        const sy_value repeat[] = {s, sy_value_list(times, 2)};
        assert_true(cost(local, SYI_OP_outer, outer, 2, arrays) > SHORT_NS);
        assert_true(cost(local, SYI_OP_one_hot, hot, 2, arrays) > SHORT_NS);
        assert_true(cost(local, SYI_OP_repeat, repeat, 2, arrays) > SHORT_NS);
        assert_true(cost(local, SYI_OP_backward, &s, 1, arrays) > SHORT_NS);
    }
    sy_tensor_unref(small);
    sy_tensor_unref(large);
    sy_tensor_unref(vector);
    sy_tensor_unref(index_);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        test_short_and_long, local_hook_setup, local_hook_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
