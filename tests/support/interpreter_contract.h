/*
 * interpreter_contract.h - what holds for every interpreter: it forwards, wraps every result again, is
 * changed in place, finds tensors in lists and under names, describes itself, travels with its chain, and
 * leaves nothing behind when something fails. One suite; a subject says what is wrapped and how it is read.
 *
 *     static const interpreter_subject subjects[] = {{"LoggingTensor", wrap_logging, .travels = true}};
 *     INTERPRETER_CONTRACT(subjects, 0)
 *
 * For interpreters over values that mean what they are (exactly, or within `tolerance`). The wrapped tensors
 * are wrapped again in a second one for the tests of nesting, unless `outermost` is set.
 */
#ifndef CSYFT_TESTS_INTERPRETER_CONTRACT_H
#define CSYFT_TESTS_INTERPRETER_CONTRACT_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <csyft/interpreter.h>
#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "support/failing_allocator.h"
#include "support/test.h"

typedef struct interpreter_subject {
    const char *name; /* of the nodes' type, and in the text */
    sy_status (*wrap)(sy_hook *hook, sy_tensor *tensor, sy_tensor **wrapped, sy_error *err);
    /* Registers the type first, when it is not the library's. Nullable. */
    sy_status (*prepare)(sy_hook *hook, sy_error *err);
    /* What the chain stands for, as a native tensor; NULL: sy_tensor_get until it is one. */
    sy_status (*read)(sy_tensor *wrapped, sy_tensor **plain, sy_error *err);
    bool travels;     /* it has simplify and detail */
    bool outermost;   /* it may not stand under another of its kind */
    double tolerance; /* of values; 0: exact */
} interpreter_subject;

typedef struct contract {
    const interpreter_subject *subject;
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob;
    sy_scope *s;
    sy_error err;
} contract;

static inline int contract_setup(void **state)
{
    contract *c = calloc(1, sizeof *c);
    c->subject = *state;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    *state = c;
    c->context = failing_allocator_context(&c->memory);
    if (c->context == NULL || sy_hook_new(c->context, &c->hook, &options, &c->err) != SY_OK ||
        sy_virtual_worker_new(c->hook, &c->bob, "bob", &c->err) != SY_OK ||
        (c->subject->prepare != NULL && c->subject->prepare(c->hook, &c->err) != SY_OK)) {
        print_error("%s\n", c->err.message);
        return -1;
    }
    c->s = sy_scope_begin(c->hook);
    return 0;
}

/* Fails when anything is left. */
static inline int contract_teardown(void **state)
{
    contract *c = *state;
    (void)sy_scope_end(c->s, NULL);
    sy_hook_free(c->hook);
    sy_context_free(c->context);
    const size_t live = c->memory.live;
    const bool broken = live != 0 || c->memory.broken;
    if (broken) {
        print_error("%zu blocks are left\n", live);
    }
    free(c);
    return broken;
}

/* 2x3, values that survive rounding to thousandths. */
static inline sy_tensor *contract_plain(contract *c, float first)
{
    const float data[6] = {first, first + 1, first - 2, 0.5f * first, -first, first + 3};
    sy_tensor *tensor = NULL;
    assert_ok(
        sy_tensor_new(c->hook, &tensor, SY_DTYPE_F32, 2, (const int64_t[]){2, 3}, data, &c->err),
        &c->err);
    return sy_scope_adopt(c->s, tensor);
}

static inline sy_tensor *contract_wrap(contract *c, sy_tensor *tensor)
{
    sy_tensor *wrapped = NULL;
    assert_ok(c->subject->wrap(c->hook, tensor, &wrapped, &c->err), &c->err);
    return sy_scope_adopt(c->s, wrapped);
}

static inline sy_status contract_get(sy_tensor *tensor, sy_tensor **plain, sy_error *err)
{
    sy_tensor *at = sy_tensor_ref(tensor);
    while (sy_tensor_is_wrapper(at)) {
        sy_tensor *next = NULL;
        const sy_status status = sy_tensor_get(at, &next, err);
        sy_tensor_unref(at);
        if (status != SY_OK) {
            return status;
        }
        at = next;
    }
    *plain = at;
    return SY_OK;
}

