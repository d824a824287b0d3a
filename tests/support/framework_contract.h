/*
 * framework_contract.h - what framework.h promises, checked for any framework:
 *     int main(void) { return framework_contract_run("cpu", syi_cpu_framework_new); }
 * Values are the vectors' business (tests/vectors/ops); here are ownership, accounts, overlap, dtypes,
 * secrecy, failure and threads.
 */
#ifndef CSYFT_TESTS_FRAMEWORK_CONTRACT_H
#define CSYFT_TESTS_FRAMEWORK_CONTRACT_H

#include "ops/schema.h"
#include "support/native_call.h"

#include <pthread.h>

/* What stands behind self: `y` for every tensor, and the defaults. Returns how many tensors there are, self included. */
static inline int framework_contract_fill(const syi_op *op, const syi_array *y, sy_value *args)
{
    syi_parameter parameters[SYI_ARGUMENT_MAX];
    int count = 0, tensors = 1;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_schema_parse(op->schema, parameters, &count, &err), &err);
    for (int k = 1; k < count; k++) {
        const syi_parameter *parameter = &parameters[k];
        const bool tensor = parameter->type == SYI_PARAMETER_TENSOR ||
                            parameter->type == SYI_PARAMETER_TENSOR_OR_SCALAR;
        if (parameter->has_default) {
            args[k] = parameter->default_value;
        } else if (tensor && !parameter->optional) {
            args[k] = native_value(y);
            tensors++;
        }
    }
    return tensors;
}

/* Rows that can be called with tensors of one shape alone, and how many they take. */
static inline int framework_contract_tensors(const syi_op *op)
{
    const bool pointwise = op->rows == SYI_ROWS_EACH && !(op->flags & SYI_OP_ONLY_INPLACE) &&
                           op->id != SYI_OP_where && op->id != SYI_OP_to &&
                           op->id != SYI_OP_masked_fill;
    if (!pointwise || (op->flags & (SYI_OP_VIEW | SYI_OP_COMPOSITE))) {
        return 0;
    }
    syi_array nothing = SYI_ARRAY_INIT;
    sy_value args[SYI_ARGUMENT_MAX] = {{0}};
    return framework_contract_fill(op, &nothing, args);
}

/* Rules differ in what they refuse; a row and dtype that the rule refuses is no business of the kernel. */
static inline bool framework_contract_accepts(const syi_op *op, const sy_value *args)
{
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    if (syi_op_infer(op, args, &result, NULL) != SY_OK) {
        return false;
    }
    for (int i = 0; i < result.count; i++) {
        syi_array_fini(&outs[i]);
    }
    return true;
}

static void framework_contract_has_every_row(void **state)
{
    const native *n = *state;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const void *handle = n->framework->klass->resolve(n->framework, op);
        if (handle == NULL && !(op->flags & (SYI_OP_VIEW | SYI_OP_COMPOSITE))) {
            fail_msg("no kernel for %s", op->name);
        }
        assert_ptr_equal(handle, n->framework->klass->resolve(n->framework, op));
    }
}

