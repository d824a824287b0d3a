/* access_text_test.c - every sum of permissions in words and back, what is none, and a tensor that keeps to a text. */
#include <stdio.h>
#include <string.h>

#include <csyft/caller.h>

#include "hook/tensor.h"
#include "support/local_hook.h"

static const struct {
    const char *word;
    unsigned permission;
} words[] = {{"get", SY_PERMISSION_GET},
             {"use", SY_PERMISSION_USE},
             {"search", SY_PERMISSION_SEARCH},
             {"delete", SY_PERMISSION_DELETE}};

static void test_all_sums(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    for (unsigned sum = 1; sum < 16; sum++) {
        char text[64] = "";
        unsigned permissions = 0;
        const char *callers = NULL;
        for (size_t k = 0; k < 4; k++) {
            if ((sum & words[k].permission) != 0) {
                strcat(strcat(text, text[0] != '\0' ? "," : ""), words[k].word);
            }
        }
        strcat(text, "=alice,bob=x");
        assert_ok(sy_permissions_from_text(text, &permissions, &callers, &err), &err);
        assert_int_equal(permissions, sum);
        assert_string_equal(callers, "alice,bob=x");
    }
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",       "get",    "=alice",    "gets=a", "ge=a",
        "get,=a", ",get=a", "get use=a", "GET=a",  "get,read=a",
    };
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        sy_error err = SY_ERROR_INIT;
        unsigned permissions = 77;
        const char *callers = NULL;
        assert_status(sy_permissions_from_text(texts[k], &permissions, &callers, &err), SY_EINVAL,
                      &err);
        assert_non_null(strstr(err.message, texts[k]));
        assert_int_equal(permissions, 77);
    }
    assert_int_equal(sy_permissions_from_text(NULL, NULL, NULL, NULL), SY_EINVAL);
}

static void test_a_tensor(void **state)
{
    local_hook *local = *state;
    const float one = 1;
    sy_tensor *tensor = local_hook_floats(local, 1, &one);
    assert_ok(sy_tensor_permit_text(tensor, "use,get=alice,bob", &local->err), &local->err);
    assert_ok(sy_tensor_permit_text(tensor, "delete=", &local->err), &local->err);
    assert_true(sy_tensor_permits(tensor, SY_PERMISSION_GET, "alice"));
    assert_true(sy_tensor_permits(tensor, SY_PERMISSION_USE, "bob"));
    assert_false(sy_tensor_permits(tensor, SY_PERMISSION_GET, "carol"));
    assert_false(sy_tensor_permits(tensor, SY_PERMISSION_USE, "carol"));
    assert_true(sy_tensor_permits(tensor, SY_PERMISSION_SEARCH, "carol"));
    assert_false(sy_tensor_permits(tensor, SY_PERMISSION_DELETE, "alice"));
    assert_status(sy_tensor_permit_text(tensor, "get=a\x01", &local->err), SY_EINVAL, &local->err);
    /* One more than an object may name. */
    char many[4 + 64 * 4 + 1] = "get=";
    for (int k = 0; k < 64; k++) {
        snprintf(many + strlen(many), 5, "c%02d,", k);
    }
    assert_status(sy_tensor_permit_text(tensor, many, &local->err), SY_ELIMIT, &local->err);
    assert_true(sy_tensor_permits(tensor, SY_PERMISSION_GET, "alice"));
    sy_tensor_unref(tensor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sums),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test_setup_teardown(test_a_tensor, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
