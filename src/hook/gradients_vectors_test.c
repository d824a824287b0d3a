/*
 * gradients_vectors_test.c - the gradients of every row of gradients.c through the ordinary tape, against those of
 * torch.autograd in tests/vectors/gradients (format: generate.py). CSYFT_GRADIENT_VECTORS names another folder. On native tensors, and
 * on AutogradTensors over pointers and multi-pointers, where everything a gradient makes must be made at the workers;
 * and on bare pointers, whose tape is at the worker.
 */
#include "support/op_vectors.h"

#include <stdio.h>
#include <string.h>

#include <csyft/interpreter.h>
#include <csyft/multi_pointer.h>
#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "hook/tape.h"

static sy_hook *hook;
static const char *folder;
/* Where the tensors of a line are: here, at the first of them, or at both. */
static sy_worker *places[2];
static size_t place_count;
static unsigned stride = 1,
                line_number; /* only every stride-th line, where all would take seconds */
static bool bare;            /* pointers without an AutogradTensor above */

static int setup(void **state)
{
    const char *path = getenv("CSYFT_GRADIENT_VECTORS");
    folder = path != NULL ? path : CSYFT_TEST_SOURCE_DIR "/tests/vectors/gradients";
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    return op_line_setup(state) != 0 ||
           sy_hook_new(op_line_context, &hook, &options, NULL) != SY_OK;
}

static int teardown(void **state)
{
    sy_hook_free(hook);
    return op_line_teardown(state);
}

static sy_tensor *own(sy_scope *s, const syi_array *array)
{
    syi_array copy;
    sy_tensor *tensor = NULL;
    sy_error err = SY_ERROR_INIT;
    syi_array_copy_view(&copy, array);
    assert_ok(syi_tensor_from_array(hook, &tensor, &copy, &err), &err);
    if (place_count > 0) {
        sy_tensor *recorded = NULL, *there = NULL;
        assert_ok(place_count == 1 ? sy_tensor_send(tensor, &there, places[0], &err)
                                   : sy_tensor_send_to_many(tensor, &there, places, 2, &err),
                  &err);
        sy_tensor_unref(tensor);
        tensor = there;
        if (!bare) {
            assert_ok(sy_tensor_autograd(there, &recorded, &err), &err);
            sy_tensor_unref(there);
            tensor = recorded;
        }
    }
    return sy_scope_adopt(s, tensor);
}

/* What the multi-pointer stands for, twice the same. Borrowed from the scope. */
static sy_tensor *fetched_from_both(sy_scope *s, sy_tensor *multi)
{
    sy_tensor *parts[2];
    size_t count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_multi_pointer_virtual_get(multi, parts, 2, &count, &err), &err);
    assert_int_equal(count, 2);
    (void)sy_scope_adopt(s, parts[0]);
    (void)sy_scope_adopt(s, parts[1]);
    const syi_array *a = syi_node_array(parts[0]->node), *b = syi_node_array(parts[1]->node);
    assert_true(syi_array_same_shape(a, b));
    for (int64_t k = 0; k < syi_array_numel(a); k++) {
        const double x = syi_array_get_double(a, k), y = syi_array_get_double(b, k);
        assert_true(x == y || (x != x && y != y));
    }
    return parts[0];
}

/* The elements of a leaf's gradient, borrowed from the scope; NULL when there are none. */
static const syi_array *fetched(sy_scope *s, sy_tensor *leaf)
{
    sy_tensor *grad = NULL, *child = NULL, *got = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_get_grad(leaf, &grad, &err), &err);
    if (grad == NULL) {
        return NULL;
    }
    (void)sy_scope_adopt(s, grad);
    if (bare) { /* a pointer to an attribute */
        assert_ok(sy_tensor_get(sy_clone(s, grad), &got, &err), &err);
        grad = sy_scope_adopt(s, got);
    } else if (place_count > 0) {
        assert_ok(sy_tensor_get_child(grad, &child, &err), &err);
        (void)sy_scope_adopt(s, child);
        if (place_count == 1) {
            assert_true(sy_tensor_is_pointer(child));
            assert_ok(sy_tensor_copy_get(child, &got, &err), &err);
            grad = sy_scope_adopt(s, got);
        } else {
            grad = fetched_from_both(s, child);
        }
    }
    return syi_node_array(grad->node);
}