static inline size_t contract_read(contract *c, sy_tensor *tensor, double *values, size_t capacity)
{
    sy_tensor *plain = NULL;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    size_t count = 1;
    sy_dtype dtype;
    assert_non_null(tensor);
    if (!sy_tensor_is_wrapper(tensor)) {
        plain = sy_tensor_ref(tensor);
    } else if (c->subject->read != NULL) {
        assert_ok(c->subject->read(tensor, &plain, &c->err), &c->err);
    } else {
        assert_ok(contract_get(tensor, &plain, &c->err), &c->err);
    }
    assert_ok(sy_tensor_get_shape(plain, &ndim, shape, &c->err), &c->err);
    assert_ok(sy_tensor_get_dtype(plain, &dtype, &c->err), &c->err);
    for (int d = 0; d < ndim; d++) {
        count *= (size_t)shape[d];
    }
    assert_true(count <= capacity);
    sy_scope *s = sy_scope_begin(c->hook);
    sy_tensor *wide = dtype == SY_DTYPE_F64 ? plain : sy_to(s, plain, SY_DTYPE_F64);
    assert_ok(sy_tensor_copy_data(wide, values, count * sizeof *values, &c->err), &c->err);
    assert_ok(sy_scope_end(s, &c->err), &c->err);
    sy_tensor_unref(plain);
    return count;
}

/* Of the type on the outside, and standing for what `plain` is. */
static inline void contract_same(contract *c, sy_tensor *wrapped, sy_tensor *plain)
{
    double actual[64];
    double expected[64];
    if (wrapped == NULL || plain == NULL) {
        print_error("%s\n", sy_scope_get_status(c->s) != SY_OK ? "the scope has failed" : "NULL");
    }
    const size_t count = contract_read(c, plain, expected, 64);
    assert_non_null(wrapped);
    assert_non_null(sy_tensor_get_interpreter(wrapped));
    assert_string_equal(sy_interpreter_get_name(sy_tensor_get_interpreter(wrapped)),
                        c->subject->name);
    assert_int_equal(contract_read(c, wrapped, actual, 64), count);
    for (size_t k = 0; k < count; k++) {
        if (!(fabs(actual[k] - expected[k]) <= c->subject->tolerance)) {
            print_error("element %zu: expected %g, actual %g\n", k, expected[k], actual[k]);
        }
        assert_true(fabs(actual[k] - expected[k]) <= c->subject->tolerance);
    }
}

#define CONTRACT_ARGS(...) \
    (const sy_value[]){__VA_ARGS__}, sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value)

/* Every name of an operation, operands in every order, plain ones among them, numbers. */
static inline void contract_forwards(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *y = contract_plain(c, 5);
    sy_tensor *wx = contract_wrap(c, x);
    sy_tensor *wy = contract_wrap(c, y);
    static const char *const names[] = {"mul",      "torch.mul", "__mul__",
                                        "__rmul__", "sub",       "torch.sub"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        sy_tensor *expected =
            sy_scope_call(c->s, names[k], CONTRACT_ARGS(sy_value_tensor(x), sy_value_tensor(y)));
        contract_same(
            c,
            sy_scope_call(c->s, names[k], CONTRACT_ARGS(sy_value_tensor(wx), sy_value_tensor(wy))),
            expected);
        contract_same(
            c, sy_scope_call(c->s, names[k], CONTRACT_ARGS(sy_value_tensor(wx), sy_value_int(3))),
            sy_scope_call(c->s, names[k], CONTRACT_ARGS(sy_value_tensor(x), sy_value_int(3))));
    }
    contract_same(c, sy_neg(c->s, wx), sy_neg(c->s, x));
    contract_same(c, sy_sum(c->s, wx), sy_sum(c->s, x));
    contract_same(c, sy_matmul(c->s, wx, sy_t(c->s, wy)), sy_matmul(c->s, x, sy_t(c->s, y)));
}

static inline void contract_several_outputs(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *wx = contract_wrap(c, x);
    static const char *const names[] = {"unbind", "chunk", "split"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        sy_tensor *parts[4];
        sy_tensor *wrapped[4];
        const size_t given = k == 0 ? 1 : 2;
        const int64_t number = k == 1 ? 2 : 1;
        const sy_value plain[] = {sy_value_tensor(x), sy_value_int(number)};
        const sy_value inside[] = {sy_value_tensor(wx), sy_value_int(number)};
        assert_int_equal(sy_scope_call_many(c->s, names[k], plain, given, parts, 4), 2);
        assert_int_equal(sy_scope_call_many(c->s, names[k], inside, given, wrapped, 4), 2);
        contract_same(c, wrapped[0], parts[0]);
        contract_same(c, wrapped[1], parts[1]);
    }
}

/* The handle stays, and stands for the new value. */
static inline void contract_in_place(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *y = contract_plain(c, 4);
    sy_tensor *wx = contract_wrap(c, sy_clone(c->s, x));
    assert_ptr_equal(sy_mul_(c->s, wx, y), wx);
    contract_same(c, wx, sy_mul_(c->s, x, y));
    assert_ptr_equal(
        sy_scope_call(c->s, "__isub__", CONTRACT_ARGS(sy_value_tensor(wx), sy_value_int(1))), wx);
    contract_same(c, wx, sy_sub_int_(c->s, x, 1));
}