static void framework_contract_charges_the_account(void **state)
{
    const native *n = *state;
    syi_account account;
    syi_account_init(&account, "contract", 1000, syi_context_get_account(n->context));
    syi_array x = native_zeros(n, SY_DTYPE_F64, NATIVE_SHAPE(4, 5));
    const sy_value args[4] = {native_value(&x), native_value(&x), sy_value_int(1)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(native_try(n, SYI_OP_add, args, outs, &count, &account, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(account.used, 160);
    syi_array_fini(&outs[0]);
    assert_int_equal(account.used, 0);
    syi_array_fini(&x);
}

static void framework_contract_keeps_finished_results(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(4, 5));
    const sy_value size[1] = {sy_value_int(20)};
    const sy_value args[2] = {native_value(&x), sy_value_list(size, 1)};
    syi_array out = native_call(n, SYI_OP_reshape, args);
    assert_ptr_equal(out.storage, x.storage);
    syi_array_fini(&out);
    syi_array_fini(&x);
}

/* Every pointwise row and dtype: any layout gives what packed arguments give, and they are only read. */
static void framework_contract_takes_any_strides(void **state)
{
    const native *n = *state;
    property_random random = property_start("framework_contract_takes_any_strides");
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const int tensors = framework_contract_tensors(op);
        for (int dtype = 0; tensors > 0 && dtype < SY_DTYPE_COUNT; dtype++) {
            syi_array x = native_random(n, &random, (sy_dtype)dtype, NATIVE_SHAPE(3, 1, 40));
            syi_array y = native_random(n, &random, (sy_dtype)dtype, NATIVE_SHAPE(3, 2, 40));
            sy_value args[SYI_ARGUMENT_MAX] = {native_value(&x)};
            framework_contract_fill(op, &y, args);
            if (framework_contract_accepts(op, args)) {
                syi_array expected = native_call(n, op->id, args);
                x = native_scatter(n, &random, x);
                y = native_scatter(n, &random, y);
                syi_array before = native_zeros(n, x.dtype, x.ndim, x.shape);
                syi_array_assign(&before, &x);
                syi_array actual = native_call(n, op->id, args);
                native_assert_equal(&actual, &expected);
                native_assert_equal(&x, &before);
                syi_array_fini(&before);
                syi_array_fini(&actual);
                syi_array_fini(&expected);
            }
            syi_array_fini(&y);
            syi_array_fini(&x);
        }
    }
}

/* The three ways in which an argument lies in the destination: the same view, turned, shifted. */
static inline syi_array framework_contract_alias(const syi_array *base, int way)
{
    syi_array alias = *base;
    if (way == 1) {
        alias.strides[0] = base->strides[1];
        alias.strides[1] = base->strides[0];
    } else if (way == 2) {
        alias.offset += 1;
    }
    return alias;
}

static void framework_contract_is_right_in_place_under_any_overlap(void **state)
{
    const native *n = *state;
    property_random random =
        property_start("framework_contract_is_right_in_place_under_any_overlap");
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const bool binary = framework_contract_tensors(op) == 2;
        for (int way = 0; binary && (op->flags & SYI_OP_INPLACE) && way < 3; way++) {
            for (int dtype = 0; dtype < SY_DTYPE_COUNT; dtype++) {
                syi_array room = native_random(n, &random, (sy_dtype)dtype, NATIVE_SHAPE(7, 6));
                syi_array x = room;
                x.shape[0] = x.shape[1] = 6;
                syi_array y = framework_contract_alias(&x, way);
                sy_value args[SYI_ARGUMENT_MAX] = {native_value(&x)};
                framework_contract_fill(op, &y, args);
                if (framework_contract_accepts(op, args)) {
                    syi_array apart = native_call(n, op->id, args);
                    if (sy_dtype_is_floating(apart.dtype) <= sy_dtype_is_floating(x.dtype)) {
                        syi_array expected = native_zeros(n, x.dtype, 2, x.shape);
                        syi_array_assign(&expected, &apart);
                        native_call_inplace(n, op->id, args);
                        native_assert_equal(&x, &expected);
                        syi_array_fini(&expected);
                    }
                    syi_array_fini(&apart);
                }
                syi_array_fini(&room);
            }
        }
    }
}

static void framework_contract_converts_into_the_destination(void **state)
{
    const native *n = *state;
    syi_array small = NATIVE_VECTOR(n, SY_DTYPE_U8, 1, 250, 3);
    syi_array large = NATIVE_VECTOR(n, SY_DTYPE_I64, 1, 10, 256);
    const sy_value whole[3] = {native_value(&small), native_value(&large), sy_value_int(1)};
    native_call_inplace(n, SYI_OP_add, whole); /* computed in int64, stored in uint8 */
    NATIVE_ASSERT_VALUES(small, 2, 4, 3);
    syi_array single = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3);
    syi_array fine = NATIVE_VECTOR(n, SY_DTYPE_F64, 0x1p-30, 0.5, 1);
    const sy_value real[3] = {native_value(&single), native_value(&fine), sy_value_int(1)};
    native_call_inplace(n, SYI_OP_add, real);
    NATIVE_ASSERT_VALUES(single, 1, 2.5, 4);
    syi_array_fini(&fine);
    syi_array_fini(&large);
}

