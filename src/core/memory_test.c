/* memory_test.c - allocation, sizes, wiping; accounts against their limits, alone and in threads. */
#include "core/memory.h"

#include <pthread.h>
#include <string.h>

#include "support/memory_faults.h"
#include "support/property.h"

static bool all_bytes_are(const void *memory, size_t size, unsigned char value)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 4096, 65535, 65536, 65537, 1 << 20};
#define SIZES (sizeof sizes / sizeof sizes[0])

static void check_alloc(sy_context *context)
{
    for (int round = 0; round < 3; round++) { /* later rounds get memory that was written to */
        for (size_t i = 0; i < SIZES; i++) {
            unsigned char *memory = syi_alloc(context, sizes[i]);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % 16, 0);
            assert_true(all_bytes_are(memory, sizes[i], 0));
            memset(memory, 0xFF, sizes[i]);
            syi_free(context, memory, sizes[i]);
        }
    }
}

static void check_alloc_aligned(sy_context *context)
{
    for (size_t alignment = 1; alignment <= 8192; alignment *= 2) {
        for (size_t i = 0; i < SIZES; i++) {
            unsigned char *memory = syi_alloc_aligned(context, sizes[i], alignment);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % alignment, 0);
            assert_int_equal((uintptr_t)memory % 16, 0);
            memset(memory, 0xFF, sizes[i]);
            syi_free(context, memory, sizes[i]);
        }
    }
}

static void test_system_memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    sy_context *context;
    assert_int_equal(sy_context_new(&context, NULL, NULL), SY_OK);
    check_alloc(context);
    check_alloc_aligned(context);
    sy_context_free(context);
}

static void test_callers_memory_is_zeroed_and_released_with_its_size(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    check_alloc(context);
    check_alloc_aligned(context);
    memory_faults_context_free(&memory, context);
}

static void test_refusal_is_null(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    for (int form = 0; form < 4; form++) {
        memory.fail_at = memory.calls + 1;
        void *given = form == 0   ? syi_alloc(context, 8)
                      : form == 1 ? syi_alloc_aligned(context, 8, 64)
                      : form == 2 ? syi_alloc_array(context, 2, 4)
                                  : syi_string_copy(context, "text");
        assert_null(given);
    }
    assert_int_equal(memory.refused, 4);
    memory_faults_context_free(&memory, context);
}

static void test_array_refuses_overflow_without_asking(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    const size_t calls = memory.calls;
    assert_null(syi_alloc_array(context, SIZE_MAX / 8 + 1, 8));
    assert_null(syi_alloc_array(context, 2, SIZE_MAX));
    assert_int_equal(memory.calls, calls);
    uint32_t *numbers = syi_alloc_array(context, 100, sizeof *numbers);
    assert_non_null(numbers);
    assert_true(all_bytes_are(numbers, 400, 0));
    syi_free(context, numbers, 400);
    void *none = syi_alloc_array(context, 0, 8);
    assert_non_null(none);
    syi_free(context, none, 0);
    memory_faults_context_free(&memory, context);
}

static void test_strings(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    char original[] = "crypto provider";
    char *copy = syi_string_copy(context, original);
    original[0] = 'X';
    assert_string_equal(copy, "crypto provider");
    char *empty = syi_string_copy(context, "");
    assert_string_equal(empty, "");
    assert_null(syi_string_copy(context, NULL));
    syi_string_free(context, copy);
    syi_string_free(context, empty);
    syi_string_free(context, NULL);
    syi_free(context, NULL, 10);
    syi_free_secret(context, NULL, 10);
    memory_faults_context_free(&memory, context);
}

static unsigned char released_memory[32];

static void *plain_allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    (void)alignment;
    return malloc(size);
}

static void remembering_release(void *user, void *memory, size_t size)
{
    (void)user;
    memcpy(released_memory, memory, size < sizeof released_memory ? size : sizeof released_memory);
    free(memory);
}

static void test_secrets_are_wiped_before_release(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = (sy_allocator){NULL, plain_allocate, remembering_release};
    sy_context *context;
    assert_int_equal(sy_context_new(&context, &options, NULL), SY_OK);
    for (int secret = 0; secret <= 1; secret++) {
        void *memory = syi_alloc(context, sizeof released_memory);
        memset(memory, 0x77, sizeof released_memory);
        (secret ? syi_free_secret : syi_free)(context, memory, sizeof released_memory);
        assert_true(all_bytes_are(released_memory, sizeof released_memory, secret ? 0 : 0x77));
    }
    sy_context_free(context);
}

