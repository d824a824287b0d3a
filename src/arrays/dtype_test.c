/* dtype_test.c - names, sizes, and the promotion table as torch.promote_types answers it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arrays/array.h"

static void test_names_and_sizes(void **state)
{
    (void)state;
#define CHECK_ROW(id, ctype, torch_name, bytes, npy)                   \
    {                                                                  \
        sy_dtype found = SY_DTYPE_COUNT;                               \
        assert_int_equal(sy_dtype_size(SY_DTYPE_##id), bytes);         \
        assert_string_equal(sy_dtype_name(SY_DTYPE_##id), torch_name); \
        assert_true(sy_dtype_from_name(torch_name, &found));           \
        assert_int_equal(found, SY_DTYPE_##id);                        \
        found = SY_DTYPE_COUNT;                                        \
        assert_true(sy_dtype_from_name("torch." torch_name, &found));  \
        assert_int_equal(found, SY_DTYPE_##id);                        \
    }
    SY_DTYPE_MAP(CHECK_ROW)
#undef CHECK_ROW
}

static void test_second_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        sy_dtype dtype;
    } names[] = {
        {"float", SY_DTYPE_F32},       {"double", SY_DTYPE_F64}, {"long", SY_DTYPE_I64},
        {"int", SY_DTYPE_I32},         {"short", SY_DTYPE_I16},  {"torch.long", SY_DTYPE_I64},
        {"torch.float", SY_DTYPE_F32},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sy_dtype found = SY_DTYPE_COUNT;
        assert_true(sy_dtype_from_name(names[i].name, &found));
        assert_int_equal(found, names[i].dtype);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {"",         "torch.", "float16", "Float32",
                                        "float32 ", "int128", "torch",   "torch.torch.int8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sy_dtype found = SY_DTYPE_I8;
        assert_false(sy_dtype_from_name(names[i], &found));
        assert_int_equal(found, SY_DTYPE_I8);
    }
    sy_dtype untouched = SY_DTYPE_I8;
    assert_false(sy_dtype_from_name(NULL, &untouched));
    assert_int_equal(sy_dtype_size(SY_DTYPE_COUNT), 0);
    assert_int_equal(sy_dtype_size((sy_dtype)-1), 0);
    assert_string_equal(sy_dtype_name(SY_DTYPE_COUNT), "?");
    assert_string_equal(sy_dtype_name((sy_dtype)-1), "?");
}

static void test_floating(void **state)
{
    (void)state;
    for (int i = 0; i < SY_DTYPE_COUNT; i++) {
        const char *name = sy_dtype_name((sy_dtype)i);
        assert_int_equal(sy_dtype_is_floating((sy_dtype)i), strncmp(name, "float", 5) == 0);
    }
    assert_false(sy_dtype_is_floating(SY_DTYPE_COUNT));
}

/* Every line of the file is "<a> <b> <torch.promote_types(a, b)>". */
static void test_promotion_is_torchs(void **state)
{
    (void)state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/arrays/promotion.txt", "r");
    assert_non_null(file);
    char line[128];
    int pairs = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char a_name[32], b_name[32], out_name[32];
        assert_int_equal(sscanf(line, "%31s %31s %31s", a_name, b_name, out_name), 3);
        sy_dtype a, b, out;
        assert_true(sy_dtype_from_name(a_name, &a));
        assert_true(sy_dtype_from_name(b_name, &b));
        assert_true(sy_dtype_from_name(out_name, &out));
        if (syi_dtype_promote(a, b) != out) {
            fail_msg("%s with %s gives %s, torch says %s", a_name, b_name,
                     sy_dtype_name(syi_dtype_promote(a, b)), out_name);
        }
        pairs++;
    }
    fclose(file);
    assert_int_equal(pairs, SY_DTYPE_COUNT * SY_DTYPE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_sizes),
        cmocka_unit_test(test_second_names),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_floating),
        cmocka_unit_test(test_promotion_is_torchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
