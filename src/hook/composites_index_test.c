/*
 * composites_index_test.c - x[...] and x[...] = y beside what tests/vectors/gradients have: writes go into the tensor
 * itself, integers and bools, private contents, failing memory; and the same for the rows of composites_moving.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/operations.h>

#include "hook/dispatch.h"
#include "support/failing_allocator.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_scope *s;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    if (f->context == NULL || syi_hook_new(f->context, &f->hook, &options, NULL) != SY_OK) {
        return -1;
    }
    f->s = sy_scope_begin(f->hook);
    return f->s != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_status status = sy_scope_end(f->s, NULL);
    syi_hook_free(f->hook);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken || status != SY_OK;
    free(f);
    return broken;
}

static sy_tensor *longs(fixture *f, int ndim, const int64_t *shape, const int64_t *data)
{
    sy_tensor *made = NULL;
    assert_int_equal(sy_tensor_new(f->hook, &made, SY_DTYPE_I64, ndim, shape, data, NULL), SY_OK);
    return sy_scope_adopt(f->s, made);
}

#define LONGS(f, ...)                                                                  \
    longs(f, 1, (const int64_t[]){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)}, \
          (const int64_t[]){__VA_ARGS__})

/* 0 to rows * columns - 1 */
static sy_tensor *table(fixture *f, int64_t rows, int64_t columns)
{
    const int64_t shape[] = {rows, columns};
    sy_tensor *x = sy_arange(f->s, SY_DTYPE_I64, 0, (double)(rows * columns), 1);
    return sy_view(f->s, x, 2, shape);
}

static void assert_longs(const sy_tensor *x, size_t count, const int64_t *expected)
{
    assert_non_null(x);
    const syi_array *array = syi_node_array(x->node);
    assert_int_equal(syi_array_numel(array), count);
    for (size_t k = 0; k < count; k++) {
        assert_int_equal(syi_array_get_int(array, (int64_t)k), expected[k]);
    }
}

#define ASSERT_LONGS(x, ...)                                            \
    assert_longs(x, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
                 (const int64_t[]){__VA_ARGS__})

static void assert_refused(fixture *f, const char *name, const sy_value *args, size_t count,
                           sy_status status, const char *words)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *result = NULL;
    const size_t live = f->memory.live;
    assert_int_equal(sy_call(f->hook, name, args, count, NULL, 0, &result, 1, NULL, NULL, &err),
                     status);
    if (strstr(err.message, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    }
    assert_int_equal(f->memory.live, live);
}

/* Through views, so that others who view the storage see it. numpy gives these answers. */
static void test_writes_go_into_the_tensor(void **state)
{
    fixture *f = *state;
    sy_tensor *x = table(f, 2, 3);
    sy_tensor *row = sy_select(f->s, x, 0, 1);
    const sy_value first_column[] = {sy_value_ellipsis(), sy_value_int(0)};
    assert_ptr_equal(sy_index_put_(f->s, x, first_column, 2, sy_value_int(9)), x);
    ASSERT_LONGS(row, 9, 4, 5);
    const sy_value corner[] = {sy_value_tensor(LONGS(f, 1, 0)), sy_value_tensor(LONGS(f, 2, -2))};
    sy_index_put_(f->s, x, corner, 2, sy_value_tensor(LONGS(f, 20, 30)));
    ASSERT_LONGS(x, 9, 30, 2, 9, 4, 20);
    const sy_value both[] = {sy_value_slice(0, 1, 1), sy_value_tensor(LONGS(f, 2, 2, 0))};
    sy_index_put_(f->s, x, both, 2, sy_value_int(-1));
    ASSERT_LONGS(x, -1, 30, -1, 9, 4, 20);
    ASSERT_LONGS(row, 9, 4, 20);
    const sy_value assign[] = {sy_value_tensor(x), sy_value_int(1), sy_value_float(2.75)};
    assert_ptr_equal(sy_scope_call(f->s, "__setitem__", assign, 3), x); /* as torch: truncated */
    ASSERT_LONGS(row, 2, 2, 2);
    const sy_value large = sy_value_tensor(sy_gt_int(f->s, x, 2));
    sy_index_put_(f->s, x, &large, 1, sy_value_int(7));
    ASSERT_LONGS(x, -1, 7, -1, 2, 2, 2);
    const sy_value at_scalar[] = {sy_value_tensor(sy_select(f->s, LONGS(f, 1, 0), 0, 0)),
                                  sy_value_tensor(LONGS(f, 0, 2))};
    sy_index_put_(f->s, x, at_scalar, 2, sy_value_tensor(LONGS(f, 5, 6)));
    ASSERT_LONGS(x, -1, 7, -1, 5, 2, 6);
    const sy_value apart[] = {sy_value_tensor(x), sy_value_int(0), sy_value_int(0)};
    ASSERT_LONGS(sy_scope_call(f->s, "index_put", apart, 3), 0, 0, 0, 5, 2, 6);
    ASSERT_LONGS(x, -1, 7, -1, 5, 2, 6);
}