static void framework_contract_compares_in_place(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3);
    const sy_value args[2] = {native_value(&x), sy_value_int(2)};
    native_call_inplace(n, SYI_OP_ge, args);
    NATIVE_ASSERT_VALUES(x, 0, 1, 1);
}

static void framework_contract_refuses_an_expanded_destination(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1);
    syi_array wide = x;
    wide.shape[0] = 3;
    wide.strides[0] = 0;
    const sy_value args[3] = {native_value(&wide), sy_value_int(2), sy_value_int(1)};
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try_inplace(n, SYI_OP_add, args, NULL, &err), SY_EINVAL, &err);
    NATIVE_ASSERT_VALUES(x, 1);
}

static void framework_contract_leaves_no_result_behind_a_failure(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(3, 4));
    syi_array index = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 3);
    const sy_value args[3] = {native_value(&x), sy_value_int(0), native_value(&index)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_index_select, args, outs, &count, NULL, &err), SY_ERANGE,
                  &err);
    assert_int_equal(count, 1);
    assert_null(outs[0].storage);
    assert_non_null(strstr(err.message, "index_select"));

    syi_account account;
    syi_account_init(&account, "contract", 47, NULL);
    const sy_value sum[3] = {native_value(&x), native_value(&x), sy_value_int(1)};
    assert_status(native_try(n, SYI_OP_add, sum, outs, &count, &account, &err), SY_ELIMIT, &err);
    assert_null(outs[0].storage);
    assert_int_equal(account.used, 0);
    syi_array_fini(&index);
    syi_array_fini(&x);
}

/* The first of two results fits the account, the second does not. */
static void framework_contract_gives_back_the_first_of_two(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(3, 4));
    syi_account account;
    syi_account_init(&account, "contract", 20, NULL);
    const sy_value args[3] = {native_value(&x), sy_value_int(1), sy_value_bool(false)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_max, args, outs, &count, &account, &err), SY_ELIMIT, &err);
    assert_int_equal(count, 2);
    assert_null(outs[0].storage);
    assert_null(outs[1].storage);
    assert_int_equal(account.used, 0);
    syi_array_fini(&x);
}

static void framework_contract_leaves_the_destination_on_failure(void **state)
{
    native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3);
    syi_array index = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 3);
    syi_array source = NATIVE_VECTOR(n, SY_DTYPE_F32, 7, 7);
    const sy_value args[4] = {native_value(&x), sy_value_int(0), native_value(&index),
                              native_value(&source)};
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try_inplace(n, SYI_OP_index_add, args, NULL, &err), SY_ERANGE, &err);
    const sy_value scalar[3] = {native_value(&x), native_value(&source), sy_value_int(1)};
    assert_status(native_try_inplace(n, SYI_OP_add, scalar, NULL, &err), SY_ESHAPE, &err);
    syi_array_fini(&index);
    syi_array_fini(&source);
    NATIVE_ASSERT_VALUES(x, 1, 2, 3);
}

/* Every allocation of an in-place call through a temporary, and of a product, refused in turn. */
static void framework_contract_survives_refused_memory(void **state)
{
    native *n = *state;
    property_random random = property_start("framework_contract_survives_refused_memory");
    syi_array x = native_random(n, &random, SY_DTYPE_I64, NATIVE_SHAPE(20, 20));
    syi_array turned = framework_contract_alias(&x, 1);
    syi_array before = native_call(n, SYI_OP_clone, (const sy_value[]){native_value(&x)});
    const sy_value sum[3] = {native_value(&x), native_value(&turned), sy_value_int(1)};
    const sy_value product[2] = {native_value(&x), native_value(&turned)};
    sy_error err = SY_ERROR_INIT;
    for (size_t nth = 1;; nth++) {
        n->memory.fail_at = n->memory.calls + nth;
        sy_status status = native_try_inplace(n, SYI_OP_add, sum, NULL, &err);
        n->memory.fail_at = 0;
        if (status == SY_OK) {
            assert_true(nth > 1);
            break;
        }
        assert_status(status, SY_ENOMEM, &err);
        native_assert_equal(&x, &before);
    }
    const size_t live = n->memory.live;
    for (size_t nth = 1;; nth++) {
        syi_array outs[SYI_OUTPUT_MAX];
        int count = 0;
        n->memory.fail_at = n->memory.calls + nth;
        sy_status status = native_try(n, SYI_OP_matmul, product, outs, &count, NULL, &err);
        n->memory.fail_at = 0;
        if (status == SY_OK) {
            syi_array_fini(&outs[0]);
            break;
        }
        assert_status(status, SY_ENOMEM, &err);
        assert_null(outs[0].storage);
        assert_int_equal(n->memory.live, live);
    }
    syi_array_fini(&before);
    syi_array_fini(&x);
}

