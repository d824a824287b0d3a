/* transforms_test.c - what is declared by name, one after the other; and what is no name. */
#include "federated/serving/transforms.h"

#include <string.h>

#include "hook/tensor.h"
#include "support/local_hook.h"

/* 2 rows of 2x2: 0, 1, ... 7. */
static void check(local_hook *local, const char *const *texts, size_t count, int ndim,
                  const int64_t *shape, const double *expected)
{
    syi_transforms transforms;
    sy_tensor *batch = NULL;
    static const uint8_t bytes[] = {0, 1, 2, 3, 4, 5, 6, 7};
    assert_ok(syi_transforms_read(&transforms, texts, count, &local->err), &local->err);
    assert_ok(sy_tensor_new(local->hook, &batch, SY_DTYPE_U8, 3, (const int64_t[]){2, 2, 2}, bytes,
                            &local->err),
              &local->err);
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *made = syi_transforms_apply(&transforms, s, sy_scope_adopt(s, batch));
    assert_non_null(made);
    const syi_array *array = syi_node_array(made->node);
    assert_int_equal(array->ndim, ndim);
    assert_memory_equal(array->shape, shape, (size_t)ndim * sizeof *shape);
    for (int64_t k = 0; k < syi_array_numel(array); k++) {
        assert_true(syi_array_get_double(array, k) == expected[k]);
    }
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_what_they_do(void **state)
{
    check(*state, NULL, 0, 3, (const int64_t[]){2, 2, 2}, (const double[]){0, 1, 2, 3, 4, 5, 6, 7});
    check(*state, (const char *const[]){"scale 2"}, 1, 3, (const int64_t[]){2, 2, 2},
          (const double[]){0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5});
    check(*state, (const char *const[]){"standardize 3.5 0.5", "flatten"}, 2, 2,
          (const int64_t[]){2, 4}, (const double[]){-7, -5, -3, -1, 1, 3, 5, 7});
    check(*state, (const char *const[]){"flatten", "reshape 1x4", "float32"}, 3, 3,
          (const int64_t[]){2, 1, 4}, (const double[]){0, 1, 2, 3, 4, 5, 6, 7});
    check(*state, (const char *const[]){"scale 4", "int64", "one_hot 2"}, 3, 4,
          (const int64_t[]){2, 2, 2, 2},
          (const double[]){1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1});
}

static void test_what_is_none(void **state)
{
    local_hook *local = *state;
    syi_transforms transforms;
    static const char *const bad[] = {"",
                                      "scale",
                                      "scale 0",
                                      "scale nan",
                                      "scale 2 3",
                                      "standardize 1",
                                      "standardize 0 0",
                                      "flatten 2",
                                      "reshape",
                                      "reshape 2x",
                                      "reshape 0",
                                      "reshape -1",
                                      "reshape 1x1x1x1x1x1x1x1",
                                      "one_hot 2x2",
                                      "one_hot",
                                      "float33",
                                      "float32 ",
                                      "rm -rf",
                                      "Flatten"};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        assert_status(syi_transforms_read(&transforms, &bad[k], 1, &local->err), SY_EINVAL,
                      &local->err);
        assert_non_null(strstr(local->err.message, bad[k]));
        assert_int_equal(transforms.count, 0);
    }
    const char *many[SYI_TRANSFORMS_MAX + 1];
    for (size_t k = 0; k <= SYI_TRANSFORMS_MAX; k++) {
        many[k] = "flatten";
    }
    assert_status(syi_transforms_read(&transforms, many, SYI_TRANSFORMS_MAX + 1, &local->err),
                  SY_ELIMIT, &local->err);
    assert_ok(syi_transforms_read(&transforms, many, SYI_TRANSFORMS_MAX, &local->err), &local->err);
    assert_status(syi_transforms_read(&transforms, NULL, 1, &local->err), SY_EINVAL, &local->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_they_do, local_hook_setup, local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_none, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
