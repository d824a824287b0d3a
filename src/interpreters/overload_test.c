/*
 * overload_test.c - overloads of single operations (src/hook/overload.c): method, function and module, in
 * every form of a name, at every level of a chain, at a worker; beside the library's own types.
 */
#include <csyft/overload.h>

#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "support/local_hook.h"

/* Multiplies the first child by what `user` points to, whatever was asked: easy to see. */
static sy_status scale(sy_operation *operation, void *user, sy_error *err)
{
    const sy_value *args = NULL;
    (void)sy_operation_get_arguments(operation, &args);
    const sy_value both[] = {args[0], sy_value_int(*(const int *)user)};
    sy_tensor *product = sy_scope_call(sy_operation_get_scope(operation), "mul", both, 2);
    return sy_operation_answer(operation, &product, 1, err);
}

static const int ten = 10;
static const int hundred = 100;
static const int thousand = 1000;
#define TIMES(n) scale, (void *)(uintptr_t) & (n)

static const sy_interpreter *plain_type(local_hook *local, const char *name)
{
    const sy_interpreter *type = NULL;
    const sy_interpreter_class klass = {.size = sizeof klass, .name = name};
    assert_ok(sy_interpreter_register(local->hook, &type, &klass, &local->err), &local->err);
    return type;
}

static sy_tensor *wrap(local_hook *local, sy_scope *s, const sy_interpreter *type,
                       sy_tensor *tensor)
{
    sy_tensor *wrapped = NULL;
    assert_ok(sy_tensor_wrap_with(tensor, &wrapped, type, NULL, &local->err), &local->err);
    return sy_scope_adopt(s, wrapped);
}

static sy_tensor *number(local_hook *local, sy_scope *s, float value)
{
    return sy_scope_adopt(s, local_hook_floats(local, 1, &value));
}

/* The element at the end of the chain, through `levels` interpreters. */
static double inside(sy_tensor *tensor, int levels)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *at = sy_tensor_ref(tensor);
    assert_non_null(tensor);
    for (int k = 0; k < levels; k++) {
        sy_tensor *child = NULL;
        assert_ok(sy_tensor_get_child(at, &child, &err), &err);
        sy_tensor_unref(at);
        at = child;
    }
    assert_false(sy_tensor_is_wrapper(at));
    float value = 0;
    assert_ok(sy_tensor_copy_data(at, &value, sizeof value, &err), &err);
    sy_tensor_unref(at);
    return value;
}

static double asked(sy_scope *s, const char *name, sy_tensor *a, sy_tensor *b)
{
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(b)};
    return inside(sy_scope_call(s, name, args, b != NULL ? 2 : 1), 1);
}