/* The same tensor on both sides. */
static void test_overlap(void **state)
{
    fixture *f = *state;
    sy_tensor *x = LONGS(f, 0, 1, 2, 3);
    const sy_value tail = sy_value_slice(1, SY_SLICE_OPEN, 1);
    sy_index_put_(f->s, x, &tail, 1, sy_value_tensor(sy_slice(f->s, x, 0, 0, 3, 1)));
    ASSERT_LONGS(x, 0, 0, 1, 2);
    const sy_value turned = sy_value_tensor(LONGS(f, 3, 2, 1, 0));
    sy_index_put_(f->s, x, &turned, 1, sy_value_tensor(x));
    ASSERT_LONGS(x, 2, 1, 0, 0);
    const sy_value itself = sy_value_tensor(x);
    sy_index_put_(f->s, x, &itself, 1, sy_value_int(8));
    ASSERT_LONGS(x, 8, 8, 8, 0);
}

static void test_reads(void **state)
{
    fixture *f = *state;
    sy_tensor *x = table(f, 3, 2);
    const sy_value mask[] = {sy_value_tensor(sy_gt_int(f->s, x, 3))};
    ASSERT_LONGS(sy_index(f->s, x, mask, 1), 4, 5);
    const sy_value yes = sy_value_bool(true), no = sy_value_bool(false);
    assert_int_equal(syi_node_array(sy_index(f->s, x, &yes, 1)->node)->ndim, 3);
    assert_int_equal(syi_array_numel(syi_node_array(sy_index(f->s, x, &no, 1)->node)), 0);
    const sy_value apart[] = {sy_value_tensor(LONGS(f, 0, -1)), sy_value_none(),
                              sy_value_tensor(LONGS(f, 1, 1))};
    sy_tensor *y = sy_index(f->s, x, apart, 3); /* [2, 1]: the tensors are no neighbours */
    ASSERT_LONGS(y, 1, 5);
    assert_int_equal(syi_node_array(y->node)->shape[0], 2);
    const int64_t sizes[] = {2, 2};
    const sy_value square[] = {sy_value_tensor(longs(f, 2, sizes, (const int64_t[]){0, 1, 2, 0}))};
    ASSERT_LONGS(sy_index(f->s, x, square, 1), 0, 1, 2, 3, 4, 5, 0, 1);
}

static void test_refusals(void **state)
{
    fixture *f = *state;
    sy_tensor *x = table(f, 3, 2);
    const sy_value itself = sy_value_tensor(x), far = sy_value_tensor(LONGS(f, 0, 3));
    const sy_value outside[] = {itself, far, sy_value_int(1)};
    assert_refused(f, "__setitem__", outside, 3, SY_ERANGE, "index 3 is out of range for 3");
    const sy_value wide[] = {itself, sy_value_int(0), sy_value_tensor(LONGS(f, 1, 2, 3))};
    assert_refused(f, "__setitem__", wide, 3, SY_ESHAPE, "index_put");
    const sy_value negative[] = {itself, sy_value_tensor(LONGS(f, 1, -1, 0)), sy_value_int(0)};
    assert_refused(f, "repeat_interleave", negative, 3, SY_ERANGE, "repeats are negative");
    const sy_value many[] = {itself, sy_value_tensor(LONGS(f, 1, INT64_C(1) << 55, 0)),
                             sy_value_int(0)};
    assert_refused(f, "repeat_interleave", many, 3, SY_ELIMIT, "this machine has");
    const sy_value large[] = {itself, sy_value_int(INT64_C(1) << 55)};
    assert_refused(f, "repeat_interleave", large, 2, SY_ELIMIT, "this machine has");
    const sy_value empty[] = {sy_value_list(NULL, 0)};
    assert_refused(f, "hstack", empty, 1, SY_EINVAL, "hstack: the list of tensors is empty");
    ASSERT_LONGS(x, 0, 1, 2, 3, 4, 5);
}

