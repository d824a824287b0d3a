/*
 * pointer_operations_test.c - every operation that a peer may ask for, on pointers: the command and its arguments of
 * every kind go to a worker and the results are fetched. Answers: those of PyTorch for the kernels,
 * tests/vectors/ops/kernels.
 */
#include "support/op_vectors.h"

#include <stdio.h>
#include <string.h>

#include <csyft/pointer.h>

#include "hook/tensor.h"

static const char folder[] = CSYFT_TEST_SOURCE_DIR "/tests/vectors/ops/kernels";
static sy_hook *hook;
static sy_worker *bob;

static int setup(void **state)
{
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    return op_line_setup(state) != 0 ||
           sy_hook_new(op_line_context, &hook, &options, NULL) != SY_OK ||
           sy_virtual_worker_new(hook, &bob, "bob", NULL) != SY_OK;
}

static int teardown(void **state)
{
    sy_hook_free(hook);
    return op_line_teardown(state);
}

/* The tensors of one line, at bob. */
typedef struct sent {
    sy_tensor *pointers[OP_LINE_ARRAYS];
    size_t count;
} sent;

static void send(sent *s, sy_value *value)
{
    sy_error err = SY_ERROR_INIT;
    if (value->kind == SY_VALUE_LIST) {
        for (size_t i = 0; i < value->as.list.count; i++) {
            send(s, (sy_value *)(uintptr_t)&value->as.list.items[i]);
        }
    } else if (value->kind == (sy_value_kind)SYI_VALUE_ARRAY) {
        syi_array copy;
        sy_tensor *tensor = NULL;
        syi_array_copy_view(&copy, value->as.internal);
        assert_ok(syi_tensor_from_array(hook, &tensor, &copy, &err), &err);
        assert_ok(sy_tensor_send_(tensor, bob, &err), &err);
        s->pointers[s->count++] = tensor;
        *value = sy_value_tensor(tensor);
    }
}

static void check_result(op_line *c, sy_tensor *pointer)
{
    sy_tensor *got = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_true(sy_tensor_is_pointer(pointer));
    assert_ok(sy_tensor_copy_get(pointer, &got, &err), &err);
    assert_true(op_line_take(c, ' '));
    op_vectors_check(c, "the result", syi_node_array(got->node), op_line_read_array(c));
    sy_tensor_unref(got);
}

/* Rows without a tensor are asked of bob himself. */
static void run(op_line *c, const sent *s)
{
    char name[64];
    sy_tensor *results[SYI_OUTPUT_MAX];
    size_t count = 0;
    sy_error err = SY_ERROR_INIT;
    snprintf(name, sizeof name, "%.*s", (int)c->name_length, c->name);
    const sy_status status =
        s->count > 0 ? sy_call(hook, name, c->args, c->arg_count, c->kwargs, c->kwarg_count,
                               results, SYI_OUTPUT_MAX, &count, NULL, &err)
                     : sy_worker_call(bob, name, c->args, c->arg_count, c->kwargs, c->kwarg_count,
                                      results, SYI_OUTPUT_MAX, &count, NULL, &err);
    if (status != SY_OK) {
        op_vectors_fail("%s", err.message);
    }
    for (size_t k = 0; k < count; k++) {
        check_result(c, results[k]);
        sy_tensor_unref(results[k]);
    }
    assert_true(count == 0 || op_line_take(c, '\n'));
}

static void replay(const char *line, void *user)
{
    int *asked = user;
    static op_line c;
    static sent s;
    const syi_op *op;
    bool inplace;
    op_line_open(&c, line);
    op_line_read_arguments(&c);
    s.count = 0;
    if (syi_ops_find(op_line_ops, c.name, c.name_length, &op, &inplace) &&
        (op->flags & SYI_OP_PEER) != 0) {
        for (size_t k = 0; k < c.arg_count; k++) {
            send(&s, &c.args[k]);
        }
        for (size_t k = 0; k < c.kwarg_count; k++) {
            send(&s, &c.kwargs[k].value);
        }
        run(&c, &s);
        (*asked)++;
    }
    for (size_t k = 0; k < s.count; k++) {
        sy_tensor_unref(s.pointers[k]);
    }
    syi_inference none = {0};
    op_line_free(&c, &none);
}

static void agrees_with_torch(void **state)
{
    (void)state;
    int asked = 0;
    const int lines = op_vectors_each(folder, replay, &asked);
    assert_true(asked > lines * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_torch),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
