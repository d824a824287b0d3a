/* id_provider_test.c - order of given ids, freshness of the others, recording. */
#include <csyft/id.h>

#include <pthread.h>
#include <string.h>

#include "support/memory_faults.h"
#include "support/property.h"

static sy_context *seeded_context(uint64_t seed)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.test_seed = seed;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    return context;
}

static sy_id_provider *provider_with(sy_context *context, const int64_t *numbers, size_t count)
{
    sy_id ids[16];
    for (size_t i = 0; i < count; i++) {
        ids[i] = sy_id_from_int(numbers[i]);
    }
    sy_id_provider *provider = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_id_provider_new(context, &provider, ids, count, &err), &err);
    return provider;
}

static sy_status set_next(sy_id_provider *provider, const int64_t *numbers, size_t count,
                          sy_error *err)
{
    sy_id ids[16];
    for (size_t i = 0; i < count; i++) {
        ids[i] = sy_id_from_int(numbers[i]);
    }
    return sy_id_provider_set_next_ids(provider, ids, count, err);
}

static int64_t pop(sy_id_provider *provider)
{
    sy_id id = SY_ID_INIT;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_id_provider_pop(provider, &id, &err), &err);
    assert_int_equal(id.kind, SY_ID_INT);
    return id.number;
}

static void assert_pops(sy_id_provider *provider, const int64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pop(provider), numbers[i]);
    }
}

static void test_given_ids_come_from_the_end_then_fresh_ones(void **state)
{
    (void)state;
    sy_context *context = seeded_context(1);
    sy_id_provider *provider = provider_with(context, (int64_t[]){4, 15, 2}, 3);
    assert_pops(provider, (int64_t[]){2, 15, 4}, 3);
    for (int i = 0; i < 10; i++) {
        const int64_t fresh = pop(provider);
        assert_in_range(fresh, 0, SY_ID_SPACE - 1);
        assert_true(fresh != 4 && fresh != 15 && fresh != 2);
    }
    sy_id_provider_free(provider);
    sy_id_provider_free(NULL);
    sy_context_free(context);
}

static void test_next_ids_go_before_given_ones(void **state)
{
    (void)state;
    sy_context *context = seeded_context(1);
    sy_id_provider *provider = provider_with(context, (int64_t[]){2, 3}, 2);
    assert_int_equal(set_next(provider, (int64_t[]){4, 5}, 2, NULL), SY_OK);
    assert_pops(provider, (int64_t[]){5, 4, 3, 2}, 4);
    sy_id_provider_free(provider);
    sy_context_free(context);
}

static void test_next_ids_used_before_are_refused_by_name(void **state)
{
    (void)state;
    sy_context *context = seeded_context(1);
    sy_id_provider *provider = provider_with(context, (int64_t[]){2, 3}, 2);
    assert_pops(provider, (int64_t[]){3, 2}, 2);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(set_next(provider, (int64_t[]){1, 2, 5}, 3, &err), SY_EEXIST);
    assert_string_equal(err.message, "id provider: ids generated or given before: 2");
    assert_string_equal(err.object, "2");
    assert_int_equal(set_next(provider, (int64_t[]){3, 1, 2}, 3, &err), SY_EEXIST);
    assert_string_equal(err.message, "id provider: ids generated or given before: 3, 2");
    /* Nothing was added: 1 and 5 are still free. */
    const int64_t fresh = pop(provider);
    assert_true(fresh > 5);
    assert_int_equal(set_next(provider, (int64_t[]){1, 5}, 2, NULL), SY_OK);
    assert_pops(provider, (int64_t[]){5, 1}, 2);
    sy_id_provider_free(provider);
    sy_context_free(context);
}

static void test_given_but_unused_ids_are_refused_too(void **state)
{
    (void)state;
    sy_context *context = seeded_context(1);
    sy_id_provider *provider = provider_with(context, (int64_t[]){2, 3}, 2);
    assert_int_equal(set_next(provider, (int64_t[]){3}, 1, NULL), SY_EEXIST);
    assert_pops(provider, (int64_t[]){3, 2}, 2);
    sy_id_provider_free(provider);
    sy_context_free(context);
}

