/* outgoing.c - the queue of frames that wait for a socket. Test: outgoing_test.c. */
#include "transport/outgoing.h"

#include <assert.h>

#define COPY_BELOW ((size_t)4096) /* a smaller piece is copied */
#define BLOCK_SIZE ((size_t)4096)
#define BLOCK_SIZE_MAX ((size_t)64 * 1024)

/* Owns one of: `bytes` behind it, a storage reference, a body's memory. */
struct syi_outgoing_block {
    syi_outgoing_block *next;
    const uint8_t *data; /* what is left of it */
    size_t length;
    size_t room; /* bytes free behind data + length, in `bytes` */
    size_t size; /* of this allocation */
    syi_storage *storage;
    uint8_t *memory;
    size_t memory_size;
    uint8_t bytes[];
};

void syi_outgoing_init(syi_outgoing *out, sy_context *context, bool prefixed)
{
    *out = (syi_outgoing){.context = context, .prefixed = prefixed};
}

static void free_block(syi_outgoing *out, syi_outgoing_block *block)
{
    syi_storage_unref(block->storage);
    syi_free(out->context, block->memory, block->memory_size);
    syi_free(out->context, block, block->size);
}

static void free_list(syi_outgoing *out, syi_outgoing_block *block)
{
    while (block != NULL) {
        syi_outgoing_block *next = block->next;
        free_block(out, block);
        block = next;
    }
}

void syi_outgoing_fini(syi_outgoing *out)
{
    free_list(out, out->first);
    syi_outgoing_init(out, out->context, out->prefixed);
}

/* --- appending --------------------------------------------------------------------------------- */

static syi_outgoing_block *add_block(syi_outgoing *out, size_t room)
{
    syi_outgoing_block *block =
        syi_alloc_aligned(out->context, sizeof *block + room, _Alignof(max_align_t));
    if (block == NULL) {
        return NULL;
    }
    *block = (syi_outgoing_block){.room = room, .size = sizeof *block + room};
    block->data = block->bytes;
    if (out->last == NULL) {
        out->first = block;
    } else {
        out->last->next = block;
    }
    out->last = block;
    return block;
}

/* Room for `size` bytes in one run, counted as appended. */
static uint8_t *extend(syi_outgoing *out, size_t size)
{
    syi_outgoing_block *last = out->last;
    if (last == NULL || last->room < size) {
        const size_t wish = last == NULL ? BLOCK_SIZE : BLOCK_SIZE_MAX;
        const size_t block_size = wish - sizeof *last;
        last = add_block(out, size > block_size ? size : block_size);
        if (last == NULL) {
            return NULL;
        }
    }
    uint8_t *room = last->bytes + (last->size - sizeof *last - last->room);
    last->room -= size;
    last->length += size;
    out->bytes += size;
    return room;
}

static bool append_copy(syi_outgoing *out, const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return true;
    }
    uint8_t *room = extend(out, size);
    if (room == NULL) {
        return false;
    }
    memcpy(room, bytes, size);
    return true;
}

static bool append_body(syi_outgoing *out, syi_buffer *body)
{
    if (body->length < COPY_BELOW) {
        return append_copy(out, body->data, body->length);
    }
    syi_outgoing_block *block = add_block(out, 0);
    if (block == NULL) {
        return false;
    }
    block->data = body->data;
    block->length = body->length;
    block->memory = body->data;
    block->memory_size = body->capacity;
    out->bytes += body->length;
    syi_buffer_init(body, body->context, body->maximum);
    return true;
}

static bool append_segment(syi_outgoing *out, const syi_segment *segment)
{
    if (segment->length < COPY_BELOW || segment->storage == NULL) {
        return append_copy(out, segment->data, (size_t)segment->length);
    }
    syi_outgoing_block *block = add_block(out, 0);
    if (block == NULL) {
        return false;
    }
    block->data = segment->data;
    block->length = (size_t)segment->length;
    block->storage = syi_storage_ref(segment->storage);
    out->bytes += segment->length;
    return true;
}

static bool append_frame(syi_outgoing *out, syi_message *message)
{
    const size_t prefix = out->prefixed ? 8 : 0;
    uint8_t *head = extend(out, prefix + syi_frame_head_size(message));
    if (head == NULL) {
        return false;
    }
    if (out->prefixed) {
        syi_put_u64le(head, syi_frame_length(message));
    }
    syi_frame_put_head(message, head + prefix);
    if (!append_body(out, &message->body)) {
        return false;
    }
    for (uint32_t i = 0; i < message->segment_count; i++) {
        if (!append_segment(out, &message->segments[i])) {
            return false;
        }
    }
    return true;
}

sy_status syi_outgoing_append(syi_outgoing *out, syi_message *message, sy_error *err)
{
    const syi_outgoing before = *out;
    const size_t length = before.last == NULL ? 0 : before.last->length;
    const size_t room = before.last == NULL ? 0 : before.last->room;
    sy_status status = syi_frame_check(message, err);
    if (status == SY_OK && !append_frame(out, message)) {
        status = SYI_ENOMEM(err, "frames that wait to be sent");
        free_list(out, before.last == NULL ? out->first : before.last->next);
        *out = before;
        if (before.last != NULL) {
            before.last->next = NULL;
            before.last->length = length;
            before.last->room = room;
        }
    }
    syi_message_clear(message);
    return status;
}

/* --- the front --------------------------------------------------------------------------------- */

size_t syi_outgoing_pieces(const syi_outgoing *out, struct iovec *pieces, size_t max)
{
    size_t count = 0;
    for (const syi_outgoing_block *block = out->first; block != NULL && count < max;
         block = block->next) {
        if (block->length != 0) {
            pieces[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)block->data,
                                             .iov_len = block->length};
        }
    }
    return count;
}

void syi_outgoing_consume(syi_outgoing *out, size_t count)
{
    assert(count <= out->bytes);
    out->bytes -= count;
    while (out->first != NULL && count >= out->first->length) {
        syi_outgoing_block *block = out->first;
        count -= block->length;
        out->first = block->next;
        free_block(out, block);
    }
    if (out->first == NULL) {
        out->last = NULL;
    } else {
        out->first->data += count;
        out->first->length -= count;
    }
}

void syi_outgoing_take(syi_outgoing *out, uint8_t *to, size_t count)
{
    assert(count <= out->bytes);
    while (count != 0) {
        const syi_outgoing_block *block = out->first;
        const size_t part = block->length < count ? block->length : count;
        if (part != 0) {
            memcpy(to, block->data, part);
        }
        to += part;
        count -= part;
        syi_outgoing_consume(out, part);
    }
}
