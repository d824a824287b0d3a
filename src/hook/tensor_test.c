/* tensor_test.c - handles: identity, labels, contents, text, files, exchange. */
#include "hook/tensor.h"

#include <string.h>
#include <unistd.h>

#include "support/local_hook.h"

static void test_contents(void **state)
{
    local_hook *local = *state;
    const int64_t shape[2] = {2, 3};
    const int32_t data[6] = {1, 2, 3, 4, 5, 6};
    int32_t back[6] = {0};
    int ndim = 0;
    int64_t dims[SY_DIM_MAX];
    sy_dtype dtype = SY_DTYPE_F32;
    sy_tensor *x = NULL;
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_I32, 2, shape, data, &local->err),
              &local->err);
    assert_ok(sy_tensor_get_shape(x, &ndim, dims, &local->err), &local->err);
    assert_int_equal(ndim, 2);
    assert_int_equal(dims[0], 2);
    assert_int_equal(dims[1], 3);
    assert_ok(sy_tensor_get_dtype(x, &dtype, &local->err), &local->err);
    assert_int_equal(dtype, SY_DTYPE_I32);
    assert_ok(sy_tensor_copy_data(x, back, sizeof back, &local->err), &local->err);
    assert_memory_equal(back, data, sizeof data);
    assert_status(sy_tensor_copy_data(x, back, 5, &local->err), SY_EINVAL, &local->err);
    assert_false(sy_tensor_is_wrapper(x));
    assert_ptr_equal(sy_tensor_get_owner(x), sy_hook_get_local_worker(local->hook));
    double value = 0;
    assert_status(sy_tensor_item(x, &value, &local->err), SY_ESHAPE, &local->err);
    assert_non_null(strstr(local->err.message, "2x3"));
    sy_tensor_unref(x);
    sy_tensor_unref(NULL);
}

static void test_bad_shapes(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = (sy_tensor *)local;
    const int64_t negative[1] = {-1};
    const int64_t huge[2] = {INT64_C(1) << 40, INT64_C(1) << 40};
    assert_status(sy_tensor_new(local->hook, &x, SY_DTYPE_F32, 1, negative, NULL, &local->err),
                  SY_ESHAPE, &local->err);
    assert_null(x);
    assert_status(sy_tensor_new(local->hook, &x, SY_DTYPE_F32, 2, huge, NULL, &local->err),
                  SY_ESHAPE, &local->err);
    assert_status(
        sy_tensor_new(local->hook, &x, SY_DTYPE_F32, SY_DIM_MAX + 1, huge, NULL, &local->err),
        SY_ESHAPE, &local->err);
    assert_status(sy_tensor_new(local->hook, &x, (sy_dtype)99, 0, NULL, NULL, &local->err),
                  SY_EINVAL, &local->err);
}

static void test_item(void **state)
{
    local_hook *local = *state;
    const int64_t big = INT64_C(9007199254740993);
    sy_tensor *x = NULL;
    int64_t integer = 0;
    double real = 0;
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_I64, 0, NULL, &big, &local->err),
              &local->err);
    assert_ok(sy_tensor_item_int(x, &integer, &local->err), &local->err);
    assert_true(integer == big); /* a double would lose the last bit */
    assert_ok(sy_tensor_item(x, &real, &local->err), &local->err);
    assert_true(real == 9007199254740992.0);
    sy_tensor_unref(x);
}

static void test_identity_and_labels(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_id id = sy_tensor_get_id(x);
    sy_id again = sy_tensor_get_id(x);
    assert_true(sy_id_equal(&id, &again));
    assert_int_equal(id.kind, SY_ID_INT);
    assert_true(id.number >= 0 && id.number < SY_ID_SPACE);
    sy_id mine = sy_id_from_int(1000);
    assert_ok(sy_tensor_set_id(x, &mine, &local->err), &local->err);
    again = sy_tensor_get_id(x);
    assert_true(sy_id_equal(&mine, &again));
    assert_ok(sy_tensor_tag(x, "#fun", &local->err), &local->err);
    assert_ok(sy_tensor_tag(x, "#mnist", &local->err), &local->err);
    assert_ok(sy_tensor_tag(x, "#fun", &local->err), &local->err);
    assert_int_equal(sy_tensor_get_tag_count(x), 2);
    assert_string_equal(sy_tensor_get_tag(x, 1), "#mnist");
    assert_null(sy_tensor_get_tag(x, 2));
    assert_status(sy_tensor_tag(x, "", &local->err), SY_EINVAL, &local->err);
    char longer[400];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_status(sy_tensor_tag(x, longer, &local->err), SY_EINVAL, &local->err);
    assert_ok(sy_tensor_describe(x, "first line\nsecond", &local->err), &local->err);
    assert_string_equal(sy_tensor_get_description(x), "first line\nsecond");
    char *text = NULL;
    assert_ok(sy_tensor_to_text(x, &text, &local->err), &local->err);
    assert_string_equal(text, "tensor([1, 2])\n\tTags: #fun #mnist \n\tDescription: first line..."
                              "\n\tShape: 2");
    sy_string_free(local->hook, text);
    sy_tensor_unref(x);
}