static void test_many_used_ids_fit_the_sentence(void **state)
{
    (void)state;
    enum { MANY = 500 };
    sy_context *context = seeded_context(1);
    static sy_id ids[MANY];
    for (int i = 0; i < MANY; i++) {
        ids[i] = sy_id_from_int(INT64_C(1000000000000) + i);
    }
    sy_id_provider *provider = NULL;
    assert_int_equal(sy_id_provider_new(context, &provider, ids, MANY, NULL), SY_OK);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_id_provider_set_next_ids(provider, ids, MANY, &err), SY_EEXIST);
    const size_t length = strlen(err.message);
    assert_true(length < SY_ERROR_MESSAGE_SIZE - 1);
    assert_string_equal(err.message + length - 5, ", ...");
    assert_non_null(strstr(err.message, ": 1000000000000, 1000000000001, "));
    sy_id_provider_free(provider);
    sy_context_free(context);
}

static void test_wrong_ids_are_refused(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_id ids[3] = {sy_id_from_int(1), SY_ID_INIT, sy_id_from_int(1)};
    sy_id_provider *provider = (sy_id_provider *)&provider;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_id_provider_new(context, &provider, ids, 2, &err), SY_EINVAL);
    assert_null(provider);
    assert_non_null(strstr(err.message, "none"));
    ids[1] = sy_id_from_int(2);
    assert_int_equal(sy_id_provider_new(context, &provider, ids, 3, &err), SY_EEXIST);
    assert_string_equal(err.message, "id provider: 1 is given twice");
    assert_int_equal(sy_id_provider_new(context, &provider, NULL, 1, &err), SY_EINVAL);
    assert_int_equal(sy_id_provider_new(NULL, &provider, NULL, 0, &err), SY_EINVAL);

    assert_int_equal(sy_id_provider_new(context, &provider, NULL, 0, &err), SY_OK);
    assert_int_equal(sy_id_provider_set_next_ids(provider, ids, 3, &err), SY_EEXIST);
    assert_int_equal(sy_id_provider_set_next_ids(provider, NULL, 1, &err), SY_EINVAL);
    assert_int_equal(sy_id_provider_set_next_ids(provider, NULL, 0, &err), SY_OK);
    assert_int_equal(sy_id_provider_set_next_ids(provider, ids, 2, &err), SY_OK); /* all or none */
    assert_pops(provider, (int64_t[]){2, 1}, 2);
    sy_id_provider_free(provider);
    memory_faults_context_free(&memory, context);
}

static void test_text_ids(void **state)
{
    (void)state;
    sy_context *context = seeded_context(1);
    sy_id ids[2];
    assert_int_equal(sy_id_from_text(&ids[0], "alice", NULL), SY_OK);
    assert_int_equal(sy_id_from_text(&ids[1], "bob", NULL), SY_OK);
    sy_id_provider *provider = NULL;
    assert_int_equal(sy_id_provider_new(context, &provider, ids, 1, NULL), SY_OK);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_id_provider_set_next_ids(provider, ids, 2, &err), SY_EEXIST);
    assert_non_null(strstr(err.message, "alice"));
    sy_id id;
    assert_int_equal(sy_id_provider_pop(provider, &id, NULL), SY_OK);
    assert_true(sy_id_equal(&id, &ids[0]));
    sy_id_provider_free(provider);
    sy_context_free(context);
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void assert_distinct(int64_t *numbers, size_t count)
{
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i < count; i++) {
        assert_true(numbers[i] != numbers[i - 1]);
    }
}

enum { FRESH = 200000 };
static int64_t fresh_numbers[FRESH];

static void test_fresh_ids_are_unique_spread_and_cost_no_memory(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(&memory);
    options.test_seed = property_start(__func__).state;
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, &options, NULL), SY_OK);
    sy_id_provider *provider = provider_with(context, NULL, 0);
    const size_t calls = memory.calls;
    enum { CELLS = 100 };
    int cells[CELLS] = {0};
    for (int i = 0; i < FRESH; i++) {
        fresh_numbers[i] = pop(provider);
        assert_true(fresh_numbers[i] >= 0 && fresh_numbers[i] < SY_ID_SPACE);
        cells[fresh_numbers[i] / (SY_ID_SPACE / CELLS)]++;
    }
    assert_int_equal(memory.calls, calls);
    /* Chi-square with 99 degrees of freedom: 200 is passed once in 10^8. */
    const double expected = (double)FRESH / CELLS;
    double chi = 0;
    for (int i = 0; i < CELLS; i++) {
        const double difference = cells[i] - expected;
        chi += difference * difference / expected;
    }
    assert_true(chi < 200);
    assert_distinct(fresh_numbers, FRESH);
    sy_id_provider_free(provider);
    memory_faults_context_free(&memory, context);
}

