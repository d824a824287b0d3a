/* deletions_test.c - the queue against a plain model: every deletion is sent, and sent again when it may have
 * been lost. */
#include <string.h>

#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"
#include "workers/deletions.h"

static sy_context *context_new(failing_allocator *memory)
{
    sy_context *context = failing_allocator_context(memory);
    assert_non_null(context);
    return context;
}

static void add(syi_deletion_queue *queue, int64_t first, int64_t count)
{
    for (int64_t k = first; k < first + count; k++) {
        const sy_id id = sy_id_from_int(k);
        assert_true(syi_deletion_queue_add(queue, &id, (uint64_t)k + 1));
    }
}

typedef struct seen {
    int64_t first, next; /* in order, without a hole */
} seen;

static void see(void *user, const syi_deletion *deletion)
{
    seen *s = user;
    if (s->first < 0) {
        s->first = s->next = deletion->id.number;
    }
    assert_int_equal(deletion->id.number, s->next);
    assert_int_equal(deletion->generation, (uint64_t)s->next + 1);
    s->next++;
}

/* Sends one message; its deletions are first .. first + count. */
static size_t send_one(syi_deletion_queue *queue, int64_t *first)
{
    syi_buffer body;
    seen s = {-1, -1};
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&body, queue->context, 1u << 20);
    const size_t count = syi_deletion_queue_send(queue, &body, 1, 0);
    if (count > 0) {
        assert_ok(syi_deletions_decode(body.data, body.length, see, &s, &err), &err);
        assert_int_equal(s.next - s.first, count);
    }
    *first = s.first;
    syi_buffer_fini(&body);
    return count;
}

