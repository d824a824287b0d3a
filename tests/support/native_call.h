/*
 * native_call.h - calls of a framework as the dispatcher makes them (rule, then kernel), on arrays that a
 * test can write down. Main thread only, but for native_try.
 */
#ifndef CSYFT_TESTS_NATIVE_CALL_H
#define CSYFT_TESTS_NATIVE_CALL_H

#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"

#include <math.h>

#include "frameworks/framework.h"

typedef sy_status (*native_factory)(sy_context *context, syi_framework **framework, sy_error *err);

/* A framework on a context of its own, which sees leaks. */
typedef struct native {
    failing_allocator memory;
    sy_context *context;
    syi_framework *framework;
} native;

static inline void native_open(native *n, native_factory factory)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    memset(n, 0, sizeof *n);
    options.allocator = failing_allocator_get(&n->memory);
    options.test_seed = 1;
    assert_ok(sy_context_new(&n->context, &options, &err), &err);
    assert_ok(factory(n->context, &n->framework, &err), &err);
}

static inline void native_close(native *n)
{
    n->framework->klass->free(n->framework);
    sy_context_free(n->context);
    assert_int_equal(n->memory.live, 0);
    assert_false(n->memory.broken);
}

/* For cmocka's setup and teardown, with the built-in framework. */
static inline int native_setup(void **state)
{
    native *n = calloc(1, sizeof *n);
    native_open(n, syi_cpu_framework_new);
    *state = n;
    return 0;
}

static inline int native_teardown(void **state)
{
    native_close(*state);
    free(*state);
    return 0;
}

static inline sy_value native_value(const syi_array *array)
{
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
    value.as.internal = (void *)(uintptr_t)array;
    return value;
}

#define NATIVE_SHAPE(...)                                                        \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) \
    {                                                                            \
        __VA_ARGS__                                                              \
    }

/* Packed, filled with zeros. */
static inline syi_array native_zeros(const native *n, sy_dtype dtype, int ndim,
                                     const int64_t *shape)
{
    sy_error err = SY_ERROR_INIT;
    syi_array array;
    assert_ok(syi_array_new(n->context, &array, dtype, ndim, shape, NULL, &err), &err);
    if (syi_array_bytes(&array) > 0) {
        memset(syi_array_data(&array), 0, syi_array_bytes(&array));
    }
    return array;
}

/* Packed, with these values in row-major order. */
static inline syi_array native_from(const native *n, sy_dtype dtype, int ndim, const int64_t *shape,
                                    const double *values)
{
    syi_array array = native_zeros(n, dtype, ndim, shape);
    for (int64_t i = 0; i < syi_array_numel(&array); i++) {
        syi_array_set_double(&array, i, values[i]);
    }
    return array;
}

#define NATIVE_VECTOR(n, dtype, ...)                                                            \
    native_from(n, dtype, 1,                                                                    \
                (const int64_t[]){(int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double))}, \
                (const double[]){__VA_ARGS__})

/* Packed, with small numbers that every dtype holds; zeros only when asked for. */
static inline syi_array native_random(const native *n, property_random *random, sy_dtype dtype,
                                      int ndim, const int64_t *shape)
{
    syi_array array = native_zeros(n, dtype, ndim, shape);
    for (int64_t i = 0; i < syi_array_numel(&array); i++) {
        syi_array_set_int(&array, i, property_between(random, 1, 9));
    }
    return array;
}

/* The same elements in a layout drawn at random: permuted dims, gaps, an offset. Takes the array. */
static inline syi_array native_scatter(const native *n, property_random *random, syi_array packed)
{
    int order[SY_DIM_MAX];
    for (int d = 0; d < packed.ndim; d++) {
        int at = (int)property_between(random, 0, d);
        order[d] = order[at];
        order[at] = d;
    }
    syi_array made = packed;
    int64_t run = property_between(random, 1, 2);
    for (int k = 0; k < packed.ndim; k++) {
        made.strides[order[k]] = run;
        run *= packed.shape[order[k]] > 0 ? packed.shape[order[k]] : 1;
        run += property_between(random, 0, 2);
    }
    made.offset = property_between(random, 0, 3);
    const int64_t size = run + made.offset;
    syi_array room = native_zeros(n, packed.dtype, 1, &size);
    memset(syi_array_data(&room), 0x55, syi_array_bytes(&room));
    made.storage = room.storage;
    if (syi_array_numel(&packed) > 0) {
        syi_array_assign(&made, &packed);
    }
    syi_array_fini(&packed);
    return made;
}

