/* cost_test.c - costs grow with the work, separate short commands from long ones and never overflow. */
#include "support/op_line.h"

static uint64_t cost(const char *call)
{
    op_line line;
    const syi_op *op;
    bool inplace;
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    sy_error err;
    op_line_open(&line, call);
    op_line_read_arguments(&line);
    assert_true(syi_ops_find(op_line_ops, line.name, line.name_length, &op, &inplace));
    assert_ok(syi_ops_bind(op_line_ops, op, line.args, line.arg_count, line.kwargs,
                           line.kwarg_count, bound, &err),
              &err);
    assert_ok(syi_op_infer(op, bound, &result, &err), &err);
    uint64_t ns = syi_op_cost(op, bound, &result);
    op_line_free(&line, &result);
    return ns;
}

static void test_short_and_long(void **state)
{
    (void)state;
    const uint64_t inline_limit = 50000; /* ns: shorter commands run on the loop's thread */
    assert_in_range(cost("view float32[1000,1000] (1000000)"), 1, 1000);
    assert_in_range(cost("detach float32[1000,1000]"), 1, 1000);
    assert_in_range(cost("add float32[10,10] 1"), 1, 1000);
    assert_true(cost("matmul float32[16,16] float32[16,16]") < inline_limit);
    assert_true(cost("exp float32[1000]") < inline_limit);
    assert_true(cost("add float32[1000,1000] 1") > inline_limit);
    assert_true(cost("exp float32[100,100]") > inline_limit);
    assert_true(cost("sum float32[1000,1000]") > inline_limit);
    assert_true(cost("zeros 1000 1000") > inline_limit);
    assert_true(cost("cat (float32[1000,100]|float32[1000,100])") > inline_limit);
    assert_true(cost("matmul float32[200,200] float32[200,200]") > inline_limit);
    assert_true(cost("backward float32[]") > inline_limit);
}

static void test_products_count_inner_sizes(void **state)
{
    (void)state;
    uint64_t narrow = cost("mm float32[100,10] float32[10,100]");
    uint64_t wide = cost("mm float32[100,10000] float32[10000,100]");
    assert_true(wide > 500 * narrow);
    assert_true(cost("addmm float32[1] float32[100,10000] float32[10000,100]") == wide);
    assert_true(cost("linear float32[100,10000] float32[100,10000]") == wide);
    assert_true(cost("matmul float32[3] float32[3]") < 1000);
}

static void test_costly_rows(void **state)
{
    (void)state;
    uint64_t plain = cost("neg float32[1000,1000]"), costly = cost("exp float32[1000,1000]");
    assert_true(costly > 5 * plain);
}

static void test_no_overflow(void **state)
{
    (void)state;
    assert_true(cost("rand (2000000000|1000000000)") == UINT64_MAX);
    assert_true(
        cost("matmul float32[1000000000,1000000000]{0,0} float32[1000000000,1000000000]{0,0}") >
        UINT64_MAX / 10);
    assert_true(cost("argmax int8[9000000000000000000]{0}") >= UINT64_C(9000000000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_and_long),
        cmocka_unit_test(test_products_count_inner_sizes),
        cmocka_unit_test(test_costly_rows),
        cmocka_unit_test(test_no_overflow),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
