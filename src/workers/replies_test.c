/* replies_test.c - the memory of answers against a plain model: what the client may still lack is known as it was,
 * within the bounds, and nothing is left behind. */
#include <string.h>

#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"
#include "workers/replies.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_replies replies;
    syi_message answer;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->context = failing_allocator_context(&f->memory);
    syi_replies_init(&f->replies, f->context);
    syi_message_init(&f->answer, f->context, 1u << 20);
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    syi_replies_fini(&f->replies);
    syi_message_fini(&f->answer);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static syi_kept_reply *begin(fixture *f, uint64_t sequence, uint32_t window)
{
    syi_kept_reply *dropped = NULL;
    syi_kept_reply *entry = syi_replies_begin(&f->replies, sequence, window, &dropped);
    syi_replies_free(f->context, dropped);
    return entry;
}

/* The answer to request `sequence` is `size` bytes of its number. */
static bool keep(fixture *f, syi_kept_reply *entry, uint64_t sequence, size_t size)
{
    syi_kept_reply *dropped = NULL;
    syi_message_clear(&f->answer);
    f->answer.kind = SYI_KIND_REPLY;
    f->answer.id = sequence + 1000;
    f->answer.trace = sequence * 7;
    memset(syi_buffer_extend(&f->answer.body, size), (int)(sequence % 251), size);
    const bool kept = syi_replies_keep(&f->replies, entry, &f->answer, 0, &dropped);
    syi_replies_free(f->context, dropped);
    return kept;
}

static void assert_known(fixture *f, uint64_t sequence, size_t size)
{
    syi_message_clear(&f->answer);
    assert_int_equal(syi_replies_recall(&f->replies, sequence, &f->answer), SYI_RECALL_ANSWER);
    assert_int_equal(f->answer.kind, SYI_KIND_REPLY);
    assert_int_equal(f->answer.id, sequence + 1000);
    assert_int_equal(f->answer.trace, sequence * 7);
    assert_int_equal(f->answer.body.length, size);
    for (size_t k = 0; k < size; k++) {
        assert_int_equal(f->answer.body.data[k], sequence % 251);
    }
}

static void assert_recall(fixture *f, uint64_t sequence, syi_recall expected)
{
    syi_message_clear(&f->answer);
    assert_int_equal(syi_replies_recall(&f->replies, sequence, &f->answer), expected);
}

static void test_one_after_the_other(void **state)
{
    fixture *f = *state;
    assert_recall(f, 1, SYI_RECALL_GONE);
    syi_kept_reply *first = begin(f, 1, 1);
    assert_recall(f, 1, SYI_RECALL_RUNNING);
    assert_true(keep(f, first, 1, 10));
    assert_known(f, 1, 10);
    assert_known(f, 1, 10);                  /* as often as one asks */
    syi_kept_reply *second = begin(f, 2, 2); /* the first may still be missing */
    assert_known(f, 1, 10);
    assert_true(keep(f, second, 2, 100));
    syi_kept_reply *third = begin(f, 3, 1); /* all before are there */
    assert_recall(f, 1, SYI_RECALL_GONE);
    assert_recall(f, 2, SYI_RECALL_GONE);
    assert_recall(f, 3, SYI_RECALL_RUNNING);
    assert_true(keep(f, third, 3, 0));
    assert_known(f, 3, 0);
    assert_int_equal(f->replies.count, 1);
}

/* A request that takes long does not keep the answers after it, once they are seen, and is not lost among them. */
static void test_one_takes_long(void **state)
{
    fixture *f = *state;
    syi_kept_reply *slow = begin(f, 1, 1);
    for (uint64_t k = 2; k < 3 * (uint64_t)SYI_REPLIES_MAX; k++) {
        syi_kept_reply *entry = begin(f, k, (uint32_t)(k < 60000 ? k : 60000));
        assert_true(keep(f, entry, k, 8));
    }
    assert_in_range(f->replies.count, 1, SYI_REPLIES_MAX);
    assert_recall(f, 1, SYI_RECALL_RUNNING);
    assert_recall(f, 2, SYI_RECALL_GONE); /* the oldest went */
    assert_known(f, 3 * (uint64_t)SYI_REPLIES_MAX - 1, 8);
    assert_true(keep(f, slow, 1, 8));
    assert_known(f, 1, 8);
}

