/* msgpack.c - MessagePack writer and bounded pull cursor. Test: msgpack_test.c. */
#include "serde/msgpack/msgpack.h"

#include <inttypes.h>

/* --- writing ----------------------------------------------------------------------------------- */

static inline void put_u8(syi_buffer *out, uint8_t format, uint8_t value)
{
    uint8_t *p = syi_buffer_extend(out, 2);
    if (p != NULL) {
        p[0] = format;
        p[1] = value;
    }
}

static inline void put_u16(syi_buffer *out, uint8_t format, uint16_t value)
{
    uint8_t *p = syi_buffer_extend(out, 3);
    if (p != NULL) {
        p[0] = format;
        syi_put_u16be(p + 1, value);
    }
}

static inline void put_u32(syi_buffer *out, uint8_t format, uint32_t value)
{
    uint8_t *p = syi_buffer_extend(out, 5);
    if (p != NULL) {
        p[0] = format;
        syi_put_u32be(p + 1, value);
    }
}

static inline void put_u64(syi_buffer *out, uint8_t format, uint64_t value)
{
    uint8_t *p = syi_buffer_extend(out, 9);
    if (p != NULL) {
        p[0] = format;
        syi_put_u64be(p + 1, value);
    }
}

void syi_msgpack_write_uint_slowly(syi_buffer *out, uint64_t value)
{
    if (value > UINT32_MAX) { /* as ids are */
        put_u64(out, 0xcf, value);
    } else if (value > UINT16_MAX) {
        put_u32(out, 0xce, (uint32_t)value);
    } else if (value > UINT8_MAX) {
        put_u16(out, 0xcd, (uint16_t)value);
    } else {
        put_u8(out, 0xcc, (uint8_t)value);
    }
}

void syi_msgpack_write_negative(syi_buffer *out, int64_t value)
{
    if (value >= -32) {
        syi_buffer_put(out, (uint8_t)value);
    } else if (value >= INT8_MIN) {
        put_u8(out, 0xd0, (uint8_t)value);
    } else if (value >= INT16_MIN) {
        put_u16(out, 0xd1, (uint16_t)value);
    } else if (value >= INT32_MIN) {
        put_u32(out, 0xd2, (uint32_t)value);
    } else {
        put_u64(out, 0xd3, (uint64_t)value);
    }
}

void syi_msgpack_write_double(syi_buffer *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u64(out, 0xcb, bits);
}

void syi_msgpack_write_float(syi_buffer *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(out, 0xca, bits);
}

/* MessagePack counts with 32 bits; what passes them latches as a passed maximum. */
static bool counts(syi_buffer *out, size_t count)
{
    if (count > UINT32_MAX && out->status == SY_OK) {
        out->status = SY_ELIMIT;
    }
    return out->status == SY_OK;
}

void syi_msgpack_write_str(syi_buffer *out, const char *text, size_t length)
{
    if (!counts(out, length)) {
        return;
    }
    if (length < 32) {
        uint8_t *p = syi_buffer_extend(out, 1 + length);
        if (p != NULL) {
            p[0] = (uint8_t)(0xa0 | length);
            if (length != 0) {
                memcpy(p + 1, text, length);
            }
        }
        return;
    }
    if (length <= UINT8_MAX) {
        put_u8(out, 0xd9, (uint8_t)length);
    } else if (length <= UINT16_MAX) {
        put_u16(out, 0xda, (uint16_t)length);
    } else {
        put_u32(out, 0xdb, (uint32_t)length);
    }
    syi_buffer_append(out, text, length);
}

void syi_msgpack_write_bin(syi_buffer *out, const void *bytes, size_t length)
{
    if (!counts(out, length)) {
        return;
    }
    if (length <= UINT8_MAX) {
        put_u8(out, 0xc4, (uint8_t)length);
    } else if (length <= UINT16_MAX) {
        put_u16(out, 0xc5, (uint16_t)length);
    } else {
        put_u32(out, 0xc6, (uint32_t)length);
    }
    syi_buffer_append(out, bytes, length);
}

void syi_msgpack_write_array_slowly(syi_buffer *out, size_t count)
{
    if (!counts(out, count)) {
        return;
    }
    if (count < 16) {
        syi_buffer_put(out, (uint8_t)(0x90 | count));
    } else if (count <= UINT16_MAX) {
        put_u16(out, 0xdc, (uint16_t)count);
    } else {
        put_u32(out, 0xdd, (uint32_t)count);
    }
}

