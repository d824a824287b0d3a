/*
 * 004_command_guard.c - T14, reference 004 lines 105-115: _LocalTensor.handle_call. An allowed command gives
 * its native form, which takes native tensors, runs no interpreter, and gives native results; a forbidden one
 * is refused in both forms (TorchAttributes: _command_guard(attr, "torch_modules", get_native=True)).
 */
#include <stdio.h>
#include <string.h>

#include <csyft/interpreter.h>

#include "serde/serde.h"
#include "support/worker_kinds.h"
#include "workers/link.h"

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

/* The commands of all three modules; the pooling functions under their own names (apply_fix16922). */
static void test_names_of_the_modules(void **state)
{
    workers *w = *state;
    static const char *const names[] = {
        "torch.add",
        "torch.relu",
        "torch.functional.einsum",
        "torch.functional.split",
        "torch.nn.functional.linear",
        "torch.nn.functional.max_pool2d",
        "torch.nn.functional.adaptive_avg_pool2d",
    };
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        char native[64], expected[64];
        const size_t module = (size_t)(strrchr(names[k], '.') - names[k]) + 1;
        assert_ok(sy_hook_command_guard(w->hook, names[k], &w->err), &w->err);
        assert_ok(sy_hook_get_native_command(w->hook, names[k], native, sizeof native, &w->err),
                  &w->err);
        snprintf(expected, sizeof expected, "%.*snative_%s", (int)module, names[k],
                 names[k] + module);
        assert_string_equal(native, expected);
    }
    sy_tensor *p = workers_send(
        w, workers_tensor(w, 3, (const int64_t[]){1, 2, 2}, (const float[]){1, 2, 4, 3}), w->bob);
    assert_floats(w, workers_get(w, OP(w, "torch.nn.functional.max_pool2d", TENSOR(p), INT(2))), 4);
}

/* Whoever asks: the worker's own guard, for a command that comes as it is, in both forms. */
static void test_guard_of_the_worker(void **state)
{
    workers *w = *state;
    static const char *const refused[] = {
        "false_command", "torch.false_command", "torch.native_add", "native_add", "item",
        "__class__"};
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    const sy_value args[] = {TENSOR(p), TENSOR(p)};
    const sy_value list = sy_value_list(args, 2);
    const sy_id bob = sy_worker_get_id(w->bob);
    for (size_t k = 0; k < sizeof refused / sizeof refused[0]; k++) {
        syi_link *link = NULL;
        syi_exchange exchange;
        char words[80];
        assert_ok(syi_link_get(w->me, w->bob, &link, &w->err), &w->err);
        assert_ok(syi_link_begin(link, &exchange, SYI_KIND_COMMAND, &w->err), &w->err);
        syi_buffer *out = &exchange.message->body;
        syi_encoder encoder = {
            .hook = w->hook, .out = out, .message = exchange.message, .recipient = &bob};
        syi_msgpack_write_array(out, 4);
        syi_msgpack_write_str(out, refused[k], strlen(refused[k]));
        assert_ok(syi_encode_value(&encoder, &list, &w->err), &w->err);
        syi_msgpack_write_map(out, 0);
        syi_msgpack_write_array(out, 0);
        snprintf(words, sizeof words, "Command \"%s\" is not a supported Torch operation.",
                 refused[k]);
        assert_fails(w, syi_link_request(&exchange, 0, &w->err), SY_EFORBIDDEN, words);
        assert_string_equal(w->err.worker, "bob");
        syi_link_end(&exchange);
    }
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, OP(w, "add", TENSOR(p), TENSOR(p))), 2, 4); /* and goes on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_guard),
        WORKER_KINDS(test_native_command),
        WORKER_KINDS(test_wrappers_have_no_numbers),
        WORKER_KINDS(test_names_of_the_modules),
        WORKER_KINDS(test_guard_of_the_worker),
    };
    return workers_run(tests);
}