/* One overload answers every name of the operation; another type and other operations do not notice. */
static void test_every_form(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    const sy_interpreter *other = plain_type(local, "B");
    assert_ok(sy_overload_method(local->hook, type, "add", TIMES(ten), &local->err), &local->err);
    sy_tensor *a = wrap(local, s, type, number(local, s, 1));
    sy_tensor *b = wrap(local, s, other, number(local, s, 1));
    static const char *const names[] = {"add", "torch.add", "__add__", "__radd__"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_true(asked(s, names[k], a, a) == 10);
        assert_true(asked(s, names[k], b, b) == 2);
        assert_true(sy_overload_exists(local->hook, type, names[k]));
        assert_false(sy_overload_exists(local->hook, other, names[k]));
    }
    assert_true(asked(s, "sub", a, a) == 0);
    assert_true(inside(sy_add(s, a, a), 1) == 10); /* in a scope */
    assert_ptr_equal(sy_add_int_(s, a, 5), a);     /* in place: the answer is written to self */
    assert_true(inside(a, 1) == 10);
    assert_true(asked(s, "__iadd__", a, a) == 100);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* Of method and function each answers its own form; add_ its own. */
static void test_which_one(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    sy_tensor *a = wrap(local, s, type, number(local, s, 1));
    assert_ok(sy_overload_function(local->hook, type, "torch.add", TIMES(hundred), &local->err),
              &local->err);
    assert_true(asked(s, "add", a, a) == 100); /* the only one */
    assert_ok(sy_overload_method(local->hook, type, "add", TIMES(ten), &local->err), &local->err);
    assert_ok(sy_overload_method(local->hook, type, "add_", TIMES(thousand), &local->err),
              &local->err);
    assert_true(asked(s, "add", a, a) == 10);
    assert_true(asked(s, "__add__", a, a) == 10);
    assert_true(asked(s, "torch.add", a, a) == 100);
    assert_true(asked(s, "add_", a, a) == 1000);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* Under other interpreters, over them, in lists and under names. */
static void test_every_level(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    const sy_interpreter *other = plain_type(local, "B");
    assert_ok(sy_overload_method(local->hook, type, "add", TIMES(ten), &local->err), &local->err);
    assert_ok(sy_overload_function(local->hook, type, "torch.cat", TIMES(ten), &local->err),
              &local->err);
    sy_tensor *x = number(local, s, 1);
    sy_tensor *logged = NULL;
    sy_tensor *a = wrap(local, s, type, x);
    assert_ok(sy_tensor_log(a, &logged, &local->err), &local->err);
    (void)sy_scope_adopt(s, logged);
    assert_true(inside(sy_add(s, wrap(local, s, other, logged), x), 3) == 10);
    assert_true(inside(sy_add(s, wrap(local, s, type, wrap(local, s, other, x)), x), 2) == 10);
    /* twice in one chain: the inner one sees what the outer one runs */
    assert_true(inside(sy_add(s, wrap(local, s, type, a), x), 2) == 10);
    /* the first argument is plain: it is the first child, and the answer is wrapped */
    assert_true(asked(s, "add", x, a) == 10);
    const sy_value self = sy_value_tensor(x);
    const sy_named_value named = {"other", sy_value_tensor(a)};
    sy_tensor *result = NULL;
    size_t count = 0;
    assert_ok(
        sy_call(local->hook, "add", &self, 1, &named, 1, &result, 1, &count, NULL, &local->err),
        &local->err);
    assert_true(inside(sy_scope_adopt(s, result), 1) == 10);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* The children in a list, and several outputs. */
static sy_status reverse(sy_operation *operation, void *user, sy_error *err)
{
    const sy_value *args = NULL;
    (void)user;
    (void)sy_operation_get_arguments(operation, &args);
    if (args[0].kind == SY_VALUE_LIST) {
        sy_value turned[2] = {args[0].as.list.items[1], args[0].as.list.items[0]};
        const sy_value list[] = {sy_value_list(turned, 2), args[1]};
        sy_tensor *joined = sy_scope_call(sy_operation_get_scope(operation), "cat", list, 2);
        return sy_operation_answer(operation, &joined, 1, err);
    }
    sy_tensor *parts[2] = {NULL, NULL};
    (void)sy_scope_call_many(sy_operation_get_scope(operation), "unbind", args, 2, parts, 2);
    sy_tensor *turned[2] = {parts[1], parts[0]};
    return sy_operation_answer(operation, turned, 2, err);
}

static void test_lists_and_several_outputs(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    assert_ok(sy_overload_function(local->hook, type, "torch.cat", reverse, NULL, &local->err),
              &local->err);
    assert_ok(sy_overload_method(local->hook, type, "unbind", reverse, NULL, &local->err),
              &local->err);
    sy_tensor *a = wrap(local, s, type, number(local, s, 1));
    sy_tensor *joined = sy_cat(s, (sy_tensor *[]){a, number(local, s, 2)}, 2, 0);
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_get_child(joined, &child, &local->err), &local->err);
    assert_floats(child, (const float[]){2, 1}, 2);
    sy_tensor_unref(child);
    const sy_value args[] = {sy_value_tensor(joined)};
    sy_tensor *parts[2];
    assert_int_equal(sy_scope_call_many(s, "unbind", args, 1, parts, 2), 2);
    assert_true(inside(parts[0], 1) == 1);
    assert_true(inside(parts[1], 1) == 2);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* LoggingTensor's own, as in the originals: an overload beside what the type does. */
static void test_type_of_the_library(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *logging = sy_interpreter_find(local->hook, "LoggingTensor");
    assert_non_null(logging);
    assert_ok(sy_overload_method(local->hook, logging, "manual_scale", TIMES(ten), &local->err),
              &local->err);
    assert_ok(sy_overload_method(local->hook, logging, "mul", TIMES(hundred), &local->err),
              &local->err);
    sy_tensor *a = NULL;
    assert_ok(sy_tensor_log(number(local, s, 1), &a, &local->err), &local->err);
    (void)sy_scope_adopt(s, a);
    assert_true(asked(s, "mul", a, a) == 100);
    assert_true(asked(s, "add", a, a) == 2);
    assert_true(asked(s, "manual_scale", a, a) == 10); /* a name that only this type has */
    assert_ok(sy_scope_get_status(s), &local->err);
    assert_null(sy_scope_call(s, "manual_scale", &(sy_value){0}, 0));
    assert_status(sy_scope_end(s, &local->err), SY_EUNKNOWNOP, &local->err);
    /* pointers have no child here */
    assert_status(sy_overload_method(local->hook, sy_interpreter_find(local->hook, "PointerTensor"),
                                     "add", TIMES(ten), &local->err),
                  SY_EINVAL, &local->err);
}

/* Names without row: positional only, in place by their last letter, unknown to other types. */
static void test_own_names(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    assert_ok(sy_overload_method(local->hook, type, "tenfold", TIMES(ten), &local->err),
              &local->err);
    assert_ok(sy_overload_method(local->hook, type, "tenfold_", TIMES(ten), &local->err),
              &local->err);
    assert_ok(sy_overload_function(local->hook, type, "torch.own.tenfold", TIMES(ten), &local->err),
              &local->err);
    sy_tensor *x = number(local, s, 1);
    sy_tensor *a = wrap(local, s, type, x);
    assert_true(asked(s, "tenfold", a, NULL) == 10);
    assert_true(asked(s, "torch.own.tenfold", a, NULL) == 10);
    const sy_value args[] = {sy_value_tensor(a)};
    assert_ptr_equal(sy_scope_call(s, "tenfold_", args, 1), a);
    assert_floats(x, (const float[]){10}, 1);
    const sy_named_value named = {"other", sy_value_tensor(a)};
    sy_tensor *none = NULL;
    size_t count = 0;
    assert_status(
        sy_call(local->hook, "tenfold", args, 1, &named, 1, &none, 1, &count, NULL, &local->err),
        SY_EINVAL, &local->err);
    const sy_value plain = sy_value_tensor(x);
    assert_status(
        sy_call(local->hook, "tenfold", &plain, 1, NULL, 0, &none, 1, &count, NULL, &local->err),
        SY_EUNKNOWNOP, &local->err);
    assert_string_equal(local->err.message,
                        "Command \"tenfold\" is not a supported Torch operation.");
    assert_null(none);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* Modules */

static sy_status raw_relu(sy_operation *operation, void *user, sy_error *err)
{
    const sy_value *args = NULL;
    (void)sy_operation_get_arguments(operation, &args);
    *(bool *)user = sy_tensor_is_wrapper(args[0].as.tensor); /* as it came */
    sy_tensor *child = NULL;
    const sy_status status = sy_tensor_get_child(args[0].as.tensor, &child, err);
    if (status != SY_OK) {
        return status;
    }
    (void)sy_scope_adopt(sy_operation_get_scope(operation), child);
    return sy_operation_answer(operation, &child, 1, err);
}

static void test_modules(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    bool wrapped = false;
    const sy_overload_entry functional[] = {
        {.name = "relu", .fn = raw_relu, .user = &wrapped},
        {.name = "celu", .fn = scale, .user = (void *)(uintptr_t)&ten, .unwrapped = true},
        {0},
    };
    const sy_overload_entry nn[] = {{.name = "functional", .module = functional}, {0}};
    const sy_overload_entry torch[] = {
        {.name = "mul", .fn = scale, .user = (void *)(uintptr_t)&hundred, .unwrapped = true},
        {.name = "nn", .module = nn},
        {0},
    };
    assert_ok(sy_overload_module(local->hook, type, "torch", torch, &local->err), &local->err);
    sy_tensor *a = wrap(local, s, type, number(local, s, -1));
    assert_true(asked(s, "torch.mul", a, a) == -100);
    assert_true(asked(s, "torch.nn.functional.celu", a, NULL) == -10);
    const sy_value args[] = {sy_value_tensor(a)};
    assert_true(inside(sy_scope_call(s, "torch.nn.functional.relu", args, 1), 0) == -1);
    assert_true(wrapped);
    /* again: nothing of the second is left, also not what came before the collision */
    const sy_overload_entry again[] = {
        {.name = "div", .fn = scale, .user = (void *)(uintptr_t)&ten, .unwrapped = true},
        {.name = "own", .fn = scale, .user = (void *)(uintptr_t)&ten, .unwrapped = true},
        {.name = "mul", .fn = scale, .user = (void *)(uintptr_t)&ten, .unwrapped = true},
        {0},
    };
    assert_status(sy_overload_module(local->hook, type, "torch", again, &local->err), SY_EEXIST,
                  &local->err);
    assert_false(sy_overload_exists(local->hook, type, "torch.div"));
    assert_false(sy_overload_exists(local->hook, type, "torch.own"));
    assert_true(sy_overload_exists(local->hook, type, "torch.mul"));
    const sy_overload_entry empty[] = {{.name = "div"}, {0}};
    assert_status(sy_overload_module(local->hook, type, "torch", empty, &local->err), SY_EINVAL,
                  &local->err);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_refused(void **state)
{
    local_hook *local = *state;
    const sy_interpreter *type = plain_type(local, "A");
    static const struct {
        const char *name;
        sy_status status;
    } names[] = {
        {"torch.add", SY_EINVAL},      {"", SY_EINVAL},         {"add them", SY_EINVAL},
        {"7add", SY_EINVAL},           {"size", SY_EFORBIDDEN}, {"arange", SY_EFORBIDDEN},
        {"native_add", SY_EFORBIDDEN},
    };
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_status(sy_overload_method(local->hook, type, names[k].name, TIMES(ten), &local->err),
                      names[k].status, &local->err);
    }
    assert_status(sy_overload_function(local->hook, type, "torch.zeros", TIMES(ten), &local->err),
                  SY_EFORBIDDEN, &local->err);
    assert_ok(sy_overload_method(local->hook, type, "__iadd__", TIMES(ten), &local->err),
              &local->err);
    assert_status(sy_overload_method(local->hook, type, "add_", TIMES(ten), &local->err), SY_EEXIST,
                  &local->err);
    assert_status(sy_overload_method(local->hook, type, "sub", NULL, NULL, &local->err), SY_EINVAL,
                  &local->err);
}

/* The operation of a pointer is overloaded where the tensor is. */
static void test_at_a_worker(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    sy_scope *s = sy_scope_begin(local->hook);
    const sy_interpreter *type = plain_type(local, "A");
    assert_ok(sy_overload_method(local->hook, type, "add", TIMES(ten), &local->err), &local->err);
    sy_tensor *pointer = NULL;
    sy_tensor *back = NULL;
    assert_ok(sy_tensor_send(wrap(local, s, type, number(local, s, 3)), &pointer, bob, &local->err),
              &local->err);
    (void)sy_scope_adopt(s, pointer);
    assert_ok(sy_tensor_get(sy_add(s, pointer, pointer), &back, &local->err), &local->err);
    assert_true(inside(sy_scope_adopt(s, back), 1) == 30);
    /* and over a pointer here: bob multiplies */
    sy_tensor *far = NULL;
    assert_ok(sy_tensor_send(number(local, s, 4), &far, bob, &local->err), &local->err);
    sy_tensor *over = wrap(local, s, type, sy_scope_adopt(s, far));
    sy_tensor *sum = sy_add(s, over, over);
    sy_tensor *child = NULL;
    assert_non_null(sum);
    assert_ok(sy_tensor_get_child(sum, &child, &local->err), &local->err);
    assert_true(sy_tensor_is_pointer(sy_scope_adopt(s, child)));
    assert_ok(sy_tensor_get(child, &back, &local->err), &local->err);
    assert_true(inside(sy_scope_adopt(s, back), 0) == 40);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_memory_faults(void **state)
{
    local_hook *local = *state;
    const sy_interpreter *type = plain_type(local, "A");
    const size_t before = local->memory.live;
    for (size_t nth = 1;; nth++) {
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status =
            sy_overload_method(local->hook, type, "add", TIMES(ten), &local->err);
        local->memory.fail_at = 0;
        assert_status(status, local->memory.refused != 0 ? SY_ENOMEM : SY_OK, &local->err);
        if (status == SY_OK) {
            break;
        }
        assert_true(local->memory.live <= before + 1); /* the table may stay */
    }
    sy_tensor *x = local_hook_floats(local, 1, (const float[]){1});
    sy_tensor *a = NULL;
    assert_ok(sy_tensor_wrap_with(x, &a, type, NULL, &local->err), &local->err);
    const size_t live = local->memory.live;
    size_t nth = 1;
    for (;; nth++) {
        const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(x)};
        sy_tensor *sum = NULL;
        size_t count = 0;
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status =
            sy_call(local->hook, "add", args, 2, NULL, 0, &sum, 1, &count, NULL, &local->err);
        local->memory.fail_at = 0;
        assert_status(status, local->memory.refused != 0 ? SY_ENOMEM : SY_OK, &local->err);
        sy_tensor_unref(sum);
        assert_int_equal(local->memory.live, live);
        if (status == SY_OK) {
            break;
        }
    }
    assert_true(nth > 4);
    sy_tensor_unref(a);
    sy_tensor_unref(x);
}

#define overload_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        overload_test(test_every_form),
        overload_test(test_which_one),
        overload_test(test_every_level),
        overload_test(test_lists_and_several_outputs),
        overload_test(test_type_of_the_library),
        overload_test(test_own_names),
        overload_test(test_modules),
        overload_test(test_refused),
        overload_test(test_at_a_worker),
        overload_test(test_memory_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
