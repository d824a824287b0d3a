/* version_test.c - the version's parts and its string agree. */
#include "support/test.h"

#include <stdio.h>

#include <csyft/version.h>

static void test_string_is_made_of_the_parts(void **state)
{
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", SY_VERSION_MAJOR, SY_VERSION_MINOR,
             SY_VERSION_PATCH);
    assert_string_equal(SY_VERSION_STRING, expected);
    assert_string_equal(sy_version(), expected);
}

static void test_wire_revisions_are_a_range(void **state)
{
    (void)state;
    assert_in_range(SY_WIRE_REVISION_MIN, 1, SY_WIRE_REVISION_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string_is_made_of_the_parts),
        cmocka_unit_test(test_wire_revisions_are_a_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