/* One line, as tensors. */
typedef struct replay_state {
    sy_scope *scope;
    op_line line;
    sy_tensor *leaves[OP_LINE_ARRAYS]; /* the marked arguments */
    int leaf_count;
} replay_state;

/* Turns the arrays of an argument into tensors; the marked ones are leaves. */
static void to_tensors(replay_state *r, sy_value *value)
{
    if (value->kind == SY_VALUE_LIST) {
        for (size_t i = 0; i < value->as.list.count; i++) {
            to_tensors(r, (sy_value *)(uintptr_t)&value->as.list.items[i]);
        }
    } else if (value->kind == (sy_value_kind)SYI_VALUE_ARRAY) {
        const syi_array *array = value->as.internal;
        sy_tensor *tensor = own(r->scope, array);
        if (r->line.marked[array - r->line.arrays]) {
            sy_error err = SY_ERROR_INIT;
            assert_ok(sy_tensor_set_requires_grad(tensor, true, &err), &err);
            r->leaves[r->leaf_count++] = tensor;
        }
        *value = sy_value_tensor(tensor);
    }
}

/* Adds a result's part to what backward starts from: its elements, each times the gradient that arrives. */
static sy_tensor *weigh(replay_state *r, sy_tensor *root, sy_tensor *result)
{
    op_line *c = &r->line;
    assert_true(op_line_take(c, ' '));
    if (strncmp(c->at, "None", 4) == 0) {
        c->at += 4;
        return root;
    }
    sy_tensor *weights = own(r->scope, op_line_read_array(c));
    sy_tensor *part = sy_sum(r->scope, sy_mul(r->scope, result, weights));
    return root == NULL ? part : sy_add(r->scope, root, part);
}

static bool is_zero(const syi_array *array)
{
    int64_t i = 0;
    while (array != NULL && i < syi_array_numel(array) && syi_array_get_double(array, i) == 0) {
        i++;
    }
    return array == NULL || i == syi_array_numel(array);
}

/* A gradient that is missing on one side is zero on the other. */
static void check_gradient(replay_state *r, int which)
{
    char what[40];
    const syi_array *actual = fetched(r->scope, r->leaves[which]), *expected = NULL;
    snprintf(what, sizeof what, "gradient %d", which);
    assert_true(op_line_take(&r->line, ' '));
    if (strncmp(r->line.at, "None", 4) == 0) {
        r->line.at += 4;
    } else {
        expected = op_line_read_array(&r->line);
    }
    if (actual != NULL && expected != NULL) {
        op_vectors_check(&r->line, what, actual, expected);
    } else if (!is_zero(actual) || !is_zero(expected)) {
        op_vectors_fail("%s is %s", what,
                        actual == NULL ? "missing" : "not zero, and torch has none");
    }
}

static void check_gradients(replay_state *r, size_t count)
{
    op_line *c = &r->line;
    if (strncmp(c->at, " =", 2) != 0) {
        op_vectors_fail("%zu results, torch has more", count);
        return;
    }
    c->at += 2;
    for (int k = 0; k < r->leaf_count; k++) {
        check_gradient(r, k);
    }
    assert_true(op_line_take(c, '\n'));
}

