/* table_test.c - the table against a simple model, and its behaviour over many removals. */
#include "core/table.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "support/memory_faults.h"
#include "support/property.h"

/* Values are never followed, so any distinct non-NULL pointers do. */
static char places[200000];

static syi_table *make_table(sy_context *context)
{
    syi_table *table = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_table_new(context, &table, &err), &err);
    return table;
}

static void put(syi_table *table, int64_t number, void *value)
{
    const sy_id key = sy_id_from_int(number);
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_table_put(table, &key, value, NULL, &err), &err);
}

static void *get(const syi_table *table, int64_t number)
{
    const sy_id key = sy_id_from_int(number);
    return syi_table_get(table, &key);
}

static void *take(syi_table *table, int64_t number)
{
    const sy_id key = sy_id_from_int(number);
    return syi_table_remove(table, &key);
}

static void test_empty_table(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    size_t cursor = 0;
    const sy_id *key;
    void *value;
    assert_int_equal(syi_table_count(table), 0);
    assert_null(get(table, 1));
    assert_null(take(table, 1));
    assert_false(syi_table_next(table, &cursor, &key, &value));
    syi_table_clear(table);
    syi_table_free(table);
    syi_table_free(NULL);
    memory_faults_context_free(&memory, context);
}

static void test_put_replaces_in_place(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    for (int i = 0; i < 3; i++) {
        put(table, i, &places[i]);
    }
    const sy_id key = sy_id_from_int(1);
    void *old = &places[99];
    assert_int_equal(syi_table_put(table, &key, &places[50], &old, NULL), SY_OK);
    assert_ptr_equal(old, &places[1]);
    assert_int_equal(syi_table_count(table), 3);
    assert_ptr_equal(get(table, 1), &places[50]);
    const sy_id fresh = sy_id_from_int(9);
    assert_int_equal(syi_table_put(table, &fresh, &places[9], &old, NULL), SY_OK);
    assert_null(old);
    static const int64_t expected[] = {0, 1, 2, 9};
    size_t cursor = 0;
    const sy_id *at;
    void *value;
    for (int i = 0; i < 4; i++) {
        assert_true(syi_table_next(table, &cursor, &at, &value));
        assert_int_equal(at->number, expected[i]);
    }
    assert_false(syi_table_next(table, &cursor, &at, &value));
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

static void test_kinds_do_not_meet(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    sy_id text;
    assert_int_equal(sy_id_from_text(&text, "7", NULL), SY_OK);
    put(table, 7, &places[0]);
    assert_null(syi_table_get(table, &text));
    assert_int_equal(syi_table_put(table, &text, &places[1], NULL, NULL), SY_OK);
    assert_ptr_equal(get(table, 7), &places[0]);
    assert_ptr_equal(syi_table_get(table, &text), &places[1]);

    const sy_id none = SY_ID_INIT;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_table_put(table, &none, &places[2], NULL, &err), SY_EINVAL);
    assert_null(syi_table_get(table, &none));
    assert_null(syi_table_remove(table, &none));
    assert_int_equal(syi_table_count(table), 2);
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

/*
 * The model: a key's value and its place in the order of insertion, found by the key's number in a small
 * universe of integers (also negative and far apart) and texts.
 */
enum { UNIVERSE = 400 };

typedef struct model {
    sy_id keys[UNIVERSE];
    void *values[UNIVERSE];
    int order[UNIVERSE]; /* numbers of the keys present */
    size_t count;
} table_model;

static void model_init(table_model *model)
{
    memset(model, 0, sizeof *model);
    for (int i = 0; i < UNIVERSE; i++) {
        if (i % 4 == 0) {
            char text[SY_ID_TEXT_SIZE];
            const int width = 1 + i % (SY_ID_TEXT_SIZE - 5);
            snprintf(text, sizeof text, "%*d", width, i);
            assert_int_equal(sy_id_from_text(&model->keys[i], text, NULL), SY_OK);
        } else {
            static const int64_t steps[] = {0, 1, -1024, INT64_C(1) << 40};
            model->keys[i] = sy_id_from_int(i * steps[i % 4]);
        }
    }
}

static void *model_put(table_model *model, int key, void *value)
{
    void *old = model->values[key];
    model->values[key] = value;
    if (old == NULL) {
        model->order[model->count++] = key;
    }
    return old;
}

static void *model_remove(table_model *model, int key)
{
    void *old = model->values[key];
    if (old != NULL) {
        size_t at = 0;
        while (model->order[at] != key) {
            at++;
        }
        model->count--;
        memmove(&model->order[at], &model->order[at + 1], (model->count - at) * sizeof(int));
        model->values[key] = NULL;
    }
    return old;
}

static void assert_same(const syi_table *table, const table_model *model)
{
    size_t cursor = 0;
    const sy_id *key;
    void *value;
    for (size_t i = 0; i < model->count; i++) {
        const int number = model->order[i];
        assert_true(syi_table_next(table, &cursor, &key, &value));
        assert_true(sy_id_equal(key, &model->keys[number]));
        assert_ptr_equal(value, model->values[number]);
    }
    assert_false(syi_table_next(table, &cursor, &key, &value));
    for (int i = 0; i < UNIVERSE; i++) {
        assert_ptr_equal(syi_table_get(table, &model->keys[i]), model->values[i]);
    }
}

/* Iterates and removes about one in `odds` of the entries just returned. */
static void sweep(syi_table *table, table_model *model, property_random *random, uint64_t odds)
{
    size_t cursor = 0;
    const sy_id *key;
    void *value;
    size_t seen = 0;
    const size_t count = model->count;
    static int before[UNIVERSE];
    memcpy(before, model->order, sizeof before);
    while (syi_table_next(table, &cursor, &key, &value)) {
        assert_true(seen < count);
        const int number = before[seen++];
        assert_true(sy_id_equal(key, &model->keys[number]));
        if (property_next(random) % odds == 0) {
            const sy_id copy = *key;
            assert_ptr_equal(syi_table_remove(table, &copy), value);
            model_remove(model, number);
        }
    }
    assert_int_equal(seen, count);
}

static void test_property_against_model(void **state)
{
    (void)state;
    static table_model model;
    model_init(&model);
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    property_random random = property_start(__func__);
    const long iterations = property_iterations(40000);
    uint64_t range = UNIVERSE;
    uint64_t put_odds = 50;
    for (long i = 0; i < iterations; i++) {
        if (i % 1000 == 0) { /* phases: few or many keys, growing or shrinking */
            range = 1 + property_next(&random) % UNIVERSE;
            put_odds = 10 + property_next(&random) % 80;
        }
        const int key = (int)(property_next(&random) % range);
        const uint64_t dice = property_next(&random) % 1000;
        if (dice == 0) {
            syi_table_clear(table);
            memset(model.values, 0, sizeof model.values);
            model.count = 0;
        } else if (dice < 4) {
            sweep(table, &model, &random, 1 + property_next(&random) % 4);
        } else if (dice < 8) {
            assert_same(table, &model);
        } else if (property_next(&random) % 100 < put_odds) {
            void *value = &places[1 + property_next(&random) % (sizeof places - 1)];
            void *old = NULL;
            sy_error err = SY_ERROR_INIT;
            assert_ok(syi_table_put(table, &model.keys[key], value, &old, &err), &err);
            assert_ptr_equal(old, model_put(&model, key, value));
        } else {
            assert_ptr_equal(syi_table_remove(table, &model.keys[key]), model_remove(&model, key));
        }
        assert_int_equal(syi_table_count(table), model.count);
    }
    assert_same(table, &model);
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

static void test_many_entries_grow_and_shrink(void **state)
{
    (void)state;
    enum { MANY = 200000 }; /* enough for some hashes to agree in all 32 bits */
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    for (int i = 0; i < MANY; i++) {
        put(table, (int64_t)i << 32, &places[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(get(table, (int64_t)i << 32), &places[i]);
    }
    const size_t full = memory.live_bytes;
    for (int i = 0; i < MANY; i++) {
        if (i % 20000 != 17) {
            assert_ptr_equal(take(table, (int64_t)i << 32), &places[i]);
        }
    }
    assert_int_equal(syi_table_count(table), 10);
    for (int round = 0; round < 1000; round++) {
        put(table, -1, places);
        assert_ptr_equal(take(table, -1), places);
    }
    assert_true(memory.live_bytes < full / 100);
    size_t cursor = 0;
    const sy_id *key;
    void *value;
    for (int i = 17; i < MANY; i += 20000) {
        assert_true(syi_table_next(table, &cursor, &key, &value));
        assert_ptr_equal(value, &places[i]);
        assert_ptr_equal(get(table, (int64_t)i << 32), value);
    }
    assert_false(syi_table_next(table, &cursor, &key, &value));
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

/* `live` entries at any time, the oldest removed for each new one, 100000 times. */
static size_t peak_of_turnover(size_t live)
{
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    const size_t before = memory.live_bytes;
    for (size_t i = 0; i < 100000; i++) {
        put(table, (int64_t)(i * 977), &places[i]);
        if (i >= live) {
            assert_ptr_equal(take(table, (int64_t)((i - live) * 977)), &places[i - live]);
        }
    }
    assert_int_equal(syi_table_count(table), live);
    const size_t peak = memory.peak_bytes - before;
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
    return peak;
}

static void test_turnover_keeps_memory_flat(void **state)
{
    (void)state;
    assert_true(peak_of_turnover(0) < 1024);
    assert_true(peak_of_turnover(1) < 2048);
    assert_true(peak_of_turnover(4) < 4096);
    assert_true(peak_of_turnover(100) < (size_t)64 * 1024);
}

/* One entry stays from the start while others come and go: holes between must not pile up. */
static void test_turnover_behind_a_lasting_entry(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    put(table, -1, places);
    const size_t before = memory.live_bytes;
    for (int i = 0; i < 100000; i++) {
        put(table, i, &places[1]);
        put(table, i + 1000000, &places[2]);
        assert_ptr_equal(take(table, i), &places[1]);
        assert_ptr_equal(take(table, i + 1000000), &places[2]);
    }
    assert_int_equal(memory.live_bytes, before);
    assert_ptr_equal(get(table, -1), places);
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

static void test_key_borrowed_from_the_table(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    put(table, 1, &places[1]);
    size_t cursor = 0;
    const sy_id *key;
    void *value;
    assert_true(syi_table_next(table, &cursor, &key, &value));
    assert_ptr_equal(syi_table_remove(table, key), &places[1]);
    assert_int_equal(syi_table_count(table), 0);
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

/* Puts, with removals between so that the table also packs; a put that fails changes nothing. */
static sy_status fill_and_check(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    syi_table *table = NULL;
    sy_status status = syi_table_new(context, &table, err);
    if (status != SY_OK) {
        assert_null(table);
        return status;
    }
    int first = 0;
    int next = 0;
    while (next < 300 && status == SY_OK) {
        const sy_id key = sy_id_from_int(next);
        void *old = places;
        status = syi_table_put(table, &key, &places[next], &old, err);
        assert_null(old);
        next += status == SY_OK;
        if (status == SY_OK && next % 3 == 0) {
            assert_ptr_equal(take(table, first), &places[first]);
            first++;
        }
    }
    assert_int_equal(syi_table_count(table), next - first);
    size_t cursor = 0;
    const sy_id *key;
    void *value;
    for (int i = first; i < next; i++) {
        assert_true(syi_table_next(table, &cursor, &key, &value));
        assert_int_equal(key->number, i);
        assert_ptr_equal(get(table, i), &places[i]);
    }
    assert_false(syi_table_next(table, &cursor, &key, &value));
    if (status != SY_OK) {
        put(table, next, &places[next]); /* memory is back */
        assert_ptr_equal(get(table, next), &places[next]);
    }
    syi_table_free(table);
    return status;
}

static void test_refused_memory(void **state)
{
    (void)state;
    assert_in_range(memory_faults_sweep(fill_and_check, NULL), 5, 40);
}

/* Giving memory back needs memory first; without it the put succeeds all the same. */
static void test_refused_memory_while_shrinking(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_table *table = make_table(context);
    for (int i = 0; i < 5000; i++) {
        put(table, i, &places[i]);
    }
    for (int i = 1; i < 4999; i++) {
        assert_ptr_equal(take(table, i), &places[i]);
    }
    for (size_t nth = 1; nth <= 2; nth++) {
        memory.fail_at = memory.calls + nth;
        put(table, -(int64_t)nth, &places[nth]);
    }
    assert_in_range(memory.refused, 1, 2);
    assert_ptr_equal(get(table, 0), &places[0]);
    assert_ptr_equal(get(table, 4999), &places[4999]);
    assert_ptr_equal(get(table, -1), &places[1]);
    assert_ptr_equal(get(table, -2), &places[2]);
    assert_int_equal(syi_table_count(table), 4);
    syi_table_free(table);
    memory_faults_context_free(&memory, context);
}

static bool count_or_fail(void *user, void *buffer, size_t size)
{
    int *left = user;
    memset(buffer, *left, size);
    return (*left)-- > 0;
}

/* Each table asks for a key of its own, and there is none without one. */
static void test_hash_key_comes_from_the_context(void **state)
{
    (void)state;
    int left = 2;
    failing_allocator memory = {0};
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(&memory);
    options.random = count_or_fail;
    options.random_user = &left;
    sy_context *context;
    assert_int_equal(sy_context_new(&context, &options, NULL), SY_OK);
    syi_table *tables[3];
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_table_new(context, &tables[0], &err), SY_OK);
    assert_int_equal(syi_table_new(context, &tables[1], &err), SY_OK);
    assert_int_equal(left, 0);
    assert_int_equal(syi_table_new(context, &tables[2], &err), SY_EIO);
    assert_null(tables[2]);
    syi_table_free(tables[0]);
    syi_table_free(tables[1]);
    memory_faults_context_free(&memory, context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_table),
        cmocka_unit_test(test_put_replaces_in_place),
        cmocka_unit_test(test_kinds_do_not_meet),
        cmocka_unit_test(test_property_against_model),
        cmocka_unit_test(test_many_entries_grow_and_shrink),
        cmocka_unit_test(test_turnover_keeps_memory_flat),
        cmocka_unit_test(test_turnover_behind_a_lasting_entry),
        cmocka_unit_test(test_key_borrowed_from_the_table),
        cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_refused_memory_while_shrinking),
        cmocka_unit_test(test_hash_key_comes_from_the_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
