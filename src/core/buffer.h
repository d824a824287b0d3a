/*
 * buffer.h - a growable byte buffer with a maximum given at birth, and unaligned little- and
 * big-endian access. A failed append latches: later appends do nothing, and syi_buffer_check tells.
 * Test: buffer_test.c.
 */
#ifndef SYI_CORE_BUFFER_H
#define SYI_CORE_BUFFER_H

#include <string.h>

#include <csyft/context.h>

typedef struct syi_buffer {
    sy_context *context;
    uint8_t *data;
    size_t length;
    size_t limit; /* up to here bytes are there and may be used; the length when latched */
    size_t capacity;
    size_t maximum;
    sy_status status; /* SY_OK, SY_ENOMEM, or SY_ELIMIT when the maximum was passed */
} syi_buffer;

/* Allocates nothing yet. */
void syi_buffer_init(syi_buffer *buffer, sy_context *context, size_t maximum);
void syi_buffer_fini(syi_buffer *buffer);
static inline void syi_buffer_set_limit(syi_buffer *buffer)
{
    buffer->limit = buffer->capacity < buffer->maximum ? buffer->capacity : buffer->maximum;
}
/* Not below what is in it. */
static inline void syi_buffer_set_maximum(syi_buffer *buffer, size_t maximum)
{
    buffer->maximum = maximum > buffer->length ? maximum : buffer->length;
    if (buffer->status == SY_OK) {
        syi_buffer_set_limit(buffer);
    }
}
/* Forgets the contents and the latched status, keeps the memory. */
static inline void syi_buffer_clear(syi_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->status != SY_OK) {
        buffer->status = SY_OK;
        syi_buffer_set_limit(buffer);
    }
}
/* Room for `size` more bytes at the end, counted as appended; NULL when latched. Borrowed until the next
 * extend or append. */
uint8_t *syi_buffer_extend_slowly(syi_buffer *buffer, size_t size);
static inline uint8_t *syi_buffer_extend(syi_buffer *buffer, size_t size)
{
    if (size - 1 < buffer->limit - buffer->length) { /* 0 goes the slow way */
        uint8_t *room = buffer->data + buffer->length;
        buffer->length += size;
        return room;
    }
    return syi_buffer_extend_slowly(buffer, size);
}
void syi_buffer_put_slowly(syi_buffer *buffer, uint8_t byte);
static inline void syi_buffer_put(syi_buffer *buffer, uint8_t byte)
{
    if (buffer->length < buffer->limit) {
        buffer->data[buffer->length++] = byte;
    } else {
        syi_buffer_put_slowly(buffer, byte);
    }
}
/* `data` may not lie in the buffer itself. */
void syi_buffer_append(syi_buffer *buffer, const void *data, size_t size);
/* SY_OK, or the latched status with a sentence naming `what` and the maximum. */
sy_status syi_buffer_report(const syi_buffer *buffer, const char *what, sy_error *err);
static inline sy_status syi_buffer_check(const syi_buffer *buffer, const char *what, sy_error *err)
{
    return buffer->status == SY_OK ? SY_OK : syi_buffer_report(buffer, what, err);
}

static inline void syi_put_u16le(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}
static inline void syi_put_u32le(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}
static inline void syi_put_u64le(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}
static inline uint16_t syi_get_u16le(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t syi_get_u32le(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t syi_get_u64le(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void syi_put_u16be(uint8_t *p, uint16_t v)
{
    syi_put_u16le(p, __builtin_bswap16(v));
}
static inline void syi_put_u32be(uint8_t *p, uint32_t v)
{
    syi_put_u32le(p, __builtin_bswap32(v));
}
static inline void syi_put_u64be(uint8_t *p, uint64_t v)
{
    syi_put_u64le(p, __builtin_bswap64(v));
}
static inline uint16_t syi_get_u16be(const uint8_t *p)
{
    return __builtin_bswap16(syi_get_u16le(p));
}
static inline uint32_t syi_get_u32be(const uint8_t *p)
{
    return __builtin_bswap32(syi_get_u32le(p));
}
static inline uint64_t syi_get_u64be(const uint8_t *p)
{
    return __builtin_bswap64(syi_get_u64le(p));
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "csyft is built for little-endian machines; the wire and file formats assume it here"
#endif

#endif
