/*
 * vectors_test.c - every kernel against the answers of PyTorch in tests/vectors/ops/kernels (format:
 * generate_kernels.py). CSYFT_KERNEL_VECTORS names another folder for a longer sweep.
 */
#include "support/op_vectors.h"

#include <stdio.h>

#include "frameworks/framework.h"

static syi_framework *framework;
static const char *folder;

static int setup(void **state)
{
    const char *path = getenv("CSYFT_KERNEL_VECTORS");
    folder = path != NULL ? path : CSYFT_TEST_SOURCE_DIR "/tests/vectors/ops/kernels";
    return op_line_setup(state) != 0 ||
           syi_cpu_framework_new(op_line_context, &framework, NULL) != SY_OK;
}

static int teardown(void **state)
{
    framework->klass->free(framework);
    return op_line_teardown(state);
}

/* Runs the call as the hook does; returns how many results it has, 0 after a failure. In place, self is the result. */
static int run(op_line *c, syi_array *outs)
{
    const syi_op *op;
    bool inplace;
    sy_value bound[SYI_ARGUMENT_MAX];
    sy_error err = SY_ERROR_INIT;
    if (!syi_ops_find(op_line_ops, c->name, c->name_length, &op, &inplace)) {
        op_vectors_fail("no such operation");
        return 0;
    }
    const void *handle = framework->klass->resolve(framework, op);
    assert_non_null(handle);
    int count = 1;
    sy_status status = syi_ops_bind(op_line_ops, op, c->args, c->arg_count, c->kwargs,
                                    c->kwarg_count, bound, &err);
    if (status == SY_OK && inplace) {
        syi_array_copy_view(&outs[0], bound[0].as.internal);
    } else if (status == SY_OK) {
        syi_inference result = {.outs = outs};
        status = syi_op_infer(op, bound, &result, &err);
        count = result.count;
    }
    if (status == SY_OK) {
        status =
            framework->klass->run(framework, handle, op, bound, inplace, outs, count, NULL, &err);
    }
    if (status != SY_OK) {
        op_vectors_fail("%s", err.message);
        return 0;
    }
    return count;
}

static void replay(const char *line, void *user)
{
    (void)user;
    static syi_array outs[SYI_OUTPUT_MAX];
    op_line c;
    op_line_open(&c, line);
    op_line_read_arguments(&c);
    syi_inference made = {.outs = outs, .count = run(&c, outs)};
    for (int i = 0; i < made.count; i++) {
        assert_true(op_line_take(&c, ' '));
        op_vectors_check(&c, "the result", &outs[i], op_line_read_array(&c));
    }
    assert_true(made.count == 0 || op_line_take(&c, '\n'));
    op_line_free(&c, &made);
}

static void agrees_with_torch(void **state)
{
    (void)state;
    assert_true(op_vectors_each(folder, replay, NULL) > 1000);
}

static void note_row(const char *line, void *user)
{
    bool *seen = user;
    op_line c;
    const syi_op *op;
    bool inplace;
    op_line_open(&c, line);
    if (syi_ops_find(op_line_ops, c.name, c.name_length, &op, &inplace)) {
        seen[op->id] = true;
    }
}

/* A row is drawn, or its answer is random. */
static void covers_every_kernel(void **state)
{
    (void)state;
    bool seen[SYI_OP_COUNT] = {false};
    (void)op_vectors_each(folder, note_row, seen);
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const bool needed =
            framework->klass->resolve(framework, op) != NULL && !(op->flags & SYI_OP_RANDOM);
        if (needed && !seen[id]) {
            fail_msg("%s has no line for %s", folder, op->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_torch),
        cmocka_unit_test(covers_every_kernel),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