void syi_msgpack_write_map(syi_buffer *out, size_t count)
{
    if (!counts(out, count)) {
        return;
    }
    if (count < 16) {
        syi_buffer_put(out, (uint8_t)(0x80 | count));
    } else if (count <= UINT16_MAX) {
        put_u16(out, 0xde, (uint16_t)count);
    } else {
        put_u32(out, 0xdf, (uint32_t)count);
    }
}

/* --- reading ----------------------------------------------------------------------------------- */

/* What stands in front of the cursor. `value` is the integer's bits, the float's bits, the boolean, the
 * payload's length (str, bin, ext) or the count of a container, checked against the bytes left. */
typedef struct head {
    syi_msgpack_type type;
    uint32_t size; /* bytes before the payload */
    uint64_t value;
} head;

/* Formats 0xc0..0xdf: type, and how many bytes of big-endian number follow. */
static const struct format {
    uint8_t type;
    uint8_t width;
} formats[32] = {
    [0x00] = {SYI_MSGPACK_NIL, 0},   [0x01] = {SYI_MSGPACK_BAD, 0},
    [0x02] = {SYI_MSGPACK_BOOL, 0},  [0x03] = {SYI_MSGPACK_BOOL, 0},
    [0x04] = {SYI_MSGPACK_BIN, 1},   [0x05] = {SYI_MSGPACK_BIN, 2},
    [0x06] = {SYI_MSGPACK_BIN, 4},   [0x07] = {SYI_MSGPACK_EXT, 1},
    [0x08] = {SYI_MSGPACK_EXT, 2},   [0x09] = {SYI_MSGPACK_EXT, 4},
    [0x0a] = {SYI_MSGPACK_FLOAT, 4}, [0x0b] = {SYI_MSGPACK_FLOAT, 8},
    [0x0c] = {SYI_MSGPACK_UINT, 1},  [0x0d] = {SYI_MSGPACK_UINT, 2},
    [0x0e] = {SYI_MSGPACK_UINT, 4},  [0x0f] = {SYI_MSGPACK_UINT, 8},
    [0x10] = {SYI_MSGPACK_INT, 1},   [0x11] = {SYI_MSGPACK_INT, 2},
    [0x12] = {SYI_MSGPACK_INT, 4},   [0x13] = {SYI_MSGPACK_INT, 8},
    [0x14] = {SYI_MSGPACK_EXT, 0},   [0x15] = {SYI_MSGPACK_EXT, 0},
    [0x16] = {SYI_MSGPACK_EXT, 0},   [0x17] = {SYI_MSGPACK_EXT, 0},
    [0x18] = {SYI_MSGPACK_EXT, 0},   [0x19] = {SYI_MSGPACK_STR, 1},
    [0x1a] = {SYI_MSGPACK_STR, 2},   [0x1b] = {SYI_MSGPACK_STR, 4},
    [0x1c] = {SYI_MSGPACK_ARRAY, 2}, [0x1d] = {SYI_MSGPACK_ARRAY, 4},
    [0x1e] = {SYI_MSGPACK_MAP, 2},   [0x1f] = {SYI_MSGPACK_MAP, 4},
};

static inline uint64_t number_at(const uint8_t *p, unsigned width)
{
    switch (width) {
    case 1:
        return p[0];
    case 2:
        return syi_get_u16be(p);
    case 4:
        return syi_get_u32be(p);
    default:
        return syi_get_u64be(p);
    }
}

static inline int64_t sign_extend(uint64_t value, unsigned width)
{
    const unsigned shift = 64 - 8 * width;
    return (int64_t)(value << shift) >> shift;
}

static head head_of_long(const uint8_t *p, size_t left)
{
    static const head bad = {SYI_MSGPACK_BAD, 0, 0};
    const uint8_t byte = p[0];
    const struct format format = formats[byte - 0xc0];
    if (left - 1 < format.width) {
        return bad;
    }
    head h = {format.type, 1u + format.width, 0};
    if (format.width != 0) {
        h.value = number_at(p + 1, format.width);
    }
    switch (h.type) {
    case SYI_MSGPACK_BOOL:
        h.value = byte & 1u;
        break;
    case SYI_MSGPACK_INT:
        h.value = (uint64_t)sign_extend(h.value, format.width);
        break;
    case SYI_MSGPACK_UINT:
        if (h.value <= INT64_MAX) {
            h.type = SYI_MSGPACK_INT;
        }
        break;
    case SYI_MSGPACK_EXT:
        if (format.width == 0) {
            h.value = UINT64_C(1) << (byte - 0xd4);
        }
        h.size += 1; /* the ext's own type */
        break;
    default:
        break;
    }
    return h;
}