static void test_too_large(void **state)
{
    fixture *f = *state;
    assert_true(keep(f, begin(f, 1, 1), 1, SYI_REPLIES_BODY_MAX));
    assert_known(f, 1, SYI_REPLIES_BODY_MAX);
    assert_false(keep(f, begin(f, 2, 2), 2, SYI_REPLIES_BODY_MAX + 1));
    assert_recall(f, 2, SYI_RECALL_GONE);
    for (uint64_t k = 3; k < 3000; k++) { /* 187 MiB in all */
        assert_true(keep(f, begin(f, k, SYI_WINDOW_UNSAID), k, SYI_REPLIES_BODY_MAX));
        assert_true(f->replies.copied <= SYI_REPLIES_COPIED_MAX);
    }
    assert_known(f, 2999, SYI_REPLIES_BODY_MAX);
    assert_recall(f, 3, SYI_RECALL_GONE);
}

/* Segments are not copied, and live as long as the answer. */
static void test_segments(void **state)
{
    fixture *f = *state;
    sy_error err = SY_ERROR_INIT;
    syi_kept_reply *dropped = NULL;
    syi_storage *storage = NULL;
    assert_ok(syi_storage_new(f->context, &storage, 1000, NULL, &err), &err);
    const uint8_t *data = storage->data;
    syi_kept_reply *entry = begin(f, 1, 1);
    f->answer.kind = SYI_KIND_REPLY;
    assert_ok(syi_message_add_segment(&f->answer, storage, 8, 900, 5, &err), &err);
    syi_storage_unref(storage);
    assert_true(syi_replies_keep(&f->replies, entry, &f->answer, 0, &dropped));
    syi_message_clear(&f->answer);
    assert_recall(f, 1, SYI_RECALL_ANSWER);
    assert_int_equal(f->answer.segment_count, 1);
    assert_ptr_equal(f->answer.segments[0].data, data + 8);
    assert_int_equal(f->answer.segments[0].length, 900);
    assert_int_equal(f->answer.segments[0].flags, 5);
    assert_int_equal(f->replies.bytes, 900);
    syi_message_clear(&f->answer);
    syi_replies_seen(&f->replies, 1, &dropped);
    assert_non_null(dropped);
    syi_replies_free(f->context, dropped);
    assert_int_equal(f->replies.bytes, 0);
}

/* An answer with a segment of `size` bytes, behind which `queued` bytes wait. */
static bool keep_segment(fixture *f, uint64_t sequence, size_t size, uint64_t queued)
{
    static uint8_t nowhere[1]; /* nobody reads it */
    sy_error err = SY_ERROR_INIT;
    syi_kept_reply *dropped = NULL;
    syi_storage *storage = NULL;
    syi_kept_reply *entry = begin(f, sequence, SYI_WINDOW_UNSAID);
    assert_ok(syi_storage_wrap(f->context, &storage, nowhere, size, NULL, NULL, &err), &err);
    syi_message_clear(&f->answer);
    f->answer.kind = SYI_KIND_REPLY;
    assert_ok(syi_message_add_segment(&f->answer, storage, 0, size, 0, &err), &err);
    syi_storage_unref(storage);
    const bool kept = syi_replies_keep(&f->replies, entry, &f->answer, queued, &dropped);
    syi_message_clear(&f->answer);
    syi_replies_free(f->context, dropped);
    return kept;
}

/* What may be on its way is known whatever its size: the last one, and what waits to be sent; others go when there is
 * enough behind them. */
