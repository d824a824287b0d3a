/* journal_test.c - the ring keeps the newest entries, numbers all, and costs no more than it was given. */
#include "transport/journal.h"

#include <pthread.h>
#include <stdio.h>

#include "support/failing_allocator.h"
#include "support/test.h"

static void describe(const syi_message *message, syi_journal_entry *entry)
{
    snprintf(entry->kind, sizeof entry->kind, "kind %d", message->kind);
}

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_journal journal;
    syi_message message;
    sy_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->context = failing_allocator_context(&f->memory);
    syi_journal_init(&f->journal, f->context, "bob", describe);
    syi_message_init(&f->message, f->context, 100);
    return f->context == NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    syi_message_fini(&f->message);
    syi_journal_fini(&f->journal);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static void note(fixture *f, uint64_t id, bool received)
{
    syi_journal_entry entry;
    f->message.id = id;
    f->message.kind = 33;
    syi_journal_prepare(&f->journal, &entry, &f->message, received, "me", "tcp://127.0.0.1:1");
    syi_journal_note(&f->journal, &entry);
}

static void test_newest_are_kept(void **state)
{
    fixture *f = *state;
    syi_journal_entry read[10];
    uint64_t sent = 0;
    uint64_t received = 0;
    assert_ok(syi_journal_open(&f->journal, 4, false, &f->err), &f->err);
    for (uint64_t k = 0; k < 11; k++) {
        note(f, 100 + k, k % 3 != 0);
    }
    assert_int_equal(syi_journal_read(&f->journal, 0, read, 10), 4);
    for (uint64_t k = 0; k < 4; k++) {
        assert_int_equal(read[k].number, 7 + k);
        assert_int_equal(read[k].message_id, 107 + k);
        assert_int_equal(read[k].received, (7 + k) % 3 != 0);
        assert_int_equal(read[k].size, SYI_FRAME_HEADER_SIZE);
        assert_true(k == 0 || read[k].time_us >= read[k - 1].time_us);
    }
    assert_string_equal(read[0].kind, "kind 33");
    assert_string_equal(read[0].peer, "me");
    assert_string_equal(read[0].address, "tcp://127.0.0.1:1");
    assert_int_equal(syi_journal_read(&f->journal, 9, read, 10), 2);
    assert_int_equal(read[0].number, 9);
    assert_int_equal(syi_journal_read(&f->journal, 9, read, 1), 1);
    assert_int_equal(syi_journal_read(&f->journal, 11, read, 10), 0);
    assert_int_equal(syi_journal_read(&f->journal, UINT64_MAX, read, 10), 0);
    syi_journal_get_counts(&f->journal, &sent, &received);
    assert_int_equal(sent, 4); /* 0, 3, 6, 9 */
    assert_int_equal(received, 7);
}

/* _get_msg counts the received ones. */
static void test_index_counts_one_direction(void **state)
{
    fixture *f = *state;
    syi_journal_entry entry;
    assert_ok(syi_journal_open(&f->journal, 4, false, &f->err), &f->err);
    assert_false(syi_journal_find(&f->journal, true, 0, &entry));
    assert_false(syi_journal_find(&f->journal, true, -1, &entry));
    note(f, 1, true);
    note(f, 2, false);
    note(f, 3, true);
    assert_true(syi_journal_find(&f->journal, true, 0, &entry));
    assert_int_equal(entry.message_id, 1);
    assert_true(syi_journal_find(&f->journal, true, 1, &entry));
    assert_int_equal(entry.message_id, 3);
    assert_true(syi_journal_find(&f->journal, true, -1, &entry));
    assert_int_equal(entry.message_id, 3);
    assert_true(syi_journal_find(&f->journal, true, -2, &entry));
    assert_int_equal(entry.message_id, 1);
    assert_false(syi_journal_find(&f->journal, true, -3, &entry));
    assert_false(syi_journal_find(&f->journal, true, 2, &entry));
    assert_false(syi_journal_find(&f->journal, true, INT64_MIN, &entry));
    assert_false(syi_journal_find(&f->journal, true, INT64_MAX, &entry));
    assert_true(syi_journal_find(&f->journal, false, -1, &entry));
    assert_int_equal(entry.message_id, 2);
    for (uint64_t k = 0; k < 4; k++) {
        note(f, 10 + k, false);
    }
    assert_false(syi_journal_find(&f->journal, true, 0, &entry)); /* it has left the ring */
    assert_false(syi_journal_find(&f->journal, true, -1, &entry));
}

static void test_closed_keeps_nothing(void **state)
{
    fixture *f = *state;
    syi_journal_entry entry;
    uint64_t sent = 7;
    uint64_t received = 7;
    assert_false(syi_journal_is_open(&f->journal));
    assert_false(syi_journal_is_open(NULL));
    note(f, 1, true);
    assert_int_equal(syi_journal_read(&f->journal, 0, &entry, 1), 0);
    assert_ok(syi_journal_open(&f->journal, 2, false, &f->err), &f->err);
    assert_true(syi_journal_is_open(&f->journal));
    note(f, 2, true);
    assert_ok(syi_journal_open(&f->journal, 0, true, &f->err), &f->err);
    assert_false(syi_journal_is_open(&f->journal));
    assert_int_equal(syi_journal_read(&f->journal, 0, &entry, 1), 0);
    syi_journal_get_counts(&f->journal, &sent, &received);
    assert_int_equal(sent + received, 0);
}

static void test_no_memory_changes_nothing(void **state)
{
    fixture *f = *state;
    syi_journal_entry entry;
    assert_ok(syi_journal_open(&f->journal, 2, false, &f->err), &f->err);
    note(f, 5, true);
    f->memory.fail_at = f->memory.calls + 1;
    assert_status(syi_journal_open(&f->journal, 8, false, &f->err), SY_ENOMEM, &f->err);
    f->memory.fail_at = 0;
    assert_int_equal(syi_journal_read(&f->journal, 0, &entry, 1), 1);
    assert_int_equal(entry.message_id, 5);
}

/* Many threads: no number twice, none missing. */
enum { THREADS = 4, EACH = 500 };

static void *note_many(void *argument)
{
    fixture *f = argument;
    syi_message message;
    syi_message_init(&message, f->context, 10);
    for (int k = 0; k < EACH; k++) {
        syi_journal_entry entry;
        syi_journal_prepare(&f->journal, &entry, &message, true, NULL, "");
        syi_journal_note(&f->journal, &entry);
    }
    syi_message_fini(&message);
    return NULL;
}

static void test_threads(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    syi_journal_entry *read = calloc(THREADS * EACH, sizeof *read);
    assert_ok(syi_journal_open(&f->journal, THREADS * EACH, false, &f->err), &f->err);
    for (int k = 0; k < THREADS; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, note_many, f), 0);
    }
    for (int k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
    }
    assert_int_equal(syi_journal_read(&f->journal, 0, read, THREADS * EACH), THREADS * EACH);
    for (uint64_t k = 0; k < THREADS * EACH; k++) {
        assert_int_equal(read[k].number, k);
        assert_int_equal(read[k].nth, k);
    }
    free(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_newest_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_counts_one_direction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_keeps_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
