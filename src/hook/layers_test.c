/* layers_test.c - running statistics, and what dropout draws. Values and gradients: gradients_vectors_test.c. */
#include "hook/layers.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/operations.h>

#include "support/failing_allocator.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL && syi_hook_new(f->context, &f->hook, &options, NULL) == SY_OK ? 0
                                                                                             : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    syi_hook_free(f->hook);
    sy_context_free(f->context);
    const int broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static sy_tensor *floats(sy_scope *s, const float *data, int64_t count)
{
    sy_tensor *made = NULL;
    assert_int_equal(sy_tensor_from_floats(sy_scope_get_hook(s), &made, data, count, NULL), SY_OK);
    return sy_scope_adopt(s, made);
}

/* mean 3, variance 14/3 without bias; the input requires a gradient and the statistics stay plain. */
static void test_running_statistics(void **state)
{
    fixture *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t shape[] = {4, 1};
    sy_tensor *x = sy_reshape(s, floats(s, (const float[]){1, 2, 3, 6}, 4), 2, shape);
    sy_tensor *mean = floats(s, (const float[]){1}, 1),
              *variance = floats(s, (const float[]){2}, 1);
    x = sy_detach(s, x);
    assert_int_equal(sy_tensor_set_requires_grad(x, true, NULL), SY_OK);
    const sy_value args[] = {sy_value_tensor(x),    sy_value_none(),           sy_value_none(),
                             sy_value_tensor(mean), sy_value_tensor(variance), sy_value_bool(true),
                             sy_value_float(0.25)};
    sy_tensor *y = sy_scope_call(s, "torch.batch_norm", args, 7);
    assert_non_null(y);
    float read[4];
    assert_int_equal(sy_tensor_copy_data(mean, read, sizeof *read, NULL), SY_OK);
    assert_true(fabsf(read[0] - 1.5f) < 1e-6f);
    assert_int_equal(sy_tensor_copy_data(variance, read, sizeof *read, NULL), SY_OK);
    assert_true(fabsf(read[0] - (1.5f + 0.25f * 14 / 3)) < 1e-6f);
    assert_false(syi_tensor_is_tracked(mean));
    assert_true(syi_tensor_is_tracked(y));
    sy_value fixed[7];
    memcpy(fixed, args, sizeof fixed);
    fixed[5] = sy_value_bool(false);
    sy_tensor *plain = sy_scope_call(s, "batch_norm", fixed, 7);
    assert_int_equal(sy_tensor_copy_data(plain, read, sizeof read, NULL), SY_OK);
    assert_true(fabsf(read[3] - 4.5f / sqrtf(1.5f + 0.25f * 14 / 3 + 1e-5f)) < 1e-5f);
    assert_int_equal(sy_tensor_copy_data(mean, read, sizeof *read, NULL), SY_OK);
    assert_true(fabsf(read[0] - 1.5f) < 1e-6f); /* as it was */
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
}

static void test_dropout(void **state)
{
    fixture *f = *state;
    enum { N = 20000 };
    static float out[N], again[N];
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t shape[] = {N};
    const sy_value args[] = {sy_value_tensor(sy_ones(s, SY_DTYPE_F32, 1, shape)),
                             sy_value_float(0.2), sy_value_bool(true)};
    assert_int_equal(
        sy_tensor_copy_data(sy_scope_call(s, "dropout", args, 3), out, sizeof out, NULL), SY_OK);
    int kept = 0;
    for (int k = 0; k < N; k++) {
        assert_true(out[k] == 0 || out[k] == 1.25f);
        kept += out[k] != 0;
    }
    assert_in_range(kept, 15700, 16300); /* five standard deviations */
    assert_int_equal(
        sy_tensor_copy_data(sy_scope_call(s, "dropout", args, 3), again, sizeof again, NULL),
        SY_OK);
    assert_memory_not_equal(out, again, sizeof out);
    const sy_value off[] = {args[0], args[1], sy_value_bool(false)};
    assert_int_equal(
        sy_tensor_copy_data(sy_scope_call(s, "dropout", off, 3), out, sizeof out, NULL), SY_OK);
    assert_true(out[0] == 1 && out[N - 1] == 1);
    sy_error err = SY_ERROR_INIT;
    const sy_value wrong[] = {args[0], sy_value_float(-0.5)};
    assert_null(sy_scope_call(s, "dropout", wrong, 2));
    assert_int_equal(sy_scope_end(s, &err), SY_ERANGE);
    assert_non_null(strstr(err.message, "dropout: p is -0.5, expected 0 to 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_running_statistics),
        TEST(test_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