static void replay(const char *text, void *user)
{
    (void)user;
    static replay_state r;
    char name[64];
    sy_tensor *results[SYI_OUTPUT_MAX], *root = NULL;
    sy_error err = SY_ERROR_INIT;
    op_line *c = &r.line;
    if (line_number++ % stride != 0) {
        return;
    }
    op_line_open(c, text);
    op_line_read_arguments(c);
    snprintf(name, sizeof name, "%.*s", (int)c->name_length, c->name);
    r.scope = sy_scope_begin(hook);
    r.leaf_count = 0;
    for (size_t k = 0; k < c->arg_count; k++) {
        to_tensors(&r, &c->args[k]);
    }
    if (name[c->name_length - 1] == '_') { /* a leaf may not be written */
        c->args[0] = sy_value_tensor(sy_clone(r.scope, c->args[0].as.tensor));
    }
    const size_t count =
        sy_scope_call_many(r.scope, name, c->args, c->arg_count, results, SYI_OUTPUT_MAX);
    for (size_t k = 0; k < count; k++) {
        root = weigh(&r, root, results[k]);
    }
    sy_status status = sy_scope_get_status(r.scope);
    if (status == SY_OK && (bare || syi_tensor_is_tracked(root))) {
        status = sy_tensor_backward(root, NULL, &err);
        status = bare && status == SY_ENOGRAD ? SY_OK : status;
    }
    if (status != SY_OK) {
        (void)sy_scope_end(r.scope, err.status == SY_OK ? &err : NULL);
        op_vectors_fail("%s", err.message);
    } else {
        check_gradients(&r, count);
        assert_int_equal(sy_scope_end(r.scope, NULL), SY_OK);
    }
    syi_inference none = {0};
    op_line_free(c, &none);
}

static void agrees_with_torch(void **state)
{
    (void)state;
    assert_true(op_vectors_each(folder, replay, NULL) > 500);
}

/* The same numbers where the tensors are at a worker, or at two, and the tape is here. */
static void agrees_with_torch_elsewhere(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_virtual_worker_new(hook, &places[0], "bob", &err), &err);
    assert_ok(sy_virtual_worker_new(hook, &places[1], "alice", &err), &err);
    place_count = 1;
    assert_true(op_vectors_each(folder, replay, NULL) > 500);
    stride = 3;
    place_count = 2;
    assert_true(op_vectors_each(folder, replay, NULL) > 500);
    line_number = 1; /* other lines than those */
    bare = true;
    place_count = 1;
    assert_true(op_vectors_each(folder, replay, NULL) > 500);
    stride = 1;
    bare = false;
    place_count = 0;
}

/* Rows of a line that runs out of place, and in place. */
typedef struct rows_seen {
    bool apart[SYI_OP_COUNT], inplace[SYI_OP_COUNT];
} rows_seen;

static void note_row(const char *text, void *user)
{
    rows_seen *seen = user;
    op_line c;
    const syi_op *op;
    bool inplace;
    op_line_open(&c, text);
    if (syi_ops_find(op_line_ops, c.name, c.name_length, &op, &inplace)) {
        (inplace ? seen->inplace : seen->apart)[op->id] = true;
    }
}

/* Nothing of these is here: src/interpreters/precision tests them. */
static bool is_answered_above(const syi_op *op)
{
    return op->id == SYI_OP_fix_precision || op->id == SYI_OP_float_precision ||
           op->id == SYI_OP_approximate;
}

/* Every row whose gradient is a function has lines, in place too where it can run so. */
static void covers_every_row(void **state)
{
    (void)state;
    static rows_seen seen;
    int missing = 0;
    (void)op_vectors_each(folder, note_row, &seen);
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const sy_value bound[SYI_ARGUMENT_MAX] = {{0}};
        const syi_gradient *gradient = syi_gradient_get(op, bound);
        const bool wanted = !is_answered_above(op) && (gradient->kind == SYI_GRADIENT_ROW ||
                                                       gradient->kind == SYI_GRADIENT_INNER);
        if (wanted && !seen.apart[id] && !seen.inplace[id]) {
            print_error("%s has no line for %s\n", folder, op->name);
            missing++;
        }
        if (wanted && (op->flags & SYI_OP_INPLACE) != 0 && !seen.inplace[id]) {
            print_error("%s has no line for %s in place\n", folder, op->name);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_torch),
        cmocka_unit_test(agrees_with_torch_elsewhere),
        cmocka_unit_test(covers_every_row),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
