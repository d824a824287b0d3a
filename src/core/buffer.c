/* buffer.c - a growable byte buffer that keeps to its maximum. Core room. Test: buffer_test.c. */
#include "core/buffer.h"

#include "core/error.h"
#include "core/memory.h"

#define FIRST_CAPACITY 256

void syi_buffer_init(syi_buffer *buffer, sy_context *context, size_t maximum)
{
    *buffer = (syi_buffer){.context = context, .maximum = maximum, .status = SY_OK};
}

void syi_buffer_fini(syi_buffer *buffer)
{
    syi_free(buffer->context, buffer->data, buffer->capacity);
    syi_buffer_init(buffer, buffer->context, buffer->maximum);
}

static void latch(syi_buffer *buffer, sy_status status)
{
    buffer->status = status;
    buffer->limit = buffer->length;
}

/* needed <= maximum */
static bool grow(syi_buffer *buffer, size_t needed)
{
    size_t capacity =
        buffer->capacity > buffer->maximum / 2 ? buffer->maximum : buffer->capacity * 2;
    if (capacity < FIRST_CAPACITY) {
        capacity = buffer->maximum < FIRST_CAPACITY ? buffer->maximum : FIRST_CAPACITY;
    }
    if (capacity < needed) {
        capacity = needed;
    }
    uint8_t *data = syi_alloc_aligned(buffer->context, capacity, 16);
    if (data == NULL) {
        return false;
    }
    if (buffer->data != NULL) {
        memcpy(data, buffer->data, buffer->length);
    }
    syi_free(buffer->context, buffer->data, buffer->capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    syi_buffer_set_limit(buffer);
    return true;
}

uint8_t *syi_buffer_extend_slowly(syi_buffer *buffer, size_t size)
{
    if (buffer->status != SY_OK) {
        return NULL;
    }
    if (size > buffer->maximum - buffer->length) {
        latch(buffer, SY_ELIMIT);
        return NULL;
    }
    const size_t needed = buffer->length + size;
    /* Also for nothing in a new buffer: NULL means latched. */
    if ((needed > buffer->capacity || buffer->data == NULL) && !grow(buffer, needed)) {
        latch(buffer, SY_ENOMEM);
        return NULL;
    }
    uint8_t *room = buffer->data + buffer->length;
    buffer->length = needed;
    return room;
}

void syi_buffer_put_slowly(syi_buffer *buffer, uint8_t byte)
{
    uint8_t *room = syi_buffer_extend_slowly(buffer, 1);
    if (room != NULL) {
        *room = byte;
    }
}

void syi_buffer_append(syi_buffer *buffer, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    uint8_t *room = syi_buffer_extend(buffer, size);
    if (room != NULL) {
        memcpy(room, data, size);
    }
}

sy_status syi_buffer_report(const syi_buffer *buffer, const char *what, sy_error *err)
{
    switch (buffer->status) {
    case SY_OK:
        return SY_OK;
    case SY_ELIMIT:
        return syi_fail(err, SY_ELIMIT, "%s: passes its maximum of %zu bytes", what,
                        buffer->maximum);
    default:
        return syi_fail(err, buffer->status, "%s: out of memory at %zu of at most %zu bytes", what,
                        buffer->length, buffer->maximum);
    }
}