static void test_wipe(void **state)
{
    (void)state;
    unsigned char bytes[8];
    memset(bytes, 0xEE, sizeof bytes);
    syi_wipe(bytes + 1, 6);
    assert_int_equal(bytes[0], 0xEE);
    assert_true(all_bytes_are(bytes + 1, 6, 0));
    assert_int_equal(bytes[7], 0xEE);
    syi_wipe(NULL, 0);
}

/* Where pieces are copied, and where all at once. */
static void test_copies(void **state)
{
    (void)state;
    enum { ROOM = 20000 };
    static const size_t lengths[] = {0, 1, 2048, 2049, 3071, 3072, 3073, 9000};
    static const size_t offsets[] = {0, 1, 12, 31, 32, 4095, 4096, 4100};
    uint8_t *from = malloc(ROOM), *to = malloc(ROOM);
    for (size_t i = 0; i < ROOM; i++) {
        from[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t k = 0; k < 8 * 8; k++) {
        const size_t size = lengths[k % 8];
        /* so far behind the source modulo the page */
        const size_t at = ((uintptr_t)from - (uintptr_t)to + offsets[k / 8]) % 4096;
        memset(to, 7, ROOM);
        syi_copy_bytes(to + at, from, size);
        assert_memory_equal(to + at, from, size);
        assert_int_equal(to[at + size], 7);
        assert_true(at == 0 || to[at - 1] == 7);
    }
    free(from);
    free(to);
}

static void test_size_arithmetic(void **state)
{
    (void)state;
    size_t result;
    assert_true(syi_size_mul(SIZE_MAX, 1, &result));
    assert_true(result == SIZE_MAX);
    assert_true(syi_size_mul(0, SIZE_MAX, &result));
    assert_int_equal(result, 0);
    assert_false(syi_size_mul(SIZE_MAX / 2 + 1, 2, &result));
    assert_true(syi_size_add(SIZE_MAX - 1, 1, &result));
    assert_true(result == SIZE_MAX);
    assert_false(syi_size_add(SIZE_MAX, 1, &result));
}

static void assert_account(const syi_account *account, uint64_t used, uint64_t peak)
{
    assert_int_equal(atomic_load(&account->used), used);
    assert_int_equal(atomic_load(&account->peak), peak);
}

static void test_account_keeps_to_its_limit(void **state)
{
    (void)state;
    syi_account account;
    sy_error err = SY_ERROR_INIT;
    syi_account_init(&account, "caller bob", 100, NULL);
    assert_ok(syi_account_charge(&account, 60, &err), &err);
    assert_ok(syi_account_charge(&account, 0, &err), &err);
    assert_ok(syi_account_check(&account, 40, &err), &err);
    assert_int_equal(syi_account_check(&account, 41, NULL), SY_ELIMIT);
    assert_account(&account, 60, 60);
    assert_int_equal(syi_account_charge(&account, 41, &err), SY_ELIMIT);
    assert_string_equal(err.message,
                        "caller bob: 41 bytes asked for with 60 in use pass the limit of 100");
    assert_string_equal(err.object, "caller bob");
    assert_int_equal(syi_account_charge(&account, UINT64_MAX, NULL), SY_ELIMIT);
    assert_account(&account, 60, 60);
    assert_ok(syi_account_charge(&account, 40, &err), &err);
    assert_int_equal(syi_account_charge(&account, 1, NULL), SY_ELIMIT);
    syi_account_release(&account, 70);
    assert_account(&account, 30, 100);
    assert_ok(syi_account_charge(&account, 5, &err), &err);
    assert_account(&account, 35, 100);
}

static void test_account_without_limit_stops_at_overflow(void **state)
{
    (void)state;
    syi_account account;
    sy_error err = SY_ERROR_INIT;
    syi_account_init(&account, "context", 0, NULL);
    assert_ok(syi_account_charge(&account, UINT64_MAX - 1, &err), &err);
    assert_int_equal(syi_account_charge(&account, 2, &err), SY_ELIMIT);
    assert_non_null(strstr(err.message, "context: 2 bytes"));
    assert_ok(syi_account_charge(&account, 1, &err), &err);
    assert_true(atomic_load(&account.used) == UINT64_MAX);
}

static void test_charge_goes_to_all_accounts_or_none(void **state)
{
    (void)state;
    syi_account root;
    syi_account worker;
    syi_account first;
    syi_account second;
    sy_error err = SY_ERROR_INIT;
    syi_account_init(&root, "context", 1000, NULL);
    syi_account_init(&worker, "worker alice", 100, &root);
    syi_account_init(&first, "caller 1", 80, &worker);
    syi_account_init(&second, "caller 2", 0, &worker);
    assert_ok(syi_account_charge(&first, 80, &err), &err);
    assert_account(&root, 80, 80);
    assert_int_equal(syi_account_check(&second, 21, &err), SY_ELIMIT);
    assert_int_equal(syi_account_charge(&second, 21, &err), SY_ELIMIT);
    assert_string_equal(err.object, "worker alice");
    assert_account(&second, 0, 0);
    assert_account(&worker, 80, 80);
    assert_account(&root, 80, 80);
    assert_ok(syi_account_charge(&second, 20, &err), &err);
    assert_account(&second, 20, 20);
    assert_account(&worker, 100, 100);
    syi_account_release(&first, 80);
    syi_account_release(&second, 20);
    assert_account(&root, 0, 100);
    assert_account(&worker, 0, 100);
    assert_account(&first, 0, 80);
}

enum { CHARGERS = 8, CHARGES = 10000 };

typedef struct charger {
    pthread_t thread;
    pthread_barrier_t *start; /* all at once, or the first is done before the last begins */
    syi_account *shared;
    syi_account own;
    property_random random;
    uint64_t granted;
    uint64_t refused;
    bool above_limit;
} charger;

/* Each holds at most one charge, of up to a quarter of the shared limit, so that refusals happen. */
static void *charge_and_release(void *argument)
{
    charger *self = argument;
    pthread_barrier_wait(self->start);
    for (int i = 0; i < CHARGES; i++) {
        const uint64_t bytes = 1 + property_next(&self->random) % 250;
        if (syi_account_charge(&self->own, bytes, NULL) == SY_OK) {
            self->granted++;
            self->above_limit |= atomic_load(&self->shared->used) > self->shared->limit;
            syi_account_release(&self->own, bytes);
        } else {
            self->refused++;
        }
    }
    return NULL;
}

static void test_account_in_threads(void **state)
{
    (void)state;
    static charger chargers[CHARGERS];
    syi_account shared;
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, CHARGERS);
    syi_account_init(&shared, "shared", 1000, NULL);
    property_random seed = property_start(__func__);
    for (int i = 0; i < CHARGERS; i++) {
        chargers[i] =
            (charger){.start = &start, .shared = &shared, .random = {property_next(&seed)}};
        syi_account_init(&chargers[i].own, "own", 0, &shared);
        assert_int_equal(
            pthread_create(&chargers[i].thread, NULL, charge_and_release, &chargers[i]), 0);
    }
    for (int i = 0; i < CHARGERS; i++) {
        pthread_join(chargers[i].thread, NULL);
        assert_false(chargers[i].above_limit);
        assert_int_equal(chargers[i].granted + chargers[i].refused, CHARGES);
        assert_int_equal(atomic_load(&chargers[i].own.used), 0);
        assert_in_range(atomic_load(&chargers[i].own.peak), 1, 250);
    }
    assert_int_equal(atomic_load(&shared.used), 0);
    assert_in_range(atomic_load(&shared.peak), 1, 1000);
    pthread_barrier_destroy(&start);
}

