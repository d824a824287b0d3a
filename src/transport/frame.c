/* frame.c - messages and frame heads. Test: frame_test.c. */
#include "transport/frame.h"

#include <inttypes.h>

/* --- messages ---------------------------------------------------------------------------------- */

void syi_message_init(syi_message *message, sy_context *context, size_t body_maximum)
{
    *message = (syi_message){.refused = SY_OK};
    syi_buffer_init(&message->body, context, body_maximum);
}

static void drop_refusal(syi_message *message)
{
    if (message->refusal != NULL) {
        syi_free(message->body.context, message->refusal, sizeof *message->refusal);
        message->refusal = NULL;
    }
    message->refused = SY_OK;
}

static void drop_segments(syi_message *message)
{
    for (uint32_t i = 0; i < message->segment_count; i++) {
        syi_storage_unref(message->segments[i].storage);
    }
    message->segment_count = 0;
}

static void free_segments(syi_message *message)
{
    drop_segments(message);
    syi_free(message->body.context, message->segments,
             message->segment_capacity * sizeof *message->segments);
    message->segments = NULL;
    message->segment_capacity = 0;
}

void syi_message_drop(syi_message *message)
{
    drop_segments(message);
    drop_refusal(message);
}

void syi_message_fini(syi_message *message)
{
    syi_message_clear(message);
    if (message->segments != NULL) {
        free_segments(message);
    }
    syi_buffer_fini(&message->body);
}

void syi_message_move(syi_message *to, syi_message *from)
{
    syi_message_fini(to);
    *to = *from;
    syi_message_init(from, to->body.context, to->body.maximum);
}

void syi_message_take(syi_message *to, syi_message *from)
{
    const syi_buffer body = to->body;
    syi_segment *const segments = to->segments;
    const uint32_t segment_capacity = to->segment_capacity;
    const size_t maximum = from->body.maximum;
    *to = *from;
    syi_buffer_set_maximum(&to->body, body.maximum);
    from->kind = 0;
    from->flags = 0;
    from->id = 0;
    from->trace = 0;
    from->deadline_ms = 0;
    from->body = body;
    syi_buffer_set_maximum(&from->body, maximum);
    from->segments = segments;
    from->segment_count = 0;
    from->segment_capacity = segment_capacity;
    from->refused = SY_OK;
    from->refusal = NULL;
}

void syi_message_give_back(syi_message *message)
{
    if (message->body.capacity > SYI_MESSAGE_KEEP_BODY) {
        syi_buffer_fini(&message->body);
    }
    if (message->segment_capacity > SYI_MESSAGE_KEEP_SEGMENTS) {
        free_segments(message);
    }
}

bool syi_message_reserve_segments(syi_message *message, uint32_t count)
{
    if (count <= message->segment_capacity) {
        return true;
    }
    uint32_t capacity =
        message->segment_capacity * 2 > count ? message->segment_capacity * 2 : count;
    if (capacity < 4) {
        capacity = 4;
    }
    syi_segment *segments = syi_alloc_array(message->body.context, capacity, sizeof *segments);
    if (segments == NULL) {
        return false;
    }
    if (message->segment_count != 0) {
        memcpy(segments, message->segments, message->segment_count * sizeof *segments);
    }
    syi_free(message->body.context, message->segments,
             message->segment_capacity * sizeof *segments);
    message->segments = segments;
    message->segment_capacity = capacity;
    return true;
}

sy_status syi_message_add_segment(syi_message *message, syi_storage *storage, size_t offset,
                                  size_t length, uint32_t flags, sy_error *err)
{
    if (offset > storage->size || length > storage->size - offset) {
        return syi_fail(err, SY_EINVAL, "segment: bytes %zu + %zu of a storage of %zu", offset,
                        length, storage->size);
    }
    if (message->segment_count == UINT16_MAX) {
        return syi_fail(err, SY_ELIMIT, "message: more than %u segments", (unsigned)UINT16_MAX);
    }
    if (!syi_message_reserve_segments(message, message->segment_count + 1)) {
        return SYI_ENOMEM(err, "message segments");
    }
    message->segments[message->segment_count++] = (syi_segment){
        .storage = syi_storage_ref(storage),
        .data = storage->data + offset,
        .length = length,
        .flags = flags,
    };
    return SY_OK;
}

/* --- heads ------------------------------------------------------------------------------------- */

sy_status syi_frame_refuse(const syi_message *message, sy_error *err)
{
    SY_TRY(syi_buffer_check(&message->body, "message body", err));
    if (message->body.length > UINT32_MAX) {
        return syi_fail(err, SY_ELIMIT, "message: a body of %zu bytes passes 32 bits",
                        message->body.length);
    }
    if (message->segment_count > UINT16_MAX) {
        return syi_fail(err, SY_ELIMIT, "message: %" PRIu32 " segments pass 16 bits",
                        message->segment_count);
    }
    return SY_OK;
}

sy_status syi_frame_keep(const syi_message *message, const syi_frame_limits *limits, sy_error *err)
{
    if (limits->frame_max != 0 && syi_frame_length(message) > limits->frame_max) {
        return syi_fail(err, SY_ELIMIT,
                        "a message of %" PRIu64 " bytes; the other end takes at most %" PRIu64,
                        syi_frame_length(message), limits->frame_max);
    }
    if (limits->body_max != 0 && message->body.length > limits->body_max) {
        return syi_fail(err, SY_ELIMIT,
                        "a message body of %zu bytes; the other end takes at most %" PRIu32,
                        message->body.length, limits->body_max);
    }
    if (limits->segments_max != 0 && message->segment_count > limits->segments_max) {
        return syi_fail(err, SY_ELIMIT,
                        "a message of %" PRIu32 " tensors; the other end takes at most %" PRIu32,
                        message->segment_count, limits->segments_max);
    }
    return SY_OK;
}

void syi_frame_put_head(const syi_message *message, uint8_t *head)
{
    syi_put_u32le(head, SYI_FRAME_MAGIC);
    syi_put_u16le(head + 4, message->kind);
    syi_put_u16le(head + 6, (uint16_t)message->segment_count);
    syi_put_u32le(head + 8, (uint32_t)message->body.length);
    syi_put_u32le(head + 12, message->flags);
    syi_put_u64le(head + 16, message->id);
    syi_put_u64le(head + 24, message->trace);
    syi_put_u32le(head + 32, message->deadline_ms);
    syi_put_u32le(head + 36, 0);
    uint8_t *entry = head + SYI_FRAME_HEADER_SIZE;
    for (uint32_t i = 0; i < message->segment_count; i++, entry += SYI_FRAME_SEGMENT_ENTRY_SIZE) {
        syi_put_u64le(entry, message->segments[i].length);
        syi_put_u32le(entry + 8, message->segments[i].flags);
        syi_put_u32le(entry + 12, 0);
    }
}

sy_status syi_frame_encode_head(const syi_message *message, syi_buffer *out, sy_error *err)
{
    syi_buffer_clear(out);
    SY_TRY(syi_frame_check(message, err));
    uint8_t *head = syi_buffer_extend(out, syi_frame_head_size(message));
    if (head == NULL) {
        return syi_buffer_check(out, "frame head", err);
    }
    syi_frame_put_head(message, head);
    return SY_OK;
}
