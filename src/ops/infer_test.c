/* infer_test.c - what holds for every rule: sentences, nothing held after a failure, sizes, in place. */
#include "ops/infer.h"

#include <string.h>

#include "support/op_line.h"
#include "support/property.h"

static void test_sentences_start_with_the_operation_once(void **state)
{
    (void)state;
    expect_refusal("add float32[3,4] float32[5,2]", SY_ESHAPE, "add: 3x4 and 5x2 do not broadcast");
    expect_refusal("view float32[6] (4)", SY_ESHAPE, "view: shape 6 (6 elements) cannot become 4");
    expect_refusal("torch.add_ float32[3] float32[2,3]", SY_ESHAPE,
                   "add: in place, the result is 2x3 but self is 3");
}

static void test_error_may_be_absent(void **state)
{
    (void)state;
    op_line line;
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    op_line_open(&line, "add float32[3] float32[2]");
    op_line_read_arguments(&line);
    assert_int_equal(op_line_infer(&line, &result, NULL), SY_ESHAPE);
    op_line_free(&line, &result);
}

static void test_in_place(void **state)
{
    (void)state;
    expect_result("add_ float32[2,3] float32[3]", "float32[2,3]");
    expect_result("add_ float32[2,3] int64[3]", "float32[2,3]");
    expect_result("eq_ int8[2] int8[2]", "int8[2]");
    expect_result("mul_ int8[2] int64[2]", "int8[2]");
    expect_refusal("div_ int64[2] 2", SY_EDTYPE,
                   "div: in place, a result of float32 cannot be stored in int64");
    expect_refusal("add_ bool[2] 1", SY_EDTYPE,
                   "add: in place, a result of int64 cannot be stored in bool");
    expect_refusal("relu_ float32[3,2]{0,1}", SY_EINVAL,
                   "relu: in place, several elements of self (3x2, expanded) share one address; "
                   "clone it first");
    expect_result("relu_ float32[1,2]{0,1}", "float32[1,2]");
    expect_result("relu_ float32[2,2]{1,2}", "float32[2,2]");
    expect_refusal("copy_ float32[2,2]{1,1} float32[2,2]", SY_EINVAL,
                   "copy_: in place, several elements of self (2x2, expanded) share one address; "
                   "clone it first");
}

static uint64_t bytes_of(const char *call)
{
    op_line line;
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    sy_error err;
    op_line_open(&line, call);
    op_line_read_arguments(&line);
    assert_ok(op_line_infer(&line, &result, &err), &err);
    uint64_t bytes = syi_inference_bytes(&result);
    op_line_free(&line, &result);
    return bytes;
}

static void test_bytes(void **state)
{
    (void)state;
    assert_int_equal(bytes_of("add float32[3,4] float64[4]"), 96);
    assert_int_equal(bytes_of("max float32[3,4] 0"), 4 * 4 + 4 * 8);
    assert_int_equal(bytes_of("view float32[3,4] (12)"), 0);
    assert_int_equal(bytes_of("reshape float32[3,4] (12)"), 0);
    assert_int_equal(bytes_of("reshape float32[3,4]{1,3} (12)"), 48);
    assert_int_equal(bytes_of("index float32[3,4] bool[3]"), 0);
    assert_int_equal(bytes_of("sum float32[3,0,4]"), 4);
    assert_int_equal(bytes_of("exp float32[3,0,4]"), 0);
}