/* A block given back that still holds the secret word. */
typedef struct framework_contract_leak {
    uint64_t word;
    size_t found;
} framework_contract_leak;

static inline void framework_contract_look(void *user, const void *memory, size_t size)
{
    framework_contract_leak *leak = user;
    const unsigned char *bytes = memory;
    for (size_t i = 0; i + sizeof leak->word <= size; i++) {
        leak->found += memcmp(bytes + i, &leak->word, sizeof leak->word) == 0;
    }
}

static void framework_contract_keeps_secrets(void **state)
{
    native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(12, 12));
    syi_array y = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(12, 12));
    framework_contract_leak leak = {.word = UINT64_C(0x7a3ec1d25b9f8e61)};
    for (int64_t i = 0; i < 144; i++) {
        syi_array_set_int(&x, i, (int64_t)leak.word);
        syi_array_set_int(&y, i, i / 12 == i % 12); /* the unit matrix */
    }
    n->memory.seen = framework_contract_look;
    n->memory.seen_user = &leak;

    const sy_value sum[3] = {native_value(&y), native_value(&x), sy_value_int(0)};
    syi_array open = native_call(n, SYI_OP_add, sum);
    assert_false(open.storage->secret);
    syi_array_fini(&open);

    x.storage->secret = true;
    const sy_value list[2] = {native_value(&y), native_value(&x)};
    const sy_value joined[2] = {sy_value_list(list, 2), sy_value_int(0)};
    const sy_value turned_product[2] = {native_value(&x), native_value(&y)};
    syi_array a = native_call(n, SYI_OP_add, sum);
    syi_array b = native_call(n, SYI_OP_cat, joined);
    syi_array c = native_call(n, SYI_OP_matmul, turned_product); /* packs into working memory */
    assert_true(a.storage->secret && b.storage->secret && c.storage->secret);
    syi_array_fini(&a);
    syi_array_fini(&b);
    syi_array_fini(&c);

    syi_array turned = framework_contract_alias(&x, 1); /* goes through a temporary */
    const sy_value inplace[3] = {native_value(&x), native_value(&turned), sy_value_int(0)};
    native_call_inplace(n, SYI_OP_add, inplace);
    assert_false(y.storage->secret);
    const sy_value into[3] = {native_value(&y), native_value(&x), sy_value_int(1)};
    native_call_inplace(n, SYI_OP_add, into);
    assert_true(y.storage->secret);
    syi_array_fini(&x);
    syi_array_fini(&y);
    n->memory.seen = NULL;
    assert_int_equal(leak.found, 0);
}

static void framework_contract_repeats_a_seed(void **state)
{
    const native *n = *state;
    const sy_value size = sy_value_int(40);
    const sy_value args[4] = {sy_value_list(&size, 1), sy_value_none()};
    syi_array drawn[4];
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0) {
            n->framework->klass->seed(n->framework, 11);
        }
        drawn[i] = native_call(n, SYI_OP_rand, args);
    }
    native_assert_equal(&drawn[0], &drawn[2]);
    native_assert_equal(&drawn[1], &drawn[3]);
    assert_memory_not_equal(syi_array_data(&drawn[0]), syi_array_data(&drawn[1]), 160);
    n->framework->klass->seed(n->framework, 12);
    syi_array other = native_call(n, SYI_OP_rand, args);
    assert_memory_not_equal(syi_array_data(&drawn[0]), syi_array_data(&other), 160);
    syi_array_fini(&other);
    for (int i = 0; i < 4; i++) {
        syi_array_fini(&drawn[i]);
    }
}

enum { FRAMEWORK_CONTRACT_THREADS = 4, FRAMEWORK_CONTRACT_ROUNDS = 400 };