static void test_answered(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = context_new(&memory);
    syi_deletion_queue queue;
    int64_t first = 0;
    assert_true(syi_deletion_queue_init(&queue, context));
    assert_int_equal(send_one(&queue, &first), 0);
    add(&queue, 0, 5);
    const uint64_t before = syi_deletion_queue_number(&queue);
    assert_int_equal(send_one(&queue, &first), 5);
    assert_int_equal(syi_deletion_queue_waiting(&queue), 0);
    const uint64_t behind = syi_deletion_queue_number(&queue);
    add(&queue, 5, 2);
    syi_deletion_queue_answered(&queue, before); /* was sent before them: says nothing */
    assert_int_equal(queue.count, 7);
    syi_deletion_queue_answered(&queue, behind);
    assert_int_equal(queue.count, 2);
    syi_deletion_queue_lost(&queue);
    assert_int_equal(send_one(&queue, &first), 2);
    assert_int_equal(first, 5);
    syi_deletion_queue_lost(&queue); /* not answered: again */
    assert_int_equal(send_one(&queue, &first), 2);
    assert_int_equal(first, 5);
    syi_deletion_queue_unsend(&queue, 2);
    assert_int_equal(syi_deletion_queue_waiting(&queue), 2);
    syi_deletion_queue_clear(&queue);
    assert_int_equal(syi_deletion_queue_waiting(&queue), 0);
    syi_deletion_queue_fini(&queue);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

/* Many at once go in messages of the largest size, and the memory comes back. */
static void test_many(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = context_new(&memory);
    syi_deletion_queue queue;
    int64_t first = 0;
    assert_true(syi_deletion_queue_init(&queue, context));
    const size_t usual = memory.live_bytes;
    add(&queue, 0, 100000);
    for (int64_t next = 0; next < 100000;) {
        const size_t count = send_one(&queue, &first);
        assert_in_range(count, 1, SYI_DELETIONS_MAX);
        assert_int_equal(first, next);
        next += (int64_t)count;
    }
    syi_deletion_queue_answered(&queue, syi_deletion_queue_number(&queue));
    assert_int_equal(queue.count, 0);
    assert_int_equal(memory.live_bytes, usual);
    /* Nobody answers: what was sent does not pile up for ever. */
    for (int64_t k = 0; k < 100; k++) {
        add(&queue, k * 1000, 1000);
        (void)send_one(&queue, &first);
    }
    assert_in_range(queue.capacity, 1, 65536);
    syi_deletion_queue_fini(&queue);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = context_new(&memory);
    syi_deletion_queue queue;
    memory.fail_at = memory.calls + 1;
    assert_false(syi_deletion_queue_init(&queue, context));
    memory.fail_at = 0;
    assert_true(syi_deletion_queue_init(&queue, context));
    add(&queue, 0, SYI_DELETIONS_MAX);
    memory.fail_at = memory.calls + 1;
    const sy_id id = sy_id_from_int(7);
    assert_false(syi_deletion_queue_add(&queue, &id, 1));
    assert_int_equal(syi_deletion_queue_waiting(&queue), SYI_DELETIONS_MAX);
    /* Those that were sent make room. */
    int64_t first = 0;
    memory.fail_at = 0;
    assert_int_equal(send_one(&queue, &first), SYI_DELETIONS_MAX);
    memory.fail_at = memory.calls + 1;
    assert_true(syi_deletion_queue_add(&queue, &id, 1));
    assert_int_equal(syi_deletion_queue_waiting(&queue), 1);
    memory.fail_at = 0;
    syi_deletion_queue_fini(&queue);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

/* Random steps. A deletion is finished only by an answer to a request that was sent behind it, on a connection
 * that lived until then. */
static void test_model(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = context_new(&memory);
    property_random random = property_start("deletions");
    syi_deletion_queue queue;
    assert_true(syi_deletion_queue_init(&queue, context));
    int64_t added = 0;
    int64_t sent = 0; /* on this connection, all below */
    int64_t done = 0;
    struct {
        uint64_t number;
        int64_t behind;
    } flying[32];
    size_t flying_count = 0;
    const long steps = property_iterations(20000);
    for (long k = 0; k < steps; k++) {
        int64_t first = 0;
        switch (property_between(&random, 0, 9)) {
        case 0:
        case 1:
        case 2:
            add(&queue, added, 1);
            added++;
            break;
        case 3:
        case 4: {
            const size_t count = send_one(&queue, &first);
            if (count > 0) {
                assert_int_equal(first, sent);
                sent = first + (int64_t)count;
            }
        } break;
        case 5:
        case 6:
            if (flying_count < 32) {
                flying[flying_count].number = syi_deletion_queue_number(&queue);
                flying[flying_count++].behind = sent;
            }
            break;
        case 7:
        case 8:
            if (flying_count > 0) {
                const size_t at = (size_t)property_between(&random, 0, (int64_t)flying_count - 1);
                syi_deletion_queue_answered(&queue, flying[at].number);
                done = flying[at].behind > done ? flying[at].behind : done;
                flying[at] = flying[--flying_count];
            }
            break;
        default:
            syi_deletion_queue_lost(&queue);
            flying_count = 0;
            sent = added - (int64_t)queue.count; /* all that it did not forget */
            break;
        }
        assert_true(added - (int64_t)queue.count <= done); /* forgets nothing too early */
    }
    syi_deletion_queue_fini(&queue);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

/* Sends one message in `frame`; returns how many deletions were in it. */
static size_t send_in(syi_deletion_queue *queue, uint64_t frame, uint64_t before)
{
    syi_buffer body;
    syi_buffer_init(&body, queue->context, 1u << 20);
    const size_t count = syi_deletion_queue_send(queue, &body, frame, before);
    syi_buffer_fini(&body);
    return count;
}

/* The worker says how many frames have arrived: exactly the others are sent again, each before the requests that it had
 * left before. */
static void test_arrived(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = context_new(&memory);
    syi_deletion_queue queue;
    assert_true(syi_deletion_queue_init(&queue, context));
    add(&queue, 0, 2);
    assert_int_equal(send_in(&queue, 3, 0), 2);
    add(&queue, 2, 3);
    assert_int_equal(send_in(&queue, 5, 0), 3);
    add(&queue, 5, 1);
    assert_int_equal(send_in(&queue, 8, 0), 1);
    add(&queue, 6, 4); /* not sent yet */
    syi_deletion_queue_arrived(&queue, 4);
    assert_int_equal(syi_deletion_queue_waiting(&queue), 8);
    assert_int_equal(send_in(&queue, 5, 5), 0); /* before the request that was number 5: none */
    assert_int_equal(send_in(&queue, 6, 7), 3); /* before 7: those of 5 */
    assert_int_equal(send_in(&queue, 8, 9), 1); /* before 9: that of 8, and not what never left */
    assert_int_equal(send_in(&queue, 9, 10), 0);
    assert_int_equal(send_in(&queue, 9, 0), 4);
    syi_deletion_queue_arrived(&queue, 6); /* again, and the last two frames were lost */
    assert_int_equal(syi_deletion_queue_waiting(&queue), 5);
    syi_deletion_queue_lost(&queue);
    syi_deletion_queue_arrived(&queue, 8); /* what failed in between changes nothing */
    assert_int_equal(syi_deletion_queue_waiting(&queue), 4);
    assert_int_equal(send_in(&queue, 9, 0), 4);
    syi_deletion_queue_unsend(&queue, 4); /* it has not left */
    syi_deletion_queue_arrived(&queue, 9);
    assert_int_equal(syi_deletion_queue_waiting(&queue), 4);
    syi_deletion_queue_fini(&queue);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered), cmocka_unit_test(test_arrived),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
