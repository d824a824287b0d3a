/* 000_id_provider.c - T4, reference 000 lines 20-24 and 723: preset ids come from the end, then fresh ones. */
#include <csyft/context.h>
#include <csyft/id.h>

#include "support/test.h"

static int context_setup(void **state)
{
    sy_context *context = NULL;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return -1;
    }
    *state = context;
    return 0;
}

static int context_teardown(void **state)
{
    sy_context_free(*state);
    return 0;
}

static int64_t pop(sy_id_provider *provider)
{
    sy_error err = SY_ERROR_INIT;
    sy_id id = SY_ID_INIT;
    assert_ok(sy_id_provider_pop(provider, &id, &err), &err);
    assert_int_equal(id.kind, SY_ID_INT);
    return id.number;
}

static void test_given_ids_first(void **state)
{
    sy_error err = SY_ERROR_INIT;
    sy_id_provider *provider = NULL;
    const sy_id given[] = {sy_id_from_int(4), sy_id_from_int(15), sy_id_from_int(2)};
    assert_ok(sy_id_provider_new(*state, &provider, given, 3, &err), &err);
    assert_ok(sy_id_provider_start_recording(provider, &err), &err);
    assert_int_equal(pop(provider), 2);
    assert_int_equal(pop(provider), 15);
    assert_int_equal(pop(provider), 4);
    const int64_t first = pop(provider);
    const int64_t second = pop(provider);
    assert_in_range(first, 0, SY_ID_SPACE - 1);
    assert_in_range(second, 0, SY_ID_SPACE - 1);
    assert_int_not_equal(first, second);

    /* "Generate id and store the list of ids generated" */
    const sy_id *ids = NULL;
    const int64_t expected[] = {2, 15, 4, first, second};
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 5);
    for (size_t k = 0; k < 5; k++) {
        assert_int_equal(ids[k].number, expected[k]);
    }
    sy_id_provider_free(provider);
}

/* The original's default list was one for all providers. */
static void test_default_providers_share_nothing(void **state)
{
    sy_error err = SY_ERROR_INIT;
    sy_id_provider *a = NULL;
    sy_id_provider *b = NULL;
    const sy_id seven = sy_id_from_int(7);
    const sy_id *ids = NULL;
    assert_ok(sy_id_provider_new(*state, &a, NULL, 0, &err), &err);
    assert_ok(sy_id_provider_new(*state, &b, NULL, 0, &err), &err);
    assert_ok(sy_id_provider_start_recording(b, &err), &err);
    assert_ok(sy_id_provider_set_next_ids(a, &seven, 1, &err), &err);
    assert_int_equal(pop(a), 7);
    assert_int_equal(sy_id_provider_get_recorded(b, &ids), 0);
    assert_ok(sy_id_provider_set_next_ids(b, &seven, 1, &err), &err); /* a's 7 is not b's */
    assert_int_equal(pop(b), 7);
    int64_t of_a[16];
    for (size_t k = 0; k < 16; k++) {
        of_a[k] = pop(a);
    }
    for (size_t k = 0; k < 16; k++) {
        const int64_t other = pop(b);
        for (size_t i = 0; i < 16; i++) {
            assert_int_not_equal(of_a[i], other); /* 1e11 to 256: not by chance */
        }
    }
    sy_id_provider_free(a);
    sy_id_provider_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_ids_first),
        cmocka_unit_test(test_default_providers_share_nothing),
    };
    return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