typedef struct framework_contract_thread {
    const native *n;
    const sy_value *product;
    const syi_array *expected;
    sy_status status;
    bool same;
} framework_contract_thread;

static inline void *framework_contract_work(void *argument)
{
    framework_contract_thread *self = argument;
    const sy_value size = sy_value_int(100);
    const sy_value random[2] = {sy_value_list(&size, 1), sy_value_none()};
    self->same = true;
    for (int i = 0; i < FRAMEWORK_CONTRACT_ROUNDS && self->status == SY_OK; i++) {
        syi_array outs[SYI_OUTPUT_MAX];
        int count = 0;
        self->status = native_try(self->n, SYI_OP_matmul, self->product, outs, &count, NULL, NULL);
        if (self->status != SY_OK) {
            break;
        }
        self->same &= memcmp(syi_array_data(&outs[0]), syi_array_data(self->expected),
                             syi_array_bytes(self->expected)) == 0;
        syi_array_fini(&outs[0]);
        self->status = native_try(self->n, SYI_OP_randn, random, outs, &count, NULL, NULL);
        if (self->status == SY_OK) {
            syi_array_fini(&outs[0]);
        }
    }
    return NULL;
}

/* Also the first large product of a framework, which may have something to load, from all at once. */
static void framework_contract_runs_in_threads(void **state)
{
    const native *n = *state;
    property_random random = property_start("framework_contract_runs_in_threads");
    syi_array x = native_random(n, &random, SY_DTYPE_F32, NATIVE_SHAPE(48, 48));
    syi_array expected = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(48, 48));
    for (int64_t i = 0; i < 48; i++) {
        for (int64_t j = 0; j < 48; j++) {
            double sum = 0; /* of small integers: exact in any order */
            for (int64_t k = 0; k < 48; k++) {
                sum += syi_array_get_double(&x, i * 48 + k) * syi_array_get_double(&x, k * 48 + j);
            }
            syi_array_set_double(&expected, i * 48 + j, sum);
        }
    }
    const sy_value product[2] = {native_value(&x), native_value(&x)};
    framework_contract_thread threads[FRAMEWORK_CONTRACT_THREADS];
    pthread_t ids[FRAMEWORK_CONTRACT_THREADS];
    for (int i = 0; i < FRAMEWORK_CONTRACT_THREADS; i++) {
        threads[i] = (framework_contract_thread){.n = n, .product = product, .expected = &expected};
        assert_int_equal(pthread_create(&ids[i], NULL, framework_contract_work, &threads[i]), 0);
    }
    for (int i = 0; i < FRAMEWORK_CONTRACT_THREADS; i++) {
        pthread_join(ids[i], NULL);
        assert_int_equal(threads[i].status, SY_OK);
        assert_true(threads[i].same);
    }
    syi_array_fini(&expected);
    syi_array_fini(&x);
}

static native_factory framework_contract_factory; /* cmocka's setup functions take no argument */

static int framework_contract_setup(void **state)
{
    native *n = calloc(1, sizeof *n);
    native_open(n, framework_contract_factory);
    *state = n;
    return 0;
}

/* Runs the suite; returns the number of failures. Leaks of any kind fail the test that made them. */
static inline int framework_contract_run(const char *name, native_factory factory)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, framework_contract_setup, native_teardown)
    const struct CMUnitTest tests[] = {
        TEST(framework_contract_has_every_row),
        TEST(framework_contract_charges_the_account),
        TEST(framework_contract_keeps_finished_results),
        TEST(framework_contract_takes_any_strides),
        TEST(framework_contract_is_right_in_place_under_any_overlap),
        TEST(framework_contract_converts_into_the_destination),
        TEST(framework_contract_compares_in_place),
        TEST(framework_contract_refuses_an_expanded_destination),
        TEST(framework_contract_leaves_no_result_behind_a_failure),
        TEST(framework_contract_gives_back_the_first_of_two),
        TEST(framework_contract_leaves_the_destination_on_failure),
        TEST(framework_contract_survives_refused_memory),
        TEST(framework_contract_keeps_secrets),
        TEST(framework_contract_repeats_a_seed),
        TEST(framework_contract_runs_in_threads),
    };
#undef TEST
    framework_contract_factory = factory;
    print_message("framework contract: %s\n", name);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

#endif
