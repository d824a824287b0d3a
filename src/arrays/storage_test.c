/* storage_test.c - ownership, accounts, wiping and foreign memory of storage. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arrays/array.h"
#include "support/failing_allocator.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    int broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static void test_new_is_aligned(void **state)
{
    fixture *f = *state;
    static const size_t sizes[] = {0, 1, 8, 63, 64, 65, 4096, 1000003};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        syi_storage *storage;
        size_t calls = f->memory.calls;
        assert_int_equal(syi_storage_new(f->context, &storage, sizes[i], NULL, NULL), SY_OK);
        assert_int_equal(f->memory.calls, calls + 1);
        assert_int_equal(storage->size, sizes[i]);
        assert_int_equal((uintptr_t)storage->data % SYI_STORAGE_ALIGNMENT, 0);
        assert_false(storage->secret);
        assert_int_equal(atomic_load(&storage->version), 0);
        memset(storage->data, 1, sizes[i]);
        syi_storage_unref(storage);
    }
}

/* Small blocks are shifted into place by storage.c; with the system's malloc they start anywhere. */
static void test_every_small_size(void **state)
{
    (void)state;
    sy_context *context;
    assert_int_equal(sy_context_new(&context, NULL, NULL), SY_OK);
    enum { SIZES = 1200 };
    syi_storage *held[SIZES];
    for (size_t size = 0; size < SIZES; size++) {
        assert_int_equal(syi_storage_new(context, &held[size], size, NULL, NULL), SY_OK);
        assert_int_equal((uintptr_t)held[size]->data % SYI_STORAGE_ALIGNMENT, 0);
        memset(held[size]->data, (int)size & 255, size);
    }
    for (size_t size = 0; size < SIZES; size++) {
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(held[size]->data[i], size & 255);
        }
        held[size]->secret = size % 2 == 0;
        syi_storage_unref(held[size]);
    }
    sy_context_free(context);
}

static void test_last_reference_frees(void **state)
{
    fixture *f = *state;
    syi_account account;
    syi_account_init(&account, "test", 0, NULL);
    size_t live = f->memory.live;
    syi_storage *storage;
    assert_int_equal(syi_storage_new(f->context, &storage, 100, &account, NULL), SY_OK);
    assert_int_equal(atomic_load(&account.used), 100);
    assert_ptr_equal(syi_storage_ref(storage), storage);
    syi_storage_unref(storage);
    assert_int_equal(f->memory.live, live + 1);
    syi_storage_unref(storage);
    assert_int_equal(f->memory.live, live);
    assert_int_equal(atomic_load(&account.used), 0);
    assert_int_equal(atomic_load(&account.peak), 100);
    syi_storage_unref(NULL);
    assert_null(syi_storage_ref(NULL));
}

static void test_account_refuses(void **state)
{
    fixture *f = *state;
    syi_account account;
    syi_account_init(&account, "tenant", 1000, NULL);
    syi_storage *first, *second;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_storage_new(f->context, &first, 900, &account, &err), SY_OK);
    size_t calls = f->memory.calls;
    assert_int_equal(syi_storage_new(f->context, &second, 101, &account, &err), SY_ELIMIT);
    assert_null(second);
    assert_int_equal(f->memory.calls, calls);
    assert_non_null(strstr(err.message, "tenant"));
    assert_int_equal(atomic_load(&account.used), 900);
    syi_storage_unref(first);
}

static void test_refused_memory_uncharges(void **state)
{
    fixture *f = *state;
    syi_account account;
    syi_account_init(&account, "test", 0, NULL);
    syi_storage *storage;
    sy_error err = SY_ERROR_INIT;
    f->memory.calls = 0;
    f->memory.fail_at = 1;
    assert_int_equal(syi_storage_new(f->context, &storage, 77, &account, &err), SY_ENOMEM);
    assert_null(storage);
    assert_non_null(strstr(err.message, "77"));
    assert_int_equal(atomic_load(&account.used), 0);
    f->memory.fail_at = 0;
    assert_int_equal(syi_storage_new(f->context, &storage, SIZE_MAX - 10, NULL, &err), SY_ENOMEM);
    assert_int_equal(err.status, SY_ENOMEM);
    assert_null(storage);
}

