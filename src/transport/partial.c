/* partial.c - partial frames: their checksum, and what is missing of them. Test: partial_test.c. */
#include "transport/partial.h"

#include <inttypes.h>

void syi_partial_free(syi_partial *partial)
{
    if (partial != NULL) {
        syi_message_fini(&partial->message);
        syi_free(partial->context, partial, sizeof *partial);
    }
}

/* --- the checksum ------------------------------------------------------------------------------ */

static void add_head(syi_xxh64 *hash, const syi_message *message)
{
    uint8_t head[20];
    syi_put_u32le(head, SYI_FRAME_MAGIC);
    syi_put_u16le(head + 4, message->kind);
    syi_put_u16le(head + 6, (uint16_t)message->segment_count);
    syi_put_u32le(head + 8, (uint32_t)message->body.length);
    syi_put_u64le(head + 12, message->id);
    syi_xxh64_init(hash);
    syi_xxh64_add(hash, head, sizeof head);
    for (uint32_t k = 0; k < message->segment_count; k++) {
        uint8_t entry[SYI_FRAME_SEGMENT_ENTRY_SIZE] = {0};
        syi_put_u64le(entry, message->segments[k].length);
        syi_put_u32le(entry + 8, message->segments[k].flags);
        syi_xxh64_add(hash, entry, sizeof entry);
    }
    syi_xxh64_add(hash, message->body.data, message->body.length);
}

/* The bytes [from, to) of the segments. */
static void add_segments(syi_xxh64 *hash, const syi_message *message, uint64_t from, uint64_t to)
{
    uint64_t start = 0;
    for (uint32_t k = 0; k < message->segment_count && start < to; k++) {
        const syi_segment *segment = &message->segments[k];
        const uint64_t end = start + segment->length;
        if (end > from) {
            const uint64_t first = from > start ? from : start;
            const uint64_t last = to < end ? to : end;
            syi_xxh64_add(hash, segment->data + (first - start), (size_t)(last - first));
        }
        start = end;
    }
}

uint64_t syi_partial_get_check(syi_partial *partial)
{
    if (partial->hashed == 0) {
        add_head(&partial->hash, &partial->message);
    }
    add_segments(&partial->hash, &partial->message, partial->hashed, partial->bytes);
    partial->hashed = partial->bytes;
    return syi_xxh64_get(&partial->hash);
}

bool syi_partial_is_of(const syi_message *whole, uint64_t bytes, uint64_t check)
{
    syi_xxh64 hash;
    uint64_t length = 0;
    for (uint32_t k = 0; k < whole->segment_count; k++) {
        length += whole->segments[k].length;
    }
    if (bytes == 0 || bytes >= length) {
        return false;
    }
    add_head(&hash, whole);
    add_segments(&hash, whole, 0, bytes);
    return syi_xxh64_get(&hash) == check;
}

/* --- the rest ---------------------------------------------------------------------------------- */

/* The part of the segment behind its first `skipped` bytes. */
static sy_status add_rest_of(syi_message *rest, const syi_segment *segment, uint64_t skipped,
                             sy_error *err)
{
    const uint8_t *from = segment->data + skipped;
    const uint64_t left = segment->length - skipped;
    if (segment->storage != NULL) {
        return syi_message_add_segment(rest, segment->storage,
                                       (size_t)(from - segment->storage->data), (size_t)left,
                                       segment->flags, err);
    }
    if (!syi_message_reserve_segments(rest, rest->segment_count + 1)) {
        return SYI_ENOMEM(err, "message segments");
    }
    rest->segments[rest->segment_count++] =
        (syi_segment){.data = from, .length = left, .flags = segment->flags};
    return SY_OK;
}

sy_status syi_partial_rest(const syi_message *whole, uint64_t bytes, syi_message *rest,
                           sy_error *err)
{
    rest->kind = SYI_FRAME_REST;
    rest->flags = whole->flags;
    rest->id = whole->id;
    rest->trace = whole->trace;
    rest->deadline_ms = whole->deadline_ms;
    const uint8_t nil = 0xc0;
    syi_buffer_append(&rest->body, &nil, 1);
    SY_TRY(syi_buffer_check(&rest->body, "message body", err));
    uint64_t start = 0;
    for (uint32_t k = 0; k < whole->segment_count; k++) {
        const syi_segment *segment = &whole->segments[k];
        const uint64_t end = start + segment->length;
        if (end > bytes && segment->length != 0) {
            SY_TRY(add_rest_of(rest, segment, bytes > start ? bytes - start : 0, err));
        }
        start = end;
    }
    return SY_OK;
}
