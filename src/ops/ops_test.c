/* ops_test.c - the rows as a table: what each must have, and the naming helpers of the reference. */
#include "ops/ops.h"

#include <string.h>

#include "support/failing_allocator.h"
#include "support/op_line.h"

static void test_rows_agree(void **state)
{
    (void)state;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        assert_int_equal(op->id, id);
        assert_non_null(op->infer);
        bool ends = op->name[strlen(op->name) - 1] == '_';
        assert_int_equal(ends, (op->flags & SYI_OP_ONLY_INPLACE) != 0);
        assert_true(op->cost == SYI_COST_VIEW || (op->flags & SYI_OP_VIEW) == 0);
        assert_true(op->cost != SYI_COST_VIEW || (op->flags & (SYI_OP_VIEW | SYI_OP_VALUE)) != 0);
        assert_int_equal(op->outputs == 0, op->id == SYI_OP_backward || (op->flags & SYI_OP_VALUE));
        int count;
        const syi_parameter *parameters = syi_ops_get_parameters(op_line_ops, op->id, &count);
        assert_in_range(count, 1, SYI_ARGUMENT_MAX);
        if (op->flags & (SYI_OP_INPLACE | SYI_OP_ONLY_INPLACE | SYI_OP_VIEW)) {
            assert_string_equal(parameters[0].name, "self");
            assert_int_equal(parameters[0].type, SYI_PARAMETER_TENSOR);
        }
    }
}

/* Contents leave a worker only by its own request: no peer may ask for them by name. */
static void test_peers_may_not_ask_for_contents(void **state)
{
    (void)state;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const bool reads =
            op->id == SYI_OP_item || op->id == SYI_OP_equal || op->id == SYI_OP_allclose;
        assert_int_equal((op->flags & SYI_OP_PEER) != 0, !reads);
    }
}

static void test_columns(void **state)
{
    (void)state;
    const syi_op *matmul = syi_op_get(SYI_OP_matmul);
    assert_int_equal(matmul->rows, SYI_ROWS_MATMUL);
    assert_int_equal(matmul->cost, SYI_COST_MATMUL);
    assert_int_equal(matmul->flags, SYI_OP_PEER);
    assert_int_equal(matmul->outputs, 1);
    assert_string_equal(matmul->aliases, "__matmul__");
    const syi_op *view = syi_op_get(SYI_OP_view);
    assert_int_equal(view->rows, SYI_ROWS_RESHAPE);
    assert_int_equal(view->cost, SYI_COST_VIEW);
    assert_int_equal(view->flags, SYI_OP_VIEW | SYI_OP_PEER);
    const syi_op *zero = syi_op_get(SYI_OP_zero_);
    assert_int_equal(zero->flags, SYI_OP_ONLY_INPLACE | SYI_OP_OVERWRITE | SYI_OP_PEER);
    assert_int_equal(syi_op_get(SYI_OP_mse_loss)->rows, SYI_ROWS_LOSS);
    assert_int_equal(syi_op_get(SYI_OP_max)->outputs, -1);
}

static void test_native_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"torch.add", "torch.native_add"},
        {"add", "native_add"},
        {"torch.nn.functional.relu", "torch.nn.functional.native_relu"},
        {"torch.", "torch.native_"},
        {"", "native_"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[64];
        assert_ptr_equal(syi_native_name(cases[i][0], buffer, sizeof buffer), buffer);
        assert_string_equal(buffer, cases[i][1]);
    }
    char small[8];
    assert_string_equal(syi_native_name("torch.add", small, sizeof small), "torch.n");
}

static void test_inplace_names(void **state)
{
    (void)state;
    assert_true(syi_is_inplace_name("add_"));
    assert_true(syi_is_inplace_name("copy_"));
    assert_true(syi_is_inplace_name("_"));
    assert_false(syi_is_inplace_name("add"));
    assert_false(syi_is_inplace_name("__add__"));
    assert_false(syi_is_inplace_name("__iadd__"));
    assert_false(syi_is_inplace_name("add__"));
    assert_false(syi_is_inplace_name("_add"));
    assert_false(syi_is_inplace_name(""));
}

static void test_out_of_memory(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = failing_allocator_context(&memory);
    assert_non_null(context);
    size_t before = memory.live;
    sy_error err;
    syi_ops *ops = op_line_ops;
    memory.calls = 0;
    memory.fail_at = 1;
    assert_status(syi_ops_new(context, &ops, &err), SY_ENOMEM, &err);
    assert_null(ops);
    memory.fail_at = 0;
    assert_ok(syi_ops_new(context, &ops, &err), &err);
    syi_ops_free(ops);
    syi_ops_free(NULL);
    assert_int_equal(memory.live, before);
    assert_false(memory.broken);
    sy_context_free(context);
}

/* Finding, binding and inferring take no memory. */
static void test_calls_allocate_nothing(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = failing_allocator_context(&memory);
    assert_non_null(context);
    syi_ops *ops;
    assert_int_equal(syi_ops_new(context, &ops, NULL), SY_OK);
    size_t calls = memory.calls;
    const syi_op *op;
    bool inplace;
    assert_true(syi_ops_find(ops, "torch.add", 9, &op, &inplace));
    syi_array array, outs[SYI_OUTPUT_MAX];
    const int64_t shape[] = {3, 4};
    assert_int_equal(syi_array_describe(&array, SY_DTYPE_F32, 2, shape, NULL), SY_OK);
    sy_value tensor = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &array};
    sy_value args[] = {tensor, tensor}, bound[SYI_ARGUMENT_MAX];
    syi_inference result = {.outs = outs};
    assert_int_equal(syi_ops_bind(ops, op, args, 2, NULL, 0, bound, NULL), SY_OK);
    assert_int_equal(syi_op_infer(op, bound, &result, NULL), SY_OK);
    assert_int_equal(memory.calls, calls);
    syi_ops_free(ops);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_agree),
        cmocka_unit_test(test_peers_may_not_ask_for_contents),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_native_names),
        cmocka_unit_test(test_inplace_names),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_calls_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