static inline void contract_named_arguments(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *w = contract_plain(c, 1);
    sy_tensor *b = contract_plain(c, 3);
    const sy_value one = sy_value_int(0);
    sy_tensor *bias = sy_select(c->s, sy_t(c->s, b), 0, one.as.integer); /* 2 elements */
    sy_tensor *wx = contract_wrap(c, x);
    sy_tensor *ww = contract_wrap(c, w);
    sy_tensor *wbias = contract_wrap(c, bias);
    const sy_named_value layers[][3] = {
        {{"bias", sy_value_tensor(wbias)},
         {"weight", sy_value_tensor(ww)},
         {"input", sy_value_tensor(wx)}},
        {{"bias", sy_value_tensor(bias)},
         {"weight", sy_value_tensor(w)},
         {"input", sy_value_tensor(wx)}},
    };
    for (size_t k = 0; k < 2; k++) {
        sy_tensor *result = NULL;
        size_t count = 0;
        assert_ok(sy_call(c->hook, "torch.nn.functional.linear", NULL, 0, layers[k], 3, &result, 1,
                          &count, NULL, &c->err),
                  &c->err);
        (void)sy_scope_adopt(c->s, result);
        contract_same(c, result, sy_linear(c->s, x, w, bias));
    }
    const sy_value self = sy_value_tensor(x); /* the only one of the type stands under a name */
    const sy_named_value other = {"other", sy_value_tensor(wx)};
    sy_tensor *result = NULL;
    size_t count = 0;
    assert_ok(sy_call(c->hook, "mul", &self, 1, &other, 1, &result, 1, &count, NULL, &c->err),
              &c->err);
    (void)sy_scope_adopt(c->s, result);
    contract_same(c, result, sy_mul(c->s, x, x));
}

static inline void contract_lists(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *y = contract_plain(c, 7);
    sy_tensor *wx = contract_wrap(c, x);
    sy_tensor *wy = contract_wrap(c, y);
    contract_same(c, sy_cat(c->s, (sy_tensor *[]){wx, wy, wx}, 3, 0),
                  sy_cat(c->s, (sy_tensor *[]){x, y, x}, 3, 0));
    contract_same(c, sy_stack(c->s, (sy_tensor *[]){wy, wx}, 2, 1),
                  sy_stack(c->s, (sy_tensor *[]){y, x}, 2, 1));
}

/* Shapes and sizes are asked through the chain; x[...] works on it. */
static inline void contract_plain_answers(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *wx = contract_wrap(c, x);
    const sy_value self = sy_value_tensor(wx);
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_value value;
    assert_ok(sy_tensor_get_shape(wx, &ndim, shape, &c->err), &c->err);
    assert_int_equal(ndim, 2);
    assert_int_equal(shape[0], 2);
    assert_int_equal(shape[1], 3);
    assert_ok(sy_call(c->hook, "numel", &self, 1, NULL, 0, NULL, 0, NULL, &value, &c->err),
              &c->err);
    assert_int_equal(value.as.integer, 6);
    assert_ok(sy_call(c->hook, "dim", &self, 1, NULL, 0, NULL, 0, NULL, &value, &c->err), &c->err);
    assert_int_equal(value.as.integer, 2);
    const sy_value row = sy_value_int(1);
    contract_same(c, sy_index(c->s, wx, &row, 1), sy_index(c->s, x, &row, 1));
}

static inline void contract_describes(void **state)
{
    contract *c = *state;
    sy_tensor *wx = contract_wrap(c, contract_plain(c, 2));
    char *text = NULL;
    char expected[80];
    snprintf(expected, sizeof expected, "(Wrapper)>%s", c->subject->name);
    assert_ok(sy_tensor_to_text(wx, &text, &c->err), &c->err);
    if (strncmp(text, expected, strlen(expected)) != 0) {
        fail_msg("%s does not start with %s", text, expected);
    }
    sy_string_free(c->hook, text);
    assert_true(sy_tensor_is_wrapper(wx));
}

static inline void contract_nests(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    if (c->subject->outermost) {
        return;
    }
    sy_tensor *twice = contract_wrap(c, contract_wrap(c, x));
    sy_tensor *y = sy_mul(c->s, twice, x);
    contract_same(c, y, sy_mul(c->s, x, x));
    sy_tensor *inner = NULL;
    assert_ok(sy_tensor_get(y, &inner, &c->err), &c->err);
    (void)sy_scope_adopt(c->s, inner);
    assert_string_equal(sy_interpreter_get_name(sy_tensor_get_interpreter(inner)),
                        c->subject->name);
}