static void test_providers_differ(void **state)
{
    (void)state;
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, NULL, NULL), SY_OK);
    sy_id_provider *providers[2] = {provider_with(context, NULL, 0),
                                    provider_with(context, NULL, 0)};
    int64_t numbers[2000];
    for (int i = 0; i < 2000; i++) {
        numbers[i] = pop(providers[i % 2]);
    }
    /* Two streams of 1000 meet once in 10^5 runs. */
    qsort(numbers, 2000, sizeof numbers[0], compare_numbers);
    int meetings = 0;
    for (int i = 1; i < 2000; i++) {
        meetings += numbers[i] == numbers[i - 1];
    }
    assert_in_range(meetings, 0, 1);
    sy_id_provider_free(providers[0]);
    sy_id_provider_free(providers[1]);
    sy_context_free(context);
}

/* What a provider will generate is known from a twin of the same seed. */
static void test_fresh_ids_avoid_given_ones(void **state)
{
    (void)state;
    int64_t expected[6];
    sy_context *context = seeded_context(9);
    sy_id_provider *provider = provider_with(context, NULL, 0);
    for (int i = 0; i < 6; i++) {
        expected[i] = pop(provider);
    }
    /* Generated ids are known without being stored; those to come are free. */
    sy_error err = SY_ERROR_INIT;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(set_next(provider, &expected[i], 1, &err), SY_EEXIST);
        char text[64];
        const sy_id id = sy_id_from_int(expected[i]);
        assert_string_equal(err.object, sy_id_format(&id, text, sizeof text));
    }
    sy_id_provider_free(provider);
    sy_context_free(context);

    context = seeded_context(9);
    provider = provider_with(context, (int64_t[]){expected[0], expected[2]}, 2);
    assert_pops(provider, (int64_t[]){expected[2], expected[0], expected[1], expected[3]}, 4);
    assert_int_equal(set_next(provider, (int64_t[]){expected[4]}, 1, &err), SY_OK);
    assert_pops(provider, (int64_t[]){expected[4], expected[5]}, 2);
    sy_id_provider_free(provider);
    sy_context_free(context);
}

/* 2 * 20000 ids: each generated one is recognised, and none of another provider's. */
static void test_generated_ids_are_recognised(void **state)
{
    (void)state;
    enum { SOME = 20000 };
    sy_context *context = seeded_context(3);
    sy_id_provider *provider = provider_with(context, NULL, 0);
    sy_id_provider *other = provider_with(context, NULL, 0);
    for (int i = 0; i < SOME; i++) {
        fresh_numbers[i] = pop(provider);
    }
    for (int i = 0; i < SOME; i++) {
        assert_int_equal(set_next(provider, &fresh_numbers[i], 1, NULL), SY_EEXIST);
    }
    for (int i = 0; i < SOME; i++) {
        const int64_t foreign = pop(other);
        assert_int_equal(set_next(provider, &foreign, 1, NULL), SY_OK);
        assert_int_equal(pop(provider), foreign);
    }
    static const int64_t outside[] = {-1, SY_ID_SPACE, INT64_MAX, INT64_MIN};
    assert_int_equal(set_next(provider, outside, 4, NULL), SY_OK);
    sy_id_provider_free(provider);
    sy_id_provider_free(other);
    sy_context_free(context);
}

static void test_recording(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_id_provider *provider = provider_with(context, (int64_t[]){1, 2, 3, 4, 5}, 5);
    const sy_id *ids = NULL;
    pop(provider);
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 0);
    assert_int_equal(sy_id_provider_start_recording(provider, NULL), SY_OK);
    pop(provider);
    pop(provider);
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 2);
    assert_int_equal(ids[0].number, 4);
    assert_int_equal(ids[1].number, 3);
    sy_id_provider_stop_recording(provider);
    pop(provider);
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 2);
    assert_int_equal(sy_id_provider_start_recording(provider, NULL), SY_OK);
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 0);
    int64_t expected[100];
    for (int i = 0; i < 100; i++) {
        expected[i] = pop(provider);
    }
    assert_int_equal(expected[0], 1);
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ids[i].number, expected[i]);
    }
    assert_int_equal(sy_id_provider_start_recording(provider, NULL), SY_OK); /* while recording */
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 0);
    sy_id_provider_free(provider);
    memory_faults_context_free(&memory, context);
}