static void test_large_segments(void **state)
{
    fixture *f = *state;
    const size_t many = SYI_REPLIES_BYTES_MAX;
    assert_true(keep(f, begin(f, 1, 1), 1, 10));
    assert_true(keep_segment(f, 2, 20 * many, 0));
    assert_recall(f, 2, SYI_RECALL_ANSWER);
    assert_true(keep_segment(f, 3, many - 1, 0));
    assert_recall(f, 2, SYI_RECALL_ANSWER); /* a little may be missing of it */
    assert_true(keep_segment(f, 4, 1, 0));
    assert_recall(f, 2, SYI_RECALL_GONE);
    assert_recall(f, 3, SYI_RECALL_ANSWER);
    assert_true(
        keep_segment(f, 5, 2 * many, many - 1)); /* half of the one before is not sent yet */
    assert_recall(f, 3, SYI_RECALL_GONE);
    assert_true(keep_segment(f, 6, 2 * many, 2 * many));
    assert_recall(f, 5, SYI_RECALL_ANSWER);
    assert_true(keep_segment(f, 7, many, 2 * many));
    assert_recall(f, 5, SYI_RECALL_GONE);
    assert_recall(f, 6, SYI_RECALL_ANSWER);
    syi_message_clear(&f->answer);
    assert_known(f, 1, 10); /* takes no room */
}

/* Without memory an answer is not remembered; nothing else happens. */
static void test_no_memory(void **state)
{
    fixture *f = *state;
    assert_non_null(syi_buffer_extend(&f->answer.body, 1000)); /* of the test itself */
    syi_kept_reply *entry = begin(f, 1, 1);
    f->memory.fail_at = f->memory.calls + 1;
    assert_false(keep(f, entry, 1, 100));
    assert_recall(f, 1, SYI_RECALL_GONE);
    f->memory.fail_at = f->memory.calls + 1;
    assert_null(begin(f, 2, 2));
    f->memory.fail_at = 0;
    syi_kept_reply *dropped = NULL;
    assert_int_equal(f->replies.copied, 0);
    entry = begin(f, 3, 3);
    syi_replies_cancel(&f->replies, entry, &dropped);
    syi_replies_free(f->context, dropped);
    assert_recall(f, 3, SYI_RECALL_GONE);
    entry = begin(f, 4, 4);
    assert_true(keep(f, entry, 4, 3000));
    syi_message_fini(&f->answer);
    syi_message_init(&f->answer, f->context, 1u << 20);
    f->memory.fail_at = f->memory.calls + 1;
    assert_recall(f, 4, SYI_RECALL_LATER);
    f->memory.fail_at = 0;
    syi_message_fini(&f->answer); /* what could not be copied has spoiled it */
    syi_message_init(&f->answer, f->context, 1u << 20);
    assert_known(f, 4, 3000);
}

#define MODEL_OPEN 40

/* Requests come in order, end in any, and are seen in any: whatever the client may lack is known. */
static void test_model(void **state)
{
    fixture *f = *state;
    property_random random = property_start("replies");
    syi_kept_reply *open[MODEL_OPEN] = {NULL};
    uint64_t sequences[MODEL_OPEN] = {0};
    uint64_t last = 0;
    uint64_t oldest = 1; /* that the client lacks */
    for (long k = 0; k < property_iterations(20000); k++) {
        const int64_t slot = property_between(&random, 0, MODEL_OPEN - 1);
        if (open[slot] == NULL) {
            last++;
            oldest += last - oldest > 200 ? 100 : 0;
            sequences[slot] = last;
            open[slot] = begin(f, last, (uint32_t)(last - oldest + 1));
            assert_non_null(open[slot]);
        } else {
            assert_recall(f, sequences[slot], SYI_RECALL_RUNNING);
            assert_true(keep(f, open[slot], sequences[slot], sequences[slot] % 200));
            assert_known(f, sequences[slot], sequences[slot] % 200);
            open[slot] = NULL;
        }
    }
    for (uint64_t k = oldest; k <= last; k++) {
        bool running = false;
        for (int i = 0; i < MODEL_OPEN; i++) {
            running |= open[i] != NULL && sequences[i] == k;
        }
        if (running) {
            assert_recall(f, k, SYI_RECALL_RUNNING);
        } else {
            assert_known(f, k, k % 200);
        }
    }
    assert_in_range(f->replies.count, 0, 260);
}

#define replies_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        replies_test(test_one_after_the_other),
        replies_test(test_one_takes_long),
        replies_test(test_too_large),
        replies_test(test_segments),
        replies_test(test_large_segments),
        replies_test(test_no_memory),
        replies_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
