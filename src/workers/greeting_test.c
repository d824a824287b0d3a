/* greeting_test.c - limits of a greeting, as the other end keeps them. */
#include "support/test.h"

#include "workers/greeting.h"

static void test_own_limits_are_those_of_the_reader(void **state)
{
    (void)state;
    const syi_frame_limits reader = SYI_FRAME_LIMITS_DEFAULT;
    const sy_id bob = sy_id_from_int(7);
    syi_hello mine;
    syi_greeting_init(&mine, &bob, 1000);
    assert_int_equal(mine.worker.number, 7);
    assert_false(mine.has_session);
    const syi_frame_limits limits = syi_greeting_limits(&mine);
    assert_int_equal(limits.body_max, reader.body_max);
    assert_int_equal(limits.segments_max, reader.segments_max);
    assert_int_equal(limits.frame_max, 1000);
}

static void test_limits_beyond_32_bits(void **state)
{
    (void)state;
    const syi_hello theirs = {.body_max = UINT64_C(1) << 40, .segments_max = UINT64_C(1) << 33};
    const syi_frame_limits limits = syi_greeting_limits(&theirs);
    assert_int_equal(limits.body_max, UINT32_MAX);
    assert_int_equal(limits.segments_max, UINT32_MAX);
    assert_int_equal(limits.frame_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_limits_are_those_of_the_reader),
        cmocka_unit_test(test_limits_beyond_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