static sy_status make_and_extend(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    sy_id first[20];
    sy_id second[40];
    for (int i = 0; i < 60; i++) {
        *(i < 20 ? &first[i] : &second[i - 20]) = sy_id_from_int(i);
    }
    sy_id_provider *provider = NULL;
    sy_status status = sy_id_provider_new(context, &provider, first, 20, err);
    if (status != SY_OK) {
        assert_null(provider);
        return status;
    }
    status = sy_id_provider_set_next_ids(provider, second, 40, err);
    for (int i = status == SY_OK ? 59 : 19; i >= 0; i--) { /* all or none were added */
        assert_int_equal(pop(provider), i);
    }
    if (status != SY_OK) {
        assert_int_equal(sy_id_provider_set_next_ids(provider, second, 40, NULL), SY_OK);
        assert_int_equal(pop(provider), 59);
    }
    sy_id_provider_free(provider);
    return status;
}

static void test_refused_memory(void **state)
{
    (void)state;
    assert_in_range(memory_faults_sweep(make_and_extend, NULL), 6, 20);
}

/* A pop that cannot record uses up no id. */
static void test_refused_memory_while_recording(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_id_provider *provider = provider_with(context, (int64_t[]){1, 2}, 2);
    assert_int_equal(sy_id_provider_start_recording(provider, NULL), SY_OK);
    memory.fail_at = memory.calls + 1;
    sy_id id = sy_id_from_int(77);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_id_provider_pop(provider, &id, &err), SY_ENOMEM);
    assert_int_equal(id.number, 77);
    assert_pops(provider, (int64_t[]){2, 1}, 2);
    const sy_id *ids;
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), 2);
    sy_id_provider_free(provider);
    memory_faults_context_free(&memory, context);
}

static bool no_randomness(void *user, void *buffer, size_t size)
{
    (void)user;
    (void)buffer;
    (void)size;
    return false;
}

static void test_no_provider_without_randomness(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.random = no_randomness;
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, &options, NULL), SY_OK);
    sy_id_provider *provider = (sy_id_provider *)&provider;
    assert_int_equal(sy_id_provider_new(context, &provider, NULL, 0, NULL), SY_EIO);
    assert_null(provider);
    sy_context_free(context);
}

enum { POPPERS = 4 };
#define POPS ((size_t)10000)

typedef struct popper {
    pthread_t thread;
    sy_id_provider *provider;
    int64_t *numbers;
    int failures;
} popper;

static void *pop_many(void *argument)
{
    popper *self = argument;
    for (size_t i = 0; i < POPS; i++) {
        sy_id id = SY_ID_INIT;
        self->failures += sy_id_provider_pop(self->provider, &id, NULL) != SY_OK;
        self->numbers[i] = id.number;
        if (i % 100 == 0) { /* an id just used is refused at any time */
            self->failures +=
                sy_id_provider_set_next_ids(self->provider, &id, 1, NULL) != SY_EEXIST;
        }
    }
    return NULL;
}

static void test_threads_get_distinct_ids(void **state)
{
    (void)state;
    popper poppers[POPPERS];
    sy_context *context = seeded_context(4);
    sy_id_provider *provider = provider_with(context, (int64_t[]){1, 2, 3}, 3);
    assert_int_equal(sy_id_provider_start_recording(provider, NULL), SY_OK);
    for (size_t i = 0; i < POPPERS; i++) {
        poppers[i] = (popper){.provider = provider, .numbers = fresh_numbers + i * POPS};
        assert_int_equal(pthread_create(&poppers[i].thread, NULL, pop_many, &poppers[i]), 0);
    }
    for (size_t i = 0; i < POPPERS; i++) {
        pthread_join(poppers[i].thread, NULL);
        assert_int_equal(poppers[i].failures, 0);
    }
    assert_distinct(fresh_numbers, POPPERS * POPS);
    const sy_id *ids;
    assert_int_equal(sy_id_provider_get_recorded(provider, &ids), POPPERS * POPS);
    sy_id_provider_free(provider);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_ids_come_from_the_end_then_fresh_ones),
        cmocka_unit_test(test_next_ids_go_before_given_ones),
        cmocka_unit_test(test_next_ids_used_before_are_refused_by_name),
        cmocka_unit_test(test_given_but_unused_ids_are_refused_too),
        cmocka_unit_test(test_many_used_ids_fit_the_sentence),
        cmocka_unit_test(test_wrong_ids_are_refused),
        cmocka_unit_test(test_text_ids),
        cmocka_unit_test(test_fresh_ids_are_unique_spread_and_cost_no_memory),
        cmocka_unit_test(test_providers_differ),
        cmocka_unit_test(test_fresh_ids_avoid_given_ones),
        cmocka_unit_test(test_generated_ids_are_recognised),
        cmocka_unit_test(test_recording),
        cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_refused_memory_while_recording),
        cmocka_unit_test(test_no_provider_without_randomness),
        cmocka_unit_test(test_threads_get_distinct_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