/* Of many threads that each want one unit, exactly as many get it as fit. */
static void *charge_one(void *argument)
{
    charger *self = argument;
    pthread_barrier_wait(self->start);
    for (int i = 0; i < CHARGES; i++) {
        self->granted += syi_account_charge(self->shared, 1, NULL) == SY_OK;
    }
    return NULL;
}

static void test_threads_fill_an_account_exactly(void **state)
{
    (void)state;
    static charger chargers[CHARGERS];
    const uint64_t limit = (uint64_t)CHARGERS * CHARGES - 777;
    syi_account shared;
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, CHARGERS);
    syi_account_init(&shared, "shared", limit, NULL);
    for (int i = 0; i < CHARGERS; i++) {
        chargers[i] = (charger){.start = &start, .shared = &shared};
        assert_int_equal(pthread_create(&chargers[i].thread, NULL, charge_one, &chargers[i]), 0);
    }
    uint64_t granted = 0;
    for (int i = 0; i < CHARGERS; i++) {
        pthread_join(chargers[i].thread, NULL);
        granted += chargers[i].granted;
    }
    assert_int_equal(granted, limit);
    assert_account(&shared, limit, limit);
    pthread_barrier_destroy(&start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_callers_memory_is_zeroed_and_released_with_its_size),
        cmocka_unit_test(test_refusal_is_null),
        cmocka_unit_test(test_array_refuses_overflow_without_asking),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_secrets_are_wiped_before_release),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_size_arithmetic),
        cmocka_unit_test(test_account_keeps_to_its_limit),
        cmocka_unit_test(test_account_without_limit_stops_at_overflow),
        cmocka_unit_test(test_charge_goes_to_all_accounts_or_none),
        cmocka_unit_test(test_account_in_threads),
        cmocka_unit_test(test_threads_fill_an_account_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