/* Descriptions of any size are answers; the account refuses them, not arithmetic. */
static void test_huge(void **state)
{
    (void)state;
    assert_int_equal(bytes_of("zeros (1000000|1000000)"), UINT64_C(4000000000000));
    assert_int_equal(bytes_of("zeros (1152921504606846975) dtype=:float64"),
                     UINT64_C(9223372036854775800));
    assert_int_equal(bytes_of("arange 9000000000000000000 dtype=:uint8"),
                     UINT64_C(9000000000000000000));
    expect_refusal("zeros (4611686018427387904|4)", SY_ESHAPE,
                   "zeros: array: shape 4611686018427387904x4 of float32 is too large");
    expect_refusal("zeros (2305843009213693952)", SY_ESHAPE,
                   "zeros: array: shape 2305843009213693952 of float32 is too large");
    /* expanded arguments have more elements than memory holds */
    expect_result("sum float32[2000000000,1000000000]{0,0} 0", "float32[1000000000]");
    expect_refusal("to float32[2000000000,1000000000]{0,0} :float64", SY_ESHAPE,
                   "to: array: shape 2000000000x1000000000 of float64 is too large");
    expect_refusal("add float32[3000000000,1]{0,0} float32[3000000000]{0}", SY_ESHAPE,
                   "add: array: shape 3000000000x3000000000 of float32 is too large");
    expect_refusal("matmul float32[3000000000,1]{0,0} float32[1,3000000000]{0,0}", SY_ESHAPE,
                   "matmul: array: shape 3000000000x3000000000 of float32 is too large");
    expect_refusal("cat (int8[9000000000000000000]{0}|int8[9000000000000000000]{0})", SY_ESHAPE,
                   "cat: dimension 0 becomes too large");
    expect_refusal("stack (int8[9000000000000000000]{0}|int8[9000000000000000000]{0})", SY_ESHAPE,
                   "stack: array: shape 2x9000000000000000000 of int8 is too large");
}

static void test_more_dimensions_than_supported(void **state)
{
    (void)state;
    expect_refusal("zeros (1|1|1|1|1|1|1|1|1)", SY_ESHAPE,
                   "zeros: 9 dimensions, at most 8 are supported");
    expect_refusal("view float32[1] (1|1|1|1|1|1|1|1|1)", SY_ESHAPE,
                   "view: 9 dimensions, at most 8 are supported");
    expect_refusal("stack (float32[1,1,1,1,1,1,1,1])", SY_ESHAPE,
                   "stack: array: 9 dimensions, at most 8 are supported");
    expect_refusal("unsqueeze float32[1,1,1,1,1,1,1,1] 0", SY_ESHAPE,
                   "unsqueeze: 8 dimensions are the most supported");
    expect_refusal("index float32[1,1,1,1,1,1,1,1] int64[1,1]", SY_ESHAPE,
                   "index: array: 9 dimensions, at most 8 are supported");
    expect_result("matmul float32[1,1,1,1,1,1,2,3] float32[3,4]", "float32[1,1,1,1,1,1,2,4]");
}

/* Without storage in the arguments the results have none either. */
static void test_shapes_alone(void **state)
{
    (void)state;
    syi_array array, outs[SYI_OUTPUT_MAX];
    const int64_t shape[] = {4, 3};
    assert_int_equal(syi_array_describe(&array, SY_DTYPE_F32, 2, shape, NULL), SY_OK);
    sy_value args[SYI_ARGUMENT_MAX] = {
        {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &array},
        sy_value_int(2),
        sy_value_int(0),
    };
    syi_inference result = {.outs = outs};
    assert_int_equal(syi_op_infer(syi_op_get(SYI_OP_chunk), args, &result, NULL), SY_OK);
    assert_int_equal(result.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_null(outs[i].storage);
        assert_int_equal(outs[i].shape[0], 2);
        assert_int_equal(outs[i].offset, 6 * i);
    }
    assert_int_equal(syi_op_infer(syi_op_get(SYI_OP_detach), args, &result, NULL), SY_OK);
    assert_null(outs[0].storage);
}

