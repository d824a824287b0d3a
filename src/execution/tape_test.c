/* tape_test.c - what a tape refuses before anything is run, as peers may send it. */
#include "execution/tape.h"

#include <string.h>

#include "support/local_hook.h"

/* Slot 0: a tensor argument; slot 1: a size of it; then `step`. */
static sy_status seal_with(local_hook *local, const syi_step *step)
{
    syi_tape *tape = NULL;
    int32_t input = -1, size = -1;
    assert_ok(syi_tape_new(local->context, &tape, &local->err), &local->err);
    assert_ok(syi_tape_add_slot(tape, SYI_SLOT_INPUT, &input, &local->err), &local->err);
    assert_ok(syi_tape_add_slot(tape, SYI_SLOT_MADE, &size, &local->err), &local->err);
    sy_value args[] = {syi_value_slot(input), sy_value_int(0)};
    const syi_step asks = {
        .op = syi_op_get(SYI_OP_size), .args = args, .arg_count = 2, .outs = &size, .out_count = 1};
    assert_ok(syi_tape_add_step(tape, &asks, &local->err), &local->err);
    assert_ok(syi_tape_add_step(tape, step, &local->err), &local->err);
    const sy_value result = syi_value_slot(input);
    const sy_status status = syi_tape_seal(tape, &result, 1, &local->err);
    syi_tape_unref(tape);
    return status;
}

/* A number where a tensor is wanted would be read as an address. */
static void test_kinds(void **state)
{
    local_hook *local = *state;
    sy_value tensor_flag[] = {syi_value_slot(0), sy_value_bool(true)};
    sy_value size_flag[] = {syi_value_slot(1), sy_value_bool(true)};
    sy_value tensor_number[] = {syi_value_slot(0), sy_value_int(1)};
    sy_value tensor_none[] = {syi_value_slot(0), sy_value_none()};
    sy_value tensor_size[] = {syi_value_slot(0), syi_value_slot(1)};
    sy_value size_none[] = {syi_value_slot(1), sy_value_none()};
    const struct {
        syi_step_kind kind;
        sy_value *args;
        bool good;
    } cases[] = {
        {SYI_STEP_REQUIRES_GRAD, tensor_flag, true},    {SYI_STEP_REQUIRES_GRAD, size_flag, false},
        {SYI_STEP_REQUIRES_GRAD, tensor_number, false}, {SYI_STEP_SET_GRAD, tensor_none, true},
        {SYI_STEP_SET_GRAD, size_none, false},          {SYI_STEP_SET_GRAD, tensor_size, false},
        {SYI_STEP_SET_GRAD, tensor_number, false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const syi_step step = {.kind = cases[k].kind, .args = cases[k].args, .arg_count = 2};
        assert_status(seal_with(local, &step), cases[k].good ? SY_OK : SY_EINVAL, &local->err);
    }
}

static void test_unknown_values(void **state)
{
    local_hook *local = *state;
    sy_value unknown[] = {syi_value_slot(9), sy_value_none()};
    sy_value negative[] = {syi_value_slot(-1), sy_value_none()};
    const syi_step first = {.kind = SYI_STEP_SET_GRAD, .args = unknown, .arg_count = 2};
    const syi_step second = {.kind = SYI_STEP_SET_GRAD, .args = negative, .arg_count = 2};
    assert_status(seal_with(local, &first), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "before it is there"));
    assert_status(seal_with(local, &second), SY_EINVAL, &local->err);
}

/* Lists are filled at run time, lists in lists are not. */
static void test_lists_in_lists(void **state)
{
    local_hook *local = *state;
    int32_t out = 1;
    sy_value size = syi_value_slot(1);
    sy_value inner = sy_value_list(&size, 1);
    sy_value args[] = {syi_value_slot(0), sy_value_list(&inner, 1)};
    const syi_step step = {.op = syi_op_get(SYI_OP_reshape),
                           .args = args,
                           .arg_count = 2,
                           .outs = &out,
                           .out_count = 1};
    assert_status(seal_with(local, &step), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "reshape"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_kinds), TEST(test_unknown_values),
                                       TEST(test_lists_in_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