/* Private contents decide neither sizes nor sentences. */
static void test_private_contents(void **state)
{
    fixture *f = *state;
    sy_tensor *x = table(f, 3, 2), *secret = LONGS(f, 4711, 1, 2);
    syi_policy policy;
    syi_policy_set_private(&policy, "#data", 3);
    syi_tensor_set_policy(secret, &policy);
    const sy_value hidden = sy_value_tensor(secret), open = sy_value_tensor(x);
    const sy_value mask = sy_value_tensor(sy_gt_int(f->s, secret, 1));
    const sy_value nonzero[] = {hidden}, classes[] = {hidden, sy_value_int(-1)};
    assert_refused(f, "nonzero", nonzero, 1, SY_EPERM, "nonzero of object");
    assert_refused(f, "one_hot", classes, 2, SY_EPERM, "#data");
    assert_refused(f, "bincount", nonzero, 1, SY_EPERM, "#data");
    assert_refused(f, "unique", nonzero, 1, SY_EPERM, "#data");
    assert_refused(f, "unique_consecutive", nonzero, 1, SY_EPERM, "#data");
    const sy_value select[] = {open, mask}, picked[] = {sy_value_tensor(secret), mask};
    assert_refused(f, "masked_select", picked, 2, SY_EPERM, "masked_select of object");
    assert_refused(f, "__getitem__", select, 2, SY_EPERM, "#data");
    const sy_value repeat[] = {open, hidden, sy_value_int(0)};
    assert_refused(f, "repeat_interleave", repeat, 3, SY_EPERM, "repeat_interleave of object");
    /* Neither the index nor the class is told. */
    const sy_value at[] = {open, sy_value_int(0), hidden}, counted[] = {hidden, sy_value_int(9)};
    assert_refused(f, "index_select", at, 3, SY_ERANGE, "contents of its private arguments");
    assert_refused(f, "one_hot", counted, 2, SY_ERANGE, "contents of its private arguments");
    const sy_value by[] = {open, hidden};
    assert_refused(f, "__getitem__", by, 2, SY_ERANGE, "contents of its private arguments");
    /* A public mask picks rows; the rest is as private as before. */
    const sy_value ends = sy_value_tensor(sy_ne_int(f->s, LONGS(f, 1, 0, 1), 0));
    sy_tensor *rows = sy_index(f->s, secret, &ends, 1);
    const syi_policy kept = syi_tensor_policy(rows);
    assert_true(kept.private_);
    assert_int_equal(kept.rows, 2);
    /* A write of private values makes the tensor private, whoever views it. */
    sy_tensor *view = sy_select(f->s, x, 0, 0);
    const sy_value place[] = {sy_value_slice(0, 3, 1), sy_value_int(1)};
    assert_non_null(sy_index_put_(f->s, x, place, 2, hidden));
    assert_true(syi_tensor_is_private(x) && syi_tensor_is_private(view));
    /* Where a private mask stands is private, too. */
    sy_tensor *y = LONGS(f, 1, 2, 3);
    assert_non_null(sy_index_put_(f->s, y, &mask, 1, sy_value_int(0)));
    assert_true(syi_tensor_is_private(y));
}

/* Every allocation fails once: a status, nothing lost. */
static void test_failing_memory(void **state)
{
    fixture *f = *state;
    sy_tensor *x = table(f, 3, 2), *index = LONGS(f, 0, 2), *ones = LONGS(f, 1, 1);
    const sy_value items[] = {sy_value_tensor(index), sy_value_none(), sy_value_tensor(ones)};
    const sy_value list = sy_value_list(items, 3), tensor = sy_value_tensor(x);
    const sy_value mask = sy_value_tensor(sy_gt_int(f->s, x, 2)), two = sy_value_int(2);
    const sy_value pad[] = {sy_value_int(1), sy_value_int(1)}, repeats[] = {two, two};
    const struct {
        const char *name;
        size_t count;
        sy_value args[3];
    } calls[] = {
        {"__getitem__", 2, {tensor, list}},
        {"__setitem__", 3, {tensor, list, two}},
        {"__getitem__", 2, {tensor, mask}},
        {"__setitem__", 3, {tensor, mask, two}},
        {"pad", 3, {tensor, sy_value_list(pad, 2), sy_value_string("replicate")}},
        {"repeat", 2, {tensor, sy_value_list(repeats, 2)}},
        {"repeat_interleave", 2, {sy_value_tensor(index), sy_value_tensor(index)}},
        {"vstack", 1, {sy_value_list(items, 1)}},
        {"diag", 1, {tensor}},
    };
    for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
        const size_t live = f->memory.live;
        sy_status status = SY_ENOMEM;
        for (size_t fail = 1; status != SY_OK; fail++) {
            sy_tensor *result = NULL;
            f->memory.calls = 0;
            f->memory.fail_at = fail;
            status = sy_call(f->hook, calls[c].name, calls[c].args, calls[c].count, NULL, 0,
                             &result, 1, NULL, NULL, NULL);
            f->memory.fail_at = 0;
            assert_true(status == SY_OK || status == SY_ENOMEM);
            assert_true(fail < 100);
            sy_tensor_unref(result);
            assert_int_equal(f->memory.live, live);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writes_go_into_the_tensor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_private_contents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