/* Random values of every kind in every row: a status, never a crash, and nothing is held afterwards. */
static sy_value draw_value(property_random *random, const syi_array *arrays, const sy_value *items)
{
    static const char *const strings[] = {"none", "mean", "sum", ""};
    switch (property_between(random, 0, 11)) {
    case 0:
        return sy_value_none();
    case 1:
        return sy_value_int(property_between(random, -4, 4));
    case 2:
        return sy_value_int((int64_t)property_next(random));
    case 3:
        return sy_value_float((double)property_between(random, -9, 9) / 4);
    case 4:
        return sy_value_bool(property_between(random, 0, 1) != 0);
    case 5:
        return sy_value_string(strings[property_between(random, 0, 3)]);
    case 6:
        return sy_value_dtype((sy_dtype)property_between(random, 0, SY_DTYPE_COUNT - 1));
    case 7:
        return sy_value_slice(property_between(random, -4, 4), (int64_t)property_next(random),
                              property_between(random, -1, 3));
    case 8:
        return sy_value_list(items + property_between(random, 0, 7),
                             (size_t)property_between(random, 0, 8));
    default: {
        sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
        value.as.internal = (void *)(uintptr_t)&arrays[property_between(random, 0, 15)];
        return value;
    }
    }
}

static void draw_array(property_random *random, syi_array *array)
{
    int64_t shape[SY_DIM_MAX];
    int ndim = (int)property_between(random, 0, property_between(random, 0, 3) == 0 ? 8 : 3);
    for (int i = 0; i < ndim; i++) {
        shape[i] = property_between(random, 0, 3);
    }
    sy_dtype dtype = (sy_dtype)property_between(random, 0, SY_DTYPE_COUNT - 1);
    assert_int_equal(syi_array_describe(array, dtype, ndim, shape, NULL), SY_OK);
    array->storage = op_line_storage; /* borrowed */
}

static void test_random_calls(void **state)
{
    (void)state;
    property_random random = property_start("random calls");
    long rounds = property_iterations(300000), accepted = 0;
    syi_array arrays[16], outs[SYI_OUTPUT_MAX];
    sy_value items[16], args[SYI_ARGUMENT_MAX], bound[SYI_ARGUMENT_MAX];
    memset(items, 0, sizeof items);
    for (long round = 0; round < rounds; round++) {
        if (round % 64 == 0) {
            for (int i = 0; i < 16; i++) {
                draw_array(&random, &arrays[i]);
            }
            sy_value nested[16];
            for (int i = 0; i < 16; i++) {
                sy_value value = draw_value(&random, arrays, items);
                nested[i] = value.kind == SY_VALUE_LIST ? sy_value_int(i % 3) : value;
            }
            memcpy(items, nested, sizeof items);
        }
        const syi_op *op = syi_op_get((syi_op_id)property_between(&random, 0, SYI_OP_COUNT - 1));
        int count;
        syi_ops_get_parameters(op_line_ops, op->id, &count);
        size_t given = (size_t)property_between(&random, 1, count);
        for (size_t i = 0; i < given; i++) {
            args[i] = draw_value(&random, arrays, items);
        }
        sy_error err = SY_ERROR_INIT;
        syi_inference result = {.outs = outs};
        sy_status status = syi_ops_bind(op_line_ops, op, args, given, NULL, 0, bound, &err);
        if (status == SY_OK) {
            status = syi_op_infer(op, bound, &result, &err);
        }
        assert_int_equal(status, err.status);
        if (status == SY_OK) {
            accepted++;
            (void)syi_op_cost(op, bound, &result);
            (void)syi_inference_bytes(&result);
            assert_true(op->outputs < 0 || result.count == op->outputs);
        } else {
            assert_int_equal(strncmp(err.message, op->name, strlen(op->name)), 0);
        }
        for (int i = 0; i < result.count; i++) {
            syi_array_fini(&outs[i]);
        }
        assert_int_equal(atomic_load(&op_line_storage->refs), 1);
    }
    assert_true(accepted > rounds / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences_start_with_the_operation_once),
        cmocka_unit_test(test_error_may_be_absent),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_more_dimensions_than_supported),
        cmocka_unit_test(test_shapes_alone),
        cmocka_unit_test(test_random_calls),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