/* Type BAD when the head or its payload is cut short, or a container counts more than can follow. */
static inline head head_at(const syi_msgpack_cursor *cursor)
{
    const uint8_t *p = cursor->next;
    const size_t left = (size_t)(cursor->end - p);
    if (left == 0) {
        return (head){SYI_MSGPACK_END, 0, 0};
    }
    const uint8_t byte = p[0];
    head h;
    if (byte < 0x80) {
        return (head){SYI_MSGPACK_INT, 1, byte};
    }
    if (byte >= 0xe0) {
        return (head){SYI_MSGPACK_INT, 1, (uint64_t)(int64_t)(int8_t)byte};
    }
    if (byte < 0x90) {
        h = (head){SYI_MSGPACK_MAP, 1, byte & 0x0fu};
    } else if (byte < 0xa0) {
        h = (head){SYI_MSGPACK_ARRAY, 1, byte & 0x0fu};
    } else if (byte < 0xc0) {
        h = (head){SYI_MSGPACK_STR, 1, byte & 0x1fu};
    } else {
        h = head_of_long(p, left);
    }
    uint64_t follow = 0;
    switch (h.type) {
    case SYI_MSGPACK_STR:
    case SYI_MSGPACK_BIN:
    case SYI_MSGPACK_EXT:
    case SYI_MSGPACK_ARRAY:
        follow = h.value;
        break;
    case SYI_MSGPACK_MAP:
        follow = 2 * h.value;
        break;
    default:
        break;
    }
    if (h.size > left || follow > left - h.size) {
        h.type = SYI_MSGPACK_BAD;
    }
    return h;
}

static bool is_container(syi_msgpack_type type)
{
    return type == SYI_MSGPACK_ARRAY || type == SYI_MSGPACK_MAP;
}

void syi_msgpack_cursor_init(syi_msgpack_cursor *cursor, const void *bytes, size_t size,
                             uint32_t depth_max, uint64_t elements_max)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *start = size == 0 ? nothing : bytes;
    *cursor = (syi_msgpack_cursor){
        .start = start,
        .next = start,
        .end = start + size,
        .depth_max = depth_max < SYI_MSGPACK_DEPTH_MAX ? depth_max : SYI_MSGPACK_DEPTH_MAX,
        .elements_left = elements_max == 0 ? size : elements_max,
    };
}

syi_msgpack_type syi_msgpack_peek_slowly(const syi_msgpack_cursor *cursor)
{
    return head_at(cursor).type;
}

static const char *name_of(syi_msgpack_type type)
{
    static const char *const names[] = {
        [SYI_MSGPACK_END] = "the end",
        [SYI_MSGPACK_NIL] = "nil",
        [SYI_MSGPACK_BOOL] = "a boolean",
        [SYI_MSGPACK_INT] = "an integer",
        [SYI_MSGPACK_UINT] = "an integer above 2^63 - 1",
        [SYI_MSGPACK_FLOAT] = "a float",
        [SYI_MSGPACK_STR] = "a string",
        [SYI_MSGPACK_BIN] = "a binary",
        [SYI_MSGPACK_ARRAY] = "an array",
        [SYI_MSGPACK_MAP] = "a map",
        [SYI_MSGPACK_EXT] = "an extension",
        [SYI_MSGPACK_BAD] = "malformed bytes",
    };
    return names[type];
}

static size_t position(const syi_msgpack_cursor *cursor)
{
    return (size_t)(cursor->next - cursor->start);
}

static sy_status fail_type(const syi_msgpack_cursor *cursor, const char *expected, sy_error *err)
{
    const head h = head_at(cursor);
    if (h.type == SYI_MSGPACK_BAD) {
        return syi_fail(err, SY_EFORMAT,
                        "msgpack: expected %s at byte %zu of %zu, found 0x%02x, which is %s",
                        expected, position(cursor), (size_t)(cursor->end - cursor->start),
                        *cursor->next, *cursor->next == 0xc1 ? "reserved" : "cut short");
    }
    return syi_fail(err, SY_EFORMAT, "msgpack: expected %s at byte %zu of %zu, found %s", expected,
                    position(cursor), (size_t)(cursor->end - cursor->start), name_of(h.type));
}

