/* outgoing_test.c - the queue gives the frames' bytes back in order, whatever the portions; segments are kept by
 * reference; a failed append leaves no trace. */
#include "transport/outgoing.h"

#include "support/memory_faults.h"
#include "support/property.h"

static void make(syi_message *message, sy_context *context, uint64_t id, size_t body,
                 const size_t *segments, uint32_t count)
{
    sy_error err = SY_ERROR_INIT;
    syi_message_init(message, context, body);
    message->id = id;
    memset(syi_buffer_extend(&message->body, body), (int)(id & 0xff), body);
    for (uint32_t i = 0; i < count; i++) {
        syi_storage *storage;
        assert_ok(syi_storage_new(context, &storage, segments[i], NULL, &err), &err);
        memset(storage->data, (int)((id + i) & 0xff), segments[i]);
        assert_ok(syi_message_add_segment(message, storage, 0, segments[i], 0, &err), &err);
        syi_storage_unref(storage);
    }
}

/* What must come out for it. */
static void expect(syi_buffer *bytes, const syi_message *message, bool prefixed)
{
    if (prefixed) {
        syi_put_u64le(syi_buffer_extend(bytes, 8), syi_frame_length(message));
    }
    syi_frame_put_head(message, syi_buffer_extend(bytes, syi_frame_head_size(message)));
    syi_buffer_append(bytes, message->body.data, message->body.length);
    for (uint32_t i = 0; i < message->segment_count; i++) {
        syi_buffer_append(bytes, message->segments[i].data, (size_t)message->segments[i].length);
    }
}

/* Takes `count` bytes off the front in one of both ways, comparing. */
static void take(syi_outgoing *out, const uint8_t *expected, size_t count, bool by_pieces)
{
    static uint8_t to[400000];
    if (!by_pieces) {
        syi_outgoing_take(out, to, count);
        assert_memory_equal(to, expected, count);
        return;
    }
    struct iovec pieces[7];
    const size_t found = syi_outgoing_pieces(out, pieces, 7);
    size_t at = 0;
    for (size_t i = 0; i < found && at < count; i++) {
        const size_t part = pieces[i].iov_len < count - at ? pieces[i].iov_len : count - at;
        assert_true(part > 0);
        assert_memory_equal(pieces[i].iov_base, expected + at, part);
        at += part;
    }
    syi_outgoing_consume(out, at);
    if (at < count) {
        take(out, expected + at, count - at, by_pieces);
    }
}

static void test_bytes_come_back(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    property_random random = property_start(__func__);
    const long rounds = property_iterations(400);
    static const size_t sizes[] = {0, 1, 100, 4000, 4095, 4096, 4097, 20000, 70000};
    for (int prefixed = 0; prefixed < 2; prefixed++) {
        syi_outgoing out;
        syi_buffer bytes;
        size_t at = 0;
        syi_outgoing_init(&out, context, prefixed != 0);
        syi_buffer_init(&bytes, context, SIZE_MAX / 2);
        for (long i = 0; i < rounds; i++) {
            size_t segments[3];
            syi_message message;
            sy_error err = SY_ERROR_INIT;
            for (int k = 0; k < 3; k++) {
                segments[k] = sizes[property_next(&random) % 9];
            }
            make(&message, context, (uint64_t)i, sizes[property_next(&random) % 9], segments,
                 (uint32_t)(property_next(&random) % 4));
            expect(&bytes, &message, prefixed != 0);
            assert_ok(syi_outgoing_append(&out, &message, &err), &err);
            assert_int_equal(message.body.length, 0);
            assert_int_equal(message.segment_count, 0);
            syi_message_fini(&message);
            assert_int_equal(out.bytes, bytes.length - at);
            size_t count = property_next(&random) % (bytes.length - at + 1);
            count = count > 400000 ? 400000 : count;
            take(&out, bytes.data + at, count, property_next(&random) % 2 == 0);
            at += count;
            assert_int_equal(out.bytes, bytes.length - at);
        }
        while (at < bytes.length) {
            const size_t left = bytes.length - at;
            const size_t count = left < 400000 ? left : 400000;
            take(&out, bytes.data + at, count, true);
            at += count;
        }
        struct iovec piece;
        assert_int_equal(syi_outgoing_pieces(&out, &piece, 1), 0);
        syi_outgoing_fini(&out);
        syi_buffer_fini(&bytes);
    }
    memory_faults_context_free(&memory, context);
}

static void test_segments_are_not_copied(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    const size_t size = 1 << 20;
    syi_message message;
    syi_outgoing out;
    sy_error err = SY_ERROR_INIT;
    make(&message, context, 1, 100000, &size, 1);
    syi_storage *storage = syi_storage_ref(message.segments[0].storage);
    const uint8_t *body = message.body.data;
    syi_outgoing_init(&out, context, false);
    assert_ok(syi_outgoing_append(&out, &message, &err), &err);
    struct iovec pieces[4];
    assert_int_equal(syi_outgoing_pieces(&out, pieces, 4), 3);
    assert_ptr_equal(pieces[1].iov_base, body); /* nor a large body */
    assert_ptr_equal(pieces[2].iov_base, storage->data);
    assert_int_equal(storage->refs, 2);
    syi_outgoing_consume(&out, (size_t)out.bytes - 1);
    assert_int_equal(storage->refs, 2);
    syi_outgoing_consume(&out, 1);
    assert_int_equal(storage->refs, 1);
    syi_storage_unref(storage);
    syi_message_fini(&message);
    syi_outgoing_fini(&out);
    memory_faults_context_free(&memory, context);
}

/* Appends two frames; the second one's failure leaves the first one whole. */
static void test_out_of_memory(void **state)
{
    (void)state;
    const size_t segments[] = {9000, 100, 8000};
    for (size_t nth = 1;; nth++) {
        failing_allocator memory = {0};
        sy_context *context = memory_faults_context(&memory);
        sy_error err = SY_ERROR_INIT;
        syi_outgoing out;
        syi_buffer bytes;
        syi_message message;
        syi_outgoing_init(&out, context, true);
        syi_buffer_init(&bytes, context, 1 << 20);
        make(&message, context, 1, 10, segments, 1);
        expect(&bytes, &message, true);
        assert_ok(syi_outgoing_append(&out, &message, &err), &err);
        syi_message_fini(&message);
        make(&message, context, 2, 5000, segments, 3);
        memory.fail_at = memory.calls + nth;
        const sy_status status = syi_outgoing_append(&out, &message, &err);
        memory.fail_at = 0;
        const bool refused = memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &err);
        assert_int_equal(message.segment_count, 0);
        if (refused) {
            assert_int_equal(out.bytes, bytes.length);
        }
        take(&out, bytes.data, bytes.length, true);
        syi_message_fini(&message);
        syi_buffer_fini(&bytes);
        syi_outgoing_fini(&out);
        memory_faults_context_free(&memory, context);
        if (!refused) {
            assert_in_range(nth, 4, 20);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_come_back),
        cmocka_unit_test(test_segments_are_not_copied),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
