/*
 * 004_command_guard.c - T14, reference 004 lines 105-115: _LocalTensor.handle_call. An allowed command gives
 * its native form, which takes native tensors, runs no interpreter, and gives native results; a forbidden one
 * is refused in both forms (TorchAttributes: _command_guard(attr, "torch_modules", get_native=True)).
 */
#include <csyft/interpreter.h>

#include "support/worker_kinds.h"

static const char sentence[] = "Command \"false_command\" is not a supported Torch operation.";

static void test_guard(void **state)
{
    workers *w = *state;
    char name[64];
    assert_ok(sy_hook_command_guard(w->hook, "torch.add", &w->err), &w->err);
    assert_ok(sy_hook_get_native_command(w->hook, "torch.add", name, sizeof name, &w->err),
              &w->err);
    assert_string_equal(name, "torch.native_add");
    assert_fails(w, sy_hook_command_guard(w->hook, "false_command", &w->err), SY_EFORBIDDEN,
                 sentence);
    assert_fails(w,
                 sy_hook_get_native_command(w->hook, "false_command", name, sizeof name, &w->err),
                 SY_EFORBIDDEN, sentence);
    assert_fails(w, sy_hook_get_native_command(w->hook, "torch.add", name, 16, &w->err), SY_ELIMIT,
                 "torch.add");
    /* nobody asks for the natives from elsewhere */
    assert_fails(w, sy_hook_command_guard(w->hook, "torch.native_add", &w->err), SY_EFORBIDDEN,
                 "native_add");
}

/* The kernel itself: the same numbers, and native ones. */
static void test_native_command(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2, 3, 4, 5);
    sy_tensor *x2 = FLOATS(w, 1, 2, 3, 4, 4);
    static const char *const commands[] = {"torch.add", "add", "torch.nn.functional.relu",
                                           "torch.add_"};
    static const char *const natives[] = {"torch.native_add", "native_add",
                                          "torch.nn.functional.native_relu", "torch.native_add_"};
    for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++) {
        char name[64];
        assert_ok(sy_hook_get_native_command(w->hook, commands[k], name, sizeof name, &w->err),
                  &w->err);
        assert_string_equal(name, natives[k]);
    }
    sy_tensor *y = OP(w, natives[0], TENSOR(x), TENSOR(x2));
    assert_floats(w, y, 2, 4, 6, 8, 9);
    assert_false(sy_tensor_is_wrapper(y));
    assert_floats(w, OP(w, natives[2], TENSOR(y)), 2, 4, 6, 8, 9);
    sy_tensor *same = OP(w, natives[3], TENSOR(y), INT(1));
    assert_ptr_equal(same, y);
    assert_floats(w, y, 3, 5, 7, 9, 10);
    assert_fails(w, CALL(w, "torch.native_false_command", TENSOR(x)), SY_EUNKNOWNOP,
                 "native_false_command");
    assert_fails(w, CALL(w, "torch.native_", TENSOR(x)), SY_EUNKNOWNOP, "native_");
}

/* The originals' native functions would compute with the wrapper's empty tensor. */
static void test_wrappers_have_no_numbers(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *l = NULL;
    assert_ok(sy_tensor_log(x, &l, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, l);
    assert_fails(w, CALL(w, "torch.native_add", TENSOR(p), TENSOR(p)), SY_EINVAL, "PointerTensor",
                 "native_add");
    assert_fails(w, CALL(w, "torch.native_add", TENSOR(x), TENSOR(l)), SY_EINVAL, "LoggingTensor");
    assert_count(w, w->bob_serving, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_guard),
        WORKER_KINDS(test_native_command),
        WORKER_KINDS(test_wrappers_have_no_numbers),
    };
    return workers_run(tests);
}
