/* schema_test.c - reading the schema column. */
#include "ops/schema.h"

#include <string.h>

#include "support/test.h"

static syi_parameter parameters[SYI_ARGUMENT_MAX];
static int count;

static void parse(const char *schema, int expected)
{
    sy_error err;
    assert_ok(syi_schema_parse(schema, parameters, &count, &err), &err);
    assert_int_equal(count, expected);
    assert_int_equal(syi_schema_count(schema), expected);
}

static void test_types(void **state)
{
    (void)state;
    static const syi_parameter_type types[] = {
        SYI_PARAMETER_TENSOR, SYI_PARAMETER_TENSORS, SYI_PARAMETER_TENSOR_OR_SCALAR,
        SYI_PARAMETER_SCALAR, SYI_PARAMETER_INT,     SYI_PARAMETER_INTS,
        SYI_PARAMETER_BOOL,   SYI_PARAMETER_FLOAT,
    };
    parse("a:T b:T[] c:TS d:S e:i f:i[] g:b h:f", 8);
    for (int i = 0; i < count; i++) {
        assert_int_equal(parameters[i].type, types[i]);
        assert_int_equal(parameters[i].name[0], 'a' + i);
        assert_false(parameters[i].optional);
        assert_false(parameters[i].has_default);
    }
    parse("a:d? b:i[]? c:s? d:x? e:T?", 5);
    assert_int_equal(parameters[0].type, SYI_PARAMETER_DTYPE);
    assert_int_equal(parameters[1].type, SYI_PARAMETER_INTS);
    assert_int_equal(parameters[2].type, SYI_PARAMETER_STRING);
    assert_int_equal(parameters[3].type, SYI_PARAMETER_INDEX);
    for (int i = 0; i < count; i++) {
        assert_true(parameters[i].optional);
    }
    parse("a:T b:T? c:i[]", 3); /* given as none */
    parse("", 0);
}

static void test_defaults(void **state)
{
    (void)state;
    parse("a:T b:i=-1 c:S=1 d:S=0.5 e:f=2 f:b=False g:b=True h:s=mean", 8);
    const sy_value *b = &parameters[1].default_value;
    assert_int_equal(b->kind, SY_VALUE_INT);
    assert_int_equal(b->as.integer, -1);
    assert_int_equal(parameters[2].default_value.kind, SY_VALUE_INT);
    assert_int_equal(parameters[3].default_value.kind, SY_VALUE_FLOAT);
    assert_true(parameters[3].default_value.as.real == 0.5);
    assert_int_equal(parameters[4].default_value.kind, SY_VALUE_FLOAT);
    assert_true(parameters[4].default_value.as.real == 2);
    assert_int_equal(parameters[5].default_value.kind, SY_VALUE_BOOL);
    assert_false(parameters[5].default_value.as.boolean);
    assert_true(parameters[6].default_value.as.boolean);
    assert_string_equal(parameters[7].default_value.as.string, "mean");
    for (int i = 1; i < count; i++) {
        assert_true(parameters[i].has_default);
        assert_false(parameters[i].optional);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "self",
        "self:",
        ":T",
        "self:Q",
        "self:T[",
        "self:TT",
        "self:?",
        "a:T  b:T",
        "a:i=",
        "a:i=x",
        "a:i=1.5",
        "a:i=1x",
        "a:i=99999999999999999999",
        "a:b=true",
        "a:b=",
        "a:T=1",
        "a:d=1",
        "a:i?=1",
        "a:s=mean b:T",
        "a:s=",
        "a:T b:i=1 c:T",
        "a_name_of_twenty_four_ch:T",
        "a:T b:T c:T d:T e:T f:T g:T h:T i:T j:T k:T l:T m:T",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        sy_error err;
        sy_status status = syi_schema_parse(malformed[i], parameters, &count, &err);
        if (status != SY_EINVAL) {
            print_error("accepted: %s\n", malformed[i]);
        }
        assert_int_equal(status, SY_EINVAL);
        assert_non_null(strstr(err.message, malformed[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