typedef struct wipe_watch {
    size_t size;
    bool released;
    bool zero;
} wipe_watch;

static void watch_release(void *user, const void *memory, size_t size)
{
    wipe_watch *watch = user;
    const unsigned char *bytes = memory;
    if (size < watch->size) {
        return;
    }
    watch->released = true;
    watch->zero = true;
    for (size_t i = 0; i < size; i++) {
        watch->zero = watch->zero && bytes[i] == 0;
    }
}

static void test_secret_is_wiped(void **state)
{
    fixture *f = *state;
    for (int secret = 0; secret < 2; secret++) {
        wipe_watch watch = {.size = 5000};
        syi_storage *storage;
        assert_int_equal(syi_storage_new(f->context, &storage, watch.size, NULL, NULL), SY_OK);
        memset(storage->data, 0x5a, watch.size);
        storage->secret = secret == 1;
        f->memory.seen = watch_release;
        f->memory.seen_user = &watch;
        syi_storage_unref(storage);
        f->memory.seen = NULL;
        assert_true(watch.released);
        assert_int_equal(watch.zero, secret == 1);
    }
}

static void count_release(void *user)
{
    ++*(int *)user;
}

static void test_wrapped_memory(void **state)
{
    fixture *f = *state;
    int released = 0;
    uint8_t bytes[16] = {1, 2, 3};
    syi_storage *storage;
    assert_int_equal(
        syi_storage_wrap(f->context, &storage, bytes, sizeof bytes, count_release, &released, NULL),
        SY_OK);
    assert_ptr_equal(storage->data, bytes);
    assert_int_equal(storage->size, sizeof bytes);
    syi_storage_ref(storage);
    storage->secret = true;
    syi_storage_unref(storage);
    assert_int_equal(released, 0);
    syi_storage_unref(storage);
    assert_int_equal(released, 1);
    assert_int_equal(bytes[2], 3); /* the owner's to wipe */

    assert_int_equal(syi_storage_wrap(f->context, &storage, NULL, 0, NULL, NULL, NULL), SY_OK);
    syi_storage_unref(storage);

    f->memory.calls = 0;
    f->memory.fail_at = 1;
    assert_int_equal(
        syi_storage_wrap(f->context, &storage, bytes, sizeof bytes, count_release, &released, NULL),
        SY_ENOMEM);
    assert_null(storage);
    assert_int_equal(released, 1);
}

static void *ref_and_unref(void *argument)
{
    for (int i = 0; i < 20000; i++) {
        syi_storage_unref(syi_storage_ref(argument));
    }
    syi_storage_unref(argument);
    return NULL;
}

static void test_references_from_threads(void **state)
{
    fixture *f = *state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int released = 0;
    uint8_t byte = 0;
    syi_storage *storage;
    assert_int_equal(
        syi_storage_wrap(f->context, &storage, &byte, 1, count_release, &released, NULL), SY_OK);
    int started = 0;
    for (; started < THREADS; started++) {
        syi_storage_ref(storage);
        if (pthread_create(&threads[started], NULL, ref_and_unref, storage) != 0) {
            syi_storage_unref(storage);
            break;
        }
    }
    syi_storage_unref(storage);
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(started, THREADS);
    assert_int_equal(released, 1);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_new_is_aligned),           cmocka_unit_test(test_every_small_size),
        FIXTURE_TEST(test_last_reference_frees),     FIXTURE_TEST(test_account_refuses),
        FIXTURE_TEST(test_refused_memory_uncharges), FIXTURE_TEST(test_secret_is_wiped),
        FIXTURE_TEST(test_wrapped_memory),           FIXTURE_TEST(test_references_from_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