static void test_text_of_values(void **state)
{
    local_hook *local = *state;
    const int64_t shape[2] = {2, 2};
    const bool flags[4] = {true, false, false, true};
    sy_tensor *x = NULL;
    char *text = NULL;
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_BOOL, 2, shape, flags, &local->err),
              &local->err);
    assert_ok(sy_tensor_to_text(x, &text, &local->err), &local->err);
    assert_string_equal(text, "tensor([[True, False], [False, True]])");
    sy_string_free(local->hook, text);
    sy_tensor_unref(x);
    const int64_t long_shape[1] = {100};
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_F64, 1, long_shape, NULL, &local->err),
              &local->err);
    assert_ok(sy_tensor_to_text(x, &text, &local->err), &local->err);
    assert_string_equal(text, "tensor([0, 0, 0, ..., 0, 0, 0], dtype=torch.float64)");
    sy_string_free(local->hook, text);
    sy_tensor_unref(x);
}

static void test_files(void **state)
{
    local_hook *local = *state;
    char path[] = "/tmp/csyft-tensor-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const float data[3] = {1.5f, -2, 3};
    sy_tensor *x = local_hook_floats(local, 3, data);
    sy_tensor *y = NULL;
    assert_ok(sy_tensor_save(x, path, &local->err), &local->err);
    assert_ok(sy_tensor_load(local->hook, &y, path, &local->err), &local->err);
    assert_floats(y, data, 3);
    unlink(path);
    sy_tensor *none = x;
    assert_status(sy_tensor_load(local->hook, &none, path, &local->err), SY_ENOTFOUND, &local->err);
    assert_null(none);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
}

static void test_dlpack_shares_memory(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 3, (const float[]){1, 2, 3});
    sy_tensor *y = NULL;
    DLManagedTensor *managed = NULL;
    assert_ok(sy_tensor_to_dlpack(x, &managed, &local->err), &local->err);
    assert_ok(sy_tensor_from_dlpack(local->hook, &y, managed, &local->err), &local->err);
    sy_tensor_unref(x); /* y keeps the memory */
    assert_floats(y, (const float[]){1, 2, 3}, 3);
    sy_tensor_unref(y);
}

static void test_grad_has_the_shape(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_tensor *good = local_hook_floats(local, 2, (const float[]){3, 4});
    sy_tensor *bad = local_hook_floats(local, 1, (const float[]){3});
    sy_tensor *grad = bad;
    assert_ok(sy_tensor_get_grad(x, &grad, &local->err), &local->err);
    assert_null(grad);
    assert_status(sy_tensor_set_grad(x, bad, &local->err), SY_ESHAPE, &local->err);
    assert_ok(sy_tensor_set_grad(x, good, &local->err), &local->err);
    assert_ok(sy_tensor_get_grad(x, &grad, &local->err), &local->err);
    assert_floats(grad, (const float[]){3, 4}, 2);
    sy_tensor_unref(grad);
    assert_ok(sy_tensor_set_grad(x, x, &local->err),
              &local->err); /* no cycle: teardown would see it */
    assert_ok(sy_tensor_set_grad(x, NULL, &local->err), &local->err);
    sy_tensor_unref(x);
    sy_tensor_unref(good);
    sy_tensor_unref(bad);
}

static void test_integers_need_no_gradient(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = NULL;
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_I64, 0, NULL, NULL, &local->err),
              &local->err);
    assert_status(sy_tensor_set_requires_grad(x, true, &local->err), SY_EDTYPE, &local->err);
    assert_false(sy_tensor_get_requires_grad(x));
    sy_tensor_unref(x);
}

static sy_status make_labelled(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    sy_hook *hook = NULL;
    sy_tensor *x = NULL;
    char *text = NULL;
    sy_status status = sy_hook_new(context, &hook, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_from_floats(hook, &x, (const float[]){1, 2, 3}, 3, err);
    }
    for (int k = 0; k < 6 && status == SY_OK; k++) {
        char tag[8] = {'#', (char)('a' + k), '\0'};
        status = sy_tensor_tag(x, tag, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_describe(x, "words", err);
    }
    if (status == SY_OK) {
        status = sy_tensor_to_text(x, &text, err);
    }
    if (hook != NULL) {
        sy_string_free(hook, text);
        sy_tensor_unref(x);
        sy_hook_free(hook);
    }
    return status;
}

static void test_without_memory(void **state)
{
    (void)state;
    assert_true(memory_faults_sweep(make_labelled, NULL) > 10);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(test_contents),
        LOCAL(test_bad_shapes),
        LOCAL(test_item),
        LOCAL(test_identity_and_labels),
        LOCAL(test_text_of_values),
        LOCAL(test_files),
        LOCAL(test_dlpack_shares_memory),
        LOCAL(test_grad_has_the_shape),
        LOCAL(test_integers_need_no_gradient),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