/* simplify and detail, there and back; the chain is there as it was here, and works. */
static inline void contract_travels(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *wx = contract_wrap(c, x);
    sy_tensor *pointer = NULL;
    if (!c->subject->travels) {
        assert_status(sy_tensor_send(wx, &pointer, c->bob, &c->err), SY_ENOTSUP, &c->err);
        assert_non_null(strstr(c->err.message, c->subject->name));
        assert_null(pointer);
        return;
    }
    assert_ok(sy_tensor_send(wx, &pointer, c->bob, &c->err), &c->err);
    (void)sy_scope_adopt(c->s, pointer);
    sy_tensor *there = sy_mul(c->s, pointer, pointer);
    sy_tensor *back = NULL;
    assert_ok(sy_tensor_get(there, &back, &c->err), &c->err);
    contract_same(c, sy_scope_adopt(c->s, back), sy_mul(c->s, x, x));
    back = NULL;
    assert_ok(sy_tensor_get(pointer, &back, &c->err), &c->err);
    contract_same(c, sy_scope_adopt(c->s, back), x);
}

static inline void contract_failures_leave_nothing(void **state)
{
    contract *c = *state;
    sy_tensor *wx = contract_wrap(c, contract_plain(c, 2));
    sy_tensor *odd = NULL;
    assert_ok(sy_tensor_from_floats(c->hook, &odd, (const float[]){1, 2}, 2, &c->err), &c->err);
    (void)sy_scope_adopt(c->s, odd);
    double before[8];
    double after[8];
    assert_int_equal(contract_read(c, wx, before, 8), 6);
    const size_t live = c->memory.live;
    static const char *const names[] = {"mul", "mul_", "cat"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        const sy_value pair[] = {sy_value_tensor(wx), sy_value_tensor(odd)};
        const sy_value list[] = {sy_value_list(pair, 2), sy_value_int(1)};
        sy_tensor *result = NULL;
        size_t count = 0;
        c->err = (sy_error)SY_ERROR_INIT;
        const sy_status status = sy_call(c->hook, names[k], k < 2 ? pair : list, 2, NULL, 0,
                                         &result, 1, &count, NULL, &c->err);
        assert_int_not_equal(status, SY_OK);
        assert_int_equal(c->err.status, status);
        assert_string_not_equal(c->err.message, "");
        assert_null(result);
        assert_int_equal(c->memory.live, live);
    }
    assert_int_equal(contract_read(c, wx, after, 8), 6);
    assert_memory_equal(before, after, 6 * sizeof *before);
}

static inline void contract_memory_faults(void **state)
{
    contract *c = *state;
    sy_tensor *x = contract_plain(c, 2);
    sy_tensor *there = contract_plain(c, 3);
    double value[8];
    for (size_t nth = 1;; nth++) {
        sy_tensor *wrapped = NULL;
        sy_tensor *results[3] = {NULL, NULL, NULL};
        size_t count = 0;
        const size_t live = c->memory.live;
        c->memory.refused = 0;
        c->memory.fail_at = c->memory.calls + nth;
        c->err = (sy_error)SY_ERROR_INIT;
        sy_status status = c->subject->wrap(c->hook, x, &wrapped, &c->err);
        if (status == SY_OK) {
            const sy_value args[] = {sy_value_tensor(wrapped), sy_value_tensor(there)};
            status = sy_call(c->hook, "mul", args, 2, NULL, 0, results, 1, &count, NULL, &c->err);
        }
        if (status == SY_OK) {
            const sy_value args[] = {sy_value_tensor(wrapped), sy_value_int(2)};
            status =
                sy_call(c->hook, "chunk", args, 2, NULL, 0, results + 1, 2, &count, NULL, &c->err);
        }
        c->memory.fail_at = 0;
        const bool refused = c->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &c->err);
        for (size_t k = 0; k < 3; k++) {
            sy_tensor_unref(results[k]);
        }
        sy_tensor_unref(wrapped);
        assert_int_equal(c->memory.live, live);
        if (!refused) {
            assert_true(nth > 3);
            break;
        }
        assert_string_not_equal(c->err.message, "");
    }
    assert_int_equal(contract_read(c, x, value, 8), 6);
    assert_true(value[0] == 2);
}

#define INTERPRETER_CONTRACT_TEST(subjects, k, test)                             \
    {                                                                            \
#test " " #subjects "[" #k "]", test, contract_setup, contract_teardown, \
            (void *)&(subjects)[k]                                               \
    }
/* The suite of the k-th subject, for a table of tests. */
#define INTERPRETER_CONTRACT(subjects, k)                                        \
    INTERPRETER_CONTRACT_TEST(subjects, k, contract_forwards),                   \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_several_outputs),        \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_in_place),               \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_named_arguments),        \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_lists),                  \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_plain_answers),          \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_describes),              \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_nests),                  \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_travels),                \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_failures_leave_nothing), \
        INTERPRETER_CONTRACT_TEST(subjects, k, contract_memory_faults)

#endif