static sy_status fail_elements(const syi_msgpack_cursor *cursor, sy_error *err)
{
    return syi_fail(err, SY_ELIMIT, "msgpack: more values than are allowed, at byte %zu of %zu",
                    position(cursor), (size_t)(cursor->end - cursor->start));
}

static sy_status fail_depth(const syi_msgpack_cursor *cursor, sy_error *err)
{
    return syi_fail(err, SY_ELIMIT, "msgpack: nested deeper than %" PRIu32 " at byte %zu of %zu",
                    cursor->depth_max, position(cursor), (size_t)(cursor->end - cursor->start));
}

/* The value at the cursor was read: goes behind its head and payload. */
static inline sy_status step(syi_msgpack_cursor *cursor, size_t bytes, sy_error *err)
{
    if (cursor->elements_left == 0) {
        return fail_elements(cursor, err);
    }
    cursor->elements_left--;
    cursor->next += bytes;
    return SY_OK;
}

sy_status syi_msgpack_read_nil_slowly(syi_msgpack_cursor *cursor, sy_error *err)
{
    if (cursor->next == cursor->end || *cursor->next != 0xc0) {
        return fail_type(cursor, "nil", err);
    }
    return step(cursor, 1, err);
}

sy_status syi_msgpack_read_bool(syi_msgpack_cursor *cursor, bool *value, sy_error *err)
{
    const head h = head_at(cursor);
    if (h.type != SYI_MSGPACK_BOOL) {
        return fail_type(cursor, "a boolean", err);
    }
    SY_TRY(step(cursor, h.size, err));
    *value = h.value != 0;
    return SY_OK;
}

bool syi_msgpack_take_long_number(syi_msgpack_cursor *cursor, int64_t *value)
{
    const uint8_t *p = cursor->next;
    const size_t left = (size_t)(cursor->end - p);
    if (left == 0 || p[0] < 0xcc || p[0] > 0xcf || cursor->elements_left == 0) {
        return false;
    }
    const unsigned width = 1u << (p[0] - 0xcc);
    if (left - 1 < width) {
        return false;
    }
    const uint64_t number = p[0] == 0xcf ? syi_get_u64be(p + 1) : number_at(p + 1, width);
    if (number > INT64_MAX) {
        return false;
    }
    *value = (int64_t)number;
    cursor->elements_left--;
    cursor->next += 1 + width;
    return true;
}

sy_status syi_msgpack_read_int_slowly(syi_msgpack_cursor *cursor, int64_t *value, sy_error *err)
{
    const head h = head_at(cursor);
    if (h.type != SYI_MSGPACK_INT) {
        return fail_type(cursor, "an integer", err);
    }
    SY_TRY(step(cursor, h.size, err));
    *value = (int64_t)h.value;
    return SY_OK;
}

sy_status syi_msgpack_read_uint_slowly(syi_msgpack_cursor *cursor, uint64_t *value, sy_error *err)
{
    const head h = head_at(cursor);
    if (h.type != SYI_MSGPACK_UINT && (h.type != SYI_MSGPACK_INT || (int64_t)h.value < 0)) {
        return fail_type(cursor, "an integer from 0", err);
    }
    SY_TRY(step(cursor, h.size, err));
    *value = h.value;
    return SY_OK;
}

sy_status syi_msgpack_read_double(syi_msgpack_cursor *cursor, double *value, sy_error *err)
{
    const head h = head_at(cursor);
    double read;
    if (h.type == SYI_MSGPACK_FLOAT && h.size == 9) {
        memcpy(&read, &h.value, sizeof read);
    } else if (h.type == SYI_MSGPACK_FLOAT) {
        const uint32_t bits = (uint32_t)h.value;
        float single;
        memcpy(&single, &bits, sizeof single);
        read = (double)single;
    } else if (h.type == SYI_MSGPACK_INT) {
        read = (double)(int64_t)h.value;
    } else if (h.type == SYI_MSGPACK_UINT) {
        read = (double)h.value;
    } else {
        return fail_type(cursor, "a number", err);
    }
    SY_TRY(step(cursor, h.size, err));
    *value = read;
    return SY_OK;
}

