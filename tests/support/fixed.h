/* fixed.h - short words for tests of fixed precision, over local_hook.h. */
#ifndef CSYFT_TESTS_FIXED_H
#define CSYFT_TESTS_FIXED_H

#include <csyft/operations.h>
#include <csyft/precision.h>

#include <math.h>
#include <string.h>

#include "interpreters/precision/fixed.h"
#include "support/local_hook.h"

/* Owned by the scope. */
static inline sy_tensor *fixed_floats(sy_scope *s, int ndim, const int64_t *shape,
                                      const float *values)
{
    sy_tensor *tensor = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_new(sy_scope_get_hook(s), &tensor, SY_DTYPE_F32, ndim, shape, values, &err),
              &err);
    return sy_scope_adopt(s, tensor);
}

static inline sy_tensor *fixed_row(sy_scope *s, int64_t count, const float *values)
{
    return fixed_floats(s, 1, &count, values);
}

static inline sy_tensor *fixed_ints(sy_scope *s, int64_t count, const int64_t *values)
{
    sy_tensor *tensor = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_new(sy_scope_get_hook(s), &tensor, SY_DTYPE_I64, 1, &count, values, &err),
              &err);
    return sy_scope_adopt(s, tensor);
}

/* Encoded with these options (NULL: the defaults); owned by the scope. */
static inline sy_tensor *fixed_encoded(sy_scope *s, sy_tensor *tensor,
                                       const sy_precision_options *options)
{
    sy_tensor *fixed = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_fix_precision(tensor, &fixed, options, &err), &err);
    return sy_scope_adopt(s, fixed);
}

static inline void assert_scope_ok(sy_scope *s)
{
    if (sy_scope_get_status(s) != SY_OK) {
        sy_error err = SY_ERROR_INIT;
        (void)sy_scope_end(s, &err);
        fail_msg("%s", err.message);
    }
}

/* The scope has failed like this; it is usable again. */
static inline sy_scope *assert_scope_fails(sy_scope *s, sy_status expected, const char *words)
{
    sy_hook *hook = sy_scope_get_hook(s);
    sy_error err = SY_ERROR_INIT;
    assert_status(sy_scope_end(s, &err), expected, &err);
    if (strstr(err.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, err.message);
    }
    return sy_scope_begin(hook);
}

static inline void assert_near(sy_scope *s, sy_tensor *plain, size_t count, const double *expected,
                               double tolerance)
{
    float actual[256];
    sy_error err = SY_ERROR_INIT;
    assert_scope_ok(s);
    assert_true(count <= 256);
    assert_ok(sy_tensor_copy_data(plain, actual, count * sizeof *actual, &err), &err);
    for (size_t k = 0; k < count; k++) {
        const double off = fabs((double)actual[k] - expected[k]);
        if (!(off <= tolerance + fabs(expected[k]) * 1e-7)) {
            fail_msg("element %zu: expected %.9g, actual %.9g", k, expected[k], (double)actual[k]);
        }
    }
}

/* What it decodes to. */
static inline void assert_decodes(sy_scope *s, sy_tensor *fixed, size_t count,
                                  const double *expected)
{
    assert_scope_ok(s);
    assert_true(sy_tensor_is_fixed_precision(fixed));
    assert_near(s, sy_float_precision(s, fixed), count, expected, 0);
}

/* The integers of the child. */
static inline void assert_holds(sy_scope *s, sy_tensor *fixed, size_t count,
                                const int64_t *expected)
{
    assert_scope_ok(s);
    assert_true(sy_tensor_is_fixed_precision(fixed));
    const syi_array *array = syi_node_array(fixed->node->child);
    assert_int_equal(syi_array_numel(array), count);
    for (size_t k = 0; k < count; k++) {
        if (syi_array_get_int(array, (int64_t)k) != expected[k]) {
            fail_msg("element %zu: expected %lld, actual %lld", k, (long long)expected[k],
                     (long long)syi_array_get_int(array, (int64_t)k));
        }
    }
}

static inline sy_precision_options fixed_precision(int64_t precision)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = precision;
    return options;
}

#define DOUBLES(...) \
    (const double[]) \
    {                \
        __VA_ARGS__  \
    }
#define INTS(...)     \
    (const int64_t[]) \
    {                 \
        __VA_ARGS__   \
    }
#define FLOATS(...) \
    (const float[]) \
    {               \
        __VA_ARGS__ \
    }

#endif