/* Rule and kernel. outs: room for SYI_OUTPUT_MAX; nothing is held on failure. Any thread. */
static inline sy_status native_try(const native *n, syi_op_id id, const sy_value *args,
                                   syi_array *outs, int *count, syi_account *account, sy_error *err)
{
    const syi_op *op = syi_op_get(id);
    const syi_framework_class *klass = n->framework->klass;
    syi_inference result = {.outs = outs};
    sy_status status = syi_op_infer(op, args, &result, err);
    if (status != SY_OK) {
        return status;
    }
    *count = result.count;
    return klass->run(n->framework, klass->resolve(n->framework, op), op, args, false, outs,
                      result.count, account, err);
}

static inline sy_status native_try_inplace(const native *n, syi_op_id id, const sy_value *args,
                                           syi_account *account, sy_error *err)
{
    const syi_op *op = syi_op_get(id);
    const syi_framework_class *klass = n->framework->klass;
    syi_array out = *(const syi_array *)args[0].as.internal; /* borrowed, as the dispatcher does */
    return klass->run(n->framework, klass->resolve(n->framework, op), op, args, true, &out, 1,
                      account, err);
}

/* The first result of a call that must succeed; the others are dropped. */
static inline syi_array native_call(const native *n, syi_op_id id, const sy_value *args)
{
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(native_try(n, id, args, outs, &count, NULL, &err), &err);
    for (int i = 1; i < count; i++) {
        syi_array_fini(&outs[i]);
    }
    return outs[0];
}

static inline void native_call_inplace(const native *n, syi_op_id id, const sy_value *args)
{
    sy_error err = SY_ERROR_INIT;
    assert_ok(native_try_inplace(n, id, args, NULL, &err), &err);
}

/* Shape, dtype and every element; floats within `relative` of each other, NaN like NaN. */
static inline void native_assert_near(const syi_array *actual, const syi_array *expected,
                                      double relative)
{
    assert_int_equal(actual->dtype, expected->dtype);
    assert_true(syi_array_same_shape(actual, expected));
    for (int64_t i = 0; i < syi_array_numel(expected); i++) {
        const double a = syi_array_get_double(actual, i), e = syi_array_get_double(expected, i);
        const bool same =
            sy_dtype_is_floating(expected->dtype)
                ? a == e || (isnan(a) && isnan(e)) || fabs(a - e) <= relative * fabs(e)
                : syi_array_get_int(actual, i) == syi_array_get_int(expected, i);
        if (!same) {
            fail_msg("element %lld is %.17g, expected %.17g", (long long)i, a, e);
        }
    }
}

static inline void native_assert_equal(const syi_array *actual, const syi_array *expected)
{
    native_assert_near(actual, expected, 0);
}

/* Takes the array. */
#define NATIVE_ASSERT_VALUES(array, ...)                                                         \
    do {                                                                                         \
        syi_array native_actual = (array);                                                       \
        const double native_expected[] = {__VA_ARGS__};                                          \
        assert_int_equal(syi_array_numel(&native_actual),                                        \
                         sizeof native_expected / sizeof native_expected[0]);                    \
        for (int64_t native_i = 0; native_i < syi_array_numel(&native_actual); native_i++) {     \
            const double native_a = syi_array_get_double(&native_actual, native_i);              \
            const double native_e = native_expected[native_i];                                   \
            if (native_a != native_e && !(isnan(native_a) && isnan(native_e))) {                 \
                fail_msg("element %lld is %.17g, expected %.17g", (long long)native_i, native_a, \
                         native_e);                                                              \
            }                                                                                    \
        }                                                                                        \
        syi_array_fini(&native_actual);                                                          \
    } while (0)

#endif