static sy_status read_bytes(syi_msgpack_cursor *cursor, syi_msgpack_type type,
                            const uint8_t **bytes, size_t *length, sy_error *err)
{
    const head h = head_at(cursor);
    if (h.type != type) {
        return fail_type(cursor, name_of(type), err);
    }
    const uint8_t *payload = cursor->next + h.size;
    SY_TRY(step(cursor, h.size + (size_t)h.value, err));
    *bytes = payload;
    *length = (size_t)h.value;
    return SY_OK;
}

sy_status syi_msgpack_read_str_slowly(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                                      sy_error *err)
{
    const uint8_t *bytes = NULL;
    SY_TRY(read_bytes(cursor, SYI_MSGPACK_STR, &bytes, length, err));
    *text = (const char *)bytes;
    return SY_OK;
}

sy_status syi_msgpack_read_bin(syi_msgpack_cursor *cursor, const uint8_t **bytes, size_t *length,
                               sy_error *err)
{
    return read_bytes(cursor, SYI_MSGPACK_BIN, bytes, length, err);
}

static sy_status read_container(syi_msgpack_cursor *cursor, syi_msgpack_type type, size_t *count,
                                sy_error *err)
{
    const head h = head_at(cursor);
    if (h.type != type) {
        return fail_type(cursor, name_of(type), err);
    }
    if (cursor->depth >= cursor->depth_max) {
        return fail_depth(cursor, err);
    }
    /* The container itself and what it holds: refused here, before anybody allocates for it. */
    const uint64_t inside = type == SYI_MSGPACK_MAP ? 2 * h.value : h.value;
    if (cursor->elements_left < 1 + inside) {
        return fail_elements(cursor, err);
    }
    SY_TRY(step(cursor, h.size, err));
    cursor->depth++;
    *count = (size_t)h.value;
    return SY_OK;
}

sy_status syi_msgpack_read_array_slowly(syi_msgpack_cursor *cursor, size_t *count, sy_error *err)
{
    return read_container(cursor, SYI_MSGPACK_ARRAY, count, err);
}

sy_status syi_msgpack_read_map(syi_msgpack_cursor *cursor, size_t *count, sy_error *err)
{
    return read_container(cursor, SYI_MSGPACK_MAP, count, err);
}

sy_status syi_msgpack_read_tuple_slowly(syi_msgpack_cursor *cursor, size_t count, const char *what,
                                        sy_error *err)
{
    const syi_msgpack_cursor before = *cursor;
    size_t found;
    const sy_status status = syi_msgpack_read_array(cursor, &found, err);
    if (status != SY_OK) {
        return syi_error_prefix(err, status, "%s", what);
    }
    if (found != count) {
        *cursor = before;
        return syi_fail(err, SY_EFORMAT, "%s: expected %zu items at byte %zu, found %zu", what,
                        count, position(cursor), found);
    }
    return SY_OK;
}

sy_status syi_msgpack_skip(syi_msgpack_cursor *cursor, sy_error *err)
{
    uint64_t waiting[SYI_MSGPACK_DEPTH_MAX + 1]; /* values still to come in each open container */
    const uint32_t base = cursor->depth;
    syi_msgpack_cursor at = *cursor;
    uint32_t level = 0;
    waiting[0] = 1;
    for (;;) {
        while (waiting[level] == 0) {
            if (level == 0) {
                *cursor = at;
                return SY_OK;
            }
            level--;
        }
        const head h = head_at(&at);
        if (h.type == SYI_MSGPACK_END || h.type == SYI_MSGPACK_BAD) {
            return fail_type(&at, "a value", err);
        }
        waiting[level]--;
        if (!is_container(h.type)) {
            const bool payload =
                h.type == SYI_MSGPACK_STR || h.type == SYI_MSGPACK_BIN || h.type == SYI_MSGPACK_EXT;
            SY_TRY(step(&at, h.size + (payload ? (size_t)h.value : 0), err));
            continue;
        }
        if (base + level >= at.depth_max) {
            return fail_depth(&at, err);
        }
        SY_TRY(step(&at, h.size, err));
        waiting[++level] = h.type == SYI_MSGPACK_MAP ? 2 * h.value : h.value;
    }
}

sy_status syi_msgpack_finish(const syi_msgpack_cursor *cursor, const char *what, sy_error *err)
{
    if (cursor->next != cursor->end) {
        return syi_fail(err, SY_EFORMAT, "%s: %zu bytes too many after byte %zu", what,
                        (size_t)(cursor->end - cursor->next), position(cursor));
    }
    return SY_OK;
}
